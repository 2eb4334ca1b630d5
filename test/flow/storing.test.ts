// A database that does not take what is written: whether that is its own fault or a mail's, what waits meanwhile, and what /ready says.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { startEmbedded } from '../../src/embedded/servers.ts'
import { getAccount } from '../../src/store/accounts/accounts.ts'
import { findSourceDetails } from '../../src/store/ingest/source-rows.ts'
import { createWorld, ends, until, type World } from '../support/daemon.ts'
import { type ScriptedMail, startScriptedServer } from '../support/imap-server.ts'
import { rawMail } from '../support/messages.ts'

function mailOf(uid: number, bytes = 10): ScriptedMail {
  const body = `${uid} ${`${'x'.repeat(70)}\r\n`.repeat(Math.ceil(bytes / 72))}`
  return { uid, source: rawMail({ id: `${uid}@x`, subject: `mail ${uid}`, body }) }
}

const mails = (from: number, to: number, bytes?: number): ScriptedMail[] =>
  Array.from({ length: to - from + 1 }, (_, i) => mailOf(from + i, bytes))

interface Ready {
  ready: boolean
  problems: { code: string; message: string }[]
}

async function readiness(url: string): Promise<Ready> {
  return (await (await fetch(`${url}/ready`)).json()) as Ready
}

/** From now on the database refuses rows of `table`, where `condition` holds. */
async function refuse(world: World, table: string, errno: number, condition = 'TRUE'): Promise<void> {
  const signal = `SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = ${errno}, MESSAGE_TEXT = 'refused by a test'`
  await world.db.raw(
    `CREATE TRIGGER refusing BEFORE INSERT ON ${table} FOR EACH ROW BEGIN IF ${condition} THEN ${signal}; END IF; END`,
  )
}

test.each([
  ['a full table, for some mails alone', 'tickets', 1114, 'db.full', "NEW.subject = 'mail 3'"],
  ['a number that a value could cause, for every mail', 'messages', 1406, 'db.failed', 'TRUE'],
])(
  '%s quarantines no mail: all wait, /ready says why, and all come in when it is over',
  async (_, table, errno, code, condition) => {
    await using server = await startScriptedServer({ mails: mails(1, 4) })
    await using quiet = await startScriptedServer({ mails: mails(1, 1) })
    await using world = await createWorld()
    await refuse(world, table, errno, condition)
    const id = await world.add(server.destination, 'secret')
    const daemon = await world.start()
    await until(async () => !(await readiness(daemon.url)).ready)
    for (let i = 0; i < 6; i++) await world.poll(id)
    const other = await world.add(quiet.destination, 'secret', { address: 'b@example.com' })
    expect(await readiness(daemon.url)).toMatchObject({ problems: [{ part: 'ingest', code }] })
    expect((await ends(world.db)).quarantined).toBe(undefined)
    expect(await getAccount(world.db, String(id))).toMatchObject({ code: null, failures: 0 })
    await world.db.raw('DROP TRIGGER refusing')
    await until(async () => (await readiness(daemon.url)).ready)
    await until(async () => (await getAccount(world.db, String(other))).lastSuccessAt)
    expect(await ends(world.db)).toEqual({ created: 5 })
  },
)

test('a server was called silent, and its account failed, while the database took long: the connection is kept awake', async () => {
  await using server = await startScriptedServer({ mails: mails(1, 3) })
  await using world = await createWorld({ LETTERLOCK_POLL_TIMEOUT_SECONDS: '2' })
  // Every ticket waits for a lock that the test holds.
  await world.db.raw(
    'CREATE TRIGGER slow BEFORE INSERT ON tickets FOR EACH ROW SET @slow = GET_LOCK(DATABASE(), 60) + RELEASE_LOCK(DATABASE())',
  )
  const id = await world.add(server.destination, 'secret', { afterIngest: 'seen' })
  await world.db.transaction(async lock => {
    await lock.raw('DO GET_LOCK(DATABASE(), 0)')
    await world.start()
    // Three in each timeout: two timeouts pass.
    await until(async () => server.commands.filter(command => command === 'NOOP').length > 6)
    await lock.raw('DO RELEASE_LOCK(DATABASE())')
  })
  await until(async () => (await getAccount(world.db, String(id))).lastSuccessAt)
  expect(await ends(world.db)).toEqual({ created: 3 })
  expect(world.log.filter(line => line.msg === 'fail')).toEqual([])
  expect(server.accepted()).toBe(1)
})

test('a mail that the database refuses while it takes others is quarantined with its bytes after five tries, and the rest comes in', async () => {
  await using server = await startScriptedServer({ mails: mails(1, 5) })
  await using world = await createWorld()
  await refuse(world, 'messages', 1644, "NEW.subject = 'mail 3'")
  const id = await world.add(server.destination, 'secret')
  const daemon = await world.start()
  await until(async () => (await getAccount(world.db, String(id))).code)
  for (let tries = 1; tries < 5; tries++) {
    expect(await ends(world.db)).toEqual({ created: 2 })
    expect(await getAccount(world.db, String(id))).toMatchObject({ state: 'failing', code: 'message.unstorable' })
    expect(await readiness(daemon.url)).toMatchObject({ ready: true })
    await world.poll(id)
  }
  expect(await getAccount(world.db, String(id))).toMatchObject({ state: 'active', code: null })
  expect(await ends(world.db)).toEqual({ created: 4, quarantined: 1 })
  const [held] = await findSourceDetails(world.db, { limit: 1, result: 'quarantined' })
  expect(held).toMatchObject({ uid: 3, reason: 'unstorable', complete: true })
  const left = await world.db('messages').where({ thread_reason: 'probe' })
  expect(left).toEqual([])
})

const canMount = process.getuid?.() === 0 && tryMount()

function tryMount(): boolean {
  const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-mount-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory], { stdio: 'ignore' })
    execFileSync('umount', [directory])
    return true
  } catch {
    return false
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** A MariaDB of its own on a small disk. */
async function startOnSmallDisk(stack: AsyncDisposableStack): Promise<{ url: string; fill(): void; free(): void }> {
  const disk = mkdtempSync(path.join(tmpdir(), 'letterlock-disk-'))
  stack.defer(() => rmSync(disk, { recursive: true, force: true }))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=400m', 'tmpfs', disk])
  stack.defer(() => void execFileSync('umount', ['--lazy', disk]))
  const directory = path.join(disk, 'servers')
  mkdirSync(directory)
  const { signal } = new AbortController()
  const options = { directory, mariadb: true, redis: false, durable: false, progress: () => {}, signal } as const
  const { databaseUrl } = stack.use(await startEmbedded(options))
  const filler = path.join(disk, 'filler')
  return {
    url: databaseUrl,
    fill() {
      const { bavail, bsize } = statfsSync(disk)
      for (const size of [bavail * bsize, 65_536, 4_096]) {
        try {
          for (;;) writeFileSync(filler, Buffer.alloc(Math.min(size, 8_388_608)), { flag: 'a' })
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
        }
      }
    },
    free: () => rmSync(filler),
  }
}

test.runIf(canMount)(
  'neither a statement larger than the server takes nor a really full disk is taken for anything else',
  { tags: ['scene'] },
  async () => {
    await using stack = new AsyncDisposableStack()
    const disk = await startOnSmallDisk(stack)
    await using world = await createWorld({}, disk.url)
    await world.db.raw('SET GLOBAL max_allowed_packet = 262144')
    await using server = await startScriptedServer({ mails: [mailOf(1), mailOf(2, 900_000), ...mails(3, 5)] })
    const id = await world.add(server.destination, 'secret')
    const daemon = await world.start()
    await until(async () => (await getAccount(world.db, String(id))).code)
    expect(await getAccount(world.db, String(id))).toMatchObject({ state: 'failing', code: 'message.unstorable' })
    expect(await readiness(daemon.url)).toMatchObject({ ready: true })
    for (let tries = 1; tries < 5; tries++) await world.poll(id)
    expect(await ends(world.db)).toEqual({ created: 4, quarantined: 1 })
    const [held] = await findSourceDetails(world.db, { limit: 1, result: 'quarantined' })
    expect(held).toMatchObject({ uid: 2, reason: 'unstorable', complete: true })

    disk.fill()
    server.script.mails.push(...mails(6, 25, 150_000))
    for (let i = 0; i < 7; i++) await world.poll(id)
    const { ready, problems } = await readiness(daemon.url)
    expect({ ready, codes: problems.map(problem => problem.code) }).toEqual({ ready: false, codes: ['db.full'] })
    expect((await ends(world.db)).quarantined).toBe(1)
    disk.free()
    await until(async () => (await readiness(daemon.url)).ready)
    await until(async () => (await ends(world.db)).created === 24)
    expect((await ends(world.db)).quarantined).toBe(1)
  },
)
