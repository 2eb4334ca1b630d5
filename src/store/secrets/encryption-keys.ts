// The keys that this installation knows by their ids, and how far it is with them. No key material is here, only a canary for each (an
// envelope that the right key opens) and a MAC of the row (vault/keys/key-state.ts): what a row says counts only where that fits. Every batch
// that writes envelopes shares a lock on the active key's row; whoever changes which key is active takes it alone, so that nobody writes
// under a key that was replaced meanwhile.
import type { Knex } from 'knex'

export type KeyState = 'active' | 'next' | 'retired' | 'lost'

export interface KeyRow {
  /** The key's id, in hex. */
  keyHex: string
  state: KeyState
  canary: Buffer
  adoptedAt: Date
  completedAt: Date | null
  backupProvenAt: Date | null
  /** When turning encryption off was asked for. */
  unsealingAt: Date | null
  /** Grows with every change; 0: 0.3.0 wrote it. */
  epoch: number
  mac: Buffer | null
}

const columns = [
  ...(['key_id', 'state', 'canary', 'adopted_at', 'completed_at'] as const),
  ...(['backup_proven_at', 'unsealing_at', 'epoch', 'state_mac'] as const),
]

interface Row {
  key_id: Buffer
  state: KeyState
  canary: Buffer
  adopted_at: Date
  completed_at: Date | null
  backup_proven_at: Date | null
  unsealing_at: Date | null
  epoch: number | string
  state_mac: Buffer | null
}

function toKeyRow(row: Row): KeyRow {
  return {
    keyHex: row.key_id.toString('hex'),
    state: row.state,
    canary: row.canary,
    adoptedAt: row.adopted_at,
    completedAt: row.completed_at,
    backupProvenAt: row.backup_proven_at,
    unsealingAt: row.unsealing_at,
    epoch: Number(row.epoch),
    mac: row.state_mac,
  }
}

/** All keys ever known, oldest first. */
export async function findKeys(db: Knex): Promise<KeyRow[]> {
  const rows: Row[] = await db('encryption_keys').orderBy('adopted_at').select(columns)
  return rows.map(toKeyRow)
}

/**
 * Keeps the keys as they are until the transaction ends: shared by those who write secrets, alone to change keys. Where the active key's row
 * has gone, or there is none, the row that changes of keys begin with is locked in its place.
 */
export async function lockKeys(trx: Knex, lock: 'shared' | 'alone'): Promise<void> {
  const query = trx('encryption_keys').where({ active_slot: 1 }).select('key_id')
  const active: unknown[] = await (lock === 'shared' ? query.forShare() : query.forUpdate())
  if (active.length === 0 && lock === 'shared') await trx('schema_version').forShare().first('id')
}

/** Writes the row as it is to be, signed by the caller. */
export async function writeKey(db: Knex, row: Omit<KeyRow, 'adoptedAt'>): Promise<void> {
  const key_id = Buffer.from(row.keyHex, 'hex')
  const values = {
    state: row.state,
    canary: row.canary,
    completed_at: row.completedAt,
    backup_proven_at: row.backupProvenAt,
    unsealing_at: row.unsealingAt,
    epoch: row.epoch,
    state_mac: row.mac,
  }
  const retired = row.state === 'retired' ? { retired_at: db.raw('COALESCE(retired_at, UTC_TIMESTAMP(3))') } : {}
  const changed = await db('encryption_keys')
    .where({ key_id })
    .update({ ...values, ...retired })
  if (changed === 0) await db('encryption_keys').insert({ key_id, ...values })
}

export async function deleteKey(db: Knex, keyHex: string): Promise<void> {
  await db('encryption_keys')
    .where({ key_id: Buffer.from(keyHex, 'hex') })
    .delete()
}

/** The database's clock. */
export async function readClock(db: Knex): Promise<Date> {
  const [[row]] = (await db.raw('SELECT UTC_TIMESTAMP(3) AS now')) as [[{ now: Date }]]
  return row.now
}

const unsealingSetting = 'encryption_unsealing'
const lastPlaintextSetting = 'encryption_last_plaintext'
const scrubbedSetting = 'encryption_scrubbed_at'

/**
 * The id of the key that is said to be given up, or undefined. Hosts of 0.3.0 take it for the request; here the key's signed row is, and
 * this alone is a made-up one.
 */
export async function readUnsealing(db: Knex): Promise<string | undefined> {
  return (await db('settings').where({ name: unsealingSetting }).first('value'))?.value
}

export async function writeUnsealing(db: Knex, keyHex: string | undefined): Promise<void> {
  if (keyHex === undefined) return void (await db('settings').where({ name: unsealingSetting }).delete())
  await writeSetting(db, unsealingSetting, keyHex)
}

/** When a plaintext last turned up in a sealed database, and in which account. */
export interface PlaintextSeen {
  at: Date
  accountId: number
}

export async function readPlaintextSeen(db: Knex): Promise<PlaintextSeen | undefined> {
  const row = await db('settings').where({ name: lastPlaintextSetting }).first('value')
  if (row === undefined) return undefined
  try {
    const { at, accountId } = JSON.parse(row.value) as Record<string, unknown>
    const seen = { at: new Date(String(at)), accountId: Number(accountId) }
    return Number.isSafeInteger(seen.accountId) && !Number.isNaN(seen.at.getTime()) ? seen : undefined
  } catch {
    // Whoever wrote it, it tells nothing.
    return undefined
  }
}

export async function writePlaintextSeen(db: Knex, accountId: number): Promise<void> {
  const at = await readClock(db)
  await writeSetting(db, lastPlaintextSetting, JSON.stringify({ at: at.toISOString(), accountId }))
}

/** When a scrub last ended that reached all it should. */
export async function readScrubbedAt(db: Knex): Promise<Date | null> {
  const row = await db('settings').where({ name: scrubbedSetting }).first('value')
  const at = new Date(row?.value)
  return Number.isNaN(at.getTime()) ? null : at
}

export async function writeScrubbedAt(db: Knex, at: Date): Promise<void> {
  await writeSetting(db, scrubbedSetting, at.toISOString())
}

async function writeSetting(db: Knex, name: string, value: string): Promise<void> {
  await db('settings').insert({ name, value }).onConflict().merge({ value })
}

/** Makes changes of keys wait for each other where there is no active key to lock. */
export async function lockKeyChanges(trx: Knex.Transaction): Promise<void> {
  await trx('schema_version').forUpdate().first('id')
}
