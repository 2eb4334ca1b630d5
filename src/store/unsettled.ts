// What is still to be done on the server with mail that is ours: flag, move, delete. Only mail kept whole, and only under the
// UIDVALIDITY under which it was taken in.
import type { Knex } from 'knex'
import type { AfterIngest } from '../fetch/mailbox.ts'
import { inTransaction } from './database.ts'
import { toAfterIngest } from './polled-account.ts'
import { type Lease, lockLease } from './workers.ts'

export interface UnsettledGroup {
  action: AfterIngest
  uids: number[]
  /** The raw batches that hold them. */
  batches: string[]
}

/** Up to `limit` mails that wait, the oldest first, by what is to be done with them. */
export async function findUnsettled(
  db: Knex,
  mailbox: { id: number; accountId: number; uidValidity: number },
  limit: number,
): Promise<UnsettledGroup[]> {
  const rows: { uid: number; after_ingest: string; batch: string | null }[] = await db('sources')
    .where({ mailbox_id: mailbox.id, uid_validity: mailbox.uidValidity, complete: true })
    .whereNull('settled_at')
    .orderBy('uid')
    .limit(limit)
    .select('uid', 'after_ingest', 'batch')
  const groups = Map.groupBy(rows, row => row.after_ingest)
  return [...groups].map(([text, group]) => ({
    action: toAfterIngest(text, mailbox.accountId),
    uids: group.map(row => row.uid),
    batches: [...new Set(group.flatMap(row => row.batch ?? []))],
  }))
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
