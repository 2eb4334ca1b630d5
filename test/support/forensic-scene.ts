// A whole installation for a search after secrets: a MariaDB that logs all it can, a Redis that keeps every command, mail servers of
// which some refuse, and the real program as a process of its own, as loud as it can be. The passwords are stored by a helpdesk's
// plain SQL. Every one is unique: a random core, which any escaping leaves as it is, and an ending that tells escapings apart.

import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, existsSync, fstatSync, mkdirSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Redis } from 'ioredis'
import type { Knex } from 'knex'
import { startEmbedded } from '../../src/embedded/servers.ts'
import type { Destination } from '../../src/model/destination.ts'
import { openRedis } from '../../src/schedule/redis.ts'
import { openDatabase } from '../../src/store/db/database.ts'
import { migrate } from '../../src/store/db/migrate.ts'
import { cleanEnv, type Ran, spawnLetterlock } from '../cli/letterlock.ts'
import { until } from './daemon.ts'
import { startTestDovecot, type TestDovecot } from './dovecot.ts'
import { type LoggingMariadb, startLoggingMariadb } from './forensics.ts'
import { type ScriptedServer, startScriptedServer } from './imap-server.ts'
import { rawMail } from './messages.ts'
import { defaults } from './servers.ts'

export interface SceneOptions {
  accounts: number
  /** The service's account has the right to keep old values out of the binary log. */
  mayChooseRowImage: boolean
}

/** `refused`: by a server that repeats what it was sent; `untrusted`: by us, before anything is sent; `jammed`: the database does not
 * let the password be sealed, and complains with the password in its message. */
export type Fate = 'works' | 'refused' | 'untrusted' | 'jammed'

export interface Mailbox {
  id: number
  fate: Fate
  password: Password
}

export interface Password {
  whole: string
  /** Its beginning: letters, digits, `-` and `_`. */
  core: string
}

export interface Scene extends AsyncDisposable {
  mailboxes: Mailbox[]
  /** A refresh token of account 2, which signs in with its password all the same. */
  token: Password
  mariadb: LoggingMariadb
  admin: Knex
  redis: Redis
  prefix: string
  /** Refuses every login. */
  refusing: ScriptedServer
  planted: Password
  /** What the program writes to: `files` for its data and temporary files, `daemon.log` for its output. */
  directory: string
  keyFile: string
  redisDirectory: string
  daemon: DaemonProcess
  /** What commands printed. */
  journal: Ran[]
  letterlock(args: readonly string[], stdin?: string): Promise<Ran>
}

export interface DaemonProcess {
  pid: number
  url: string
  /** Lines of its log so far. */
  log(): Record<string, unknown>[]
  /** Has it write `report.json` and `heap.json`; returns their directory. */
  dump(): Promise<string>
  /** Ends it as a service manager does; returns the exit code. */
  stop(): Promise<number | null>
}

const endings = ['', ' "\\', ' üé', '%2B+/=&', " '日本'"]

export function createPassword(ending = ''): Password {
  const core = `pw-${randomBytes(16).toString('base64url')}`
  return { core, whole: core + ending }
}

/** How a secret stands in texts, written without the help of what searches for it. */
export function textOf({ whole }: Password): string {
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  const hex = Buffer.from(whole).toString('hex')
  return [
    whole,
    JSON.stringify(whole),
    encodeURIComponent(whole),
    base64(whole),
    base64(`\0users@example.com\0${whole}`),
    hex,
  ].join(' ')
}

/** The same, and UTF-16. */
export function bytesOf(secret: Password): Buffer {
  return Buffer.concat([Buffer.from(textOf(secret)), Buffer.from(` ${secret.whole}`, 'utf16le')])
}

export async function startScene(options: SceneOptions): Promise<Scene> {
  await using stack = new AsyncDisposableStack()
  const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-scene-'))
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  for (const name of ['files/data', 'files/tmp', 'dump']) mkdirSync(path.join(directory, name), { recursive: true })
  const planted = createPassword(' "\\%+/')
  const mailboxes = createMailboxes(options.accounts)
  const dovecot = stack.use(await startTestDovecot({ users: mailboxes.map(toUser) }))
  const refusing = stack.use(
    await startScriptedServer({ login: given => `NO [AUTHENTICATIONFAILED] wrong: LOGIN ${given}` }),
  )
  const mariadb = stack.use(
    await startLoggingMariadb({
      grants: options.mayChooseRowImage ? ['BINLOG ADMIN'] : [],
      args: ['--max-connections=100'],
    }),
  )
  const admin = openDatabase(mariadb.adminUrl, defaults.database)
  stack.defer(() => admin.destroy())
  const service = openDatabase(mariadb.serviceUrl, defaults.database)
  await migrate(service).finally(() => service.destroy())
  const { redis, redisUrl, redisDirectory } = await startRedis(stack)
  await storeAccounts(admin, mailboxes, mailbox => destinationOf(mailbox, dovecot, refusing))
  const token = createPassword('')
  await admin('credentials').insert({ account_id: 2, kind: 'oauth-refresh-token', plaintext: token.whole })
  for (const { id, fate } of mailboxes)
    if (fate !== 'refused') dovecot.deliver(nameOf(id), 'INBOX', [rawMail({ id: `${id}@x`, subject: `mail of ${id}` })])
  const prefix = 'forensics'
  const port = await freePort()
  const env = {
    LETTERLOCK_DATABASE_URL: mariadb.serviceUrl,
    LETTERLOCK_REDIS_URL: redisUrl,
    LETTERLOCK_REDIS_PREFIX: prefix,
    LETTERLOCK_DATA_DIRECTORY: path.join(directory, 'files/data'),
    LETTERLOCK_WEB_LISTEN: `127.0.0.1:${port}`,
    LETTERLOCK_LOG_LEVEL: 'trace',
    // Some connections are kept open with their password forgotten, and most polls log in anew.
    LETTERLOCK_POLL_KEEP_CONNECTIONS: String(Math.max(1, Math.floor(options.accounts / 4))),
    TMPDIR: path.join(directory, 'files/tmp'),
  }
  const daemon = startDaemonProcess(directory, env, planted, `http://127.0.0.1:${port}`)
  stack.defer(async () => void (await daemon.stop()))
  const journal: Ran[] = []
  const opened = stack.move()
  return {
    mailboxes,
    token,
    mariadb,
    admin,
    redis,
    prefix,
    refusing,
    planted,
    directory,
    keyFile: path.join(directory, 'files/data/encryption-key.bin'),
    redisDirectory,
    daemon,
    journal,
    async letterlock(args, stdin) {
      const ran = await spawnLetterlock(args, { env, ...(stdin === undefined ? {} : { stdin }) })
      journal.push(ran)
      return ran
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

const fates: readonly Fate[] = ['works', 'works', 'refused', 'untrusted', 'jammed']

function createMailboxes(count: number): Mailbox[] {
  return Array.from({ length: count }, (_, i) => {
    const fate = fates[i % fates.length] ?? 'works'
    // The scripted server reads lines of ASCII.
    const ending = endings[fate === 'refused' ? 1 : Math.floor(i / 2) % endings.length]
    return { id: i + 1, fate, password: createPassword(ending) }
  })
}

function nameOf(id: number): string {
  return `user${id}@example.com`
}

function toUser({ id, password }: Mailbox): { name: string; password: string } {
  return { name: nameOf(id), password: password.whole }
}

const securities: readonly Destination['security'][] = ['tls', 'starttls', 'cleartext']

function destinationOf({ id, fate }: Mailbox, dovecot: TestDovecot, refusing: ScriptedServer): Destination {
  const username = nameOf(id)
  if (fate === 'refused') return { ...refusing.destination, username }
  const security = fate === 'untrusted' ? 'tls' : (securities[id % securities.length] ?? 'tls')
  return { ...dovecot.destination(security), username, ...(fate === 'untrusted' ? { caPem: null } : {}) }
}

/** As a helpdesk does it: statements with the passwords in their text. */
async function storeAccounts(
  admin: Knex,
  mailboxes: readonly Mailbox[],
  toDestination: (mailbox: Mailbox) => Destination,
): Promise<void> {
  const everySeconds = mailboxes.length > 50 ? 5 : 1
  for (const mailbox of mailboxes) {
    const { caPem, ...destination } = toDestination(mailbox)
    const { id, password } = mailbox
    await admin('accounts').insert({
      id,
      address: nameOf(id),
      ...destination,
      ca_pem: caPem,
      poll_every_s: everySeconds,
    })
    await admin('credentials').insert({ account_id: id, plaintext: password.whole })
  }
}

/** Redis keeps every command that changed something; nothing is compressed, nothing rewritten. */
async function startRedis(
  stack: AsyncDisposableStack,
): Promise<{ redis: Redis; redisUrl: string; redisDirectory: string }> {
  const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-scene-redis-'))
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const { redisUrl } = stack.use(
    await startEmbedded({
      directory,
      mariadb: false,
      redis: true,
      progress: () => {},
      signal: new AbortController().signal,
    }),
  )
  const redis = openRedis(redisUrl, defaults.redis, 'commands')
  stack.defer(() => redis.disconnect())
  await redis.connect()
  await redis.config('SET', 'rdbcompression', 'no')
  await redis.config('SET', 'auto-aof-rewrite-percentage', '0')
  return { redis, redisUrl, redisDirectory: directory }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

const main = path.resolve(import.meta.dirname, '../../src/main.ts')
const dumpOnSignal = path.resolve(import.meta.dirname, 'dump-on-signal.ts')

function startDaemonProcess(
  directory: string,
  env: Record<string, string>,
  planted: Password,
  url: string,
): DaemonProcess {
  const logFile = path.join(directory, 'daemon.log')
  const dumps = path.join(directory, 'dump')
  const output = openSync(logFile, 'a', 0o600)
  const args = ['--heap-snapshot-string-limit=1000000', '--conditions', textOf(planted), '--import', dumpOnSignal]
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', process.execPath, ...args, main, 'run'], {
    env: cleanEnv({ ...env, DUMP_DIRECTORY: dumps, PLANTED: textOf(planted) }),
    stdio: ['ignore', output, output],
  })
  closeSync(output)
  const ended = once(child, 'exit') as Promise<[number | null]>
  return {
    pid: child.pid ?? 0,
    url,
    log: followLog(logFile),
    async dump() {
      child.kill('SIGUSR2')
      await until(async () => existsSync(path.join(dumps, 'whole')) || failIfEnded(child), dumpWithinMs)
      return dumps
    },
    async stop() {
      child.kill('SIGTERM')
      return (await ended)[0]
    },
  }
}

const dumpWithinMs = 120_000

function failIfEnded(child: ChildProcess): false {
  if (child.exitCode !== null || child.signalCode !== null) throw new Error('the daemon has ended')
  return false
}

/** All lines so far at every call; only what is new is read. */
function followLog(file: string): () => Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = []
  let read = 0
  return () => {
    const bytes = readBytes(file, read)
    const whole = bytes.subarray(0, bytes.lastIndexOf('\n') + 1)
    read += whole.length
    for (const text of whole.toString().split('\n')) if (text.startsWith('{')) lines.push(JSON.parse(text))
    return lines
  }
}

function readBytes(file: string, from: number): Buffer {
  const handle = openSync(file, 'r')
  try {
    const bytes = Buffer.alloc(fstatSync(handle).size - from)
    return bytes.subarray(0, readSync(handle, bytes, 0, bytes.length, from))
  } finally {
    closeSync(handle)
  }
}
