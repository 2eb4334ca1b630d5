// Several hosts on one database and Redis: daemons in processes of their own, each with a host name of its own.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import type { World } from './daemon.ts'

const root = path.resolve(import.meta.dirname, '../..')

/** What a command or a daemon of this world needs. */
export function commandEnv({ config, directory }: World, more: Record<string, string> = {}): Record<string, string> {
  return {
    LETTERLOCK_DATABASE_URL: config.database.url,
    LETTERLOCK_REDIS_URL: config.redis.url,
    LETTERLOCK_REDIS_PREFIX: config.redis.prefix,
    LETTERLOCK_DATA_DIRECTORY: directory,
    LETTERLOCK_WEB_LISTEN: '127.0.0.1:0',
    LETTERLOCK_POLL_PARSE_THREADS: '1',
    ...more,
  }
}

export interface Host {
  name: string
  child: ChildProcess
  /** What it logged so far. */
  log: Record<string, unknown>[]
  stderr(): string
  /** Its end: the exit code, or null where a signal ended it. */
  ended: Promise<number | null>
  /** Stops it as systemd would. */
  stop(): Promise<number | null>
}

export interface HostOptions {
  env?: Record<string, string>
  /** A program that runs in place of ours. */
  program?: string
}

/** Another name needs a UTS namespace, which root may make; without it all hosts have one name. */
const canRename = process.getuid?.() === 0

/** Starts a daemon; it ends with the process that runs the test, however that ends. */
export function startHost(world: World, name: string, { env = {}, program }: HostOptions = {}): Host {
  const run = [process.execPath, path.join(program ?? root, 'src/main.ts'), 'run']
  const named = canRename ? ['unshare', '--uts', 'sh', '-c', 'hostname "$0" && exec "$@"', name, ...run] : run
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...named], {
    cwd: program ?? root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...commandEnv(world, { LETTERLOCK_LOG_LEVEL: 'debug', ...env }) },
  })
  const log: Record<string, unknown>[] = []
  let [rest, stderr] = ['', '']
  child.stdout?.on('data', data => {
    const lines = (rest + data).split('\n')
    rest = lines.pop() ?? ''
    log.push(...lines.filter(line => line.startsWith('{')).map(line => JSON.parse(line)))
  })
  child.stderr?.on('data', data => {
    stderr += data
  })
  const ended = once(child, 'close').then(([code]) => code as number | null)
  return {
    name,
    child,
    log,
    stderr: () => stderr,
    ended,
    async stop() {
      child.kill('SIGTERM')
      return await ended
    },
  }
}

/** The id that the host's worker bears in the database, once it runs. */
export function workerOf(host: Host): string | undefined {
  return host.log.find(line => line.event === 'daemon')?.worker as string | undefined
}
