// Private MariaDB and Redis: data under the data directory, unix sockets in a short temporary directory that nobody else may
// enter, no TCP port. One process at a time runs them on a directory; what a killed one left behind is cleared by the next.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { createConnection } from 'mysql2/promise'
import { ServiceError } from '../errors.ts'
import {
  endTraces,
  isAlive,
  readState,
  removeState,
  type ServerProcess,
  startServer,
  type Trace,
  traceOf,
  writeState,
} from './child.ts'
import { findPrograms } from './programs.ts'

export interface EmbeddedOptions {
  /** Everything lasting lies under it. */
  directory: string
  mariadb: boolean
  redis: boolean
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

interface State extends EmbeddedUrls {
  holder: Trace
  sockets: string
  servers: Trace[]
}

const stateFile = (directory: string) => path.join(directory, 'running.json')
const databaseName = 'letterlock'

/** Starts what is wanted. Throws ServiceError `embedded.*`; what was started until then is stopped. */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const { directory } = options
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  await clearLast(directory)
  await using stack = new AsyncDisposableStack()
  const sockets = mkdtempSync(path.join(socketRoot(), 'letterlock-'))
  stack.defer(() => rmSync(sockets, { recursive: true, force: true }))
  const state: State = { holder: traceOf(process.pid), sockets, servers: [], databaseUrl: '', redisUrl: '' }
  claim(directory, state)
  stack.defer(() => removeState(stateFile(directory)))
  const note = (server: ServerProcess): void => {
    state.servers.push(traceOf(server.pid))
    writeState(stateFile(directory), state)
  }
  if (options.mariadb) {
    note(stack.use(await startMariadb(options, sockets)))
    state.databaseUrl = `mysql://root@localhost/${databaseName}?socket=${socketOf(sockets, 'mariadb')}`
  }
  if (options.redis) {
    note(stack.use(await startRedis(options, sockets)))
    state.redisUrl = `unix://${socketOf(sockets, 'redis')}`
  }
  writeState(stateFile(directory), state)
  const opened = stack.move()
  const { databaseUrl, redisUrl } = state
  return { databaseUrl, redisUrl, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

/** The servers that another process runs on this directory, or undefined. */
export function findEmbedded(directory: string): EmbeddedUrls | undefined {
  const state = readState<State>(stateFile(directory))
  if (state === undefined || !isAlive(state.holder)) return undefined
  return { databaseUrl: state.databaseUrl, redisUrl: state.redisUrl }
}

/** A socket's path must stay under 107 bytes, however long $TMPDIR is. */
function socketRoot(): string {
  return tmpdir().length <= 60 ? tmpdir() : '/tmp'
}

function socketOf(sockets: string, name: string): string {
  return path.join(sockets, `${name}.sock`)
}

/** Of two that start at the same moment, one gets the file. */
function claim(directory: string, state: State): void {
  try {
    writeState(stateFile(directory), state, true)
  } catch (cause) {
    throw occupied('another process', directory, cause)
  }
}

async function clearLast(directory: string): Promise<void> {
  const state = readState<State>(stateFile(directory))
  if (state === undefined) return
  if (isAlive(state.holder) && state.holder.pid !== process.pid) {
    throw occupied(`process ${state.holder.pid}`, directory)
  }
  await endTraces(state.servers)
  rmSync(state.sockets, { recursive: true, force: true })
  removeState(stateFile(directory))
}

function occupied(who: string, directory: string, cause?: unknown): ServiceError {
  return new ServiceError('embedded.failed', `${who} already runs servers on ${directory}`, {
    temporary: false,
    hint: 'stop it first, or give this one a directory of its own (LETTERLOCK_DATA_DIRECTORY)',
    cause,
  })
}

async function startMariadb(options: EmbeddedOptions, sockets: string): Promise<ServerProcess> {
  const { directory, progress, signal } = options
  const programs = await findPrograms(['mariadbd', 'mariadb-install-db', 'setpriv'], { progress, signal })
  const data = path.join(directory, 'mariadb')
  if (!existsSync(path.join(data, 'mysql'))) await installMariadb(programs['mariadb-install-db'], data, options)
  const socket = socketOf(sockets, 'mariadb')
  const server = await startServer({
    name: 'MariaDB',
    setpriv: programs.setpriv,
    command: programs.mariadbd,
    args: [
      '--no-defaults',
      ...asOurselves(),
      `--datadir=${data}`,
      `--socket=${socket}`,
      `--pid-file=${path.join(sockets, 'mariadb.pid')}`,
      '--skip-networking',
      '--character-set-server=utf8mb4',
      '--innodb-buffer-pool-size=256M',
      '--innodb-log-file-size=128M',
      '--innodb-flush-log-at-trx-commit=1',
      '--max-connections=200',
      '--skip-log-bin',
    ],
    logFile: path.join(directory, 'mariadb.log'),
    isReady: () => takesConnections(socket),
    signal,
  })
  try {
    await createDatabase(socket)
  } catch (error) {
    await server[Symbol.asyncDispose]()
    throw error
  }
  return server
}

async function installMariadb(program: string, data: string, options: EmbeddedOptions): Promise<void> {
  options.progress('preparing a private MariaDB …')
  rmSync(data, { recursive: true, force: true })
  const args = [
    '--no-defaults',
    ...asOurselves(),
    '--force',
    '--skip-test-db',
    '--auth-root-authentication-method=normal',
    `--datadir=${data}.new`,
  ]
  try {
    rmSync(`${data}.new`, { recursive: true, force: true })
    await promisify(execFile)(program, args, { signal: options.signal })
    // Renamed when it is whole, so that an interrupted installation is not taken for one.
    renameSync(`${data}.new`, data)
  } catch (cause) {
    options.signal.throwIfAborted()
    throw new ServiceError('embedded.failed', 'the data directory of the embedded MariaDB could not be made', {
      temporary: false,
      hint: `check free space and permissions of ${options.directory}`,
      cause,
    })
  }
}

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

async function startRedis(options: EmbeddedOptions, sockets: string): Promise<ServerProcess> {
  const { directory, progress, signal } = options
  const programs = await findPrograms(['redis-server', 'setpriv'], { progress, signal })
  const data = path.join(directory, 'redis')
  mkdirSync(data, { recursive: true, mode: 0o700 })
  const socket = socketOf(sockets, 'redis')
  return await startServer({
    name: 'Redis',
    setpriv: programs.setpriv,
    command: namedRedis(programs['redis-server'], sockets),
    args: [
      '--port 0'.split(' '),
      ['--unixsocket', socket, '--unixsocketperm', '700'],
      ['--dir', data, '--save', '', '--appendonly', 'yes', '--appendfsync', 'everysec'],
      ['--maxmemory-policy', 'noeviction', '--daemonize', 'no'],
    ].flat(),
    logFile: path.join(directory, 'redis.log'),
    isReady: () => takesConnections(socket, 'PING\r\n', /\+PONG/),
    signal,
  })
}

/** The program behaves by the name that it is called by. */
function namedRedis(program: string, sockets: string): string {
  if (path.basename(program) === 'redis-server') return program
  const link = path.join(sockets, 'redis-server')
  if (!existsSync(link)) symlinkSync(program, link)
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
