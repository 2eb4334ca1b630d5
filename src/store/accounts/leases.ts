// Workers and the accounts that they own. A worker's accounts are its own until `workers.lease_until`, one row renewed by its
// heartbeat; every change of an account's owner raises the account's fencing number, and whoever writes an account's mail
// checks that number first, so that a worker that slept through its lease cannot write. Only the database's clock is asked. If it is set back,
// a lease that was renewed in what is now the future is none: a worker that lives renews it within seconds, and a dead one keeps nothing.
import type { Knex } from 'knex'
import { schemaVersion } from '../../../migrations/all.ts'
import { AccountError } from '../../errors/errors.ts'
import { inTransaction } from '../db/database.ts'

/** The right to poll one account. */
export interface Lease {
  accountId: number
  owner: string
  fence: number
}

export interface WorkerIdentity {
  /** `<host>-<process>-<random>`, at most 64 characters. */
  id: string
  host: string
  version: string
}

/** Tells the others that this worker lives and which keys it holds (ids in hex), and renews what it owns. */
export async function beatWorker(
  db: Knex,
  worker: WorkerIdentity,
  leaseSeconds: number,
  keyIds: readonly string[],
): Promise<void> {
  await db.raw(
    `INSERT INTO workers (id, host, version, schema_version, key_ids_json, lease_until)
       VALUES (:id, :host, :version, :schema, :keys, UTC_TIMESTAMP(3) + INTERVAL :leaseSeconds SECOND)
       ON DUPLICATE KEY UPDATE key_ids_json = :keys, last_seen_at = UTC_TIMESTAMP(3),
         lease_until = UTC_TIMESTAMP(3) + INTERVAL :leaseSeconds SECOND`,
    { ...worker, leaseSeconds, schema: schemaVersion.version, keys: JSON.stringify(keyIds) },
  )
}

/** Of a row of `workers`: the lease holds, and was not renewed at a time that is still to come. */
const isLeased = '(lease_until > UTC_TIMESTAMP(3) AND last_seen_at <= UTC_TIMESTAMP(3) + INTERVAL 1 MINUTE)'

export interface LiveWorker {
  id: string
  host: string
  version: string
  /** Ids of the keys that it holds, in hex. */
  keyIds: string[]
  lastSeenAt: Date
}

/** The workers whose leases hold, those that have run longest first. */
export async function findLiveWorkers(db: Knex): Promise<LiveWorker[]> {
  const rows: { id: string; host: string; version: string; key_ids_json: string; last_seen_at: Date }[] = await db(
    'workers',
  )
    .whereRaw(isLeased)
    .orderBy(['started_at', 'id'])
    .select('id', 'host', 'version', 'key_ids_json', 'last_seen_at')
  return rows.map(row => ({
    id: row.id,
    host: row.host,
    version: row.version,
    keyIds: toKeyIds(row.key_ids_json),
    lastSeenAt: row.last_seen_at,
  }))
}

/** A row that makes no sense claims no key. */
function toKeyIds(json: string): string[] {
  try {
    const ids: unknown = JSON.parse(json)
    return Array.isArray(ids) ? ids.filter(id => typeof id === 'string' && /^[0-9a-f]{16}$/.test(id)) : []
  } catch {
    return []
  }
}

/** Ids of workers whose leases ended at least `graceSeconds` ago. */
export async function findDeadWorkers(db: Knex, graceSeconds: number): Promise<string[]> {
  return await db('workers').whereRaw('lease_until < UTC_TIMESTAMP(3) - INTERVAL ? SECOND', [graceSeconds]).pluck('id')
}

/** Gives up everything that the worker owns and forgets it. False if it was forgotten already. */
export async function removeWorker(db: Knex, id: string): Promise<boolean> {
  await db('accounts')
    .where({ lease_owner: id })
    .update({ lease_owner: null, fence: db.raw('fence + 1') })
  return (await db('workers').where({ id }).delete()) > 0
}

/** How many accounts are to be polled by somebody. */
export async function countPolledAccounts(db: Knex): Promise<number> {
  const row = await db('accounts').where({ enabled: true }).whereNull('removed_at').count({ count: '*' }).first()
  return Number(row?.count ?? 0)
}

/** All accounts, or all but those whose password is sealed under keys that a worker lacks (ids in hex). */
export type Takable = 'all' | { lacking: readonly string[] }

/**
 * Takes up to `limit` accounts that nobody owns, or whose owner's lease ended. Returns how many. An account whose row is locked is
 * passed over: its owner may have stopped in the middle of a transaction, and that must not keep the others from having a new owner.
 */
export async function takeAccounts(db: Knex, owner: string, limit: number, takable: Takable): Promise<number> {
  const lacking = takable === 'all' ? [] : takable.lacking
  return await inTransaction(db, async trx => {
    const [rows] = (await trx.raw(
      `SELECT id FROM accounts
         WHERE enabled = 1 AND removed_at IS NULL
           AND (lease_owner IS NULL
                OR lease_owner NOT IN (SELECT id FROM workers WHERE ${isLeased}))
           ${lacking.length > 0 ? `AND id NOT IN (${sealedUnder(lacking)})` : ''}
         ORDER BY id LIMIT ? FOR UPDATE SKIP LOCKED`,
      [...toKeyBytes(lacking), limit],
    )) as [{ id: number }[]]
    return await trx('accounts')
      .whereIn(
        'id',
        rows.map(row => row.id),
      )
      .update({ lease_owner: owner, fence: trx.raw('fence + 1') })
  })
}

const sealedUnder = (keyIds: readonly string[]): string => `SELECT account_id FROM credentials
  WHERE sealed_key_id IN (${keyIds.map(() => '?').join(',')}) AND (plaintext IS NULL OR LENGTH(plaintext) = 0)`

const toKeyBytes = (keyIds: readonly string[]): Buffer[] => keyIds.map(keyId => Buffer.from(keyId, 'hex'))

/** Which of the worker's accounts have a password sealed under one of these keys, and no newer plaintext. */
export async function findOwnedSealed(db: Knex, owner: string, keyIds: readonly string[]): Promise<Set<number>> {
  const ids: number[] = await db('accounts')
    .where({ lease_owner: owner })
    .whereRaw(`id IN (${sealedUnder(keyIds)})`, toKeyBytes(keyIds))
    .pluck('id')
  return new Set(ids)
}

/** Gives these accounts up, for others to take. */
export async function releaseAccounts(db: Knex, owner: string, accountIds: readonly number[]): Promise<void> {
  await db('accounts')
    .where({ lease_owner: owner })
    .whereIn('id', accountIds)
    .update({ lease_owner: null, fence: db.raw('fence + 1') })
}

/** Locks the account's row until the transaction ends. Throws AccountError `lease.lost` if the account has another owner by now. */
export async function lockLease(trx: Knex.Transaction, lease: Lease): Promise<void> {
  const row = await trx('accounts').where({ id: lease.accountId }).forUpdate().first('fence', 'lease_owner')
  if (row?.lease_owner === lease.owner && Number(row.fence) === lease.fence) return
  throw new AccountError('lease.lost', { account: lease.accountId }, { temporary: true })
}
