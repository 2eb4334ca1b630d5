// What is still to be done on the server with mail that is ours: flag, move, delete. Only mail kept whole, and only under the
// UIDVALIDITY under which it was taken in.

import type { Knex } from 'knex'
import type { AfterIngest, RawLocation } from '../../model/mail.ts'
import { type Lease, lockLease } from '../accounts/leases.ts'
import { toAfterIngest } from '../accounts/polled-account.ts'
import { inTransaction } from '../db/database.ts'

export interface UnsettledGroup {
  action: AfterIngest
  mails: UnsettledMail[]
}

export interface UnsettledMail {
  uid: number
  place: RawLocation
}

/** Up to `limit` mails that wait, with UIDs after `range.after` and up to `range.last`, ascending, by what is to be done with them. */
export async function findUnsettled(
  db: Knex,
  mailbox: { id: number; accountId: number; uidValidity: number },
  range: { after: number; last: number },
  limit: number,
): Promise<UnsettledGroup[]> {
  const rows: UnsettledRow[] = await db('sources')
    .where({ mailbox_id: mailbox.id, uid_validity: mailbox.uidValidity, complete: true })
    .where('uid', '>', range.after)
    .where('uid', '<=', range.last)
    .whereNull('settled_at')
    .orderBy('uid')
    .limit(limit)
    .select('uid', 'after_ingest', 'batch', 'batch_offset', 'stored_size', 'sha256')
  const groups = Map.groupBy(rows, row => row.after_ingest)
  return [...groups].map(([text, group]) => ({
    action: toAfterIngest(text, mailbox.accountId),
    mails: group.map(toUnsettled),
  }))
}

interface UnsettledRow {
  uid: number
  after_ingest: string
  batch: string
  batch_offset: number
  stored_size: number
  sha256: string
}

function toUnsettled({ uid, batch, batch_offset, stored_size, sha256 }: UnsettledRow): UnsettledMail {
  return { uid, place: { batch, offset: Number(batch_offset), size: Number(stored_size), sha256 } }
}

/**
 * Notes that it was done, but for what is left. Throws `lease.lost`: whoever lost the account may have asked in a mailbox that he opened
 * before the mail was there, and servers answer OK to that.
 */
export async function updateSettled(
  db: Knex,
  mailbox: { id: number; uidValidity: number },
  lease: Lease,
  uids: readonly number[],
  left: AfterIngest | null,
): Promise<void> {
  await inTransaction(db, async trx => {
    await lockLease(trx, lease)
    await trx('sources')
      .where({ mailbox_id: mailbox.id, uid_validity: mailbox.uidValidity })
      .whereIn('uid', uids)
      .update(left === null ? { settled_at: db.raw('UTC_TIMESTAMP(3)') } : { after_ingest: left.kind })
  })
}

/** Mails that are left on the server as they are: nothing is to be done with them any more. */
export async function updateLeft(
  db: Knex,
  mailbox: { id: number; uidValidity: number },
  lease: Lease,
  uids: readonly number[],
): Promise<void> {
  await inTransaction(db, async trx => {
    await lockLease(trx, lease)
    await trx('sources')
      .where({ mailbox_id: mailbox.id, uid_validity: mailbox.uidValidity })
      .whereIn('uid', uids)
      .update({ after_ingest: 'keep', settled_at: db.raw('UTC_TIMESTAMP(3)') })
  })
}
