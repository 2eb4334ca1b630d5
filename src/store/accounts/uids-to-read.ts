// Mails that are read although the cursor has passed them, and what the comparison with the server found (poll/coverage).
import type { Knex } from 'knex'
import type { MailOutcome } from '../../model/mail-outcome.ts'

/** A mailbox under one UIDVALIDITY. */
export interface NumberedMailbox {
  mailboxId: number
  uidValidity: number
}

interface Row {
  result: MailOutcome['result']
  receivedAt: Date | null
  isKept: boolean
}

/** The rows that these UIDs have. */
export async function findCoveredRows(
  db: Knex,
  { mailboxId, uidValidity }: NumberedMailbox,
  uids: readonly number[],
): Promise<Map<number, Row>> {
  if (uids.length === 0) return new Map()
  const rows: { uid: number; result: MailOutcome['result']; received_at: Date | null; kept: number }[] = await db(
    'sources',
  )
    .where({ mailbox_id: mailboxId, uid_validity: uidValidity })
    .whereIn('uid', uids)
    .select('uid', 'result', 'received_at', db.raw('(sha256 IS NOT NULL) AS kept'))
  return new Map(
    rows.map(({ uid, result, received_at, kept }) => [uid, { result, receivedAt: received_at, isKept: kept === 1 }]),
  )
}

const rowsAtOnce = 1_000

/** Asks for these mails; the next poll of the account reads them. */
export async function insertUidsToRead(
  db: Knex,
  { mailboxId, uidValidity }: NumberedMailbox,
  uids: readonly number[],
): Promise<void> {
  for (let at = 0; at < uids.length; at += rowsAtOnce) {
    const rows = uids.slice(at, at + rowsAtOnce).map(uid => ({ mailbox_id: mailboxId, uid_validity: uidValidity, uid }))
    await db('uids_to_read').insert(rows).onConflict().merge(['uid'])
  }
}

/** Up to `limit` mails that are asked for, the lowest UIDs first. Those of another UIDVALIDITY are forgotten. */
export async function findUidsToRead(
  db: Knex,
  { mailboxId, uidValidity }: NumberedMailbox,
  limit: number,
): Promise<number[]> {
  await db('uids_to_read').where({ mailbox_id: mailboxId }).whereNot({ uid_validity: uidValidity }).delete()
  return await db('uids_to_read').where({ mailbox_id: mailboxId }).orderBy('uid').limit(limit).pluck('uid')
}

export async function deleteUidsToRead(db: Knex, mailboxId: number, uids: readonly number[]): Promise<void> {
  await db('uids_to_read').where({ mailbox_id: mailboxId }).whereIn('uid', uids).delete()
}

/** A mail of a row that the server now dates otherwise, and that is the same all the same. */
export async function updateReceivedAt(
  db: Knex,
  { mailboxId, uidValidity }: NumberedMailbox,
  uid: number,
  receivedAt: Date,
): Promise<void> {
  await db('sources')
    .where({ mailbox_id: mailboxId, uid_validity: uidValidity, uid })
    .whereNot({ received_at: receivedAt })
    .update({ received_at: receivedAt })
}

/** Notes that the mailbox was compared now, and how many of its mails had no row. */
export async function updateCovered(db: Knex, mailboxId: number, uncovered: number): Promise<void> {
  await db('mailboxes')
    .where({ id: mailboxId })
    .update({ covered_at: db.raw('UTC_TIMESTAMP(3)'), uncovered })
}

/** A mailbox that was never compared: its first comparison is at another time of the next day than that of its neighbours. */
export async function beginCovering(db: Knex, mailboxId: number): Promise<void> {
  await db('mailboxes')
    .where({ id: mailboxId })
    .whereNull('covered_at')
    .update({ covered_at: db.raw('UTC_TIMESTAMP(3) - INTERVAL MOD(id * 97, 43200) SECOND') })
}

/** How many mails of the accounts of this worker had no row when they were last compared. */
export async function countUncovered(db: Knex, owner: string): Promise<number> {
  const row = await db('mailboxes')
    .join('accounts', 'accounts.id', 'account_id')
    .where({ lease_owner: owner, 'mailboxes.enabled': true })
    .sum({ uncovered: 'uncovered' })
    .first()
  return Number(row?.uncovered ?? 0)
}

export interface UncoveredMailbox {
  accountId: number
  mailbox: string
  uncovered: number
}

/** Mailboxes of which mails had no row when they were last compared. */
export async function findUncovered(db: Knex): Promise<UncoveredMailbox[]> {
  const rows: { account_id: number; name: string; uncovered: number }[] = await db('mailboxes')
    .join('accounts', 'accounts.id', 'account_id')
    .whereNull('removed_at')
    .where('mailboxes.enabled', true)
    .where('uncovered', '>', 0)
    .orderBy('mailboxes.id')
    .select('account_id', 'mailboxes.name', 'uncovered')
  return rows.map(({ account_id, name, uncovered }) => ({ accountId: account_id, mailbox: name, uncovered }))
}
