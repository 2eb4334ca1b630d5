// A Redis with a replica and a Sentinel that watches both: when the Redis is gone, the replica takes its place.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Redis } from 'ioredis'
import { findPrograms } from '../../src/embedded/programs.ts'
import { freePorts } from './flow-server.ts'
import { until } from './until.ts'

export interface WatchedRedis extends AsyncDisposable {
  /** `redis.url` that names the Sentinel. */
  url: string
  /** Kills the Redis that takes writes now; the Sentinel promotes the other one. */
  killPrimary(): Promise<void>
}

export async function startWatchedRedis(): Promise<WatchedRedis> {
  await using stack = new AsyncDisposableStack()
  const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-sentinel-'))
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const signal = new AbortController().signal
  const programs = await findPrograms(['redis-server', 'setpriv'], { progress: () => {}, signal })
  // The program behaves by the name that it is called by.
  const program = path.join(directory, 'redis-server')
  symlinkSync(programs['redis-server'], program)
  const [primary = 0, replica = 0, sentinel = 0] = await freePorts(3)
  const start = async (name: string, port: number, args: readonly string[]): Promise<ChildProcess> => {
    const own = path.join(directory, name)
    mkdirSync(own)
    const child = spawn(programs.setpriv, ['--pdeathsig', 'KILL', program, ...args], { cwd: own, stdio: 'ignore' })
    stack.defer(() => endOf(child))
    await until(async () => await answers(port))
    return child
  }
  const plain = ['--save', '', '--appendonly', 'no', '--bind', '127.0.0.1', '--repl-diskless-sync-delay', '0']
  const first = await start('primary', primary, ['--port', String(primary), ...plain])
  await start('replica', replica, ['--port', String(replica), ...plain, '--replicaof', '127.0.0.1', String(primary)])
  const file = path.join(directory, 'sentinel.conf')
  writeFileSync(
    file,
    [
      ...[`port ${sentinel}`, 'bind 127.0.0.1', `sentinel monitor queue 127.0.0.1 ${primary} 1`],
      ...['sentinel down-after-milliseconds queue 1000', 'sentinel failover-timeout queue 5000', ''],
    ].join('\n'),
  )
  await start('sentinel', sentinel, [file, '--sentinel'])
  await until(async () => await knowsReplica(sentinel))
  const opened = stack.move()
  return {
    url: `redis-sentinel://127.0.0.1:${sentinel}/0#queue`,
    killPrimary: () => endOf(first),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

async function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

async function ask(port: number, ...command: [string, ...string[]]): Promise<unknown> {
  const redis = new Redis({
    port,
    host: '127.0.0.1',
    lazyConnect: true,
    retryStrategy: () => null,
    replyMapping: 'legacy',
  })
  redis.on('error', () => {})
  try {
    await redis.connect()
    return await redis.call(...command)
  } catch {
    return undefined
  } finally {
    redis.disconnect()
  }
}

const answers = async (port: number): Promise<boolean> => (await ask(port, 'PING')) === 'PONG'

/** Without it there would be nobody to promote. */
async function knowsReplica(port: number): Promise<boolean> {
  const replicas = await ask(port, 'SENTINEL', 'replicas', 'queue')
  return Array.isArray(replicas) && replicas.length === 1 && JSON.stringify(replicas).includes('"ok"')
}
