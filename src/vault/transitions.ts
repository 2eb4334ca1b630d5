// The moments at which another key becomes the active one, or none. Each is one transaction that locks the keys alone, looks again at
// what it relies on, writes and audits; it answers false where somebody else was quicker or something changed meanwhile.
import type { Knex } from 'knex'
import { insertAudit } from '../store/audit.ts'
import {
  clearSuperseded,
  countPlaintext,
  countSealed,
  findCredentials,
  findSealedKeyIds,
} from '../store/credentials.ts'
import { inTransaction } from '../store/database.ts'
import {
  findKeys,
  insertKey,
  type KeyRow,
  lockKeyChanges,
  lockKeys,
  readUnsealing,
  updateKey,
  writeUnsealing,
} from '../store/encryption-keys.ts'
import { findLiveWorkers } from '../store/workers.ts'
import { opensCanary, sealCanary } from './canary.ts'
import type { Key } from './envelope.ts'

type Keys = { active?: KeyRow; next?: KeyRow }

async function change(db: Knex, work: (trx: Knex.Transaction, keys: Keys) => Promise<boolean>): Promise<boolean> {
  return await inTransaction(db, async trx => {
    await lockKeyChanges(trx)
    return await work(trx, await lockKeys(trx, 'alone'))
  })
}

async function isHeldByAll(trx: Knex, key: Key): Promise<boolean> {
  return (await findLiveWorkers(trx)).every(worker => worker.keyIds.includes(key.hex))
}

async function isNew(trx: Knex, key: Key): Promise<boolean> {
  return (await findKeys(trx)).every(row => row.keyHex !== key.hex)
}

/** off → sealing: the key that appeared is the active one from now on. */
export async function adoptKey(db: Knex, key: Key, actor: string): Promise<boolean> {
  return await change(db, async (trx, { active }) => {
    if (active !== undefined) return false
    await clearSuperseded(trx)
    if ((await findSealedKeyIds(trx)).length > 0) return false
    if (!(await isNew(trx, key)) || !(await isHeldByAll(trx, key))) return false
    await insertKey(trx, key.hex, 'active', sealCanary(key))
    const plaintext = await countPlaintext(trx)
    await insertAudit(trx, { actor, action: 'encryption.sealing', detail: { key: key.hex, plaintext } })
    return true
  })
}

/** sealing → on: nothing is plaintext any more. */
export async function completeSealing(db: Knex, actor: string): Promise<boolean> {
  return await change(db, async (trx, { active }) => {
    if (active === undefined || active.completedAt !== null || (await countPlaintext(trx)) > 0) return false
    await updateKey(trx, active.keyHex, { completed: true })
    const sealed = (await countSealed(trx)).get(active.keyHex) ?? 0
    await insertAudit(trx, { actor, action: 'encryption.on', detail: { key: active.keyHex, sealed } })
    return true
  })
}

/** on → rotating: from now on everything is written under the next key. */
export async function beginRotation(db: Knex, key: Key, actor: string): Promise<boolean> {
  return await change(db, async (trx, { active, next }) => {
    if (active === undefined || next !== undefined || (await readUnsealing(trx)) !== undefined) return false
    if (!(await isNew(trx, key)) || !(await isHeldByAll(trx, key))) return false
    await insertKey(trx, key.hex, 'next', sealCanary(key))
    const detail = { from: active.keyHex, to: key.hex, sealed: (await countSealed(trx)).get(active.keyHex) ?? 0 }
    await insertAudit(trx, { actor, action: 'encryption.rotating', detail })
    return true
  })
}

/** More rows than these that no held key opens would not be told apart one by one. */
const mostUnreadable = 10_000

/**
 * rotating → on, in the database: the next key is the active one. Only when every row is under it but for those that no key opens
 * (`unreadable`, ids of rows that a pass found so).
 */
export async function finishRotation(db: Knex, unreadable: ReadonlySet<number>, actor: string): Promise<boolean> {
  return await change(db, async (trx, { active, next }) => {
    if (active === undefined || next === undefined) return false
    const left = await findCredentials(trx, { with: 'sealed', notUnder: next.keyHex }, 0, mostUnreadable)
    if (left.some(row => !unreadable.has(row.id))) return false
    await updateKey(trx, active.keyHex, { state: 'retired', retired: true })
    await updateKey(trx, next.keyHex, { state: 'active', completed: true })
    const sealed = (await countSealed(trx)).get(next.keyHex) ?? 0
    const detail = { from: active.keyHex, to: next.keyHex, sealed, unreadable: left.length }
    await insertAudit(trx, { actor, action: 'encryption.rotated', detail })
    return true
  })
}

/** on → unsealing: asked for by somebody who may write to the data directory. */
export async function beginUnsealing(db: Knex, keyHex: string, actor: string): Promise<boolean> {
  return await change(db, async (trx, { active, next }) => {
    if (active?.keyHex !== keyHex || next !== undefined) return false
    await writeUnsealing(trx, keyHex)
    const sealed = (await countSealed(trx)).get(keyHex) ?? 0
    await insertAudit(trx, { actor, action: 'encryption.unsealing', detail: { key: keyHex, sealed } })
    return true
  })
}

/** unsealing → sealing, on second thoughts. */
export async function cancelUnsealing(db: Knex, actor: string): Promise<boolean> {
  return await change(db, async (trx, { active }) => {
    if (active === undefined || (await readUnsealing(trx)) !== active.keyHex) return false
    await writeUnsealing(trx, undefined)
    await insertAudit(trx, { actor, action: 'encryption.unsealing_cancelled', detail: { key: active.keyHex } })
    return true
  })
}

/** unsealing → off: no envelope is left. */
export async function finishUnsealing(db: Knex, actor: string): Promise<boolean> {
  return await change(db, async (trx, { active }) => {
    if (active === undefined || (await readUnsealing(trx)) !== active.keyHex) return false
    // A form that saves the whole row puts an old envelope under its new plaintext again and again.
    await clearSuperseded(trx)
    if ((await findSealedKeyIds(trx)).length > 0) return false
    await updateKey(trx, active.keyHex, { state: 'retired', retired: true })
    await writeUnsealing(trx, undefined)
    const plaintext = await countPlaintext(trx)
    await insertAudit(trx, { actor, action: 'encryption.off', detail: { key: active.keyHex, plaintext } })
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
  return await change(db, async (trx, { active, next }) => {
    if (active?.keyHex !== lostHex || !(await isNew(trx, key))) return false
    const old = find(lostHex)
    if (old !== undefined && opensCanary(old, active)) return false
    await updateKey(trx, lostHex, { state: 'lost' })
    if (next !== undefined) await updateKey(trx, next.keyHex, { state: 'lost' })
    await writeUnsealing(trx, undefined)
    await insertKey(trx, key.hex, 'active', sealCanary(key))
    const sealed = (await countSealed(trx)).get(lostHex) ?? 0
    await insertAudit(trx, { actor, action: 'encryption.recovered', detail: { lost: lostHex, key: key.hex, sealed } })
    return true
  })
}
