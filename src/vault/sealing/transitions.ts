// The moments at which another key becomes the active one, or none. Each is one transaction that locks the keys alone, looks again at
// what it relies on, writes and audits; it answers false where somebody else was quicker, something changed meanwhile, or the rows of the
// keys are not to be believed. Whatever is written is signed under the key that it is about, with the next epoch.
import type { Knex } from 'knex'
import { findLiveWorkers } from '../../store/accounts/leases.ts'
import { inTransaction } from '../../store/db/database.ts'
import { insertAudit } from '../../store/people/audit.ts'
import {
  clearSuperseded,
  countPlaintext,
  countSealed,
  findCredentials,
  findSealedKeyIds,
} from '../../store/secrets/credential-rows.ts'
import {
  findKeys,
  type KeyRow,
  lockKeyChanges,
  lockKeys,
  readClock,
  writeKey,
  writeUnsealing,
} from '../../store/secrets/encryption-keys.ts'
import { opensCanary, sealCanary } from '../keys/canary.ts'
import { macOf } from '../keys/key-state.ts'
import type { Keyring } from '../keys/keyring.ts'
import { readStates, type States } from '../keys/read-states.ts'
import { rememberUnsealing } from '../keys/seen-states.ts'
import type { Key } from '../secrets/envelope.ts'

async function change<T>(db: Knex, work: (trx: Knex.Transaction) => Promise<T>): Promise<T> {
  return await inTransaction(db, async trx => {
    await lockKeyChanges(trx)
    await lockKeys(trx, 'alone')
    return await work(trx)
  })
}

/** The same, where the rows of the keys are to be believed. */
async function changeBelieved(
  db: Knex,
  ring: Keyring,
  work: (trx: Knex.Transaction, states: States) => Promise<boolean>,
): Promise<boolean> {
  return await change(db, async trx => {
    const states = await readStates(trx, ring)
    return states.forgeries.length === 0 && (await work(trx, states))
  })
}

async function isHeldByAll(trx: Knex, key: Key): Promise<boolean> {
  return (await findLiveWorkers(trx)).every(worker => worker.keyIds.includes(key.hex))
}

async function isNew(trx: Knex, key: Key): Promise<boolean> {
  return (await findKeys(trx)).every(row => row.keyHex !== key.hex)
}

type RowChange = Partial<Pick<KeyRow, 'state' | 'completedAt' | 'backupProvenAt' | 'unsealingAt'>>

/** A key's first row. `epoch`: higher where this key had one before. */
export async function insertSigned(
  trx: Knex,
  key: Key,
  change: RowChange & Pick<KeyRow, 'state'>,
  epoch = 1,
): Promise<void> {
  const empty = { completedAt: null, backupProvenAt: null, unsealingAt: null }
  const row = { ...empty, ...change, keyHex: key.hex, canary: sealCanary(key), epoch }
  await writeKey(trx, { ...row, mac: macOf(key, row) })
}

/** Changes a key's row, and signs it as it is then; the caller has locked the keys alone, and believes the row. */
export async function updateSigned(trx: Knex, key: Key, change: RowChange): Promise<void> {
  const before = (await findKeys(trx)).find(row => row.keyHex === key.hex)
  if (before === undefined) return
  const row = { ...before, ...change, epoch: before.epoch + 1 }
  await writeKey(trx, { ...row, mac: macOf(key, row) })
}

/** Of a key that is lost: nobody can sign its row. */
async function writeLost(trx: Knex, keyHex: string): Promise<void> {
  const row = (await findKeys(trx)).find(found => found.keyHex === keyHex)
  if (row !== undefined) await writeKey(trx, { ...row, state: 'lost', unsealingAt: null, mac: null })
}

/** off → sealing: the key that appeared is the active one from now on. */
export async function adoptKey(db: Knex, key: Key, actor: string): Promise<boolean> {
  return await change(db, async trx => {
    if ((await findKeys(trx)).some(row => row.state === 'active')) return false
    await clearSuperseded(trx)
    if ((await findSealedKeyIds(trx)).length > 0) return false
    if (!(await isNew(trx, key)) || !(await isHeldByAll(trx, key))) return false
    await insertSigned(trx, key, { state: 'active' })
    // Asked for by nobody: there was no key.
    await writeUnsealing(trx, undefined)
    const plaintext = await countPlaintext(trx)
    await insertAudit(trx, { actor, action: 'encryption.sealing', detail: { key: key.hex, plaintext } })
    return true
  })
}

/** Signs rows that 0.3.0 wrote and that this host believes. */
export async function signKeys(db: Knex, ring: Keyring, actor: string): Promise<boolean> {
  return await changeBelieved(db, ring, async (trx, { unsigned }) => {
    for (const keyHex of unsigned) {
      const key = ring.find(keyHex)
      if (key !== undefined) await updateSigned(trx, key, { unsealingAt: null })
    }
    if (unsigned.length > 0)
      await insertAudit(trx, { actor, action: 'encryption.states_signed', detail: { keys: unsigned.join(' ') } })
    return unsigned.length > 0
  })
}

/** sealing → on: nothing is plaintext any more. */
export async function completeSealing(db: Knex, ring: Keyring, actor: string): Promise<boolean> {
  return await changeBelieved(db, ring, async (trx, { active }) => {
    const key = active && ring.find(active.keyHex)
    if (key === undefined || active?.completed || (await countPlaintext(trx)) > 0) return false
    await updateSigned(trx, key, { completedAt: await readClock(trx) })
    const sealed = (await countSealed(trx)).get(key.hex) ?? 0
    await insertAudit(trx, { actor, action: 'encryption.on', detail: { key: key.hex, sealed } })
    return true
  })
}

/** on → rotating: from now on everything is written under the next key. */
export async function beginRotation(db: Knex, ring: Keyring, key: Key, actor: string): Promise<boolean> {
  return await changeBelieved(db, ring, async (trx, { active, next, foreignNext }) => {
    if (active === undefined || (next?.keyHex ?? foreignNext) !== undefined || active.unsealingAt !== null) return false
    if (!(await isNew(trx, key)) || !(await isHeldByAll(trx, key))) return false
    await insertSigned(trx, key, { state: 'next' })
    const detail = { from: active.keyHex, to: key.hex, sealed: (await countSealed(trx)).get(active.keyHex) ?? 0 }
    await insertAudit(trx, { actor, action: 'encryption.rotating', detail })
    return true
  })
}

/** More rows than these that no held key opens would not be told apart one by one. */
const maxUnreadable = 10_000

/**
 * rotating → on, in the database: the next key is the active one. Only when every row is under it but for those that no key opens
 * (`unreadable`, ids of rows that a pass found so).
 */
export async function finishRotation(
  db: Knex,
  ring: Keyring,
  unreadable: ReadonlySet<number>,
  actor: string,
): Promise<boolean> {
  return await changeBelieved(db, ring, async (trx, { active, next }) => {
    const [from, to] = [active && ring.find(active.keyHex), next && ring.find(next.keyHex)]
    if (from === undefined || to === undefined) return false
    const left = await findCredentials(trx, { with: 'sealed', notUnder: to.hex }, 0, maxUnreadable)
    if (left.some(row => !unreadable.has(row.id))) return false
    await updateSigned(trx, from, { state: 'retired' })
    await updateSigned(trx, to, { state: 'active', completedAt: await readClock(trx) })
    const sealed = (await countSealed(trx)).get(to.hex) ?? 0
    const detail = { from: from.hex, to: to.hex, sealed, unreadable: left.length }
    await insertAudit(trx, { actor, action: 'encryption.rotated', detail })
    return true
  })
}

/** on → unsealing: asked for on this host, by somebody who may write to the data directory. Throws where that cannot be noted here. */
export async function beginUnsealing(db: Knex, ring: Keyring, keyHex: string, actor: string): Promise<boolean> {
  return await changeBelieved(db, ring, async (trx, { active, next }) => {
    const key = ring.find(keyHex)
    if (active?.keyHex !== keyHex || key === undefined || next !== undefined) return false
    // Asked for on another host already: from now on this one does it too.
    const unsealingAt = active.unsealingAt ?? (await readClock(trx))
    rememberUnsealing(ring.keyPaths, { keyHex, at: unsealingAt.toISOString() })
    if (active.unsealingAt !== null) return true
    await updateSigned(trx, key, { unsealingAt })
    // Read by hosts of 0.3.0.
    await writeUnsealing(trx, keyHex)
    const sealed = (await countSealed(trx)).get(keyHex) ?? 0
    await insertAudit(trx, { actor, action: 'encryption.unsealing', detail: { key: keyHex, sealed } })
    return true
  })
}

/** unsealing → sealing, on second thoughts; also where somebody asked for it in the database alone. */
export async function cancelUnsealing(db: Knex, ring: Keyring, actor: string): Promise<boolean> {
  return await change(db, async trx => {
    const { active, forgeries } = await readStates(trx, ring)
    const key = active && ring.find(active.keyHex)
    if (key === undefined) return false
    const isMadeUp = forgeries.some(({ kind }) => kind === 'unsealing')
    if (active?.unsealingAt) await updateSigned(trx, key, { unsealingAt: null })
    else if (!isMadeUp) return false
    await writeUnsealing(trx, undefined)
    await insertAudit(trx, { actor, action: 'encryption.unsealing_cancelled', detail: { key: key.hex } })
    return true
  })
}

/** unsealing → off: no envelope is left. */
export async function finishUnsealing(db: Knex, ring: Keyring, actor: string): Promise<boolean> {
  return await changeBelieved(db, ring, async (trx, { active }) => {
    const key = active && ring.find(active.keyHex)
    if (key === undefined || !active?.unsealingAt) return false
    // A form that saves the whole row puts an old envelope under its new plaintext again and again.
    await clearSuperseded(trx)
    if ((await findSealedKeyIds(trx)).length > 0) return false
    await updateSigned(trx, key, { state: 'retired' })
    await writeUnsealing(trx, undefined)
    const plaintext = await countPlaintext(trx)
    await insertAudit(trx, { actor, action: 'encryption.off', detail: { key: key.hex, plaintext } })
    return true
  })
}

/**
 * locked → sealing, when the old key is lost for good: the key in place becomes the active one. What the old one sealed stays as it
 * is, unreadable. False where the old key is not the active one, or is not lost at all (`find` has it).
 */
export async function recover(
  db: Knex,
  key: Key,
  lostHex: string,
  find: (keyHex: string) => Key | undefined,
  actor: string,
): Promise<boolean> {
  return await change(db, async trx => {
    const rows = await findKeys(trx)
    const active = rows.find(row => row.state === 'active')
    if (active?.keyHex !== lostHex || !(await isNew(trx, key))) return false
    const old = find(lostHex)
    if (old !== undefined && opensCanary(old, active)) return false
    await writeLost(trx, lostHex)
    for (const row of rows) if (row.state === 'next') await writeLost(trx, row.keyHex)
    await writeUnsealing(trx, undefined)
    await insertSigned(trx, key, { state: 'active' })
    const sealed = (await countSealed(trx)).get(lostHex) ?? 0
    await insertAudit(trx, { actor, action: 'encryption.recovered', detail: { lost: lostHex, key: key.hex, sealed } })
    return true
  })
}
