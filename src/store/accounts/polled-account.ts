// What a poll needs of an account's row; its end is written back by poll-results.ts. The row may have been written by a
// helpdesk's plain SQL, so its texts are checked here.

import { randomBytes } from 'node:crypto'
import type { Knex } from 'knex'
import { AccountError } from '../../errors/errors.ts'
import type { Destination, OAuthClient } from '../../model/destination.ts'
import type { AfterIngest, StartFrom } from '../../model/mail.ts'
import { destinationColumns, oauthColumns, toDestination, toOAuthClient } from './destinations.ts'
import type { Lease } from './leases.ts'

export interface PolledAccount {
  id: number
  destination: Destination
  /** What its access tokens come from; null: it signs in with a password. */
  oauth: OAuthClient | null
  afterIngest: AfterIngest
  startFrom: StartFrom
  createdAt: Date
  pollEveryS: number
  /** True: a kept connection waits for mail. */
  push: boolean
  /** Marked mails are put into a mailbox, and removed once they were received. */
  canary: boolean
  /** Another one once another password is stored; says nothing of it, and nothing outside this process. */
  passwordMark: string
  /** Polls that failed since the last one that worked. */
  failures: number
  /** Null while it works. */
  code: string | null
  lease: Lease
}

/** What was put off after an attempt that is still to come was so before the database's clock was set back: it does not wait for that time. */
const isTime = '(next_attempt_at <= UTC_TIMESTAMP(3) OR last_attempt_at > UTC_TIMESTAMP(3) + INTERVAL 1 MINUTE)'

/**
 * The account, if it is this worker's, enabled and due. Throws AccountError `account.misconfigured` for a row that makes
 * no sense.
 */
export async function findDueAccount(db: Knex, accountId: number, owner: string): Promise<PolledAccount | undefined> {
  const row = await db('accounts')
    .where({ id: accountId, lease_owner: owner, enabled: true })
    .whereNull('removed_at')
    .whereRaw(`(next_attempt_at IS NULL OR ${isTime})`)
    .first(
      'id',
      ...destinationColumns,
      ...oauthColumns,
      'after_ingest',
      'start_from',
      'poll_every_s',
      'push',
      'canary_every_s',
      'failures',
      'code',
      'fence',
      'created_at',
      db.raw(`COALESCE((${passwordMark}), '') AS password_mark`, [salt]),
    )
  if (row === undefined) return undefined
  return {
    id: row.id,
    destination: toDestination(row),
    oauth: toOAuthClient(row),
    afterIngest: toAfterIngest(row.after_ingest, row.id),
    startFrom: toStartFrom(row.start_from, row.id),
    createdAt: row.created_at,
    pollEveryS: row.poll_every_s,
    push: row.push === 1,
    canary: row.canary_every_s > 0,
    passwordMark: row.password_mark,
    failures: row.failures,
    code: row.code,
    lease: { accountId: row.id, owner, fence: Number(row.fence) },
  }
}

const salt = randomBytes(16).toString('hex')
const passwordMark = `SELECT SHA2(CONCAT(?, COALESCE(CAST(plaintext AS BINARY), ''), COALESCE(sealed, '')), 256)
  FROM credentials WHERE account_id = accounts.id AND kind = 'password'`

/** `keep`, `seen`, `delete` or `move:MAILBOX`. */
export function toAfterIngest(text: string, accountId: number): AfterIngest {
  if (text === 'keep' || text === 'seen' || text === 'delete') return { kind: text }
  if (text.startsWith('move:') && text.length > 5) return { kind: 'move', mailbox: text.slice(5) }
  throw misconfigured(accountId, 'after_ingest')
}

/** `all`, `new` or a day as `2026-11-24` (UTC). */
export function toStartFrom(text: string, accountId: number): StartFrom {
  if (text === 'all' || text === 'new') return text
  const day = new Date(`${text}T00:00:00Z`)
  if (/^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(day.getTime())) return day
  throw misconfigured(accountId, 'start_from')
}

function misconfigured(account: number, reason: 'after_ingest' | 'start_from'): AccountError {
  return new AccountError('account.misconfigured', { account, reason }, { temporary: false })
}

/** What the schedule of an account asks of its row. */
export interface OwnedAccount {
  id: number
  pollEveryS: number
  /** Its last poll did not work. */
  failing: boolean
  retryDue: boolean
  neverPolled: boolean
  awaitsKey: boolean
  /** Two intervals have gone by without an attempt. */
  overdue: boolean
}

/** The accounts that this worker owns and polls. */
export async function findOwnedAccounts(db: Knex, owner: string): Promise<OwnedAccount[]> {
  const rows: {
    id: number
    poll_every_s: number
    failing: number
    retry_due: number
    never_polled: number
    awaits_key: number
    overdue: number
  }[] = await db('accounts')
    .where({ lease_owner: owner, enabled: true })
    .whereNull('removed_at')
    .select(
      'id',
      'poll_every_s',
      db.raw("(state = 'failing') AS failing"),
      db.raw(`(state = 'failing' AND ${isTime}) IS TRUE AS retry_due`),
      db.raw('(last_attempt_at IS NULL) AS never_polled'),
      db.raw("(state = 'waiting' AND code = 'vault.key_missing') IS TRUE AS awaits_key"),
      db.raw(
        `(COALESCE(last_attempt_at, created_at) < UTC_TIMESTAMP(3) - INTERVAL 2 * poll_every_s + 15 SECOND
            AND (next_attempt_at IS NULL OR ${isTime})) IS TRUE AS overdue`,
      ),
    )
  return rows.map(row => ({
    id: row.id,
    pollEveryS: row.poll_every_s,
    failing: row.failing === 1,
    retryDue: row.retry_due === 1,
    neverPolled: row.never_polled === 1,
    awaitsKey: row.awaits_key === 1,
    overdue: row.overdue === 1,
  }))
}
