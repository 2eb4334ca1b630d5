// `letterlock check --monitoring`: the daemon's state as a plugin of Nagios or Icinga, one line and an exit code of theirs. It asks the daemon's
// own /metrics and needs neither database nor secrets, so the monitoring's user may run it. `--textfile` keeps the figures for node_exporter,
// which tells of a daemon that is dead as well.
import { once } from 'node:events'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { get as getHttp, type IncomingMessage } from 'node:http'
import { get as getHttps } from 'node:https'
import type { Config } from '../../config/config.ts'
import { listOf } from '../../config/schema.ts'
import { type GlobalOptions, loadConfig } from '../connect.ts'
import { print } from '../terminal.ts'
import { judgeMetrics, toTextfile, toVerdict, type Verdict } from './judge-metrics.ts'

export interface PluginOptions extends GlobalOptions {
  url?: string
  textfile?: string
}

/** Prints one line; resolves to 0, 1, 2 or 3. */
export async function runPlugin(options: PluginOptions): Promise<Verdict['status']> {
  const { status, line } = await examine(options).catch(error =>
    toVerdict(3, error instanceof Error ? error.message : String(error)),
  )
  await print(line.replace(/\s+/g, ' '))
  return status
}

async function examine({ textfile, ...options }: PluginOptions): Promise<Verdict> {
  const where = options.url === undefined ? placeOf(loadConfig(options).web) : { url: new URL(options.url) }
  let metrics: string | undefined
  let failure: unknown
  try {
    metrics = await read(where)
  } catch (error) {
    failure = error
  }
  if (textfile !== undefined) replace(textfile, toTextfile(metrics))
  if (metrics !== undefined) return judgeMetrics(metrics, Date.now() / 1000)
  const { code, message } = failure as NodeJS.ErrnoException
  return toVerdict(2, `the daemon does not answer at ${where.url.origin} (${code ?? message})`)
}

interface Place {
  url: URL
  /** The name that the certificate is checked for. */
  servername?: string
}

/** The daemon of this host, by its own settings. */
function placeOf({ listen, tlsCertFile, hosts }: Config['web']): Place {
  const here = listen.replace(/^0\.0\.0\.0:/, '127.0.0.1:').replace(/^\[::\]:/, '[::1]:')
  const [servername] = listOf(hosts)
  const url = new URL(`${tlsCertFile === '' ? 'http' : 'https'}://${here}`)
  return servername === undefined ? { url } : { url, servername }
}

/** What the daemon of this host tells now. */
export async function readMetrics(web: Config['web']): Promise<string> {
  return await read(placeOf(web))
}

const patienceMs = 10_000
const maxBytes = 4_194_304

async function read({ url, servername }: Place): Promise<string> {
  const options = { signal: AbortSignal.timeout(patienceMs), ...(servername === undefined ? {} : { servername }) }
  const request = (url.protocol === 'https:' ? getHttps : getHttp)(new URL('/metrics', url), options)
  const [answer] = (await once(request, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of answer) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new Error('the answer is too long')
    chunks.push(chunk)
  }
  if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode}`)
  return Buffer.concat(chunks).toString('utf8')
}

/** Whoever reads the file meanwhile finds the old one or the new one whole. */
function replace(file: string, text: string): void {
  const draft = `${file}.${process.pid}`
  try {
    writeFileSync(draft, text, { mode: 0o644 })
    renameSync(draft, file)
  } finally {
    rmSync(draft, { force: true })
  }
}
