// Where a secret may lie, read so that a search through it misses nothing: each place as bytes, the server's logs from a moment on. And
// where one is planted, so that a search that finds nothing proves something.
import { execFile } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { Queue } from 'bullmq'
import { bytesOf, type Password, type Scene, textOf } from './forensic-scene.ts'
import { type Finding, findSecrets } from './forensics.ts'

/** What a search through a place found. */
export interface Found {
  /** Forms of the planted secret. */
  planted: string[]
  /** `account N` (or what else the password is of) and the forms in which it was found. */
  leaks: string[]
}

/** Where the server's logs ended before anything was sealed. */
export interface Moment {
  generalLog: number
  slowLog: number
  binaryLog: { file: string; position: number }
}

/** The core is found however the rest was escaped; the whole tells in which forms. */
export function search(where: string | Buffer, passwords: ReadonlyMap<string, Password>, planted: Password): Found {
  const wanted = [...passwords.values(), planted].flatMap(({ core, whole }) => [...new Set([core, whole])])
  const findings = findSecrets(where, wanted)
  const formsOf = ({ core, whole }: Password): string[] => [
    ...new Set(findings.filter(({ secret }) => secret === core || secret === whole).map(({ encoding }) => encoding)),
  ]
  return {
    planted: formsOf(planted),
    leaks: [...passwords].flatMap(([name, password]) => {
      const forms = formsOf(password)
      return forms.length === 0 ? [] : [`${name}: ${forms.join(', ')}`]
    }),
  }
}

export function countNames(findings: readonly Finding[], passwords: ReadonlyMap<string, Password>): number {
  const found = new Set(findings.map(({ secret }) => secret))
  return [...passwords.values()].filter(({ core }) => found.has(core)).length
}

export async function noteMoment(scene: Scene): Promise<Moment> {
  const [[status]] = await scene.admin.raw('SHOW MASTER STATUS')
  return {
    generalLog: statSync(logOf(scene, 'general.log')).size,
    slowLog: statSync(logOf(scene, 'slow.log')).size,
    binaryLog: { file: status.File, position: Number(status.Position) },
  }
}

/** Of how many accounts the password stands in each log up to then. */
export async function countInLogs(
  scene: Scene,
  passwords: ReadonlyMap<string, Password>,
  moment: Moment,
): Promise<Record<string, number>> {
  const stored = new Map([...passwords].filter(([name]) => name.startsWith('account ')))
  const upTo = (name: string, end: number): number =>
    countNames(findSecrets(readFileSync(logOf(scene, name)).subarray(0, end), cores(stored)), stored)
  return {
    'general log': upTo('general.log', moment.generalLog),
    'slow log': upTo('slow.log', moment.slowLog),
    'binary log': upTo(moment.binaryLog.file, moment.binaryLog.position),
  }
}

/** The planted secret goes where the helpdesk, others that use the same Redis, and people write. */
export async function plant(scene: Scene): Promise<void> {
  const { admin, redis, prefix, planted, directory } = scene
  await admin.raw('CREATE TABLE helpdesk_notes (id INT PRIMARY KEY, text TEXT NOT NULL, bytes BLOB NOT NULL)')
  await admin('helpdesk_notes').insert({ id: 1, text: textOf(planted), bytes: bytesOf(planted) })
  await admin('accounts').insert({ address: `${planted.core}@example.com`, host: '127.0.0.1', port: 1, enabled: false })
  await redis.set('helpdesk:note', bytesOf(planted))
  const queue = new Queue('helpdesk', { connection: redis, prefix, skipMetasUpdate: true })
  await queue.add('note', { text: textOf(planted) })
  await queue.close()
  writeFileSync(path.join(directory, 'files/data/note'), bytesOf(planted))
}

export function plantInFile(file: string, planted: Password): string {
  writeFileSync(file, textOf(planted), { flag: 'a' })
  return file
}

export function cores(passwords: ReadonlyMap<string, Password>): string[] {
  return [...passwords.values()].map(({ core }) => core)
}

export function logOf({ mariadb }: Scene, name: string): string {
  return path.join(mariadb.dataDirectory, name)
}

export async function webAnswers(url: string): Promise<Buffer> {
  const texts = await Promise.all(
    ['metrics', 'ready', 'live'].map(async name => await (await fetch(`${url}/${name}`)).text()),
  )
  return Buffer.from(texts.join('\n'))
}

export async function dumpKeys({ redis }: Scene): Promise<Buffer> {
  const dumps: Buffer[] = []
  for (const key of await redis.keys('*'))
    dumps.push(Buffer.from(key), (await redis.dumpBuffer(key)) ?? Buffer.alloc(0))
  return Buffer.concat(dumps)
}

/** What stands in Redis, as values: job records, schedules, events. */
export async function readKeys({ redis }: Pick<Scene, 'redis'>, pattern = '*'): Promise<Buffer> {
  const values: unknown[] = []
  for (const key of await redis.keys(pattern)) {
    const type = await redis.type(key)
    values.push([
      key,
      type === 'hash' ? await redis.hgetall(key) : undefined,
      type === 'list' ? await redis.lrange(key, 0, -1) : undefined,
      type === 'zset' ? await redis.zrange(key, '0', '-1') : undefined,
      type === 'set' ? await redis.smembers(key) : undefined,
      type === 'stream' ? await redis.xrange(key, '-', '+') : undefined,
    ])
  }
  return Buffer.from(JSON.stringify(values))
}

export async function dumpDatabase({ mariadb }: Scene): Promise<Buffer> {
  const what = ['--all-databases', '--routines', '--triggers', '--events']
  return await run('mariadb-dump', ['--no-defaults', `--socket=${mariadb.socket}`, '--user=root', ...what])
}

/** The files of the binary log from the moment on; nothing of them is compressed or encrypted. */
function filesSince(scene: Scene, { binaryLog }: Moment): string[] {
  const files = readFileSync(logOf(scene, 'binlog.index'), 'utf8').split('\n').filter(Boolean)
  return files
    .map(file => logOf(scene, path.basename(file)))
    .filter(file => path.basename(file) >= binaryLog.file && existsSync(file))
}

export function bytesSince(scene: Scene, moment: Moment): Buffer {
  const [first = Buffer.alloc(0), ...rest] = filesSince(scene, moment).map(file => readFileSync(file))
  return Buffer.concat([first.subarray(moment.binaryLog.position), ...rest])
}

export async function decodeSince(scene: Scene, moment: Moment): Promise<Buffer> {
  const show = ['--no-defaults', '-vv', '--base64-output=decode-rows', `--start-position=${moment.binaryLog.position}`]
  return await run('mariadb-binlog', [...show, ...filesSince(scene, moment)])
}

async function run(program: string, args: readonly string[]): Promise<Buffer> {
  const { stdout } = await promisify(execFile)(program, args, { encoding: 'buffer', maxBuffer: 2 ** 30 })
  return stdout
}
