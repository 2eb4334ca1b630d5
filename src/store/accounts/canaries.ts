// Canaries that were sent and not yet received, and what they prove of an account.
import type { Knex } from 'knex'
import { canaryHashOf, hashOfToken } from '../../model/canary-mail.ts'

/** Seconds from canary to canary: at least two polls, so that a server without push is not blamed for its interval. */
export const canarySeconds = 'GREATEST(canary_every_s, 2 * poll_every_s)'

/** A whole interval passes between two canaries; one that takes three quarters of another is late. */
const lateFactor = 1.75

/** True for a row of `accounts` whose canary has not come in time: mail may not come in, whatever else the account says. */
export const isCanaryLate = `(canary_every_s > 0 AND enabled AND TIMESTAMPDIFF(MICROSECOND,
  GREATEST(COALESCE(canary_seen_at, created_at), COALESCE(canary_from, created_at)), UTC_TIMESTAMP(3)) > ${lateFactor} * 1000000 * ${canarySeconds})`

export interface DueCanary {
  id: number
  address: string
  /** The one before, or several, have not come. */
  isLate: boolean
}

/** Accounts of this worker to which a canary is to be sent now. Not to one that fails: a server that is asked again and again locks users out. */
export async function findDueCanaries(db: Knex, owner: string): Promise<DueCanary[]> {
  const rows: { id: number; address: string; late: number }[] = await db('accounts')
    .where({ lease_owner: owner, enabled: true, state: 'active' })
    .where('canary_every_s', '>', 0)
    .whereNull('removed_at')
    .where(due =>
      due
        .whereNull('canary_sent_at')
        .orWhereRaw(`canary_sent_at <= UTC_TIMESTAMP(3) - INTERVAL ${canarySeconds} SECOND`),
    )
    .select('id', 'address', db.raw(`${isCanaryLate} AS late`))
  return rows.map(({ id, address, late }) => ({ id, address, isLate: late === 1 }))
}

const forgottenDays = 30

/** Before it is sent: whatever comes of sending it, it is known when it comes. */
export async function insertCanary(db: Knex, accountId: number, token: string): Promise<void> {
  await db('canaries')
    .where({ account_id: accountId })
    .whereRaw('sent_at < UTC_TIMESTAMP(3) - INTERVAL ? DAY', [forgottenDays])
    .delete()
  await db('canaries').insert({ account_id: accountId, token_hash: hashOfToken(token) })
  await db('accounts')
    .where({ id: accountId })
    .update({ canary_sent_at: db.raw('UTC_TIMESTAMP(3)') })
}

/** It could not be sent: another one is, after a quarter of the interval. */
export async function resendCanary(db: Knex, accountId: number): Promise<void> {
  await db('accounts')
    .where({ id: accountId })
    .update({ canary_sent_at: db.raw(`UTC_TIMESTAMP(3) - INTERVAL 3 * ${canarySeconds} DIV 4 SECOND`) })
}

/** Which of these Message-IDs are canaries of the account that have not been received yet. */
export async function findCanaries(
  db: Knex,
  accountId: number,
  messageIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const byHash = new Map(messageIds.flatMap(id => [[canaryHashOf(id)?.toString('hex') ?? '', id] as const]))
  byHash.delete('')
  if (byHash.size === 0) return new Set()
  const found: Buffer[] = await db('canaries')
    .where({ account_id: accountId })
    .whereIn(
      'token_hash',
      [...byHash.keys()].map(hash => Buffer.from(hash, 'hex')),
    )
    .pluck('token_hash')
  return new Set(found.map(hash => byHash.get(hash.toString('hex')) ?? ''))
}

/** They were received: their tokens are used up, and the account is proven to work. */
export async function takeCanaries(
  trx: Knex.Transaction,
  accountId: number,
  messageIds: readonly string[],
): Promise<void> {
  const hashes = messageIds.flatMap(id => canaryHashOf(id) ?? [])
  if (hashes.length === 0) return
  const rows = trx('canaries').where({ account_id: accountId }).whereIn('token_hash', hashes)
  const last = await rows
    .clone()
    .max({ ms: trx.raw('TIMESTAMPDIFF(MICROSECOND, sent_at, UTC_TIMESTAMP(3)) DIV 1000') })
    .first()
  await rows.delete()
  await trx('accounts')
    .where({ id: accountId })
    .update({ canary_seen_at: trx.raw('UTC_TIMESTAMP(3)'), canary_ms: Math.max(0, Number(last?.ms ?? 0)) })
}

/** How many accounts have a canary, of how many it is late, and how long the slowest of the last ones took. */
export async function countCanaries(db: Knex): Promise<{ late: number; slowestSeconds: number | undefined }> {
  const row = await db('accounts')
    .whereNull('removed_at')
    .where('canary_every_s', '>', 0)
    .first(db.raw(`SUM(${isCanaryLate}) AS late`), db.raw('MAX(canary_ms) AS slowest'))
  const slowest = row?.slowest ?? null
  return { late: Number(row?.late ?? 0), slowestSeconds: slowest === null ? undefined : Number(slowest) / 1000 }
}
