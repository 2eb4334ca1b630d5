// The daemon as its users run it: a process of its own.
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import path from 'node:path'
import type { World } from './daemon.ts'

/** A daemon in a process of its own; it ends with the process that runs the test, however that ends. `through`: what starts it. */
export function spawnDaemon(
  world: Pick<World, 'config' | 'directory'>,
  stdio: StdioOptions,
  env: Record<string, string> = {},
  through: readonly string[] = [],
): ChildProcess {
  const { config } = world
  return spawn('setpriv', ['--pdeathsig', 'KILL', ...through, 'src/letterlock', 'run'], {
    cwd: path.resolve(import.meta.dirname, '../..'),
    stdio,
    env: {
      ...process.env,
      LETTERLOCK_DATABASE_URL: config.database.url,
      LETTERLOCK_REDIS_URL: config.redis.url,
      LETTERLOCK_REDIS_PREFIX: config.redis.prefix,
      LETTERLOCK_DATA_DIRECTORY: world.directory,
      LETTERLOCK_WEB_LISTEN: '127.0.0.1:0',
      LETTERLOCK_POLL_PARSE_THREADS: '1',
      ...env,
    },
  })
}
