// Every mail ever taken in, and its end, as operators look them up.

import type { Knex } from 'knex'
import { OperationError } from '../../errors/errors.ts'
import type { RawLocation } from '../../model/mail.ts'
import { getAccountIds } from '../accounts/account-addresses.ts'

/** As `source list --json` prints it. */
export interface SourceView {
  id: number
  /** The account's address. */
  account: string
  mailbox: string
  uidValidity: number
  uid: number
  sha256: string | null
  size: number
  messageId: string
  result: 'created' | 'appended' | 'ignored' | 'duplicate' | 'quarantined'
  reason: string
  ticket: number | null
  receivedAt: Date | null
}

export interface SourceDetail extends SourceView {
  accountId: number
  complete: boolean
  duplicateOf: number | null
  afterIngest: string
  settledAt: Date | null
  retryAt: Date | null
  takenInAt: Date
  /** Null where no bytes are kept. */
  place: RawLocation | null
}

export interface SourceFilter {
  account?: string | undefined
  result?: SourceView['result'] | undefined
  /** Received at or after. */
  since?: Date | undefined
  until?: Date | undefined
  /** Only those with a smaller id. */
  beforeId?: number | undefined
  limit: number
}

/** Outer joins, though there is always a row: `sources` is read first, in its own order. */
function selectSources(db: Knex, table: string | Knex.Raw = 'sources'): Knex.QueryBuilder {
  return db
    .from(table as string)
    .leftJoin('accounts', 'accounts.id', 'sources.account_id')
    .leftJoin('mailboxes', 'mailboxes.id', 'sources.mailbox_id')
    .select(
      'sources.id',
      'sources.account_id',
      'accounts.address as account',
      'mailboxes.name as mailbox',
      'sources.uid_validity',
      'sources.uid',
      'sources.sha256',
      'sources.size',
      'sources.message_id',
      'sources.result',
      'sources.reason',
      'sources.ticket_id',
      'sources.received_at',
      'sources.complete',
      'sources.duplicate_of',
      'sources.after_ingest',
      'sources.settled_at',
      'sources.retry_at',
      'sources.created_at',
      'sources.batch',
      'sources.batch_offset',
      'sources.stored_size',
    )
}

interface Row {
  id: number
  account_id: number
  account: string
  mailbox: string
  uid_validity: number
  uid: number
  sha256: string | null
  size: number
  message_id: string
  result: SourceView['result']
  reason: string
  ticket_id: number | null
  received_at: Date | null
  complete: number
  duplicate_of: number | null
  after_ingest: string
  settled_at: Date | null
  retry_at: Date | null
  created_at: Date
  batch: string | null
  batch_offset: number | null
  stored_size: number | null
}

function toDetail(row: Row): SourceDetail {
  const { batch, batch_offset: offset, stored_size: size, sha256 } = row
  const archived = batch !== null && offset !== null && size !== null && sha256 !== null
  return {
    ...toView(row),
    accountId: row.account_id,
    complete: row.complete === 1,
    duplicateOf: row.duplicate_of,
    afterIngest: row.after_ingest,
    settledAt: row.settled_at,
    retryAt: row.retry_at,
    takenInAt: row.created_at,
    place: archived ? { batch, offset, size, sha256 } : null,
  }
}

function toView(row: Row): SourceView {
  return {
    id: row.id,
    account: row.account,
    mailbox: row.mailbox,
    uidValidity: row.uid_validity,
    uid: row.uid,
    sha256: row.sha256,
    size: row.size,
    messageId: row.message_id,
    result: row.result,
    reason: row.reason,
    ticket: row.ticket_id,
    receivedAt: row.received_at,
  }
}

/** The newest first. */
export async function findSources(db: Knex, filter: SourceFilter): Promise<SourceView[]> {
  return ((await narrow(db, selectSources(db), filter)) as Row[]).map(toView)
}

/** The same with their places, for reading all of them page by page: give the last id as `beforeId`. */
export async function findSourceDetails(db: Knex, filter: SourceFilter): Promise<SourceDetail[]> {
  // The server might sort all mails of an account for each page; on the primary key all pages together are one pass.
  const table = filter.result === undefined ? db.raw('sources FORCE INDEX (PRIMARY)') : 'sources'
  return ((await narrow(db, selectSources(db, table), filter)) as Row[]).map(toDetail)
}

async function narrow(db: Knex, query: Knex.QueryBuilder, filter: SourceFilter): Promise<unknown[]> {
  query.orderBy('sources.id', 'desc').limit(filter.limit)
  if (filter.account !== undefined) query.whereIn('sources.account_id', await getAccountIds(db, filter.account))
  if (filter.result !== undefined) query.where('sources.result', filter.result)
  if (filter.since !== undefined) query.where('sources.received_at', '>=', filter.since)
  if (filter.until !== undefined) query.where('sources.received_at', '<', filter.until)
  if (filter.beforeId !== undefined) query.where('sources.id', '<', filter.beforeId)
  return await query
}

/** Throws OperationError where there is none. */
export async function getSource(db: Knex, id: number): Promise<SourceDetail> {
  const row: Row | undefined = await selectSources(db).where('sources.id', id).first()
  if (row === undefined) throw new OperationError('source.not_found', { source: id })
  return toDetail(row)
}
