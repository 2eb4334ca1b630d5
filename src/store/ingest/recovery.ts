// Where a mail of a raw batch would have its row.

import type { Knex } from 'knex'
import type { IngestTarget } from '../../model/mail.ts'
import { findMailboxes } from '../accounts/mailboxes.ts'
import { toAfterIngest } from '../accounts/polled-account.ts'
import type { RawIndexEntry } from '../raw/raw-store.ts'

export type RecoveryTarget = IngestTarget

/** The place for the row that is missing; a mailbox that the database does not know is made, without being polled. */
export async function findRecovered(db: Knex, entry: RawIndexEntry): Promise<RecoveryTarget | 'known' | 'no account'> {
  const account = await db('accounts').where({ id: entry.accountId }).first('id', 'after_ingest')
  if (account === undefined) return 'no account'
  const mailboxId = await ensureMailbox(db, entry.accountId, entry.mailbox)
  const row = await db('sources')
    .where({ mailbox_id: mailboxId, uid_validity: entry.uidValidity, uid: entry.uid })
    .first('id')
  if (row !== undefined) return 'known'
  return {
    accountId: entry.accountId,
    mailboxId,
    uidValidity: entry.uidValidity,
    afterIngest: toAfterIngest(account.after_ingest, entry.accountId),
  }
}

async function ensureMailbox(db: Knex, accountId: number, name: string): Promise<number> {
  await findMailboxes(db, accountId)
  const known = await db('mailboxes').where({ account_id: accountId, name }).first('id')
  if (known !== undefined) return known.id
  await db('mailboxes').insert({ account_id: accountId, name, enabled: false })
  return (await db('mailboxes').where({ account_id: accountId, name }).first('id')).id
}
