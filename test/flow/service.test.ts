// What goes wrong on our side: crashes, a second daemon, an absent Redis, a foreign directory, SIGTERM in mid-poll.
import { type ChildProcess, execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createCertificates } from '../../src/embedded/certificates.ts'
import { findPrograms } from '../../src/embedded/programs.ts'
import { startEmbedded } from '../../src/embedded/servers.ts'
import { accountOf } from '../../src/schedule/queue.ts'
import { openRedis } from '../../src/schedule/redis.ts'
import { getAccount } from '../../src/store/accounts/accounts.ts'
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
  const count = process.env.TEST_LONG ? 3_000 : 600
  dovecot.deliver(user.name, 'term', many(count, 'term'))
  await world.add(dovecot.destination('tls'), user.password, { mailboxes: ['term'] })
  const child = spawnDaemon(world, ['ignore', 'pipe', 'pipe'])
  await until(async () => ((await ends(world.db)).created ?? 0) > 0)
  child.kill('SIGTERM')
  // After ten seconds it would have ended with 1.
  expect(await endOf(child)).toMatchObject({ code: 0 })
  const { created = 0 } = await ends(world.db)
  expect(created).toBeLessThan(count)
  expect(await world.db('workers')).toEqual([])
  await world.start()
  await until(async () => (await ends(world.db)).created === count)
  expect(await ends(world.db)).toEqual({ created: count })
})

test('kill -9 again and again in mid-poll loses and doubles nothing', { tags: ['scene'] }, async () => {
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
})

test('two daemons on one database share the accounts, and neither polls what is the other’s', async () => {
  await using world = await createWorld()
  const count = 6
  for (let i = 0; i < count; i++) {
    dovecot.deliver(user.name, `two-${i}`, many(5, `two-${i}`))
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
  await until(async () => (await ends(world.db)).created === count * 5)
  await first[Symbol.asyncDispose]()
  await until(async () => (await owners()).every(owner => owner === second.workerId))
  for (let i = 0; i < count; i++) dovecot.deliver(user.name, `two-${i}`, [rawMail({ id: `later@two-${i}` })])
  await until(async () => (await ends(world.db)).created === count * 6)
  expect(await ends(world.db)).toEqual({ created: count * 6 })
})

test('a worker that lost its lease cannot write: its batch is rolled back', async () => {
  await using world = await createWorld()
  const { commitBatch } = await import('../../src/poll/ingest/ingest-batch.ts')
  const { findDueAccount } = await import('../../src/store/accounts/polled-account.ts')
  const { beatWorker, takeAccounts } = await import('../../src/store/accounts/leases.ts')
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

test('a daemon whose raw directory is another database’s is refused', async () => {
  await using world = await createWorld()
  const daemon = await world.start()
  await daemon[Symbol.asyncDispose]()
  writeFileSync(path.join(world.directory, 'raw/store-id'), `${'0'.repeat(32)}\n`)
  const { code, stderr } = await endOf(spawnDaemon(world, ['ignore', 'pipe', 'pipe']))
  expect(code).toBe(2)
  expect(stderr).toContain('the mail of this database does not lie in')
})

/** Waits for the line of a part that went down with that code, in a process' standard output. */
async function downWith(child: ChildProcess, code: string): Promise<Record<string, unknown>> {
  const lines = createInterface({ input: child.stdout as NonNullable<typeof child.stdout> })
  for await (const line of lines) {
    const entry = JSON.parse(line)
    if (entry.event === 'service down' && entry.code === code) return entry
  }
  throw new Error(`it ended without ${code}`)
}

test('a raw directory that was not mounted at the start stopped the daemon for good: now it waits for it', {
  tags: ['scene'],
}, async () => {
  await using world = await createWorld()
  const raw = path.join(world.directory, 'raw')
  await (await world.start())[Symbol.asyncDispose]()
  renameSync(raw, `${raw}-unmounted`)
  const child = spawnDaemon(world, ['ignore', 'pipe', 'pipe'])
  expect(await downWith(child, 'raw.missing')).toMatchObject({ part: 'raw', hint: expect.stringContaining('Mount') })
  expect(existsSync(raw)).toBe(false)
  renameSync(`${raw}-unmounted`, raw)
  await until(async () => (await world.db('workers')).length === 1)
  child.kill('SIGTERM')
  await once(child, 'exit')
})

test('a raw directory that goes away below a running daemon: nothing is written where it was, and mail comes in once it is back', async () => {
  await using world = await createWorld()
  const raw = path.join(world.directory, 'raw')
  const id = await world.add(dovecot.destination('tls'), user.password, { mailboxes: ['unmounted'] })
  dovecot.deliver(user.name, 'unmounted', [rawMail({ id: '1@unmounted' })])
  const daemon = await world.start()
  await until(async () => (await ends(world.db)).created === 1)
  renameSync(raw, `${raw}-unmounted`)
  // What a mount point is without its disk.
  mkdirSync(raw)
  dovecot.deliver(user.name, 'unmounted', [rawMail({ id: '2@unmounted' })])
  await world.poll(id)
  expect(readdirSync(raw)).toEqual([])
  expect(await readyOf(daemon.url)).toMatchObject({ ready: false, problems: [{ part: 'raw', code: 'raw.missing' }] })
  rmSync(raw, { recursive: true })
  renameSync(`${raw}-unmounted`, raw)
  await until(async () => (await readyOf(daemon.url)).ready)
  await world.poll(id)
  expect(await ends(world.db)).toEqual({ created: 2 })
})

async function readyOf(url: string): Promise<{ ready: boolean; problems: unknown[] }> {
  return (await (await fetch(`${url}/ready`)).json()) as { ready: boolean; problems: unknown[] }
}

const canMount = spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0

test.skipIf(!canMount)(
  'a raw disk with room for small mails alone: it is down until there is room for what failed, and says so once',
  async () => {
    await using world = await createWorld()
    const raw = path.join(world.directory, 'raw')
    mkdirSync(raw)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k,mode=700', 'tmpfs', raw])
    await using stack = new AsyncDisposableStack()
    stack.defer(() => void execFileSync('umount', ['--lazy', raw]))
    const large = await world.add(dovecot.destination('tls'), user.password, { mailboxes: ['large'] })
    const small = await world.add(dovecot.destination('tls'), user.password, {
      address: 'small@example.com',
      mailboxes: ['small'],
    })
    const daemon = await world.start()
    dovecot.deliver(user.name, 'large', [rawMail({ id: '1@large', body: 'word '.repeat(200_000) })])
    await world.poll(large)
    for (let i = 1; i <= 3; i++) {
      dovecot.deliver(user.name, 'small', [rawMail({ id: `${i}@small` })])
      await world.poll(small)
      expect(await ends(world.db)).toEqual({ created: i })
      expect(await readyOf(daemon.url)).toMatchObject({ problems: [{ code: 'raw.unwritable' }] })
    }
    execFileSync('mount', ['-o', 'remount,size=16m', raw])
    await until(async () => (await readyOf(daemon.url)).ready)
    await world.poll(large)
    expect(await ends(world.db)).toEqual({ created: 4 })
    const told = world.log.filter(line => line.part === 'raw').map(line => line.event)
    expect(told).toEqual(['service down', 'service up'])
    await daemon[Symbol.asyncDispose]()
  },
)

test('an address in use ended the daemon: mail comes in, and the web interface opens once the address is free', async () => {
  await using world = await createWorld()
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const listen = `127.0.0.1:${port}`
  dovecot.deliver(user.name, 'in-use', [rawMail({ id: '1@in-use' })])
  await world.add(dovecot.destination('tls'), user.password, { mailboxes: ['in-use'] })
  await world.start({ LETTERLOCK_WEB_LISTEN: listen })
  await until(async () => (await ends(world.db)).created === 1)
  expect(world.log.find(line => line.part === 'web')).toMatchObject({
    code: 'web.unavailable',
    message: `the address ${listen} of the web interface is in use by another program`,
  })
  other.close()
  await until(async () => (await fetch(`http://${listen}/ready`).catch(() => undefined))?.ok)
})

test('a certificate that cannot be read ended the daemon: mail comes in, and pages are served once it can', async () => {
  await using world = await createWorld()
  const directory = path.join(world.directory, 'tls')
  mkdirSync(directory)
  const { openssl } = await findPrograms(['openssl'], { progress: () => {}, signal: new AbortController().signal })
  await createCertificates({ openssl, directory })
  const [certificate, key] = ['server.pem', 'server.key'].map(name => path.join(directory, name)) as [string, string]
  renameSync(key, `${key}.later`)
  const tls = { LETTERLOCK_WEB_TLS_CERT_FILE: certificate, LETTERLOCK_WEB_TLS_KEY_FILE: key }
  await world.start({ ...tls, LETTERLOCK_WEB_LISTEN: '127.0.0.1:0' })
  expect(world.log.find(line => line.part === 'web')).toMatchObject({
    code: 'web.unavailable',
    message: `the file ${key} cannot be read`,
  })
  renameSync(`${key}.later`, key)
  await until(async () => world.log.some(line => line.event === 'service up' && line.part === 'web'))
})

test('a wrong database password ended the daemon: it waits, and reads a changed password file by itself', {
  tags: ['scene'],
}, async () => {
  await using world = await createWorld()
  const name = `service_${world.config.redis.prefix.slice(-6)}`
  const url = new URL(world.config.database.url)
  await world.db.raw(`CREATE USER ${name}@localhost IDENTIFIED BY 'right'`)
  await using stack = new AsyncDisposableStack()
  stack.defer(() => void world.db.raw(`DROP USER ${name}@localhost`))
  await world.db.raw(`GRANT ALL ON ${url.pathname.slice(1)}.* TO ${name}@localhost`)
  url.username = name
  const file = path.join(world.directory, 'database-password')
  const child = spawnDaemon(world, ['ignore', 'pipe', 'pipe'], {
    LETTERLOCK_DATABASE_URL: url.href,
    LETTERLOCK_DATABASE_PASSWORD_FILE: file,
  })
  await downWith(child, 'config.unreadable')
  writeFileSync(file, 'wrong\n')
  await downWith(child, 'db.access_denied')
  writeFileSync(file, 'right\n')
  await until(async () => (await world.db('workers')).length === 1)
  child.kill('SIGTERM')
  await once(child, 'exit')
})

test('a wrong Redis password ended the daemon: it waits, and a password that changes later is read again, too', {
  tags: ['scene'],
}, async () => {
  await using world = await createWorld()
  const directory = path.join(world.directory, 'redis')
  const signal = new AbortController().signal
  await using servers = await startEmbedded({ directory, mariadb: false, redis: true, progress: () => {}, signal })
  const file = path.join(world.directory, 'redis-password')
  writeFileSync(file, 'wrong\n')
  const admin = openRedis(servers.redisUrl, world.config.redis, 'commands')
  await admin.connect()
  await admin.config('SET', 'requirepass', 'first')
  const starting = world.start({ LETTERLOCK_REDIS_URL: servers.redisUrl, LETTERLOCK_REDIS_PASSWORD_FILE: file })
  await until(async () => world.log.some(line => line.code === 'redis.access_denied'))
  writeFileSync(file, 'first\n')
  const daemon = await starting
  writeFileSync(file, 'second\n')
  await admin.config('SET', 'requirepass', 'second')
  await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  await world.add(dovecot.destination('tls'), user.password, { mailboxes: ['redis'], everySeconds: 1 })
  dovecot.deliver(user.name, 'redis', [rawMail({ id: '1@redis' })])
  await until(async () => (await ends(world.db)).created === 1)
  await until(async () => (await readyOf(daemon.url)).ready)
  admin.disconnect()
  await daemon[Symbol.asyncDispose]()
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
