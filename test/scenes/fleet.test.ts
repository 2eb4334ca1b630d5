// Several hosts on one database, Redis and bucket: accounts are shared fairly, a host that dies or sleeps loses them to the others,
// and hosts are restarted and upgraded one by one while mail arrives.
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setInterval as ticks } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { schemaVersion } from '../../migrations/all.ts'
import { letterlock } from '../cli/letterlock.ts'
import { createWorld, ends, until, type World } from '../support/daemon.ts'
import { startTestDovecot, type TestDovecot, user } from '../support/dovecot.ts'
import { commandEnv, type Host, startHost, workerOf } from '../support/fleet.ts'
import { rawMail } from '../support/messages.ts'
import { type S3Server, startS3Server } from '../support/s3-server.ts'

let dovecot: TestDovecot
beforeAll(async () => {
  dovecot = await startTestDovecot()
})
afterAll(() => dovecot[Symbol.asyncDispose]())

interface Fleet extends AsyncDisposable {
  world: World
  server: S3Server
  env: Record<string, string>
  boxes: string[]
  start(name: string, program?: string): Promise<Host>
  /** Accounts by their owner's host. */
  shares(): Promise<Record<string, number>>
}

/** `count` accounts, each with a mailbox of its own that is polled every second, or as often as is said. */
async function createFleet(
  name: string,
  count: number,
  more: Record<string, string> = {},
  everySeconds = 1,
): Promise<Fleet> {
  await using stack = new AsyncDisposableStack()
  const server = stack.use(await startS3Server())
  const env = { ...server.env(), ...more }
  const world = stack.use(await createWorld(env))
  const boxes = Array.from({ length: count }, (_, i) => `${name}-${i}`)
  for (const [i, box] of boxes.entries()) {
    dovecot.deliver(user.name, box, [rawMail({ id: `first@${box}` })])
    const change = { address: `a${i}@example.com`, mailboxes: [box], everySeconds }
    await world.add(dovecot.destination('tls'), user.password, change)
  }
  const hosts: Host[] = []
  stack.defer(async () => {
    for (const { child } of hosts) child.kill('SIGKILL')
    await Promise.all(hosts.map(host => host.ended))
  })
  const opened = stack.move()
  return {
    world,
    server,
    env,
    boxes,
    async start(hostName, program) {
      const host = startHost(world, hostName, { env, ...(program === undefined ? {} : { program }) })
      hosts.push(host)
      await until(async () => {
        if (host.child.exitCode !== null) throw new Error(`${hostName} ended: ${host.stderr()}`)
        return workerOf(host)
      })
      return host
    },
    async shares() {
      const rows: { host: string | null; n: number }[] = await world
        .db('accounts')
        .leftJoin('workers', 'workers.id', 'accounts.lease_owner')
        .groupBy('workers.host')
        .select('workers.host as host')
        .count({ n: '*' })
      return Object.fromEntries(rows.map(({ host, n }) => [host ?? 'nobody', Number(n)]))
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

const created = async ({ world }: Fleet): Promise<number> => (await ends(world.db)).created ?? 0

/** Every mail that was delivered has one row, one message, one ticket; no other end but these. */
async function expectAll(fleet: Fleet, mails: number, patienceMs = 60_000): Promise<void> {
  await until(async () => (await created(fleet)) >= mails, patienceMs).catch(async error => {
    const accounts = await fleet.world.db('accounts').select('id', 'state', 'code', 'hint', 'failures', 'lease_owner')
    throw new Error(
      `of ${mails} mails ${JSON.stringify(await ends(fleet.world.db))} are there: ${JSON.stringify(accounts)}`,
      {
        cause: error,
      },
    )
  })
  expect(await ends(fleet.world.db)).toEqual({ created: mails })
  const [[row]] = await fleet.world.db.raw(
    'SELECT COUNT(*) AS messages, COUNT(DISTINCT message_id) AS different FROM messages',
  )
  expect({ ...row }).toEqual({ messages: mails, different: mails })
}

/** The default in `npm run test:long`, which also has what takes a minute each. */
const leaseSeconds = process.env.TEST_LONG ? '30' : '8'
const long = test.runIf(process.env.TEST_LONG)

/** Much longer than a lease: whoever waits for the next slot of an account that it took over waits too long. */
const intervalSeconds = 120

test.concurrent('three hosts share the accounts fairly; one dies by kill -9, and the others poll its accounts within a minute', async () => {
  await using fleet = await createFleet('share', 9, { LETTERLOCK_POLL_LEASE_SECONDS: leaseSeconds }, intervalSeconds)
  const { world, boxes } = fleet
  const [first] = [await fleet.start('host-a'), await fleet.start('host-b'), await fleet.start('host-c')]
  await until(async () => {
    const shares = await fleet.shares()
    return shares['host-a'] === 3 && shares['host-b'] === 3 && shares['host-c'] === 3
  })
  await expectAll(fleet, 9)
  const orphans: number[] = await world
    .db('accounts')
    .where({ lease_owner: workerOf(first) })
    .pluck('id')
  first.child.kill('SIGKILL')
  const diedAt = Date.now()
  for (const box of boxes) dovecot.deliver(user.name, box, [rawMail({ id: `second@${box}`, body: 'second' })])
  const takenBy = new Map<number, number>()
  await until(async () => {
    const done: number[] = await world
      .db('sources')
      .whereIn('account_id', orphans)
      .groupBy('account_id')
      .having(world.db.raw('COUNT(*)'), '>', 1)
      .pluck('account_id')
    for (const id of done) if (!takenBy.has(id)) takenBy.set(id, Date.now() - diedAt)
    return takenBy.size === orphans.length
  })
  const slowest = Math.max(...takenBy.values())
  process.stderr.write(
    `kill -9 with a lease of ${leaseSeconds} s: the last of its accounts had its mail after ${slowest} ms\n`,
  )
  expect(slowest).toBeLessThan(60_000)
  // The accounts of the others hear of their mail by IDLE; a notification that is lost is made up for at the next slot.
  await expectAll(fleet, 18, intervalSeconds * 1_500)
}, 600_000)

long(
  'a host that sleeps through its lease, in the middle of a transaction even, can write nothing when it wakes',
  async () => {
    await using fleet = await createFleet('sleep', 4, { LETTERLOCK_POLL_LEASE_SECONDS: '5' })
    const { world, boxes } = fleet
    const backlog = 600
    const mails = (box: string) =>
      Array.from({ length: backlog }, (_, i) =>
        rawMail({ id: `${i}@${box}`, subject: `mail ${i}`, body: 'word '.repeat(500) + i }),
      )
    for (const box of boxes) dovecot.deliver(user.name, box, mails(box))
    const sleeper = await fleet.start('sleeper')
    await until(async () => (await created(fleet)) > 50)
    await until(async () => await stopInTransaction(world, sleeper))
    const stoppedAt = Date.now()
    const owned: number[] = await world
      .db('accounts')
      .where({ lease_owner: workerOf(sleeper) })
      .pluck('id')
    expect(owned).toHaveLength(4)
    const other = await fleet.start('other')
    await until(async () => (await fleet.shares()).other === 4, 60_000)
    process.stderr.write(
      `stopped in a transaction: all its accounts had another owner after ${Date.now() - stoppedAt} ms\n`,
    )
    const before = await world.db('accounts').orderBy('id').select('id', 'fence', 'lease_owner')
    sleeper.child.kill('SIGCONT')
    const total = boxes.length * (backlog + 1)
    await until(async () => (await created(fleet)) === total, 90_000)
    await expectAll(fleet, total)
    // It woke with batches in its hands, and each of them was refused.
    expect(sleeper.log.filter(line => line.event === 'poll' && line.msg === 'aborted').length).toBeGreaterThan(0)
    expect(before.every(({ lease_owner }) => lease_owner === workerOf(other))).toBe(true)
  },
  600_000,
)

/** Stops it where it holds a transaction open; undone and tried again where it does not. */
async function stopInTransaction({ db }: World, { child }: Host): Promise<boolean> {
  child.kill('SIGSTOP')
  await until(async () => /^\d+ \(.*\) T/.test(readFileSync(`/proc/${child.pid}/stat`, 'utf8')))
  const open = async () =>
    Number(
      (
        await db.raw(
          "SELECT COUNT(*) AS n FROM information_schema.innodb_trx JOIN information_schema.processlist ON id = trx_mysql_thread_id WHERE db = DATABASE() AND command = 'Sleep' AND trx_rows_modified > 0",
        )
      )[0][0].n,
    )
  // What it had asked for last may still be on its way.
  for (let look = 0; look < 20; look++) if ((await open()) > 0) return true
  child.kill('SIGCONT')
  return false
}

/** Mail for a mailbox after another, until told to stop. Returns how many. */
function startMail(fleet: Fleet): { stop(): Promise<number> } & AsyncDisposable {
  const stop = new AbortController()
  const sending = (async () => {
    let sent = 0
    for await (const _ of ticks(100)) {
      if (stop.signal.aborted) return sent
      const box = fleet.boxes[sent % fleet.boxes.length] as string
      dovecot.deliver(user.name, box, [rawMail({ id: `${sent}@stream-${box}`, subject: `mail ${sent}` })])
      sent += 1
    }
    return sent
  })()
  const end = async (): Promise<number> => {
    stop.abort()
    return await sending
  }
  return { stop: end, [Symbol.asyncDispose]: async () => void (await end()) }
}

/** The longest time that an account was without a poll that worked, from the logs of all hosts. */
function longestPauseMs(hosts: readonly Host[]): number {
  const polls = hosts.flatMap(({ log }) => log.filter(line => line.event === 'poll' && line.msg === 'done'))
  const times = Map.groupBy(polls, line => line.account)
  return Math.max(
    ...[...times.values()].map(lines => {
      const at = lines.map(line => Date.parse(line.time as string)).sort((a, b) => a - b)
      return Math.max(...at.slice(1).map((time, i) => time - (at[i] as number)))
    }),
  )
}

long(
  'hosts restarted one after the other, with mail arriving: no account pauses longer than the lease, nothing lost or doubled',
  async () => {
    await using fleet = await createFleet('roll', 6)
    const hosts = [await fleet.start('host-a'), await fleet.start('host-b'), await fleet.start('host-c')]
    await expectAll(fleet, 6)
    await using mail = startMail(fleet)
    for (const host of [...hosts]) {
      expect(await host.stop()).toBe(0)
      hosts.push(await fleet.start(host.name))
      await until(async () => ((await fleet.shares())[host.name] ?? 0) > 0)
    }
    const sent = await mail.stop()
    expect(sent).toBeGreaterThan(20)
    await expectAll(fleet, 6 + sent)
    const pause = longestPauseMs(hosts)
    process.stderr.write(`rolling restart of 3 hosts, ${sent} mails: the longest pause of an account was ${pause} ms\n`)
    expect(pause).toBeLessThan(30_000)
  },
  600_000,
)

/** A copy of the program whose schema is one version newer. */
function newerProgram(compatibleFrom: number): { directory: string } & Disposable {
  const root = path.resolve(import.meta.dirname, '../..')
  const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-newer-'))
  for (const part of ['src', 'migrations', 'package.json'])
    cpSync(path.join(root, part), path.join(directory, part), { recursive: true })
  symlinkSync(path.join(root, 'node_modules'), path.join(directory, 'node_modules'))
  const list = path.join(directory, 'migrations/all.ts')
  const name = '20990101_01_newer'
  writeFileSync(
    path.join(directory, `migrations/${name}.ts`),
    "import type { Knex } from 'knex'\nexport async function up(db: Knex): Promise<void> {\n  await db.raw('ALTER TABLE sources ADD COLUMN IF NOT EXISTS newer INT NOT NULL DEFAULT 7')\n}\n",
  )
  const text = readFileSync(list, 'utf8')
    .replace('export const migrations', `import * as newer from './${name}.ts'\nexport const migrations`)
    .replace(/\n\]\n/, `\n  { name: '${name}', up: newer.up },\n]\n`)
    .replace(
      /version: \d+, compatibleFrom: \d+/,
      `version: ${schemaVersion.version + 1}, compatibleFrom: ${compatibleFrom}`,
    )
  writeFileSync(list, text)
  return { directory, [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }) }
}

long(
  'upgraded one by one: the older program goes on beside a newer one whose schema it can work on',
  async () => {
    await using fleet = await createFleet('upgrade', 6)
    using newer = newerProgram(schemaVersion.compatibleFrom)
    const { world, env } = fleet
    const hosts = [await fleet.start('old-a'), await fleet.start('old-b')]
    await expectAll(fleet, 6)
    await using mail = startMail(fleet)
    const migrated = startHost(world, 'new-a', { env, program: newer.directory })
    // The schema first: the newer program refuses the older one, and says what to run.
    expect(await migrated.ended).toBe(2)
    expect(migrated.stderr()).toContain('letterlock migrate')
    const { shell } = await import('../cli/letterlock.ts')
    const ran = await shell(`'${process.execPath}' '${newer.directory}/src/main.ts' migrate`, {
      env: commandEnv(world, env),
    })
    expect(ran).toMatchObject({ code: 0 })
    for (const [i, host] of [...hosts].entries()) {
      hosts.push(await fleet.start(`new-${i}`, newer.directory))
      await until(async () => ((await fleet.shares())[`new-${i}`] ?? 0) > 0)
      // The older one still works beside it, on a restart too.
      if (i === 0) {
        const before = (await fleet.shares())[host.name] ?? 0
        expect(before).toBeGreaterThan(0)
        await host.stop()
        const again = await fleet.start(host.name)
        hosts.push(again)
        await until(async () => ((await fleet.shares())[host.name] ?? 0) > 0)
        expect(await again.stop()).toBe(0)
      } else expect(await host.stop()).toBe(0)
    }
    const sent = await mail.stop()
    await expectAll(fleet, 6 + sent)
    process.stderr.write(
      `rolling upgrade, ${sent} mails: the longest pause of an account was ${longestPauseMs(hosts)} ms\n`,
    )
    const [[row]] = await world.db.raw('SELECT COUNT(*) AS n FROM sources WHERE newer = 7')
    expect(Number(row.n)).toBe(6 + sent)
  },
  600_000,
)

test.concurrent('a schema that the older program cannot work on: it is refused with a clear sentence', async () => {
  await using world = await createWorld()
  using newer = newerProgram(schemaVersion.version + 1)
  const { shell } = await import('../cli/letterlock.ts')
  const env = commandEnv(world)
  expect(await shell(`'${process.execPath}' '${newer.directory}/src/main.ts' migrate`, { env })).toMatchObject({
    code: 0,
  })
  const old = startHost(world, 'old')
  expect(await old.ended).toBe(2)
  expect(old.stderr()).toContain(
    `the schema is version ${schemaVersion.version + 1} and works with programs from ${schemaVersion.version + 1} on, this one is ${schemaVersion.version}`,
  )
  expect(old.stderr()).toMatch(/upgrade letterlock on this host/i)
  expect(await letterlock(['account', 'list'], { env })).toMatchObject({ code: 2 })
})

test.concurrent('an account that changes its owner: the former one closes its kept connection at its next look', async () => {
  await using fleet = await createFleet('keep', 4)
  const { world } = fleet
  const kept = async ({ url }: { url: string }): Promise<number> => {
    const metrics = await (await fetch(`${url}/metrics`)).text()
    return Number(/letterlock_imap_connections\{state="kept"\} (\d+)/.exec(metrics)?.[1] ?? -1)
  }
  const former = await world.start()
  await until(async () => (await kept(former)) === 4)
  const other = await world.start()
  await until(async () => (await kept(other)) === 2 && (await kept(former)) === 2)
  const names = world.db('accounts').where({ lease_owner: former.workerId }).count({ n: '*' }).first()
  expect(Number((await names)?.n)).toBe(2)
})

test.concurrent('a second host with a local directory is refused; with a bucket, or a shared directory, it is welcome', async () => {
  await using fleet = await createFleet('second', 1)
  await fleet.start('host-a')
  await fleet.start('host-b')
  await using world = await createWorld()
  const first = startHost(world, 'host-a')
  await until(async () => workerOf(first))
  const second = startHost(world, 'host-b')
  expect(await second.ended).toBe(2)
  expect(second.stderr()).toContain('host host-a works on this database too')
  expect(second.stderr()).toContain('raw.s3_bucket')
  const shared = startHost(world, 'host-b', { env: { LETTERLOCK_RAW_SHARED: 'true' } })
  await until(async () => workerOf(shared))
  await Promise.all([first.stop(), shared.stop()])
})
