// Mails that could not become a ticket and are to be tried again.
import type { Knex } from 'knex'

/** UIDs of quarantined mails of the mailbox that an operator asked for again and whose bytes must come from the server. */
export async function findRetries(db: Knex, mailboxId: number, uidValidity: number): Promise<number[]> {
  return await db('sources')
    .where({ mailbox_id: mailboxId, uid_validity: uidValidity, complete: false })
    .whereNotNull('retry_at')
    .orderBy('uid')
    .limit(100)
    .pluck('uid')
}
