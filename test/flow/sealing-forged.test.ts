// Whoever may only write to the database: rows of keys that are made up or rolled back change nothing, and are told everywhere. The control
// of each is the same row signed by who may: it is believed.

import { existsSync, readFileSync, rmSync, utimesSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Daemon } from '../../src/daemon.ts'
import { sentencesForCommand } from '../../src/errors/hints.ts'
import { findKeys, type KeyRow, writeKey as writeRow } from '../../src/store/secrets/encryption-keys.ts'
import { confirmStates } from '../../src/vault/keys/confirm-state.ts'
import { macOf } from '../../src/vault/keys/key-state.ts'
import { keyPathsOf } from '../../src/vault/keys/keyring.ts'
import { retiredName } from '../../src/vault/keys/place-key-file.ts'
import { seenFileOf } from '../../src/vault/keys/seen-states.ts'
import { readStatus } from '../../src/vault/sealing/status.ts'
import { disable, enable } from '../../src/vault/sealing/switches.ts'
import { type Key, toKey } from '../../src/vault/secrets/envelope.ts'
import { createSecretWriter } from '../../src/vault/secrets/write-secret.ts'
import { createWorld, until, type World } from '../support/daemon.ts'
import {
  countWhere,
  hexOf,
  insertPaused,
  keyFileOf,
  ringOf,
  sweep,
  untilAction,
  writeKey,
  writeProof,
  wrongOf,
} from '../support/sealing.ts'

const forged = 'encryption.state_forged'

let world: World
let daemon: Daemon
let secrets: Map<number, string>
let account: number
/** Retired by a rotation, and in the hands of an attacker. */
let leaked: Key
let key: Key
/** Signed and true, as a test may put them back. */
let rows: KeyRow[]
let dump: KeyRow[]

beforeAll(async () => {
  world = await createWorld()
  secrets = await insertPaused(world.db, 3)
  account = [...secrets.keys()][0] ?? 0
  const first = writeKey(keyFileOf(world))
  daemon = await world.start()
  await untilAction(world.db, 'encryption.on')
  dump = await findKeys(world.db)
  const second = writeKey(keyFileOf(world).replace(/\.bin$/, '.next.bin'))
  await untilAction(world.db, 'encryption.rotated')
  await until(async () => (await status()).state === 'on')
  await sweep(world, daemon)
  leaked = toKey(Buffer.from(first))
  key = toKey(Buffer.from(second))
  rows = await findKeys(world.db)
})
afterAll(() => world[Symbol.asyncDispose]())

const place = () => keyPathsOf(keyFileOf(world), {})
const status = () => readStatus(world.db, place(), new Date())
const proofFile = () => path.join(world.directory, 'can-disable-encryption.txt')

/** Puts the true rows back: what a host has seen it goes on believing. */
async function replaceRows(by: readonly KeyRow[]): Promise<void> {
  await world.db('encryption_keys').delete()
  for (const row of by) await writeRow(world.db, row)
}

beforeEach(async () => {
  rmSync(proofFile(), { force: true })
  await world.db('settings').where({ name: 'encryption_unsealing' }).delete()
  await replaceRows(rows)
  await world.db('audit_log').where({ action: forged }).delete()
  await sweep(world, daemon)
  expect(await problems()).toEqual([])
  expect((await fetch(`${daemon.url}/ready`)).status).toBe(200)
})

const beside = ['backup.unproven', 'plaintext.written']
const problems = async () => (await status()).problems.filter(({ code }) => !beside.includes(code))

/** What holds after a row was forged: it is told everywhere, and nothing has changed. */
async function expectNothingChanged(hint: string): Promise<void> {
  await world.db('credentials').where({ account_id: account }).update({ plaintext: 'newer' })
  secrets.set(account, 'newer')
  await sweep(world, daemon)
  const now = await status()
  expect(now).toMatchObject({ state: 'on', keyId: key.hex })
  expect(now.problems.filter(({ code }) => code === forged).map(problem => sentencesForCommand(problem))).toEqual(
    expect.arrayContaining([expect.stringContaining(hint)]),
  )
  const ready = await fetch(`${daemon.url}/ready`)
  expect(ready.status).toBe(503)
  expect(await ready.text()).toContain(forged)
  expect(await world.db('audit_log').where({ action: forged }).pluck('actor')).toContain(daemon.workerId)
  // The file is where it was, and what was typed or written meanwhile is sealed under it, and under no other.
  expect(ringOf(world).current).toMatchObject({ kind: 'valid', key: { hex: key.hex } })
  await world.db.transaction(trx => createSecretWriter(place())(trx, account, 'typed'))
  secrets.set(account, 'typed')
  expect(await countWhere(world.db, 'plaintext IS NOT NULL')).toBe(0)
  expect(await countWhere(world.db, `sealed_key_id <> UNHEX('${key.hex}')`)).toBe(0)
  expect(await wrongOf(world.db, keyFileOf(world), secrets)).toEqual([])
}

const update = (keyHex: string, change: Record<string, unknown>) =>
  world
    .db('encryption_keys')
    .where({ key_id: Buffer.from(keyHex, 'hex') })
    .update(change)

/** A row that an attacker signs with a key that has leaked. */
async function signLeaked(change: Partial<KeyRow>): Promise<void> {
  const [row] = (await findKeys(world.db)).filter(({ keyHex }) => keyHex === leaked.hex)
  const forgedRow = { ...(row as KeyRow), ...change, epoch: 1_000_000 }
  await writeRow(world.db, { ...forgedRow, mac: macOf(leaked, forgedRow) })
}

test('a key that was set to retired by SQL had its file renamed, and the next password was stored in plaintext', async () => {
  await update(key.hex, { state: 'retired' })
  await expectNothingChanged(`the key ${key.hex} is retired`)
})

test('a key whose signature was taken away with its state counts as given up neither', async () => {
  await update(key.hex, { state: 'lost', epoch: 0, state_mac: null })
  await expectNothingChanged(`the key ${key.hex} is lost`)
})

test('a deleted row, or all of them, is not the end of encryption', async () => {
  await world.db('encryption_keys').delete()
  await expectNothingChanged(`knows nothing of the key ${key.hex}`)
})

test('a leaked retired key that was set to next had every secret sealed under it within seconds', async () => {
  await update(leaked.hex, { state: 'next' })
  await expectNothingChanged(`the key ${leaked.hex} is next`)
  await signLeaked({ state: 'next' })
  await expectNothingChanged(`the key ${leaked.hex} is next`)
})

test('a leaked retired key that was made the active one, signed by who holds it, seals nothing', async () => {
  await update(key.hex, { state: 'retired' })
  await signLeaked({ state: 'active' })
  await expectNothingChanged(`the key ${leaked.hex} is active`)
})

test('a rotation to a key that nobody here holds stopped the sealing', async () => {
  const other = { ...(rows[0] as KeyRow), keyHex: '00112233445566ff', state: 'next' as const, mac: null, epoch: 0 }
  await writeRow(world.db, other)
  await world.db('credentials').where({ account_id: account }).update({ plaintext: 'newer' })
  secrets.set(account, 'newer')
  await sweep(world, daemon)
  expect((await problems()).map(({ code }) => code)).toEqual(['next_key_file.missing'])
  expect(await countWhere(world.db, 'plaintext IS NOT NULL')).toBe(0)
  expect(await wrongOf(world.db, keyFileOf(world), secrets)).toEqual([])
})

test('a row of before, signed as it was, is told from the one that was seen last', async () => {
  await replaceRows(dump)
  await expectNothingChanged(`the key ${leaked.hex} is active, as it once was`)
})

test('a backup that was never proven is not by a date that somebody wrote', async () => {
  await update(key.hex, { backup_proven_at: new Date() })
  await expectNothingChanged(`the key ${key.hex} is active`)
  expect((await status()).backup).toBeNull()
})

test('turning off that was asked for by SQL alone turned sealing off, and with a proof left over everything was unsealed', async () => {
  await world.db('settings').insert({ name: 'encryption_unsealing', value: key.hex })
  await expectNothingChanged('letterlock encryption enable')
  writeProof(world, key.hex)
  await expectNothingChanged('omebody asked in the database')
  expect((await problems()).map(({ code }) => code)).toContain('proof_file.left')
  // The row, too, is signed: to write the time of a request into it is not enough.
  await update(key.hex, { unsealing_at: new Date() })
  await expectNothingChanged(`the key ${key.hex} is active`)
  await replaceRows(rows)
  await enable(world.db, place(), 'test')
  await sweep(world, daemon)
  expect(await problems()).toEqual([])
  expect(existsSync(proofFile())).toBe(false)
})

test('a proof that was left over is none, and one that lies about is told', async () => {
  writeProof(world, key.hex)
  const old = new Date(Date.now() - 16 * 60_000)
  utimesSync(proofFile(), old, old)
  await expect(disable(world.db, await status(), place(), 'test')).rejects.toThrow('in the last 15 minutes')
  expect((await problems()).map(({ code }) => code)).toEqual(['proof_file.left'])
  await sweep(world, daemon)
  expect(await countWhere(world.db, 'plaintext IS NOT NULL')).toBe(0)
})

test('rows that 0.3.0 wrote are signed once; of the key in its place they are not believed that it was given up', async () => {
  const unsigned = rows.map(row => ({ ...row, epoch: 0, mac: null }))
  rmSync(seenFileOf(place()))
  await replaceRows(unsigned.map(row => ({ ...row, state: row.keyHex === key.hex ? 'retired' : row.state })))
  await sweep(world, daemon)
  expect((await problems()).map(problem => sentencesForCommand(problem))).toEqual(
    expect.arrayContaining([expect.stringContaining('from a version that signed nothing')]),
  )
  expect(existsSync(keyFileOf(world))).toBe(true)
  const write = world.db.transaction(trx => createSecretWriter(place())(trx, account, 'typed'))
  await expect(write).rejects.toThrow(/cannot be sealed|not stored in plaintext/)
  expect(await countWhere(world.db, 'plaintext IS NOT NULL')).toBe(0)

  await replaceRows(unsigned)
  await sweep(world, daemon)
  expect(await problems()).toEqual([])
  expect((await findKeys(world.db)).map(({ epoch, mac }) => [epoch, mac?.length])).toEqual([
    [1, 32],
    [1, 32],
  ])
  rows = await findKeys(world.db)
})

test('an older database was restored: it is told, and a person says which keys hold', async () => {
  await replaceRows(dump)
  await sweep(world, daemon)
  expect((await problems()).map(problem => sentencesForCommand(problem)).join()).toContain(
    'Was an older backup of the database restored?',
  )
  expect(await wrongOf(world.db, keyFileOf(world), secrets)).toEqual([])
  // This host's key goes on being used.
  await confirmStates(world.db, ringOf(world), 'host', 'test')
  await sweep(world, daemon)
  expect(await problems()).toEqual([])
  expect(await status()).toMatchObject({ state: 'on', keyId: key.hex, unreadable: 0 })
  rows = await findKeys(world.db)

  // The key of that time is used again: `encryption status` says which file to move.
  await replaceRows(dump)
  await confirmStates(world.db, ringOf(world), 'database', 'test')
  await sweep(world, daemon)
  expect((await problems()).map(({ code }) => code)).toEqual(['key_file.other_key'])
  expect(existsSync(retiredName(keyFileOf(world), leaked.hex))).toBe(true)
  await expect(confirmStates(world.db, ringOf(world), 'host', 'test')).rejects.toThrow('nothing is in doubt')
  expect(hexOf(readFileSync(keyFileOf(world)))).toBe(key.hex)
})
