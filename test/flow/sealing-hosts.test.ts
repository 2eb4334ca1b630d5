// Several hosts on one database, and what becomes of their key files: a host that has not the right key writes no secret, asks no mail server
// for an account whose password is sealed, and says so; the right file's return mends it within seconds.
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import type { Daemon } from '../../src/daemon.ts'
import { getAccount } from '../../src/store/accounts/accounts.ts'
import { createWorld, until, type World } from '../support/daemon.ts'
import { type ScriptedServer, startScriptedServer } from '../support/imap-server.ts'
import {
  actionsOf,
  countWhere,
  hexOf,
  insertPaused,
  keyFileOf,
  sweep,
  untilAction,
  writeKey,
  wrongOf,
} from '../support/sealing.ts'

/** After the right file is back: seconds where nothing else runs, and on any machine long before the hour of a suspended account. */
const resumedWithinMs = 240_000
const accounts = 3

/** Polls come often, and every one logs in anew. */
const hurried = { LETTERLOCK_POLL_KEEP_CONNECTIONS: '0', LETTERLOCK_POLL_LEASE_SECONDS: '5' }

interface Scene extends AsyncDisposable {
  world: World
  server: ScriptedServer
  ids: number[]
  key: Buffer
  /** Another host's place for its key. */
  elsewhere: string
}

/** An installation whose passwords are sealed; its daemon has stopped. */
async function sealedScene(): Promise<Scene> {
  await using stack = new AsyncDisposableStack()
  const world = stack.use(await createWorld(hurried))
  const server = stack.use(await startScriptedServer())
  const ids: number[] = []
  for (let i = 0; i < accounts; i++)
    ids.push(await world.add(server.destination, `secret ${i}`, { address: `a${i}@example.com`, everySeconds: 1 }))
  const key = writeKey(keyFileOf(world))
  await using _daemon = await world.start()
  await untilAction(world.db, 'encryption.on')
  await until(async () =>
    (await Promise.all(ids.map(id => getAccount(world.db, String(id))))).every(a => a.lastSuccessAt),
  )
  const elsewhere = path.join(world.directory, 'elsewhere', 'encryption-key.bin')
  mkdirSync(path.dirname(elsewhere), { mode: 0o700 })
  const opened = stack.move()
  return { world, server, ids, key, elsewhere, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

const startElsewhere = ({ world, elsewhere }: Scene) => world.start({ LETTERLOCK_ENCRYPTION_KEY_FILE: elsewhere })

const logins = (server: ScriptedServer): number => server.commands.filter(line => line.startsWith('LOGIN')).length

const areAll = ({ world, ids }: Scene, code: string | null) =>
  until(async () => {
    const found = await Promise.all(ids.map(id => getAccount(world.db, String(id))))
    return found.every(account => account.code === code)
  })

async function keyProblem(daemon: Daemon): Promise<{ code: string; hint: string } | undefined> {
  const answer = await fetch(`${daemon.url}/ready`)
  const { problems = [] } = (await answer.json()) as { problems?: { part: string; code: string; hint: string }[] }
  return problems.find(problem => problem.part === 'key')
}

/** Every byte of every secret, as one number. */
async function digest({ db }: World): Promise<string> {
  const [[row]] = await db.raw("SELECT SUM(CRC32(CONCAT_WS('|', id, plaintext, HEX(sealed)))) AS sum FROM credentials")
  return String(row.sum)
}

const foreign = randomBytes(32)

type Fault = (file: string, right: Buffer) => void

/** What may lie in the key's place, and what the host says of it. */
const faults: [Fault, string][] = [
  [() => {}, 'Put the file back'],
  [file => void writeKey(file, foreign), hexOf(foreign)],
  [(file, right) => void writeKey(file, right.subarray(0, 31)), '31 bytes'],
  [(file, right) => void writeKey(file, Buffer.concat([right, Buffer.of(10)])), '33 bytes'],
  [
    (file, right) => {
      writeKey(file, right)
      chmodSync(file, 0o644)
    },
    'chmod 400',
  ],
  [file => void writeKey(file, Buffer.from('0123456789abcdef0123456789abcdef')), 'a text or a pattern'],
]

test('no key, another, a truncated, a longer, an open one, a text: nothing is written and nobody logged in until the right file is back', async () => {
  await using scene = await sealedScene()
  const { world, server, key, elsewhere } = scene
  const daemon = await startElsewhere(scene)
  for (const [put, hint] of faults) {
    rmSync(elsewhere, { force: true })
    put(elsewhere, key)
    await until(async () => (await keyProblem(daemon))?.hint.includes(hint))
    await areAll(scene, 'vault.key_missing')
    const [paused = 0] = (await insertPaused(world.db, 1)).keys()
    const [before, attempts] = [await digest(world), logins(server)]
    await sweep(world, daemon)
    await Promise.all(scene.ids.map(id => world.poll(id)))
    expect(await digest(world)).toBe(before)
    expect(logins(server)).toBe(attempts)

    rmSync(elsewhere, { force: true })
    writeKey(elsewhere, key)
    const backAt = Date.now()
    await areAll(scene, null)
    await until(async () => (await keyProblem(daemon)) === undefined)
    expect(Date.now() - backAt).toBeLessThan(resumedWithinMs)
    expect(logins(server)).toBeGreaterThanOrEqual(attempts + accounts)
    // The control: what was left alone before is sealed now.
    await until(async () => (await countWhere(world.db, `account_id = ${paused} AND plaintext IS NULL`)) === 1)
  }
})

test('the right host takes over what a host with another key cannot open, and keeps it', async () => {
  await using scene = await sealedScene()
  const { world, server, elsewhere, ids } = scene
  writeKey(elsewhere, foreign)
  const wrong = await startElsewhere(scene)
  await areAll(scene, 'vault.key_missing')
  const attempts = logins(server)
  const right = await world.start()
  const startedAt = Date.now()
  await areAll(scene, null)
  expect(Date.now() - startedAt).toBeLessThan(resumedWithinMs)
  expect(logins(server)).toBeGreaterThanOrEqual(attempts + accounts)
  await sweep(world, wrong)
  expect(await world.db('accounts').whereIn('id', ids).pluck('lease_owner')).toEqual(ids.map(() => right.workerId))
  expect(await keyProblem(wrong)).toMatchObject({ code: 'vault.locked' })
  expect(await keyProblem(right)).toBeUndefined()
  // A new plaintext is sealed by the one that has the key.
  await world.db('credentials').where({ account_id: ids[0] }).update({ plaintext: 'newer' })
  await untilAction(world.db, 'encryption.plaintext_sealed')
  expect(await world.db('audit_log').where({ actor: wrong.workerId }).pluck('action')).toEqual([])
})

test('a key that is replaced while the daemon runs: nothing is written until the right one is back', async () => {
  await using scene = await sealedScene()
  const { world, server, key } = scene
  const daemon = await world.start()
  await areAll(scene, null)
  // Replaced by one rename, so that no look finds none.
  writeKey(`${keyFileOf(world)}.new`, foreign)
  renameSync(`${keyFileOf(world)}.new`, keyFileOf(world))
  await areAll(scene, 'vault.key_missing')
  const secrets = await insertPaused(world.db, 5)
  const [before, attempts] = [await digest(world), logins(server)]
  await until(async () => (await keyProblem(daemon))?.hint.includes(hexOf(foreign)))
  await sweep(world, daemon)
  expect(await digest(world)).toBe(before)
  expect(logins(server)).toBe(attempts)
  rmSync(keyFileOf(world))
  writeKey(keyFileOf(world), key)
  const backAt = Date.now()
  await areAll(scene, null)
  expect(Date.now() - backAt).toBeLessThan(resumedWithinMs)
  await until(async () => (await countWhere(world.db, 'plaintext IS NOT NULL')) === 0)
  expect(await wrongOf(world.db, keyFileOf(world), secrets)).toEqual([])
})

test('a key that is deleted during sealing stops it between two batches; back again, it goes on to the end', {
  tags: ['scene'],
}, async () => {
  await using world = await createWorld(hurried)
  const secrets = await insertPaused(world.db, 8_000)
  const key = writeKey(keyFileOf(world))
  const daemon = await world.start()
  await until(async () => (await countWhere(world.db, 'sealed IS NOT NULL')) > 0)
  rmSync(keyFileOf(world))
  await until(async () => await keyProblem(daemon))
  const sealed = await countWhere(world.db, 'sealed IS NOT NULL')
  expect(sealed).toBeLessThan(secrets.size)
  await sweep(world, daemon)
  expect(await countWhere(world.db, 'sealed IS NOT NULL')).toBe(sealed)
  expect(await countWhere(world.db, 'plaintext IS NOT NULL')).toBe(secrets.size - sealed)
  writeKey(keyFileOf(world), key)
  const backAt = Date.now()
  await until(async () => (await countWhere(world.db, 'sealed IS NOT NULL')) > sealed)
  expect(Date.now() - backAt).toBeLessThan(resumedWithinMs)
  await untilAction(world.db, 'encryption.on')
  expect(await wrongOf(world.db, keyFileOf(world), secrets)).toEqual([])
})

/** Waits until files that were there at the daemon's start are taken for whole: a few beats of 1.25 s. */
async function settle({ db }: World, { workerId }: Daemon): Promise<void> {
  const seenAt = async (): Promise<Date> =>
    (await db('workers').where({ id: workerId }).first('last_seen_at')).last_seen_at
  const startedAt = await seenAt()
  await until(async () => (await seenAt()).getTime() - startedAt.getTime() > 3_000)
}

test('two hosts with different keys: neither is adopted until one key is on both', async () => {
  await using world = await createWorld(hurried)
  const secrets = await insertPaused(world.db, 10)
  const elsewhere = path.join(world.directory, 'elsewhere', 'encryption-key.bin')
  const key = writeKey(keyFileOf(world))
  writeKey(elsewhere, foreign)
  chmodSync(path.dirname(elsewhere), 0o700)
  const starting = [world.start(), world.start({ LETTERLOCK_ENCRYPTION_KEY_FILE: elsewhere })]
  const [one, other] = (await Promise.all(starting)) as [Daemon, Daemon]
  await settle(world, other)
  await sweep(world, one)
  await sweep(world, other)
  expect(await actionsOf(world.db)).toEqual([])
  expect(await countWhere(world.db, 'sealed IS NOT NULL')).toBe(0)
  writeFileSync(`${elsewhere}.new`, key, { mode: 0o600 })
  renameSync(`${elsewhere}.new`, elsewhere)
  await untilAction(world.db, 'encryption.on')
  expect(await world.db('encryption_keys').pluck('state')).toEqual(['active'])
  expect(await wrongOf(world.db, keyFileOf(world), secrets)).toEqual([])
  expect(await wrongOf(world.db, elsewhere, secrets)).toEqual([])
})

test('one damaged row of a hundred: the others poll, the one waits and is named', { tags: ['scene'] }, async () => {
  await using world = await createWorld({ LETTERLOCK_POLL_KEEP_CONNECTIONS: '0' })
  await using server = await startScriptedServer()
  const ids: number[] = []
  for (let i = 0; i < 100; i++)
    ids.push(await world.add(server.destination, `secret ${i}`, { address: `a${i}@example.com`, enabled: false }))
  const damaged = ids[41] ?? 0
  writeKey(keyFileOf(world))
  await world.start()
  await untilAction(world.db, 'encryption.on')
  await world.db.raw(
    "UPDATE credentials SET sealed = CONCAT(LEFT(sealed, LENGTH(sealed) - 1), IF(RIGHT(sealed, 1) = 'x', 'y', 'x')) WHERE account_id = ?",
    [damaged],
  )
  await world.db('accounts').update({ enabled: true })
  await until(
    async () => Number((await world.db('accounts').whereNull('last_attempt_at').count({ n: '*' }))[0]?.n) === 0,
  )
  expect(await world.db('accounts').whereNotNull('code').select('id', 'state', 'code')).toEqual([
    { id: damaged, state: 'waiting', code: 'vault.tampered' },
  ])
  expect((await getAccount(world.db, String(damaged))).hint).toContain(`account set ${damaged}`)
  expect(server.commands.filter(line => line.startsWith('LOGIN')).map(line => line.replace(/.* /, ''))).toHaveLength(99)
  expect(server.commands.join()).not.toContain('secret 41"')
})
