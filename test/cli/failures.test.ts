// Servers that are absent, refuse us or do not fit: what failed, on which thing, what to do, the exit code, and nothing secret.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { schemaVersion } from '../../migrations/all.ts'
import { startEmbedded } from '../../src/embedded/servers.ts'
import { openRedis } from '../../src/schedule/redis.ts'
import { createTestDatabase, defaults, type TestDatabase, testRedis } from '../support/servers.ts'
import { letterlock, secret } from './letterlock.ts'

let database: TestDatabase
let directory: string
beforeAll(async () => {
  database = await createTestDatabase()
  directory = mkdtempSync(path.join(tmpdir(), 'letterlock-failures-'))
})
beforeEach(async () => {
  await database.db('accounts').delete()
  await database.db('workers').delete()
})
afterAll(async () => {
  await database[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

function settings(change: Record<string, string> = {}): { env: Record<string, string> } {
  const redis = testRedis()
  return {
    env: {
      LETTERLOCK_DATABASE_URL: database.url,
      LETTERLOCK_REDIS_URL: redis.url,
      LETTERLOCK_REDIS_PREFIX: redis.prefix,
      LETTERLOCK_DATA_DIRECTORY: path.join(directory, 'data'),
      LETTERLOCK_WEB_LISTEN: '127.0.0.1:0',
      ...change,
    },
  }
}

function passwordFile(password: string): string {
  const file = path.join(directory, 'password')
  writeFileSync(file, `${password}\n`, { mode: 0o600 })
  return file
}

/** A user of the database server with a password and these rights on the test's database. */
async function createUser(name: string, rights: string): Promise<AsyncDisposable & { url: string }> {
  const schema = new URL(database.url).pathname.slice(1)
  await database.db.raw(`CREATE USER ${name}@localhost IDENTIFIED BY '${secret}-right'`)
  await database.db.raw(`GRANT ${rights} ON ${schema}.* TO ${name}@localhost`)
  return {
    url: database.url.replace('//root@', `//${name}@`),
    async [Symbol.asyncDispose]() {
      await database.db.raw(`DROP USER ${name}@localhost`)
    },
  }
}

test('a wrong database password is told, with the file that it comes from; the right one works', async () => {
  await using user = await createUser('wrong_password', 'ALL')
  const env = { LETTERLOCK_DATABASE_URL: user.url, LETTERLOCK_DATABASE_PASSWORD_FILE: passwordFile(`${secret}-wrong`) }
  const refused = await Promise.all(['ticket list', 'migrate'].map(line => letterlock(line.split(' '), settings(env))))
  for (const { code, stderr, stdout } of refused) {
    expect({ code, stderr: stderr.split('\n') }).toMatchObject({
      code: 2,
      stderr: expect.arrayContaining([
        expect.stringMatching(/^error: the database at \/.+\.sock refused the connection \(ER_ACCESS_DENIED_ERROR\)$/),
        'hint: Check the user and the database name in database.url, and database.password_file. The password file is read again at every attempt.',
      ]),
    })
    expect(stdout + stderr).not.toContain(secret)
  }
  passwordFile(`${secret}-right`)
  expect(await letterlock(['ticket', 'list'], settings(env))).toEqual({ code: 0, stdout: 'no tickets\n', stderr: '' })
})

test.each([
  ['a socket that is not there', 'localhost/x?socket=/none/my.sock', '/none/my.sock', 'ENOENT'],
  ['a port where nobody listens', '127.0.0.1:9/x', '127.0.0.1:9', 'ECONNREFUSED'],
  ['a host that is not there', 'nobody.invalid/x', 'nobody.invalid:3306', 'ENOTFOUND|EAI_AGAIN'],
])('an unreachable database: %s', async (_, target, place, code) => {
  const url = `mysql://letterlock@${target}`
  const ran = await letterlock(['account', 'list', '--json'], settings({ LETTERLOCK_DATABASE_URL: url }))
  expect(ran).toMatchObject({ code: 75, stdout: '' })
  expect(ran.stderr).toMatch(
    new RegExp(`^error: the database at ${place} cannot be reached \\((${code})\\)\nhint: Check that it runs`),
  )
})

test('an old schema and one of the future are refused by the daemon and by commands, and migrate mends the old one', async () => {
  await using other = await createTestDatabase()
  const env = { LETTERLOCK_DATABASE_URL: other.url }
  await other.db('schema_version').update({ version: 0 })
  for (const line of [['run'], ['account', 'list']]) {
    const { code, stderr } = await letterlock(line, settings(env))
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining(
        `error: the schema is version 0, this program needs ${schemaVersion.version}\nhint: Bring the schema up to date: \`letterlock migrate\`.\n`,
      ),
    })
  }
  expect(await letterlock(['migrate'], settings(env))).toMatchObject({ code: 0 })
  expect(await letterlock(['account', 'list'], settings(env))).toMatchObject({ code: 0 })
  await other
    .db('schema_version')
    .update({ version: schemaVersion.version + 1, compatible_from: schemaVersion.version + 1 })
  const future = await letterlock(['account', 'list'], settings(env))
  expect(future).toMatchObject({ code: 2, stderr: expect.stringContaining('hint: Upgrade Letterlock on this host') })
})

test('a poll that is asked for without Redis happens at the next slot, and doctor tells what is wrong with Redis', async () => {
  const { db } = database
  await db('workers').insert({ id: 'w', host: 'h', version: '1', key_ids_json: '[]', lease_until: '2100-01-01' })
  const [id] = await db('accounts').insert({ address: 'a@example.com', host: 'imap.invalid', lease_owner: 'w' })
  const env = settings({ LETTERLOCK_REDIS_URL: 'unix:///nonexistent/redis.sock' })
  const polled = await letterlock(['account', 'poll', String(id)], env)
  expect(polled).toEqual({
    code: 0,
    stdout: `Redis cannot be reached; account ${id} is polled at its next slot\n`,
    stderr: '',
  })
  const { code, stdout } = await letterlock(['doctor', '--json'], env)
  const findings = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  expect(code).toBe(1)
  expect(findings).toContainEqual({
    check: 'redis',
    level: 'fault',
    message: expect.stringMatching(/^Redis at \/nonexistent\/redis.sock cannot be reached/),
    hint: 'Check that it runs and that redis.url names its host and port or its socket.',
  })
})

test('a CA file that is not there is told by its name', async () => {
  const url = 'mysql://letterlock@db.invalid/x'
  const none = '/nonexistent/ca.pem'
  const ofDatabase = settings({ LETTERLOCK_DATABASE_URL: url, LETTERLOCK_DATABASE_CA_FILE: none })
  const stderr = expect.stringMatching(/^error: the CA file \/nonexistent\/ca\.pem cannot be read\nhint: Check ca_file/)
  expect(await letterlock(['account', 'list'], ofDatabase)).toMatchObject({ code: 2, stderr })
  const ofRedis = settings({ LETTERLOCK_REDIS_URL: 'rediss://127.0.0.1:9', LETTERLOCK_REDIS_CA_FILE: none })
  expect((await letterlock(['doctor'], ofRedis)).stdout).toContain('redis          the CA file /nonexistent/ca.pem')
})

test('a Redis that may evict keys stops the daemon with code 2', async () => {
  await using servers = await startEmbedded({
    directory: path.join(directory, 'redis'),
    mariadb: false,
    redis: true,
    progress: () => {},
    signal: new AbortController().signal,
  })
  const env = { LETTERLOCK_REDIS_URL: servers.redisUrl }
  const redis = openRedis(servers.redisUrl, defaults.redis, 'commands')
  await redis.connect()
  await redis.config('SET', 'maxmemory-policy', 'allkeys-lru')
  expect(await letterlock(['run'], settings(env))).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(
      'error: Redis may evict keys (maxmemory-policy is allkeys-lru)\n' +
        'hint: Forbid it, and write the same into redis.conf: `redis-cli config set maxmemory-policy noeviction`.\n',
    ),
  })
  expect((await letterlock(['doctor'], settings(env))).stdout).toContain('FAULT redis          Redis may evict keys')
  redis.disconnect()
})

test('doctor says which right is missing, when nothing runs and which account is in trouble', async () => {
  await using user = await createUser('reader', 'SELECT')
  const { db } = database
  await db('accounts').insert({
    address: 'a@example.com',
    host: 'imap.invalid',
    state: 'failing',
    code: 'imap.timeout',
    hint: 'wait',
  })
  await db('accounts').insert({ address: 'b@example.com', host: 'imap.invalid', created_at: '2026-01-01' })
  const [{ id: failing }, { id: late }] = await db('accounts').orderBy('id').select('id')
  const { code, stdout } = await letterlock(
    ['doctor', '--json'],
    settings({ LETTERLOCK_DATABASE_URL: user.url, LETTERLOCK_DATABASE_PASSWORD_FILE: passwordFile(`${secret}-right`) }),
  )
  expect(code).toBe(1)
  const faults = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
    .filter(({ level }) => level === 'fault')
  expect(faults).toEqual([
    expect.objectContaining({ check: 'privileges', hint: expect.stringMatching(/^GRANT SELECT, INSERT/) }),
    expect.objectContaining({ check: 'daemon', message: 'none runs, so no mail comes in' }),
    { check: 'accounts', level: 'fault', message: `account ${failing} is failing (imap.timeout)`, hint: 'wait' },
    expect.objectContaining({ check: 'accounts', message: expect.stringContaining(`account ${late} is behind`) }),
  ])
})

test('doctor is content where everything runs', async () => {
  const { db } = database
  await db('workers').insert({ id: 'w', host: 'h', version: '1', key_ids_json: '[]', lease_until: '2100-01-01' })
  const { code, stdout } = await letterlock(['doctor'], settings())
  expect(stdout).not.toContain('FAULT')
  expect(code).toBe(0)
})
