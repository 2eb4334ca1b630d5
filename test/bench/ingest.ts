// How fast mail becomes tickets: mailboxes on a Dovecot over TLS into MariaDB, everything durable, in turns with a client that reads the mailbox off
// the socket and with mbsync, which writes it to files. Numbers of one run compare with each other; those of two machines do not.
//
//   npm run bench -- [--mailbox small|large] [--rounds 3] [--scale 1] [--names sizes,plain] [--workers 1] [--only letterlock] [--profile DIRECTORY] [--json]
//
// `--scale 0.1` takes a tenth of the mails; `--scale 0.25,0.5,1` shows whether costs are linear. `--names`: whether the names of the server's files say
// how large they are, as Dovecot writes them, or it has to read every file to know; the latter is measured in one round. `--workers 2` splits the
// mails among two accounts and measures one daemon and two. `--profile` writes CPU profiles of every thread and prints what took the time.
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { cpus, hostname } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import type { Knex } from 'knex'
import { type Dovecot, startDovecot } from '../../src/embedded/dovecot.ts'
import { benchMails, type MailKind, wholeMailbox } from './bench-mails.ts'
import { drain, type Read, runMbsync } from './clients.ts'
import { printProfiles } from './profiles.ts'
import {
  type BenchDaemon,
  type BenchScene,
  bytesWritten,
  costOf,
  findChildren,
  findProcesses,
  insertBenchAccounts,
  median,
  never,
  openBenchDatabase,
  openScene,
  progress,
  round,
  startBenchDaemon,
  threadsOf,
  until,
} from './scene.ts'

const { values } = parseArgs({
  options: {
    mailbox: { type: 'string', default: 'small,large' },
    rounds: { type: 'string', default: '3' },
    scale: { type: 'string', default: '1' },
    names: { type: 'string', default: 'sizes,plain' },
    workers: { type: 'string', default: '1' },
    only: { type: 'string', default: 'drain,mbsync,letterlock' },
    profile: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
const workers = Number(values.workers)
const users = Array.from({ length: workers }, (_, i) => ({ name: `bench${i + 1}`, password: 'benchmark' }))

type Names = 'sizes' | 'plain'

/** One mailbox as it was measured. */
interface Case {
  kind: MailKind
  names: Names
  mails: number
}

interface Served extends Case {
  scene: BenchScene
  dovecot: Dovecot
  directory: string
}

/** What one run of Letterlock took. */
interface Run {
  seconds: number
  daemonMs: number
  threadsMs: Record<string, number>
  mariadbMs: number
  redisMs: number
  dovecotMs: number
  peakRssMb: number
  writtenKb: number
  databaseBytes: number
}

const scales = values.scale.split(',').map(Number)
const cases = values.mailbox
  .split(',')
  .flatMap(kind => values.names.split(',').map(names => ({ kind: kind as MailKind, names: names as Names })))
const results: object[] = []
for (const scale of scales) {
  for (const { kind, names } of cases) {
    const mails = Math.max(users.length, Math.round(wholeMailbox[kind] * scale))
    results.push(await measureCase({ kind, names, mails }))
  }
}
if (values.json) process.stdout.write(`${JSON.stringify(results, null, 2)}\n`)

/** Servers of its own, so that no case finds what another one left in caches and logs. */
async function measureCase(measured: Case): Promise<object> {
  await using stack = new AsyncDisposableStack()
  const scene = stack.use(await openScene({ binaryLog: true }))
  const directory = path.join(scene.directory, 'dovecot')
  const dovecot = stack.use(await startDovecot({ directory, users, progress, signal: never }))
  const served = { ...measured, scene, dovecot, directory }
  const bytes = deliver(served)
  const settings = await durability(scene)
  const title = `${measured.mails} ${measured.kind} mails, ${Math.round(bytes / 1e6)} MB, names ${measured.names === 'sizes' ? 'with' : 'without'} sizes`
  progress(title)
  const drains: Read[] = []
  const mbsyncs: (Read | undefined)[] = []
  const runs: { workers: number; run: Run }[] = []
  const step = {
    drain: [async () => void drains.push(checked(served, bytes, await drainAll(served)))],
    mbsync: [async () => void mbsyncs.push(await mbsync(served))],
    letterlock: (workers > 1 ? [1, workers] : [1]).map(
      count => async () => void runs.push({ workers: count, run: await runLetterlock(served, bytes, count) }),
    ),
  }
  const steps = values.only.split(',').flatMap(name => step[name as keyof typeof step])
  // Nobody is always the first, or always comes after the same one.
  for (let i = 0; i < (measured.names === 'sizes' ? rounds : 1); i++)
    for (let n = 0; n < steps.length; n++) await steps[(n + i) % steps.length]?.()
  const times = mbsyncs.flatMap(read => read?.seconds ?? [])
  const found = {
    ...measured,
    bytes,
    machine: `${cpus().length} × ${cpus()[0]?.model}, ${hostname()}`,
    at: new Date().toISOString(),
    durability: settings,
    drainSeconds: medianOf(drains.map(read => read.seconds)),
    mbsyncSeconds: times.length === 0 ? null : medianOf(times),
    letterlock: [...Map.groupBy(runs, ({ workers }) => workers)].map(([count, of]) => ({
      workers: count,
      ...summary(of.map(({ run }) => run)),
    })),
  }
  print(title, found)
  return found
}

function summary(runs: readonly Run[]) {
  const numbers = (of: (run: Run) => number): number => medianOf(runs.map(of))
  const names = new Set(runs.flatMap(run => Object.keys(run.threadsMs)))
  return {
    seconds: numbers(run => run.seconds),
    allSeconds: runs.map(run => round(run.seconds)),
    daemonMs: numbers(run => run.daemonMs),
    threadsMs: Object.fromEntries([...names].map(name => [name, numbers(run => run.threadsMs[name] ?? 0)])),
    mariadbMs: numbers(run => run.mariadbMs),
    redisMs: numbers(run => run.redisMs),
    dovecotMs: numbers(run => run.dovecotMs),
    peakRssMb: numbers(run => run.peakRssMb),
    writtenKb: numbers(run => run.writtenKb),
    databaseBytes: numbers(run => run.databaseBytes),
  }
}

function print(
  title: string,
  found: {
    drainSeconds: number
    mbsyncSeconds: number | null
    durability: string
    letterlock: ({ workers: number } & ReturnType<typeof summary>)[]
  },
): void {
  const { drainSeconds, mbsyncSeconds, durability, letterlock } = found
  const lines = [`${title} (${durability})`, `  drain ${drainSeconds} s, mbsync ${mbsyncSeconds ?? '-'} s`]
  for (const of of letterlock) {
    const toMbsync = mbsyncSeconds === null ? '-' : round(of.seconds / mbsyncSeconds)
    const threads = Object.entries(of.threadsMs).filter(([, ms]) => ms >= 0.01)
    lines.push(
      `  letterlock, ${of.workers} worker(s): ${of.seconds} s (${of.allSeconds.join(', ')}), ${toMbsync} × mbsync, ${round(of.seconds / drainSeconds)} × drain`,
      `    CPU ms a mail: daemon ${of.daemonMs} (${threads.map(([name, ms]) => `${name} ${ms}`).join(', ')}), MariaDB ${of.mariadbMs}, Redis ${of.redisMs}, Dovecot ${of.dovecotMs}`,
      `    peak RSS ${of.peakRssMb} MB, ${of.writtenKb} kB written and ${of.databaseBytes} bytes of database a mail`,
    )
  }
  process.stdout.write(`${lines.join('\n')}\n`)
}

function medianOf(numbers: readonly number[]): number {
  return round(median(numbers))
}

function mailDirectory({ directory }: Served, user: string): string {
  return path.join(directory, 'mail', user)
}

/** Into `cur`, as mail that was seen there before; returns the bytes. */
function deliver(served: Served): number {
  const { dovecot, kind, mails, names } = served
  let bytes = 0
  for (const [n, user] of users.entries()) {
    const folder = mailDirectory(served, user.name)
    const share = Math.floor(mails / users.length) + (n < mails % users.length ? 1 : 0)
    for (const mail of benchMails(kind, share, `${user.name}@bench.example`, n + 1)) {
      const [name = ''] = dovecot.deliver(user.name, 'INBOX', [mail])
      const plain = name.replace(/,S=.*/, '')
      const sizes = names === 'sizes' ? `,S=${mail.length},W=${mail.length}` : ''
      renameSync(path.join(folder, 'new', name), path.join(folder, 'cur', `${plain}${sizes}:2,`))
      bytes += mail.length
    }
  }
  return bytes
}

/** Everybody meets a server that remembers nothing of the mailbox. */
function forget(served: Served): void {
  for (const { name } of users) {
    const folder = mailDirectory(served, name)
    for (const file of readdirSync(folder).filter(file => file.startsWith('dovecot'))) rmSync(path.join(folder, file))
  }
}

async function drainAll(served: Served): Promise<Read> {
  forget(served)
  const all = { seconds: 0, mails: 0, bytes: 0 }
  for (const user of users) {
    const read = await drain(served.dovecot, user)
    for (const key of ['seconds', 'mails', 'bytes'] as const) all[key] += read[key]
  }
  progress(`  drain ${round(all.seconds)} s`)
  return all
}

async function mbsync(served: Served): Promise<Read | undefined> {
  forget(served)
  const read = await runMbsync(served.scene.directory, served.dovecot, users)
  if (read === undefined) {
    progress('  mbsync is not installed: no comparison (apt-get install isync)')
    return undefined
  }
  progress(`  mbsync ${round(read.seconds)} s`)
  return checked(served, null, read)
}

function checked(served: Served, bytes: number | null, read: Read): Read {
  if (read.mails !== served.mails || (bytes !== null && read.bytes !== bytes))
    throw new Error(`${read.mails} mails with ${read.bytes} bytes came instead of ${served.mails} with ${bytes}`)
  return read
}

/** From the begin of the first poll to the end of the last one; each daemon is a process of its own. */
async function runLetterlock(served: Served, bytes: number, count: number): Promise<Run> {
  const { scene, dovecot, mails } = served
  forget(served)
  const name = `bench_${Date.now()}`
  await using database = await openBenchDatabase(scene, name)
  const { db } = database
  await using daemons = new AsyncDisposableStack()
  const started: BenchDaemon[] = []
  for (let i = 0; i < count; i++)
    started.push(daemons.use(await startBenchDaemon(scene, name, database.url, environment())))
  await until(async () => Number((await db('workers').count({ n: '*' }).first())?.n) === count)
  const processes = await findServers(served)
  const pids = started.map(({ pid }) => pid)
  const before = usage(pids, processes)
  const destination = { host: dovecot.host, port: dovecot.ports.tls, security: 'tls' as const, caPem: dovecot.caPem }
  await insertBenchAccounts(
    db,
    destination,
    users.map(user => ({ username: user.name, password: user.password, everySeconds: 3_600, push: false })),
  )
  await until(async () => Number((await db('mailboxes').sum({ n: 'last_uid' }).first())?.n) === mails)
  const polls = await finishedPolls(started)
  const after = usage(pids, await findServers(served))
  await checkRows(db, mails, bytes)
  const run = {
    seconds: (Math.max(...polls.ends) - Math.min(...polls.begins)) / 1000,
    daemonMs: ((after.daemon - before.daemon) * 1000) / mails,
    threadsMs: Object.fromEntries(
      [...after.threads].map(([thread, seconds]) => [
        thread,
        ((seconds - (before.threads.get(thread) ?? 0)) * 1000) / mails,
      ]),
    ),
    mariadbMs: ((after.mariadb - before.mariadb) * 1000) / mails,
    redisMs: ((after.redis - before.redis) * 1000) / mails,
    dovecotMs: ((after.dovecot - before.dovecot) * 1000) / mails,
    peakRssMb: Math.max(...pids.map(pid => costOf([pid]).peakRssMb)),
    writtenKb: (after.written - before.written) / 1000 / mails,
    databaseBytes: await bytesPerMail(db, name, mails),
  }
  await daemons.disposeAsync()
  if (values.profile !== undefined) printProfiles(values.profile, mails)
  for (const { dataDirectory } of started) rmSync(dataDirectory, { recursive: true, force: true })
  progress(`  letterlock ${round(run.seconds)} s, daemon ${round(run.daemonMs)} ms a mail`)
  return run
}

function environment(): Record<string, string> {
  const { profile } = values
  const base = { LETTERLOCK_LOG_LEVEL: 'debug' }
  if (profile === undefined) return base
  rmSync(profile, { recursive: true, force: true })
  mkdirSync(profile, { recursive: true })
  return { ...base, NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${path.resolve(profile)}` }
}

interface Servers {
  mariadb: number[]
  redis: number[]
  dovecot: number[]
}

async function findServers({ scene, directory }: Served): Promise<Servers> {
  const masters = await findProcesses('dovecot', '-F', directory)
  return {
    mariadb: await findProcesses('mariadbd', scene.directory),
    redis: await findProcesses('redis-server', scene.servers.redisUrl.slice('unix://'.length)),
    dovecot: [...masters, ...findChildren(masters)],
  }
}

function usage(daemons: readonly number[], { mariadb, redis, dovecot }: Servers) {
  const threads = new Map<string, number>()
  for (const pid of daemons)
    for (const [name, seconds] of threadsOf(pid)) threads.set(name, (threads.get(name) ?? 0) + seconds)
  return {
    daemon: costOf(daemons).cpuSeconds,
    threads,
    mariadb: costOf(mariadb).cpuSeconds,
    redis: costOf(redis).cpuSeconds,
    dovecot: costOf(dovecot).cpuSeconds,
    written: bytesWritten([...daemons, ...mariadb, ...redis]),
  }
}

/** When polls began and ended, in ms, once every poll has ended. */
async function finishedPolls(daemons: readonly BenchDaemon[]): Promise<{ begins: number[]; ends: number[] }> {
  const polls = () => daemons.flatMap(daemon => daemon.log()).filter(line => line.event === 'poll')
  const timesOf = (message: string) =>
    polls()
      .filter(line => line.msg === message)
      .map(line => Date.parse(String(line.time)))
  await until(async () => timesOf('start').length > 0 && timesOf('start').length === timesOf('done').length)
  return { begins: timesOf('start'), ends: timesOf('done') }
}

async function checkRows(db: Knex, mails: number, bytes: number): Promise<void> {
  const sources = await db('sources').where({ complete: true }).count({ n: '*' }).sum({ bytes: 'size' }).first()
  const messages = await db('messages').count({ n: '*' }).first()
  const found = [Number(sources?.n), Number(sources?.bytes), Number(messages?.n)]
  if (found.join() !== [mails, bytes, mails].join())
    throw new Error(`sources, bytes, messages: ${found.join()} instead of ${mails},${bytes},${mails}`)
}

/** What makes commits durable, as the servers say it. */
async function durability(scene: BenchScene): Promise<string> {
  await using database = await openBenchDatabase(scene, 'bench_settings')
  const [rows] = (await database.db.raw(
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('innodb_flush_log_at_trx_commit', 'sync_binlog', 'log_bin', 'innodb_doublewrite', 'innodb_flush_method', 'binlog_row_image', 'version')",
  )) as [{ Variable_name: string; Value: string }[]]
  return [
    ...rows.map(row => `${row.Variable_name}=${row.Value}`),
    'raw batches are synced before their rows',
    'Redis appendfsync=everysec',
  ].join(', ')
}

/** Rows and indexes, as the server counts its pages. */
async function bytesPerMail(db: Knex, name: string, mails: number): Promise<number> {
  await db.raw('ANALYZE TABLE sources, tickets, messages, attachments, message_ids, participants')
  const [rows] = (await db.raw(
    'SELECT SUM(data_length + index_length) AS bytes FROM information_schema.tables WHERE table_schema = ?',
    [name],
  )) as [{ bytes: string }[]]
  return Math.round(Number(rows[0]?.bytes) / mails)
}
