// Faults of the host and of the servers beside it that take longer: failovers, no DNS, no open files, a slow disk, too little memory. In each the
// daemon says what is wrong, loses and doubles nothing, and goes on by itself. docs/faults.md names these tests.
import { type ChildProcess, execFileSync, spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { startEmbedded } from '../../src/embedded/servers.ts'
import { openRedis } from '../../src/schedule/redis.ts'
import { getAccount } from '../../src/store/accounts/accounts.ts'
import { openDatabase } from '../../src/store/db/database.ts'
import { createWorld, ends, spawnDaemon, until, type World } from '../support/daemon.ts'
import { startTestDovecot, type TestDovecot, user } from '../support/dovecot.ts'
import { startScriptedServer } from '../support/imap-server.ts'
import { startMariaDbPair } from '../support/mariadb-pair.ts'
import { rawMail } from '../support/messages.ts'
import { startWatchedRedis } from '../support/sentinel.ts'
import { defaults } from '../support/servers.ts'

const isRoot = process.getuid?.() === 0

let dovecot: TestDovecot
beforeAll(async () => {
  dovecot = await startTestDovecot()
})
afterAll(() => dovecot[Symbol.asyncDispose]())

const mails = (box: string, from: number, to: number, body = 'hello'): Buffer[] =>
  Array.from({ length: to - from }, (_, i) =>
    rawMail({ id: `${from + i}@${box}`, subject: `${box} ${from + i}`, body }),
  )

const created = async (world: World): Promise<number> => (await ends(world.db)).created ?? 0

/** Every mail once. */
async function expectAll(world: World, count: number): Promise<void> {
  expect(await ends(world.db)).toEqual({ created: count })
  const [[row]] = await world.db.raw('SELECT COUNT(DISTINCT message_id) AS n FROM messages')
  expect(row.n).toBe(count)
}

async function isReady(url: string): Promise<boolean> {
  return (await fetch(`${url}/ready`)).ok
}

/** What a daemon in a process of its own logs. */
function collect(child: ChildProcess): Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = []
  let rest = ''
  child.stdout?.on('data', data => {
    const parts = (rest + data).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts.filter(line => line.startsWith('{')).map(line => JSON.parse(line)))
  })
  return lines
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

test('database failover: the primary is killed while mail comes in, the replica is promoted, and the other name in the URL is used', async () => {
  const box = 'failover'
  await using pair = await startMariaDbPair()
  await using world = await createWorld({ LETTERLOCK_DATABASE_URL: pair.url }, pair.rootUrl(pair.primary))
  await world.add(dovecot.destination('tls'), user.password, { mailboxes: [box], everySeconds: 1 })
  dovecot.deliver(user.name, box, mails(box, 0, 200))
  const daemon = await world.start()
  await until(async () => (await created(world)) > 0)
  await pair.primary.kill()
  // Until somebody promotes it the replica can be reached, and takes no writes.
  await until(async () => world.log.some(line => line.code === 'db.read_only' && line.part === 'database'))
  expect(await isReady(daemon.url)).toBe(false)
  dovecot.deliver(user.name, box, mails(box, 200, 210))
  await pair.promote()
  await using db = await openOther(pair.rootUrl(pair.replica))
  await until(async () => Number((await db('sources').count({ n: '*' }).first())?.n) === 210)
  const subjects: string[] = await db('tickets').pluck('subject')
  expect(new Set(subjects).size).toBe(210)
  await until(async () => await isReady(daemon.url))
  expect(await getAccount(db, '1')).toMatchObject({ state: 'active' })

  // The old primary comes back as a replica would: nobody writes there, though it is the first name.
  await pair.primary.start('--read-only')
  dovecot.deliver(user.name, box, mails(box, 210, 215))
  await until(async () => Number((await db('sources').count({ n: '*' }).first())?.n) === 215)
  await daemon[Symbol.asyncDispose]()
  const fresh = await world.start()
  dovecot.deliver(user.name, box, mails(box, 215, 220))
  await until(async () => Number((await db('sources').count({ n: '*' }).first())?.n) === 220)
  await fresh[Symbol.asyncDispose]()
})

async function openOther(url: string) {
  const db = openDatabase(url, defaults.database)
  return Object.assign(db, { [Symbol.asyncDispose]: () => db.destroy() })
}

test('a primary that becomes a replica while it lives is left for the one that takes writes', async () => {
  const box = 'switchover'
  await using pair = await startMariaDbPair()
  await using world = await createWorld({ LETTERLOCK_DATABASE_URL: pair.url }, pair.rootUrl(pair.primary))
  await world.add(dovecot.destination('tls'), user.password, { mailboxes: [box], everySeconds: 1 })
  dovecot.deliver(user.name, box, mails(box, 0, 20))
  const daemon = await world.start()
  await until(async () => (await created(world)) === 20)
  await pair.primary.run('SET GLOBAL read_only = 1')
  const [position] = (await pair.primary.run('SELECT @@GLOBAL.gtid_current_pos AS at')) as { at: string }[]
  await pair.replica.run(`SELECT MASTER_GTID_WAIT('${position?.at}', 60)`)
  await pair.promote()
  dovecot.deliver(user.name, box, mails(box, 20, 30))
  await using db = await openOther(pair.rootUrl(pair.replica))
  await until(async () => Number((await db('sources').count({ n: '*' }).first())?.n) === 30)
  await until(async () => await isReady(daemon.url))
  await daemon[Symbol.asyncDispose]()
})

test('Redis failover: the Sentinel promotes the replica, and the queue goes on there', async () => {
  const box = 'sentinel'
  await using watched = await startWatchedRedis()
  await using world = await createWorld({ LETTERLOCK_REDIS_URL: watched.url })
  await world.add(dovecot.destination('tls'), user.password, { mailboxes: [box], everySeconds: 1 })
  dovecot.deliver(user.name, box, mails(box, 0, 3))
  const daemon = await world.start()
  await until(async () => (await created(world)) === 3)
  await watched.killPrimary()
  dovecot.deliver(user.name, box, mails(box, 3, 6))
  await until(async () => world.log.some(line => line.event === 'service down' && line.part === 'redis'))
  await until(async () => (await created(world)) === 6)
  await until(async () => await isReady(daemon.url))
  dovecot.deliver(user.name, box, mails(box, 6, 9))
  await until(async () => (await created(world)) === 9)
  await expectAll(world, 9)
  await daemon[Symbol.asyncDispose]()
})

test.runIf(isRoot)('no DNS: accounts say so, and mail comes in once there is one again', async () => {
  await using server = await startScriptedServer({ mails: [{ uid: 1, source: rawMail({ id: '1@dns' }) }] })
  await using world = await createWorld()
  await using stack = new AsyncDisposableStack()
  const address = `127.83.${1 + Math.floor(Math.random() * 250)}.53`
  const resolver = path.join(world.directory, 'resolv.conf')
  writeFileSync(resolver, `nameserver ${address}\noptions timeout:1 attempts:1\n`)
  let dns = await startDns(address)
  stack.defer(() => void dns.close())
  const id = await world.add({ ...server.destination, host: 'mail.dns.test' }, 'secret', { everySeconds: 1 })
  const through = ['unshare', '--mount', 'sh', '-ec', 'mount --bind "$0" /etc/resolv.conf; exec "$@"', resolver]
  const child = spawnDaemon(world, ['ignore', 'pipe', 'inherit'], { LETTERLOCK_POLL_KEEP_CONNECTIONS: '0' }, through)
  stack.defer(() => end(child))
  await until(async () => (await created(world)) === 1)
  dns.close()
  const failed = await until(async () => {
    const account = await getAccount(world.db, String(id))
    return account.code !== null && account
  })
  expect(failed).toMatchObject({ code: 'imap.host_not_found', hint: expect.stringContaining('resolver') })
  server.script.mails.push({ uid: 2, source: rawMail({ id: '2@dns' }) })
  dns = await startDns(address)
  await until(async () => (await created(world)) === 2)
  await until(async () => (await getAccount(world.db, String(id))).state === 'active')
})

/** Every name is this host. */
async function startDns(address: string): Promise<ReturnType<typeof createSocket>> {
  const socket = createSocket('udp4')
  socket.on('message', (query, peer) => {
    const question = query.subarray(12, query.indexOf(0, 12) + 5)
    const isA = question.readUInt16BE(question.length - 4) === 1
    const header = Buffer.from([query[0] ?? 0, query[1] ?? 0, 0x85, 0x80, 0, 1, 0, isA ? 1 : 0, 0, 0, 0, 0])
    const answer = Buffer.from([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1])
    socket.send(Buffer.concat([header, question, ...(isA ? [answer] : [])]), peer.port, peer.address)
  })
  socket.bind(53, address)
  await once(socket, 'listening')
  return socket
}

test('all open files are used up: the host is named, no account is blamed for long, and mail comes in once there are files again', async () => {
  await using server = await startScriptedServer({ mails: [{ uid: 1, source: rawMail({ id: '1@files' }) }] })
  await using world = await createWorld()
  await using stack = new AsyncDisposableStack()
  const id = await world.add(server.destination, 'secret', { everySeconds: 1 })
  const child = spawnDaemon(world, ['ignore', 'pipe', 'inherit'], { LETTERLOCK_POLL_KEEP_CONNECTIONS: '0' })
  stack.defer(() => end(child))
  const log = collect(child)
  await until(async () => (await created(world)) === 1)
  const limit = (files: number) => execFileSync('prlimit', ['--pid', String(child.pid), `--nofile=${files}:`])
  // What is open stays open; nothing more can be opened.
  limit(8)
  await until(async () => log.some(line => line.part === 'host' && line.code === 'host.exhausted'))
  expect(await until(async () => (await getAccount(world.db, String(id))).code)).toBe('host.exhausted')
  server.script.mails.push({ uid: 2, source: rawMail({ id: '2@files' }) })
  limit(1024)
  await until(async () => (await created(world)) === 2)
  await until(async () => log.some(line => line.part === 'host' && line.event === 'service up'))
})

async function readiness(url: string): Promise<{ ready: boolean }> {
  return (await (await fetch(`${url}/ready`)).json()) as { ready: boolean }
}

const mail = (uid: number) => ({ uid, source: rawMail({ id: `${uid}@x`, subject: `mail ${uid}` }) })

test.each([
  ['a replica', ['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE']],
  ['without memory', ['CONFIG', 'SET', 'maxmemory', '1'], ['CONFIG', 'SET', 'maxmemory', '0']],
])(
  'a Redis that takes no writes, because it is %s, is no absent one: it is named, and all goes on once it does',
  async (_, fault, cure) => {
    await using server = await startScriptedServer({ mails: [mail(1)] })
    await using world = await createWorld()
    const signal = new AbortController().signal
    const directory = path.join(world.directory, 'redis')
    await using own = await startEmbedded({ directory, mariadb: false, redis: true, progress: () => {}, signal })
    const admin = openRedis(own.redisUrl, world.config.redis, 'commands')
    await admin.connect()
    await world.add(server.destination, 'secret', { everySeconds: 1 })
    const daemon = await world.start({ LETTERLOCK_REDIS_URL: own.redisUrl, LETTERLOCK_POLL_LEASE_SECONDS: '5' })
    await until(async () => (await ends(world.db)).created === 1)
    const tell = ([command = '', ...args]: readonly string[]) => admin.call(command, ...args)
    await tell(fault)
    await until(async () => world.log.some(line => line.part === 'redis' && line.code === 'redis.unwritable'))
    expect(await readiness(daemon.url)).toMatchObject({ ready: false })
    await tell(cure)
    await until(async () => (await readiness(daemon.url)).ready)
    server.script.mails.push(mail(2))
    await until(async () => (await ends(world.db)).created === 2)
    admin.disconnect()
    await daemon[Symbol.asyncDispose]()
  },
)

const ThisDate = Date
afterEach(() => void vi.unstubAllGlobals())

/** The clock that this process reads differs by so much from now on; its timers go on, as they do when a clock is set. */
function setClock(byMs: number): void {
  const now = (): number => ThisDate.now() + byMs
  class SetDate extends ThisDate {
    constructor(...args: [] | [number]) {
      super(...((args.length === 0 ? [now()] : args) as [number]))
    }
    static override now = now
    static override [Symbol.hasInstance](value: unknown): boolean {
      return ThisDate[Symbol.hasInstance].call(ThisDate, value)
    }
  }
  vi.stubGlobal('Date', SetDate)
}

test.each([5, -5])(
  'the clock of the host jumps by %d hours: it is noticed, schedules are made anew, and mail comes in',
  async hours => {
    await using server = await startScriptedServer({ mails: [mail(1)] })
    await using world = await createWorld({ LETTERLOCK_POLL_LEASE_SECONDS: '5' })
    await world.add(server.destination, 'secret', { everySeconds: 1 })
    const daemon = await world.start()
    await until(async () => (await ends(world.db)).created === 1)
    setClock(hours * 3_600_000)
    server.script.mails.push(mail(2))
    await until(async () => (await ends(world.db)).created === 2)
    expect(await readiness(daemon.url)).toMatchObject({ ready: true })
    vi.unstubAllGlobals()
    server.script.mails.push(mail(3))
    await until(async () => (await ends(world.db)).created === 3)
    const noticed = world.log.filter(line => line.event === 'clock').map(line => line.seconds)
    expect(noticed).toEqual([hours * 3_600, -hours * 3_600])
  },
)

const cc = ['cc', 'gcc', 'clang'].find(program => spawnSync(program, ['--version']).error === undefined)

test.runIf(cc !== undefined)(
  'a disk that takes a second for each sync: mail comes in later, and nobody is called failing',
  async () => {
    const accounts = 12
    await using world = await createWorld()
    await using stack = new AsyncDisposableStack()
    const library = path.join(world.directory, 'slow.so')
    writeFileSync(`${library}.c`, slowDisk)
    execFileSync(cc as string, ['-shared', '-fPIC', '-o', library, `${library}.c`, '-ldl'])
    for (let i = 0; i < accounts; i++) {
      dovecot.deliver(user.name, `slow-${i}`, mails(`slow-${i}`, 0, 2))
      await world.add(dovecot.destination('tls'), user.password, {
        address: `a${i}@example.com`,
        mailboxes: [`slow-${i}`],
        everySeconds: 1,
      })
    }
    const child = spawnDaemon(world, ['ignore', 'pipe', 'inherit'], { LD_PRELOAD: library })
    stack.defer(() => end(child))
    const log = collect(child)
    await until(async () => (await created(world)) === 2 * accounts)
    await expectAll(world, 2 * accounts)
    expect(log.filter(line => line.msg === 'fail' || line.event === 'service down')).toEqual([])
  },
)

const slowDisk = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>
int fsync(int fd) { sleep(1); return ((int (*)(int)) dlsym(RTLD_NEXT, "fsync"))(fd); }
int fdatasync(int fd) { sleep(1); return ((int (*)(int)) dlsym(RTLD_NEXT, "fdatasync"))(fd); }
`

/** The memory controller of this machine's control groups, of either version; undefined where groups cannot be made. */
function findMemoryGroups(): { root: string; limit: string } | undefined {
  for (const [root, limit] of [
    ['/sys/fs/cgroup/memory', 'memory.limit_in_bytes'],
    ['/sys/fs/cgroup', 'memory.max'],
  ] as const) {
    const tried = path.join(root, `letterlock-try-${process.pid}`)
    try {
      mkdirSync(tried)
      const fits = existsSync(path.join(tried, limit))
      rmdirSync(tried)
      if (fits) return { root, limit }
    } catch {
      // Not mounted, or not ours to change.
    }
  }
  return undefined
}

const groups = isRoot ? findMemoryGroups() : undefined

/** With `npm run test:long`: it takes minutes. */
test.runIf(groups !== undefined && process.env.TEST_LONG)(
  'too little memory: the kernel kills the daemon again and again, and nothing is lost or doubled',
  async () => {
    const box = 'memory'
    const { root, limit } = groups as NonNullable<typeof groups>
    await using world = await createWorld()
    await using stack = new AsyncDisposableStack()
    const group = mkdtempSync(path.join(root, 'letterlock-'))
    stack.defer(() => rmdirSync(group))
    const setLimit = (mebibytes: number) => writeFileSync(path.join(group, limit), String(mebibytes * 2 ** 20))
    const count = 40
    dovecot.deliver(user.name, box, mails(box, 0, count, `${'word '.repeat(14)}\r\n`.repeat(30_000)))
    await world.add(dovecot.destination('tls'), user.password, { mailboxes: [box], everySeconds: 1 })
    const through = ['sh', '-ec', 'echo $$ > "$0/cgroup.procs"; exec "$@"', group]
    const start = () =>
      spawnDaemon(world, ['ignore', 'ignore', 'inherit'], { LETTERLOCK_POLL_LEASE_SECONDS: '5' }, through)
    setLimit(96)
    for (let killed = 0; killed < 2; killed++) {
      const child = start()
      const [, signal] = await once(child, 'exit')
      expect(signal).toBe('SIGKILL')
    }
    // What the manual says that it takes.
    setLimit(400)
    const child = start()
    stack.defer(() => end(child))
    await until(async () => (await created(world)) === count)
    await expectAll(world, count)
    expect(child.exitCode ?? child.signalCode).toBeNull()
  },
)
