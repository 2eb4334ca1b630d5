// Private MariaDB and Redis: data under the data directory, unix sockets in a short temporary directory that nobody else may
// enter, no TCP port. One process at a time runs them on a directory; what a killed one left behind is cleared by the next.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { connect } from 'node:net'
import path from 'node:path'
import { promisify } from 'node:util'
import { createConnection } from 'mysql2/promise'
import { ServiceError } from '../errors/errors.ts'
import { startServer } from './child.ts'
import { type Claim, claimDirectory, readClaim } from './claim.ts'
import { findPrograms, type Program } from './programs.ts'

export interface EmbeddedOptions {
  /** Everything lasting lies under it. */
  directory: string
  mariadb: boolean
  redis: boolean
  /** Programs that will be needed besides, so that what is missing is installed, or named, all at once. */
  programs?: readonly Program[]
  /** `false` is for tests alone: commits do not wait for the disk. A crash of the machine would lose what was committed. */
  durable?: false
  /** MariaDB keeps a synced binary log, as servers with replicas do; without it there is none. */
  binaryLog?: true
  progress(line: string): void
  signal: AbortSignal
}

export interface EmbeddedUrls {
  /** As `database.url`; '' if MariaDB was not wanted. */
  databaseUrl: string
  /** As `redis.url`; '' if Redis was not wanted. */
  redisUrl: string
}

export interface Embedded extends EmbeddedUrls, AsyncDisposable {}

const databaseName = 'letterlock'
const mariadbPrograms = ['mariadbd', 'mariadb-install-db'] as const
const redisPrograms = ['redis-server'] as const

/** Starts what is wanted. Throws ServiceError `embedded.*`; what was started until then is stopped. */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const programs = await findPrograms(
    [
      ...(['setpriv', 'flock'] as const),
      ...(options.mariadb ? mariadbPrograms : []),
      ...(options.redis ? redisPrograms : []),
      ...(options.programs ?? []),
    ],
    options,
  )
  await using stack = new AsyncDisposableStack()
  const claim = stack.use(await claimDirectory<EmbeddedUrls>(options.directory, programs.flock))
  const start: Start = { ...options, programs, claim }
  const urls = { databaseUrl: '', redisUrl: '' }
  if (options.mariadb) {
    stack.use(await startMariadb(start))
    await createDatabase(socketOf(claim, 'mariadb'))
    urls.databaseUrl = `mysql://root@localhost/${databaseName}?socket=${socketOf(claim, 'mariadb')}`
  }
  if (options.redis) {
    stack.use(await startRedis(start))
    urls.redisUrl = `unix://${socketOf(claim, 'redis')}`
  }
  claim.publish(urls)
  const opened = stack.move()
  return { ...urls, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

/** The servers that another process runs on this directory, or undefined. */
export function findEmbedded(directory: string): EmbeddedUrls | undefined {
  return readClaim<EmbeddedUrls>(directory)
}

interface Start extends Omit<EmbeddedOptions, 'programs'> {
  programs: Record<Program, string>
  claim: Claim<EmbeddedUrls>
}

function socketOf(claim: Claim<EmbeddedUrls>, name: string): string {
  return path.join(claim.folder, `${name}.sock`)
}

async function startMariadb(start: Start): Promise<AsyncDisposable> {
  const { directory, programs, claim } = start
  const data = path.join(directory, 'mariadb')
  if (!existsSync(data)) await installMariadb(start, data)
  const socket = socketOf(claim, 'mariadb')
  const temporary = path.join(directory, 'mariadb-tmp')
  mkdirSync(temporary, { recursive: true, mode: 0o700 })
  return await startServer({
    ...start,
    name: 'MariaDB',
    setpriv: programs.setpriv,
    command: programs.mariadbd,
    args: [
      '--no-defaults',
      ...asOurselves(),
      `--datadir=${data}`,
      // A server that starts removes the temporary tables of all others in the same place.
      `--tmpdir=${temporary}`,
      `--socket=${socket}`,
      `--pid-file=${path.join(claim.folder, 'mariadb.pid')}`,
      '--skip-networking',
      '--character-set-server=utf8mb4',
      '--innodb-buffer-pool-size=256M',
      '--innodb-log-file-size=128M',
      ...(start.durable === false
        ? ['--innodb-flush-log-at-trx-commit=0', '--innodb-flush-method=nosync']
        : ['--innodb-flush-log-at-trx-commit=1']),
      '--max-connections=200',
      ...(start.binaryLog
        ? ['--log-bin=binlog', '--sync-binlog=1', '--binlog-format=ROW', '--server-id=1']
        : ['--skip-log-bin']),
    ],
    logFile: path.join(directory, 'mariadb.log'),
    note: claim.note,
    isReady: () => takesConnections(socket),
  })
}

/** Made elsewhere and renamed when it is whole, so that an interrupted installation is not taken for one. */
async function installMariadb(start: Start, data: string): Promise<void> {
  start.progress('preparing a private MariaDB …')
  for (const name of readdirSync(start.directory).filter(name => name.startsWith(unfinished)))
    rmSync(path.join(start.directory, name), { recursive: true, force: true })
  const half = mkdtempSync(path.join(start.directory, unfinished))
  const args = [
    ...['--pdeathsig', 'KILL', start.programs['mariadb-install-db']],
    '--no-defaults',
    ...asOurselves(),
    '--force',
    '--skip-test-db',
    '--auth-root-authentication-method=normal',
    `--datadir=${half}`,
  ]
  try {
    const env = { ...process.env, TMPDIR: half }
    await promisify(execFile)(start.programs.setpriv, args, { signal: start.signal, env })
    renameSync(half, data)
  } catch (cause) {
    rmSync(half, { recursive: true, force: true })
    start.signal.throwIfAborted()
    throw new ServiceError(
      'embedded.failed',
      { reason: 'no_data_directory', directory: start.directory },
      { temporary: false, cause },
    )
  }
}

const unfinished = 'mariadb-new-'

/** As root, MariaDB runs as root only when told so. */
function asOurselves(): string[] {
  return process.getuid?.() === 0 ? ['--user=root'] : []
}

async function createDatabase(socketPath: string): Promise<void> {
  const connection = await createConnection({ socketPath, user: 'root', disableEval: true })
  try {
    await connection.query(
      `CREATE DATABASE IF NOT EXISTS ${databaseName} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci`,
    )
  } finally {
    await connection.end()
  }
}

async function startRedis(start: Start): Promise<AsyncDisposable> {
  const { directory, programs, claim } = start
  const data = path.join(directory, 'redis')
  mkdirSync(data, { recursive: true, mode: 0o700 })
  const socket = socketOf(claim, 'redis')
  return await startServer({
    ...start,
    name: 'Redis',
    setpriv: programs.setpriv,
    command: namedRedis(programs['redis-server'], claim.folder),
    args: [
      ['--port', '0', '--unixsocket', socket, '--unixsocketperm', '700'],
      ['--dir', data, '--save', '', '--appendonly', 'yes', '--appendfsync', 'everysec'],
      ['--maxmemory-policy', 'noeviction', '--daemonize', 'no'],
    ].flat(),
    logFile: path.join(directory, 'redis.log'),
    note: claim.note,
    isReady: () => takesConnections(socket, 'PING\r\n', /\+PONG/),
  })
}

/** The program behaves by the name that it is called by. */
function namedRedis(program: string, folder: string): string {
  if (path.basename(program) !== 'redis-check-rdb') return program
  const link = path.join(folder, 'redis-server')
  symlinkSync(program, link)
  return link
}

/** True if something listens at the socket and greets, or answers the question as expected. */
async function takesConnections(socket: string, question = '', expected = /[\s\S]/): Promise<boolean> {
  return await new Promise(resolve => {
    const connection = connect(socket)
    const end = (ready: boolean): void => {
      connection.destroy()
      resolve(ready)
    }
    connection.setTimeout(2_000, () => end(false))
    connection.once('error', () => end(false))
    connection.once('connect', () => question !== '' && connection.write(question))
    connection.once('data', data => end(expected.test(data.toString('latin1'))))
    connection.once('close', () => end(false))
  })
}
