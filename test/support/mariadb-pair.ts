// Two MariaDB servers, of which the second replicates the first: what a site has that wants to outlive the loss of one. Each is reached through
// a link on loopback; a user without special rights is there on both.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { type Connection, createConnection } from 'mysql2/promise'
import { findPrograms } from '../../src/embedded/programs.ts'
import { type Link, openLink } from '../chaos/proxy.ts'
import { until } from './until.ts'

export interface PairedServer {
  /** On loopback. */
  port: number
  /** SIGKILL. */
  kill(): Promise<void>
  /** Starts it again after a kill. */
  start(...args: string[]): Promise<void>
  /** As root, who may write on a read-only server too. */
  run(sql: string): Promise<unknown[]>
}

export interface MariaDbPair extends AsyncDisposable {
  primary: PairedServer
  replica: PairedServer
  /** `database.url` that names both, the primary first. */
  url: string
  /** The same for root, of one of them. */
  rootUrl(server: PairedServer): string
  /** Has the replica take writes, as whoever watches a cluster does once the primary is gone. */
  promote(): Promise<void>
}

/** Syncs cost nothing there: two servers write everything twice. */
const memory = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

export async function startMariaDbPair(): Promise<MariaDbPair> {
  await using stack = new AsyncDisposableStack()
  const directory = mkdtempSync(path.join(memory, 'letterlock-pair-'))
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const primary = await startPaired(stack, path.join(directory, 'a'), 1)
  const replica = await startPaired(stack, path.join(directory, 'b'), 2)
  for (const server of [primary, replica]) {
    await server.run("CREATE USER letterlock@localhost IDENTIFIED VIA mysql_native_password USING ''")
    await server.run('CREATE DATABASE letterlock CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci')
    await server.run('GRANT ALL ON letterlock.* TO letterlock@localhost')
    await server.run('RESET MASTER')
  }
  await replica.run(
    `CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = ${primary.port}, MASTER_USER = 'root', MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1`,
  )
  await replica.run('START SLAVE')
  await replica.run('SET GLOBAL read_only = 1')
  const opened = stack.move()
  return {
    primary,
    replica,
    url: `mysql://letterlock@127.0.0.1:${primary.port},127.0.0.1:${replica.port}/letterlock`,
    rootUrl: server => `mysql://root@127.0.0.1:${server.port}/letterlock`,
    async promote() {
      await replica.run('STOP SLAVE')
      await replica.run('RESET SLAVE ALL')
      await replica.run('SET GLOBAL read_only = 0')
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

async function startPaired(stack: AsyncDisposableStack, directory: string, id: number): Promise<PairedServer> {
  const wanted = ['mariadbd', 'mariadb-install-db', 'setpriv'] as const
  const programs = await findPrograms(wanted, { progress: () => {}, signal: new AbortController().signal })
  mkdirSync(directory)
  const data = path.join(directory, 'data')
  const asRoot = process.getuid?.() === 0 ? ['--user=root'] : []
  await promisify(execFile)(programs['mariadb-install-db'], [
    ...['--no-defaults', ...asRoot, '--force', '--skip-test-db', '--auth-root-authentication-method=normal'],
    `--datadir=${data}`,
  ])
  const socket = path.join(directory, 's')
  const link: Link = stack.use(await openLink([{ path: socket }]))
  const running: { child: ChildProcess | undefined } = { child: undefined }
  const open = (): Promise<Connection> => createConnection({ socketPath: socket, user: 'root' })
  const start = async (...args: string[]): Promise<void> => {
    const log = openSync(path.join(directory, 'log'), 'a')
    running.child = spawn(
      programs.setpriv,
      [
        ...['--pdeathsig', 'KILL', programs.mariadbd, '--no-defaults', ...asRoot, `--datadir=${data}`],
        ...[`--socket=${socket}`, `--pid-file=${path.join(directory, 'pid')}`, '--skip-networking'],
        ...[`--server-id=${id}`, '--log-bin=log', '--log-slave-updates', '--binlog-format=ROW'],
        ...['--innodb-buffer-pool-size=32M', '--innodb-log-file-size=16M', ...args],
      ],
      { stdio: ['ignore', log, log] },
    )
    closeSync(log)
    await until(async () => {
      const connection = await open().catch(() => undefined)
      await connection?.end()
      return connection !== undefined
    })
  }
  const kill = async (): Promise<void> => {
    const { child } = running
    running.child = undefined
    if (child === undefined) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  stack.defer(kill)
  await start()
  return {
    port: link.ports[0] as number,
    kill,
    start,
    async run(sql) {
      const connection = await open()
      try {
        const [rows] = await connection.query(sql)
        return rows as unknown[]
      } finally {
        await connection.end()
      }
    },
  }
}
