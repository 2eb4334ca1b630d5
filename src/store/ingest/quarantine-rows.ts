// Mails that could not become a ticket and are to be tried again.

import type { Knex } from 'knex'
import type { AfterIngest, RawLocation } from '../../model/mail.ts'
import { toAfterIngest } from '../accounts/polled-account.ts'

/** A quarantined mail that an operator asked for again and whose bytes must come from the server. */
export interface Retry {
  /** sources.id */
  id: number
  uid: number
  /** As the server stated it. */
  size: number
}

/** The retries of the mailbox that wait to be fetched, with UIDs up to `last`. */
export async function findRetries(
  db: Knex,
  mailbox: { id: number; uidValidity: number; last: number },
): Promise<Retry[]> {
  return await db('sources')
    .where({ mailbox_id: mailbox.id, uid_validity: mailbox.uidValidity, complete: false })
    .where('uid', '<=', mailbox.last)
    .whereNotNull('retry_at')
    .orderBy('uid')
    .limit(100)
    .select<Retry[]>('id', 'uid', 'size')
}

export interface QuarantinedMail {
  id: number
  accountId: number
  mailboxId: number
  uidValidity: number
  uid: number
  size: number
  receivedAt: Date
  afterIngest: AfterIngest
  /** Null: not all of its bytes are kept. */
  location: RawLocation | null
}

/** The quarantined mail with this sources.id. */
export async function findQuarantined(db: Knex, id: number): Promise<QuarantinedMail | undefined> {
  const row = await db('sources')
    .where({ id, result: 'quarantined' })
    .first(
      'account_id',
      'mailbox_id',
      'uid_validity',
      'uid',
      'size',
      'sha256',
      'complete',
      'batch',
      'batch_offset',
      'stored_size',
      'received_at',
      'after_ingest',
      'created_at',
    )
  if (row === undefined) return undefined
  return {
    id,
    accountId: row.account_id,
    mailboxId: row.mailbox_id,
    uidValidity: row.uid_validity,
    uid: row.uid,
    size: row.size,
    receivedAt: row.received_at ?? row.created_at,
    afterIngest: toAfterIngest(row.after_ingest, row.account_id),
    location:
      row.complete === 1
        ? { batch: row.batch, offset: row.batch_offset, size: row.stored_size, sha256: row.sha256 }
        : null,
  }
}

/** False where no poll would fetch the mail: its mailbox was renumbered by the server, or is not read any more. */
export async function isFetchable(db: Knex, { mailboxId, uidValidity }: QuarantinedMail): Promise<boolean> {
  const mailbox = { id: mailboxId, uid_validity: uidValidity, enabled: true }
  return (await db('mailboxes').where(mailbox).first('id')) !== undefined
}

/** The quarantined mails with an id after this one, in the order of their ids. */
export async function findQuarantinedIds(
  db: Knex,
  { reason, after, limit }: { reason?: string; after: number; limit: number },
): Promise<number[]> {
  const query = db('sources').where({ result: 'quarantined' }).where('id', '>', after)
  if (reason !== undefined) query.where({ reason })
  return await query.orderBy('id').limit(limit).pluck('id')
}

/** The mail was tried: it is not tried again until somebody asks. */
export async function clearRetry(db: Knex, id: number): Promise<void> {
  await db('sources').where({ id }).update({ retry_at: null })
}

/** Marks the mail as asked for again. */
export async function requestRetry(db: Knex, id: number): Promise<void> {
  await db('sources')
    .where({ id, result: 'quarantined' })
    .update({ retry_at: db.raw('UTC_TIMESTAMP(3)') })
}

/** How many mails are in quarantine, counted up to `max`. */
export async function countQuarantined(db: Knex, max: number): Promise<number> {
  const found = db('sources').where({ result: 'quarantined' }).limit(max).select('id').as('found')
  const row = await db(found).count({ count: '*' }).first()
  return Number(row?.count ?? 0)
}
