// What the benchmarks share: servers and a database of their own, accounts in it, a daemon in a process of its own, and what the processes
// cost.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Knex } from 'knex'
import { toConfig } from '../../src/config/config.ts'
import { type Embedded, startEmbedded } from '../../src/embedded/servers.ts'
import type { Destination } from '../../src/model/destination.ts'
import { type DatabaseUse, openDatabase } from '../../src/store/db/database.ts'
import { migrate } from '../../src/store/db/migrate.ts'

const program = path.resolve(import.meta.dirname, '../..')
/** Of the kernel's clock: CPU times are counted in it. */
const ticksPerSecond = 100

export const progress = (line: string): void => void process.stderr.write(`${line}\n`)
export const never = new AbortController().signal

export interface BenchScene extends AsyncDisposable {
  directory: string
  servers: Embedded
}

/** MariaDB and, unless it is not wanted, Redis, in a directory that others may enter. */
export async function openScene({ redis = true, binaryLog = false } = {}): Promise<BenchScene> {
  await using stack = new AsyncDisposableStack()
  const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-bench-'))
  chmodSync(directory, 0o711)
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const servers = stack.use(
    await startEmbedded({
      directory: path.join(directory, 'embedded'),
      mariadb: true,
      redis,
      ...(binaryLog ? { binaryLog } : {}),
      progress,
      signal: never,
    }),
  )
  const opened = stack.move()
  return { directory, servers, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

export interface BenchDaemon extends AsyncDisposable {
  pid: number
  url: string
  dataDirectory: string
  /** What it logged until now. */
  log(): Record<string, unknown>[]
  /** The metrics as name with labels → value. */
  metrics(): Promise<Map<string, number>>
}

/** A database of this name, made for this run and dropped with it. */
export async function openBenchDatabase(
  scene: BenchScene,
  name: string,
  use?: DatabaseUse,
): Promise<AsyncDisposable & { db: Knex; url: string }> {
  const url = scene.servers.databaseUrl.replace('/letterlock?', `/${name}?`)
  const { database } = toConfig({ file: undefined, toml: '', env: {}, directory: '/' })
  const server = openDatabase(scene.servers.databaseUrl, database)
  await server.raw(`CREATE DATABASE ${name} CHARACTER SET utf8mb4`)
  const db = openDatabase(url, database, use)
  await migrate(db)
  return {
    db,
    url,
    async [Symbol.asyncDispose]() {
      await db.destroy()
      await server.raw(`DROP DATABASE ${name}`)
      await server.destroy()
    },
  }
}

export interface BenchAccount {
  username: string
  /** null: none is stored, and the account waits for it. */
  password: string | null
  everySeconds: number
  push: boolean
}

/** By plain SQL, as a helpdesk would. */
export async function insertBenchAccounts(
  db: Knex,
  destination: Omit<Destination, 'username'>,
  accounts: readonly BenchAccount[],
): Promise<void> {
  for (let i = 0; i < accounts.length; i += 500) {
    const group = accounts.slice(i, i + 500)
    await db('accounts').insert(
      group.map(({ username, everySeconds, push }) => ({
        address: `${username}@bench.example`,
        username,
        host: destination.host,
        port: destination.port,
        security: destination.security,
        ca_pem: destination.caPem,
        poll_every_s: everySeconds,
        push,
      })),
    )
    const ids: { id: number; username: string }[] = await db('accounts')
      .whereIn(
        'username',
        group.map(({ username }) => username),
      )
      .select('id', 'username')
    const passwords = new Map(group.map(({ username, password }) => [username, password]))
    const secrets = ids.flatMap(({ id, username }) => {
      const plaintext = passwords.get(username)
      return typeof plaintext === 'string' ? [{ account_id: id, kind: 'password', plaintext }] : []
    })
    if (secrets.length > 0) await db('credentials').insert(secrets)
  }
}

/** By default as `npm start` and the service start it; resolves once it answers. */
export async function startBenchDaemon(
  scene: BenchScene,
  name: string,
  databaseUrl: string,
  env: Record<string, string> = {},
  command: readonly string[] = ['src/letterlock', 'run'],
): Promise<BenchDaemon> {
  const port = await freePort()
  const dataDirectory = path.join(scene.directory, `${name}-${port}`)
  const logFile = `${dataDirectory}.log`
  const log = openSync(logFile, 'w')
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...command], {
    cwd: program,
    stdio: ['ignore', log, 'inherit'],
    env: {
      ...process.env,
      LETTERLOCK_DATABASE_URL: databaseUrl,
      LETTERLOCK_REDIS_URL: scene.servers.redisUrl,
      LETTERLOCK_REDIS_PREFIX: name,
      LETTERLOCK_DATA_DIRECTORY: dataDirectory,
      LETTERLOCK_WEB_LISTEN: `127.0.0.1:${port}`,
      LETTERLOCK_LOG_LEVEL: 'error',
      ...env,
    },
  })
  closeSync(log)
  const url = `http://127.0.0.1:${port}`
  await until(async () => (await fetch(`${url}/ready`).catch(() => undefined))?.ok === true)
  return {
    pid: child.pid as number,
    url,
    dataDirectory,
    log: () => linesOf(logFile),
    metrics: async () => toMetrics(await (await fetch(`${url}/metrics`)).text()),
    [Symbol.asyncDispose]: () => end(child),
  }
}

function linesOf(logFile: string): Record<string, unknown>[] {
  const lines = readFileSync(logFile, 'utf8').split('\n')
  return lines.filter(line => line.startsWith('{') && line.endsWith('}')).map(line => JSON.parse(line))
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net')
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  return port
}

function toMetrics(text: string): Map<string, number> {
  const lines = text.split('\n').filter(line => line !== '' && !line.startsWith('#'))
  return new Map(lines.map(line => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]))
}

/** The smallest bound of a histogram under which that share of its observations since `before` lies, in seconds. */
export function quantile(
  name: string,
  share: number,
  after: ReadonlyMap<string, number>,
  before: ReadonlyMap<string, number> = new Map(),
): number {
  const since = (key: string): number => (after.get(key) ?? 0) - (before.get(key) ?? 0)
  const all = since(`${name}_count`)
  for (const key of after.keys()) {
    const bound = key.startsWith(`${name}_bucket{`) ? /le="([\d.]+)"/.exec(key)?.[1] : undefined
    if (bound !== undefined && since(key) >= share * all) return Number(bound)
  }
  return Number.POSITIVE_INFINITY
}

/** CPU seconds that processes have used, and what they hold now, in MB. */
export function costOf(pids: readonly number[]): { cpuSeconds: number; rssMb: number; peakRssMb: number } {
  let ticks = 0
  let rss = 0
  let peak = 0
  for (const pid of pids) {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    // With those of its children that have ended.
    ticks += [11, 12, 13, 14].reduce((sum, i) => sum + Number(fields[i]), 0)
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    rss += Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0)
    peak += Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0)
  }
  return { cpuSeconds: ticks / ticksPerSecond, rssMb: rss / 1024, peakRssMb: peak / 1024 }
}

/** CPU seconds of a process by the names of its threads; those of one name together. */
export function threadsOf(pid: number): Map<string, number> {
  const threads = new Map<string, number>()
  for (const id of readdirSync(`/proc/${pid}/task`)) {
    const [head = '', tail = ''] = readFileSync(`/proc/${pid}/task/${id}/stat`, 'utf8').split(/\) (?=[A-Z] )/)
    const fields = tail.split(' ')
    const name = Number(id) === pid ? 'main' : head.slice(head.indexOf('(') + 1)
    threads.set(name, (threads.get(name) ?? 0) + (Number(fields[11]) + Number(fields[12])) / ticksPerSecond)
  }
  return threads
}

/** Bytes that processes had written to disk. */
export function bytesWritten(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const [, bytes] = /^write_bytes: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8')) ?? []
    return sum + Number(bytes ?? 0)
  }, 0)
}

/** Processes whose command line has all of these words. */
export async function findProcesses(...words: string[]): Promise<number[]> {
  const { readdir } = await import('node:fs/promises')
  const found: number[] = []
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue
    try {
      const line = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ')
      if (words.every(word => line.includes(word))) found.push(Number(name))
    } catch {
      // It ended meanwhile.
    }
  }
  return found
}

/** Those that these processes started and that still run. */
export function findChildren(parents: readonly number[]): number[] {
  return readdirSync('/proc').flatMap(name => {
    if (!/^\d+$/.test(name)) return []
    try {
      const fields =
        readFileSync(`/proc/${name}/stat`, 'utf8')
          .split(/\) (?=[A-Z] )/)[1]
          ?.split(' ') ?? []
      return parents.includes(Number(fields[1])) ? [Number(name)] : []
    } catch {
      // It ended meanwhile.
      return []
    }
  })
}

export async function until(ask: () => Promise<boolean>, everyMs = 50): Promise<void> {
  while (!(await ask())) await new Promise(resolve => setTimeout(resolve, everyMs))
}

export function round(value: number, digits = 2): number {
  return Number(value.toFixed(digits))
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
