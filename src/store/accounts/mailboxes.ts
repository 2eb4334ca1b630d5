// The cursor of a mailbox, and the mark of the batch that is in flight. The mark is written before a batch is fetched, and the transaction
// that ingests the batch clears it. A poll that finds a mark knows that the last attempt died.
import type { Knex } from 'knex'
import type { Lease } from './leases.ts'

/** First UID and number of mails of the batch that is being fetched, and how many attempts at it alone have failed. */
export interface InFlight {
  uid: number
  size: number
  failures: number
}

export interface StoredMailbox {
  id: number
  accountId: number
  /** UTF-8. */
  name: string
  /** Null: never opened. */
  uidValidity: number | null
  lastUid: number
  startBeforeUid: number
  rereadBeforeUid: number
  seenUidNext: number | null
  seenMessages: number | null
  /** How long ago the server was asked for its UIDs, in seconds; null: never. */
  listedSecondsAgo: number | null
  inFlight: InFlight | null
  /** How long ago all of it was compared with the rows, in seconds; null: never. */
  coveredSecondsAgo: number | null
  /** Mails are to be read that the cursor has passed. */
  hasUidsToRead: boolean
}

/** The enabled mailboxes of an account; where it has none at all, INBOX is made its mailbox. */
export async function findMailboxes(db: Knex, accountId: number): Promise<StoredMailbox[]> {
  const rows = await selectMailboxes(db, accountId)
  if (rows.length > 0) return rows.filter(row => row.enabled === 1).map(toMailbox)
  await db('mailboxes').insert({ account_id: accountId, name: 'INBOX' }).onConflict().merge({ account_id: accountId })
  return (await selectMailboxes(db, accountId)).map(toMailbox)
}

/** One of the account's mailboxes. */
export async function findAnyMailbox(
  db: Knex,
  accountId: number,
): Promise<Pick<StoredMailbox, 'id' | 'accountId'> | undefined> {
  const row = await db('mailboxes').where({ account_id: accountId }).first('id')
  return row === undefined ? undefined : { id: row.id, accountId }
}

async function selectMailboxes(db: Knex, accountId: number): Promise<Row[]> {
  return await db('mailboxes')
    .where({ account_id: accountId })
    .orderBy('id')
    .select<Row[]>(
      'id',
      'account_id',
      'name',
      'enabled',
      'uid_validity',
      'last_uid',
      'start_before_uid',
      'reread_before_uid',
      'seen_uid_next',
      'seen_messages',
      'trying_uid',
      'trying_size',
      'trying_failures',
      db.raw('TIMESTAMPDIFF(SECOND, listed_at, UTC_TIMESTAMP(3)) AS listed_seconds_ago'),
      db.raw('TIMESTAMPDIFF(SECOND, covered_at, UTC_TIMESTAMP(3)) AS covered_seconds_ago'),
      db.raw('EXISTS (SELECT 1 FROM uids_to_read WHERE mailbox_id = mailboxes.id) AS uids_to_read'),
    )
}

interface Row {
  id: number
  account_id: number
  name: string
  enabled: number
  uid_validity: number | null
  last_uid: number
  start_before_uid: number
  reread_before_uid: number
  seen_uid_next: number | null
  seen_messages: number | null
  trying_uid: number | null
  trying_size: number | null
  trying_failures: number
  listed_seconds_ago: number | null
  covered_seconds_ago: number | null
  uids_to_read: number
}

function toMailbox(row: Row): StoredMailbox {
  return {
    id: row.id,
    accountId: row.account_id,
    name: row.name,
    uidValidity: row.uid_validity,
    lastUid: row.last_uid,
    startBeforeUid: row.start_before_uid,
    rereadBeforeUid: row.reread_before_uid,
    seenUidNext: row.seen_uid_next,
    seenMessages: row.seen_messages,
    listedSecondsAgo: row.listed_seconds_ago,
    inFlight:
      row.trying_uid === null
        ? null
        : { uid: row.trying_uid, size: row.trying_size ?? 1, failures: row.trying_failures },
    coveredSecondsAgo: row.covered_seconds_ago,
    hasUidsToRead: row.uids_to_read === 1,
  }
}

/** What a mailbox's row becomes; what is left out stays. */
export interface MailboxChange {
  uidValidity?: number
  lastUid?: number
  startBeforeUid?: number
  rereadBeforeUid?: number
  inFlight?: InFlight | null
  /** The server's state when nothing was left to fetch; also notes that its UIDs were listed now. */
  seen?: { uidNext: number | null; messages: number }
}

/** Changes the row, if the lease still holds (in a transaction the caller has locked it already). An empty change asks for nothing. */
export async function updateMailbox(db: Knex, mailboxId: number, lease: Lease, change: MailboxChange): Promise<void> {
  const { inFlight, seen, ...cursor } = change
  const values = {
    ...(cursor.uidValidity === undefined ? {} : { uid_validity: cursor.uidValidity }),
    ...(cursor.lastUid === undefined ? {} : { last_uid: cursor.lastUid }),
    ...(cursor.startBeforeUid === undefined ? {} : { start_before_uid: cursor.startBeforeUid }),
    ...(cursor.rereadBeforeUid === undefined ? {} : { reread_before_uid: cursor.rereadBeforeUid }),
    ...(inFlight === undefined ? {} : inFlightColumns(inFlight)),
    ...(seen === undefined
      ? {}
      : { seen_uid_next: seen.uidNext, seen_messages: seen.messages, listed_at: db.raw('UTC_TIMESTAMP(3)') }),
  }
  if (Object.keys(values).length === 0) return
  await db('mailboxes')
    .where({ id: mailboxId })
    .whereExists(
      db('accounts').select(db.raw('1')).where({ id: lease.accountId, lease_owner: lease.owner, fence: lease.fence }),
    )
    .update(values)
}

function inFlightColumns(inFlight: InFlight | null): object {
  return {
    trying_uid: inFlight?.uid ?? null,
    trying_size: inFlight?.size ?? null,
    trying_failures: inFlight?.failures ?? 0,
  }
}
