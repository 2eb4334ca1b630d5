// `letterlock setup` without systemd: against the database and the Redis of the tests, into a folder of its own. The whole of it, as root on a
// Debian that boots, is in test/system.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, inject, onTestFinished, test } from 'vitest'
import { openDatabase } from '../../src/store/db/database.ts'
import { defaults, testRedis } from '../support/servers.ts'
import { letterlock } from './letterlock.ts'

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'letterlock-setup-'))
  onTestFinished(() => rmSync(made, { recursive: true }))
  return made
}

test('it makes the user, the database, the password file and the settings, and a second run changes nothing', async () => {
  const made = folder()
  const file = path.join(made, 'letterlock.toml')
  writeFileSync(file, `# kept\n[data]\ndirectory = "${made}/data"\n`)
  const admin = inject('databaseUrl')
  const server = openDatabase(admin, defaults.database)
  onTestFinished(async () => {
    await server.raw('DROP DATABASE IF EXISTS setup_test')
    await server.raw('DROP USER IF EXISTS setup_test@localhost')
    await server.destroy()
  })
  const socket = new URL(admin).searchParams.get('socket')
  const url = `mysql://setup_test@localhost/setup_test?socket=${socket}`
  const args = [
    'setup',
    '--config',
    file,
    '--database',
    url,
    '--admin',
    admin,
    '--redis',
    testRedis().url,
    '--no-service',
  ]

  expect(await letterlock(args)).toMatchObject({ stdout: expect.stringContaining('next: letterlock account add') })
  const password = path.join(made, 'database-password')
  expect(statSync(password).mode & 0o777).toBe(0o640)
  const [settings, secret] = [readFileSync(file, 'utf8'), readFileSync(password, 'utf8')]
  expect(settings).toContain('# kept\n')
  expect(settings).toContain(`password_file = "${password}"`)
  expect(secret).toMatch(/^[\w-]{32}\n$/)
  expect(await letterlock(['account', 'list', '--json', '--config', file])).toMatchObject({ code: 0, stdout: '' })

  expect(await letterlock(args)).toMatchObject({ stderr: expect.stringContaining('the database is there already') })
  expect([readFileSync(file, 'utf8'), readFileSync(password, 'utf8')]).toEqual([settings, secret])
})

test.each([
  [['--database', 'mysql://a:secret@db.example/a'], 'error: --database: a URL with a password'],
  [['--admin', 'mysql://root:secret@db.example/'], 'error: --admin: a URL with a password'],
  [['--redis', 'nonsense'], 'error: --redis: this is not a URL'],
  [['--redis', 'http://a/'], 'redis.url'],
])('%j is refused before anything is done', async (args, said) => {
  const file = path.join(folder(), 'letterlock.toml')
  const database = args.includes('--database') ? [] : ['--database', 'mysql://a@localhost/a']
  const { code, stdout, stderr } = await letterlock(['setup', '--config', file, '--no-service', ...database, ...args])
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toContain(said)
  expect(stderr).not.toContain('secret')
})
