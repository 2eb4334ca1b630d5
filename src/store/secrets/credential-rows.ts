// The table of secrets. Plaintexts are read as bytes, so that they can be wiped, and never stand in a statement that seals them.
import type { Knex } from 'knex'

export interface CredentialRow {
  id: number
  accountId: number
  kind: 'password' | 'oauth-refresh-token' | 'oauth-client-secret'
  /** UTF-8; newer than `sealed` where both are set. The reader wipes it. */
  plaintext: Buffer | null
  sealed: Buffer | null
}

interface Row {
  id: number
  account_id: number
  kind: CredentialRow['kind']
  plaintext: Buffer | null
  sealed: Buffer | null
}

function select(db: Knex): Knex.QueryBuilder {
  return db('credentials').select(
    'id',
    'account_id',
    'kind',
    db.raw('CAST(plaintext AS BINARY) AS plaintext'),
    'sealed',
  )
}

function toCredential({ account_id, ...row }: Row): CredentialRow {
  return { ...row, accountId: account_id }
}

/** An account's secret, or undefined. */
export async function findCredential(
  db: Knex,
  accountId: number,
  kind: CredentialRow['kind'],
): Promise<CredentialRow | undefined> {
  const [row] = (await select(db).where({ account_id: accountId, kind })) as Row[]
  return row === undefined ? undefined : toCredential(row)
}

/** All secrets of an account. */
export async function findAccountCredentials(db: Knex, accountId: number): Promise<CredentialRow[]> {
  return ((await select(db).where({ account_id: accountId }).orderBy('id')) as Row[]).map(toCredential)
}

/** All secrets of an account, locked until the transaction ends. */
export async function lockAccountCredentials(trx: Knex, accountId: number): Promise<CredentialRow[]> {
  const rows = (await select(trx).where({ account_id: accountId }).orderBy('id').forUpdate()) as Row[]
  return rows.map(toCredential)
}

/** Which rows a pass is about. */
export type CredentialFilter =
  /** Those with a plaintext, empty ones too. */
  | { with: 'plaintext' }
  /** Those with an envelope. */
  | { with: 'sealed' }
  /** Those whose envelope names another key than this one. */
  | { with: 'sealed'; notUnder: string }

/**
 * Up to `limit` rows after `afterId`, in the order of their ids, locked until the transaction ends. Rows that somebody else has locked
 * are left out: they are found by the next pass.
 */
export async function lockCredentials(
  trx: Knex,
  filter: CredentialFilter,
  afterId: number,
  limit: number,
): Promise<CredentialRow[]> {
  const query = matching(select(trx), filter).where('id', '>', afterId).orderBy('id').limit(limit)
  return ((await query.forUpdate().skipLocked()) as Row[]).map(toCredential)
}

/** The same without a lock. */
export async function findCredentials(
  db: Knex,
  filter: CredentialFilter,
  afterId: number,
  limit: number,
): Promise<CredentialRow[]> {
  const query = matching(select(db), filter).where('id', '>', afterId).orderBy('id').limit(limit)
  return ((await query) as Row[]).map(toCredential)
}

function matching(query: Knex.QueryBuilder, filter: CredentialFilter): Knex.QueryBuilder {
  if (filter.with === 'plaintext') return query.where({ has_plaintext: 1 })
  const sealed = query.whereNotNull('sealed')
  return 'notUnder' in filter ? sealed.whereNot({ sealed_key_id: Buffer.from(filter.notUnder, 'hex') }) : sealed
}

/** These rows as they are by now, in no order. */
export async function readBack(trx: Knex, ids: readonly number[]): Promise<CredentialRow[]> {
  return ((await select(trx).whereIn('id', ids)) as Row[]).map(toCredential)
}

/** Puts envelopes in their rows. `clear` takes the plaintext away in the same statement. */
export async function updateSealed(
  trx: Knex,
  rows: readonly { id: number; sealed: Buffer }[],
  plaintext: 'clear' | 'leave',
): Promise<void> {
  await updateEach(trx, 'sealed', plaintext === 'clear' ? ', plaintext = NULL' : '', rows, row => row.sealed)
}

/** Puts plaintexts in the place of envelopes. */
export async function updateUnsealed(trx: Knex, rows: readonly { id: number; plaintext: Buffer }[]): Promise<void> {
  await updateEach(trx, 'plaintext', ', sealed = NULL', rows, row => row.plaintext)
}

/**
 * One statement for all rows: one for each costs more than all the cryptography. ELT(FIELD(…)) takes the server less time than a CASE
 * with as many branches, or a join with a derived table.
 */
async function updateEach<R extends { id: number }>(
  trx: Knex,
  column: string,
  also: string,
  rows: readonly R[],
  toValue: (row: R) => Buffer,
): Promise<void> {
  if (rows.length === 0) return
  const places = Array.from(rows, () => '?').join(',')
  const ids = rows.map(row => row.id)
  await trx.raw(
    `UPDATE credentials SET ${column} = ELT(FIELD(id, ${places}), ${places})${also} WHERE id IN (${places})`,
    [...ids, ...rows.map(toValue), ...ids],
  )
}

/** Takes the plaintext out of rows that have an envelope, where it says nothing. */
export async function clearBlank(trx: Knex, ids: readonly number[]): Promise<void> {
  if (ids.length > 0) await trx('credentials').whereIn('id', ids).whereNotNull('sealed').update({ plaintext: null })
}

/** Takes the envelope out of rows that have a newer plaintext. */
export async function clearSealed(trx: Knex, ids: readonly number[]): Promise<void> {
  if (ids.length > 0) await trx('credentials').whereIn('id', ids).whereNotNull('plaintext').update({ sealed: null })
}

/** Takes away every envelope that has a newer plaintext over it; returns how many there were. */
export async function clearSuperseded(db: Knex): Promise<number> {
  return await db('credentials')
    .whereNotNull('sealed_key_id')
    .whereRaw('LENGTH(plaintext) > 0')
    .update({ sealed: null })
}

/** Writes an account's secret in the form that holds now; the other form goes in the same statement. */
export async function writeCredential(
  trx: Knex,
  accountId: number,
  kind: CredentialRow['kind'],
  value: { sealed: Buffer } | { plaintext: string },
): Promise<void> {
  const both = { sealed: null, plaintext: null, ...value }
  await trx('credentials')
    .insert({ account_id: accountId, kind, ...both })
    .onConflict()
    .merge(both)
}

/** How many rows hold a plaintext that is one (a blank form field is none). */
export async function countPlaintext(db: Knex): Promise<number> {
  const row = await db('credentials')
    .where({ has_plaintext: 1 })
    .whereRaw('LENGTH(plaintext) > 0')
    .count({ count: '*' })
    .first()
  return Number(row?.count ?? 0)
}

/** The same, counted up to `max`. */
export async function countSomePlaintext(db: Knex, max: number): Promise<number> {
  const found = db('credentials').where({ has_plaintext: 1 }).whereRaw('LENGTH(plaintext) > 0').limit(max).select('id')
  const row = await db(found.as('found')).count({ count: '*' }).first()
  return Number(row?.count ?? 0)
}

/** True where a pass finds something to seal or to take away. A blank plaintext without an envelope is neither. */
export async function isAnyToSeal(db: Knex): Promise<boolean> {
  const row = await db('credentials')
    .where({ has_plaintext: 1 })
    .where(some => some.whereRaw('LENGTH(plaintext) > 0').orWhereNotNull('sealed'))
    .first('id')
  return row !== undefined
}

/** Key ids (hex) that envelopes name: a walk from one to the next on their index, whatever the number of rows. */
export async function findSealedKeyIds(db: Knex): Promise<string[]> {
  const ids: (Buffer | null)[] = await db('credentials').groupBy('sealed_key_id').pluck('sealed_key_id')
  return ids.filter(id => id !== null).map(id => id.toString('hex'))
}

/** The same of envelopes without a newer plaintext over them. Reads all of these rows. */
export async function findNeededKeyIds(db: Knex): Promise<string[]> {
  const ids: Buffer[] = await db('credentials')
    .whereNotNull('sealed_key_id')
    .whereRaw('COALESCE(LENGTH(plaintext), 0) = 0')
    .groupBy('sealed_key_id')
    .pluck('sealed_key_id')
  return ids.map(id => id.toString('hex'))
}

/** How many envelopes name which key (hex). */
export async function countSealed(db: Knex): Promise<Map<string, number>> {
  const rows: { sealed_key_id: Buffer; count: number }[] = await db('credentials')
    .whereNotNull('sealed_key_id')
    .groupBy('sealed_key_id')
    .select('sealed_key_id')
    .count({ count: '*' })
  return new Map(rows.map(row => [row.sealed_key_id.toString('hex'), Number(row.count)]))
}
