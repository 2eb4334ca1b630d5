// The keys that this installation knows by their ids, and how far it is with them. No key material is here, only a canary for each: an
// envelope that the right key opens. Every batch that writes envelopes shares a lock on the active key's row; whoever changes which key
// is active takes it alone, so that nobody writes under a key that was replaced meanwhile.
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
}

const columns = ['key_id', 'state', 'canary', 'adopted_at', 'completed_at', 'backup_proven_at'] as const

interface Row {
  key_id: Buffer
  state: KeyState
  canary: Buffer
  adopted_at: Date
  completed_at: Date | null
  backup_proven_at: Date | null
}

function toKeyRow(row: Row): KeyRow {
  return {
    keyHex: row.key_id.toString('hex'),
    state: row.state,
    canary: row.canary,
    adoptedAt: row.adopted_at,
    completedAt: row.completed_at,
    backupProvenAt: row.backup_proven_at,
  }
}

/** All keys ever known, oldest first. */
export async function findKeys(db: Knex): Promise<KeyRow[]> {
  const rows: Row[] = await db('encryption_keys').orderBy('adopted_at').select(columns)
  return rows.map(toKeyRow)
}

/** Ids (hex) of the keys that a worker must hold to open what is sealed now: the active one and, in a rotation, the next. */
export async function findActiveKeyIds(db: Knex): Promise<string[]> {
  const ids: Buffer[] = await db('encryption_keys').whereIn('state', ['active', 'next']).pluck('key_id')
  return ids.map(id => id.toString('hex'))
}

/** The active key and the one that follows it, locked until the transaction ends: shared by those who write rows, alone to change keys. */
export async function lockKeys(trx: Knex, lock: 'shared' | 'alone'): Promise<{ active?: KeyRow; next?: KeyRow }> {
  const query = trx('encryption_keys').where({ active_slot: 1 }).select(columns)
  const [active] = ((await (lock === 'shared' ? query.forShare() : query.forUpdate())) as Row[]).map(toKeyRow)
  // Read without a lock, and after it: who makes or ends a `next` key has locked the active one alone.
  const [next] = ((await trx('encryption_keys').where({ state: 'next' }).select(columns)) as Row[]).map(toKeyRow)
  return { ...(active === undefined ? {} : { active }), ...(next === undefined ? {} : { next }) }
}

export async function insertKey(db: Knex, keyHex: string, state: 'active' | 'next', canary: Buffer): Promise<void> {
  await db('encryption_keys').insert({ key_id: Buffer.from(keyHex, 'hex'), state, canary })
}

export async function updateKey(
  db: Knex,
  keyHex: string,
  change: { state?: KeyState; completed?: true; backupProven?: true; retired?: true },
): Promise<void> {
  const now = db.raw('UTC_TIMESTAMP(3)')
  await db('encryption_keys')
    .where({ key_id: Buffer.from(keyHex, 'hex') })
    .update({
      ...(change.state === undefined ? {} : { state: change.state }),
      ...(change.completed === undefined ? {} : { completed_at: now }),
      ...(change.backupProven === undefined ? {} : { backup_proven_at: now }),
      ...(change.retired === undefined ? {} : { retired_at: now }),
    })
}

export async function deleteKey(db: Knex, keyHex: string): Promise<void> {
  await db('encryption_keys')
    .where({ key_id: Buffer.from(keyHex, 'hex') })
    .delete()
}

const unsealingSetting = 'encryption_unsealing'
const lastPlaintextSetting = 'encryption_last_plaintext'
const scrubbedSetting = 'encryption_scrubbed_at'

/** The id of the key that is being given up (`encryption disable`), or undefined. */
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
  const { at, accountId } = JSON.parse(row.value) as { at: string; accountId: number }
  return { at: new Date(at), accountId }
}

export async function writePlaintextSeen(db: Knex, accountId: number): Promise<void> {
  const [[row]] = (await db.raw('SELECT UTC_TIMESTAMP(3) AS at')) as [[{ at: Date }]]
  await writeSetting(db, lastPlaintextSetting, JSON.stringify({ at: row.at.toISOString(), accountId }))
}

/** When a scrub last ended that reached all it should. */
export async function readScrubbedAt(db: Knex): Promise<Date | null> {
  const row = await db('settings').where({ name: scrubbedSetting }).first('value')
  return row === undefined ? null : new Date(row.value)
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
