// What goes wrong on our side: crashes, a second daemon, an absent Redis, a foreign directory, SIGTERM in mid-poll.
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { accountOf } from '../../src/schedule/queue.ts'
import { openRedis } from '../../src/schedule/redis.ts'
import { getAccount } from '../../src/store/accounts.ts'
import { createWorld, ends, spawnDaemon, until } from '../support/daemon.ts'
import { startTestDovecot, type TestDovecot, user } from '../support/dovecot.ts'
import { rawMail } from '../support/messages.ts'

let dovecot: TestDovecot
beforeAll(async () => {
  dovecot = await startTestDovecot()
})
afterAll(() => dovecot[Symbol.asyncDispose]())

async function endOf(child: ChildProcess): Promise<{ code: number | null; stderr: string; stdout: string }> {
  const output = { stdout: '', stderr: '' }
  child.stdout?.on('data', data => {
    output.stdout += data
  })
  child.stderr?.on('data', data => {
    output.stderr += data
  })
  const [code] = await once(child, 'close')
  return { code, ...output }
}

const many = (count: number, name: string) =>
  Array.from({ length: count }, (_, i) =>
    rawMail({ id: `${i}@${name}`, subject: `mail ${i}`, body: 'word '.repeat(2_000) + i }),
  )

test('SIGTERM in mid-poll: it ends within ten seconds with code 0, and the next start loses and doubles nothing', async () => {
  await using world = await createWorld()
  dovecot.deliver(user.name, 'term', many(3_000, 'term'))
  await world.add(dovecot.destination('tls'), user.password, { mailboxes: ['term'] })
  const child = spawnDaemon(world, ['ignore', 'pipe', 'pipe'])
  await until(async () => ((await ends(world.db)).created ?? 0) > 100)
  const startedAt = Date.now()
  child.kill('SIGTERM')
  expect(await endOf(child)).toMatchObject({ code: 0 })
  expect(Date.now() - startedAt).toBeLessThan(10_000)
  const { created = 0 } = await ends(world.db)
  expect(created).toBeLessThan(3_000)
  expect(await world.db('workers')).toEqual([])
  await world.start()
  await until(async () => (await ends(world.db)).created === 3_000)
  expect(await ends(world.db)).toEqual({ created: 3_000 })
})

test('kill -9 again and again in mid-poll loses and doubles nothing', async () => {
  await using world = await createWorld({ LETTERLOCK_POLL_LEASE_SECONDS: '5' })
  const rounds = process.env.TEST_LONG ? 60 : 2
  dovecot.deliver(user.name, 'kill', many(rounds * 600, 'kill'))
  await world.add(dovecot.destination('tls'), user.password, { mailboxes: ['kill'] })
  for (let round = 1; round <= rounds; round++) {
    const child = spawnDaemon(world, ['ignore', 'pipe', 'pipe'], { LETTERLOCK_POLL_LEASE_SECONDS: '5' })
    const { created: before = 0 } = await ends(world.db)
    await until(async () => ((await ends(world.db)).created ?? 0) > Math.min(before + 60 * round, rounds * 600 - 1))
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  await world.start()
  await until(async () => (await ends(world.db)).created === rounds * 600)
  expect(await ends(world.db)).toEqual({ created: rounds * 600 })
  const [[row]] = await world.db.raw('SELECT COUNT(DISTINCT source_id) AS n FROM messages')
  expect(row.n).toBe(rounds * 600)
}, 600_000)

test('two daemons on one database share the accounts, and neither polls what is the other’s', async () => {
  await using world = await createWorld()
  const count = 6
  for (let i = 0; i < count; i++) {
    dovecot.deliver(user.name, `two-${i}`, many(40, `two-${i}`))
    await world.add(dovecot.destination('tls'), user.password, {
      address: `a${i}@example.com`,
      mailboxes: [`two-${i}`],
      everySeconds: 1,
    })
  }
  const first = await world.start()
  const second = await world.start()
  const owners = async (): Promise<string[]> =>
    (await world.db('accounts').orderBy('lease_owner').pluck('lease_owner')).map(String)
  const half = (daemon: { workerId: string }) => Array.from({ length: count / 2 }, () => daemon.workerId)
  const shared = [...half(first), ...half(second)].sort()
  await until(async () => (await owners()).join() === shared.join())
  await until(async () => (await ends(world.db)).created === count * 40)
  await first[Symbol.asyncDispose]()
  await until(async () => (await owners()).every(owner => owner === second.workerId))
  for (let i = 0; i < count; i++) dovecot.deliver(user.name, `two-${i}`, [rawMail({ id: `later@two-${i}` })])
  await until(async () => (await ends(world.db)).created === count * 41)
  expect(await ends(world.db)).toEqual({ created: count * 41 })
})

test('a worker that lost its lease cannot write: its batch is rolled back', async () => {
  await using world = await createWorld()
  const { commitBatch } = await import('../../src/poll/ingest-batch.ts')
  const { findDueAccount } = await import('../../src/store/polled-account.ts')
  const { beatWorker, takeAccounts } = await import('../../src/store/workers.ts')
  const id = await world.add(dovecot.destination('tls'), user.password)
  await world.db('mailboxes').where({ account_id: id }).update({ uid_validity: 1 })
  await beatWorker(world.db, { id: 'slow', host: 'a', version: '1' }, 30, [])
  await takeAccounts(world.db, 'slow', 1, 'all')
  const account = await findDueAccount(world.db, id, 'slow')
  await world
    .db('accounts')
    .where({ id })
    .update({ lease_owner: 'quick', fence: world.db.raw('fence + 1') })
  const mailbox = await world.db('mailboxes').where({ account_id: id }).first('id', 'name')
  const cursor = { uidValidity: 1, lastUid: 0, startBeforeUid: 0, rereadBeforeUid: 0 }
  const context = { account: account as NonNullable<typeof account>, mailbox, cursor }
  const deps = { db: world.db } as never
  await expect(commitBatch(deps, context, [], { lastUid: 7 })).rejects.toMatchObject({ code: 'lease.lost' })
  expect((await world.db('mailboxes').where({ account_id: id }).first('last_uid')).last_uid).toBe(0)
})

test('after FLUSHALL the schedules are back, and polls go on', async () => {
  await using world = await createWorld()
  const id = await world.add(dovecot.destination('tls'), user.password, { mailboxes: ['flush'], everySeconds: 1 })
  dovecot.deliver(user.name, 'flush', [rawMail({ id: '1@flush' })])
  const daemon = await world.start()
  await until(async () => (await ends(world.db)).created === 1)
  const redis = openRedis(world.config.redis.url, world.config.redis, 'commands')
  await redis.connect()
  const keys = await redis.keys(`${world.config.redis.prefix}:*`)
  expect(keys.length).toBeGreaterThan(0)
  await redis.del(keys)
  const { openQueue } = await import('../../src/schedule/queue.ts')
  const queue = openQueue(redis, world.config.redis.prefix, daemon.workerId)
  await until(async () => (await queue.getJobSchedulers()).some(found => accountOf(found.key) === id))
  dovecot.deliver(user.name, 'flush', [rawMail({ id: '2@flush', body: 'second' })])
  await until(async () => (await ends(world.db)).created === 2)
  await queue.close()
  redis.disconnect()
})

test('job data is the account’s id and nothing else', async () => {
  await using world = await createWorld()
  const id = await world.add(dovecot.destination('tls'), 'secret-in-no-queue', { mailboxes: ['queue'] })
  await world.start()
  await until(async () => (await getAccount(world.db, String(id))).code)
  const redis = openRedis(world.config.redis.url, world.config.redis, 'commands')
  await redis.connect()
  const keys = await redis.keys(`${world.config.redis.prefix}:*`)
  const hashes = await Promise.all(
    keys.map(async key => ((await redis.type(key)) === 'hash' ? await redis.hgetall(key) : {})),
  )
  const all = JSON.stringify(hashes)
  expect(all).toContain(`{\\"accountId\\":${id}}`)
  expect(all).not.toContain('secret-in-no-queue')
  expect(all).not.toContain('example.com')
  redis.disconnect()
})

test('a daemon whose raw directory is not the database’s is refused', async () => {
  await using world = await createWorld()
  const daemon = await world.start()
  await daemon[Symbol.asyncDispose]()
  rmSync(path.join(world.directory, 'raw'), { recursive: true })
  const { code, stderr } = await endOf(spawnDaemon(world, ['ignore', 'pipe', 'pipe']))
  expect(code).toBe(2)
  expect(stderr).toContain('the mail of this database does not lie in')
})

test('a daemon waits for a database that is not there yet, and says so', async () => {
  await using world = await createWorld()
  const child = spawnDaemon(world, ['ignore', 'pipe', 'pipe'], {
    LETTERLOCK_DATABASE_URL: 'mysql://root@localhost/x?socket=/nonexistent/socket',
  })
  const [line] = await once(child.stdout as NonNullable<typeof child.stdout>, 'data')
  expect(JSON.parse(String(line).split('\n')[0] ?? '')).toMatchObject({
    event: 'service down',
    part: 'database',
    code: 'db.unreachable',
  })
  child.kill('SIGTERM')
  expect((await endOf(child)).code).toBe(0)
})

test('a broken configuration is told with every fault, code 2', async () => {
  await using world = await createWorld()
  const { code, stderr } = await endOf(
    spawnDaemon(world, ['ignore', 'pipe', 'pipe'], { LETTERLOCK_POLL_CONCURRENCY: 'ten', LETTERLOCK_DATABSE_URL: 'x' }),
  )
  expect(code).toBe(2)
  expect(stderr).toContain('LETTERLOCK_POLL_CONCURRENCY')
  expect(stderr).toContain('did you mean LETTERLOCK_DATABASE_URL?')
})
