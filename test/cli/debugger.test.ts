// Node's debugger, which a signal opens for every local user.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { expect, test } from 'vitest'
import { createTestDatabase, testRedis } from '../support/servers.ts'
import { until } from '../support/until.ts'
import { cleanEnv } from './letterlock.ts'

const main = path.resolve(import.meta.dirname, '../../src/main.ts')

/** What it says on standard error, from now on. `--inspect-port=0`: another port than that of whoever tests beside. */
function start(args: readonly string[], env: Record<string, string> = {}): ChildProcess & { said(): string } {
  const child = spawn(process.execPath, ['--inspect-port=0', ...args], { env: cleanEnv(env), stdio: 'pipe' })
  let said = ''
  child.stderr.on('data', data => {
    said += data
  })
  child.stdout.resume()
  return Object.assign(child, { said: () => said })
}

test('a signal opens no debugger, neither in the daemon nor in a command that holds a password', async () => {
  await using database = await createTestDatabase()
  const { url: LETTERLOCK_REDIS_URL, prefix: LETTERLOCK_REDIS_PREFIX } = testRedis()
  const servers = { LETTERLOCK_DATABASE_URL: database.url, LETTERLOCK_REDIS_URL, LETTERLOCK_REDIS_PREFIX }

  // That it would be seen: a program without the listener.
  const control = start(['--eval', 'setInterval(() => {}, 1000); console.error("up")'])
  await until(async () => control.said().includes('up'))
  control.kill('SIGUSR1')
  await until(async () => control.said().includes('Debugger listening'))
  control.kill('SIGKILL')

  const name = /\/(test_\w+)\?/.exec(database.url)?.[1] ?? ''
  const before = await countSessions(database.db, name)
  const command = start([main, 'user', 'add', 'ada', '--password-stdin'], servers)
  // It looks for the user, then waits for the password.
  await until(async () => (await countSessions(database.db, name)) > before)
  command.kill('SIGUSR1')
  command.stdin?.end('correct horse battery staple')
  expect([(await once(command, 'close'))[0], command.said()]).toEqual([0, ''])

  // A daemon that waits for its database.
  const away = { LETTERLOCK_DATABASE_URL: 'mysql://nobody@127.0.0.1:9/none', LETTERLOCK_WEB_LISTEN: '127.0.0.1:0' }
  const daemon = start([main, 'run'], { ...servers, ...away, LETTERLOCK_LOG_FORMAT: 'json' })
  let log = ''
  daemon.stdout?.on('data', data => {
    log += data
  })
  await until(async () => `${log}${daemon.said()}`.includes('db.unreachable'))
  daemon.kill('SIGUSR1')
  daemon.kill('SIGTERM')
  await once(daemon, 'close')
  expect(daemon.said()).not.toContain('Debugger')
})

/** How many sessions work on the database. */
async function countSessions(db: Awaited<ReturnType<typeof createTestDatabase>>['db'], name: string): Promise<number> {
  const [[row]] = (await db.raw('SELECT COUNT(*) AS n FROM information_schema.processlist WHERE db = ?', [name])) as [
    [{ n: number }],
  ]
  return Number(row.n)
}
