// The list of tickets: one read model for the command, the pages and the API. A page begins at a cursor, never at a count: the hundredth costs
// what the first does. Every filter has an index that holds its tickets in the list's order (a part of its own for each status and account), so
// a page reads as many rows as it shows.
import type { Knex } from 'knex'
import type { Address, Kind } from '../../model/parsed-message.ts'
import { readTags } from '../db/json-columns.ts'

export type TicketStatus = 'open' | 'closed'

export interface TicketFilter {
  /** Default: any. */
  status?: TicketStatus | undefined
  /** Default: every account. */
  accountIds?: readonly number[] | undefined
  /** Of the mail that opened it. Default: any. */
  kind?: Kind | undefined
}

/** Where a ticket stands in the list: the latest change first, tickets of one instant by their id. */
export interface PageCursor {
  updatedAt: Date
  id: number
}

export interface ListedTicket extends PageCursor {
  ref: string
  subject: string
  requester: Address
  /** The account's address. */
  account: string
  status: TicketStatus
  kind: Kind
  messages: number
  tags: string[]
  /** Mail to a participant came back. */
  undelivered: boolean
  createdAt: Date
}

export interface TicketPage {
  tickets: ListedTicket[]
  /** True if there are tickets before, or after. */
  newer: boolean
  older: boolean
}

/** The tickets just older than `before`, or just newer than `after`, or the newest. */
export async function findTicketPage(
  db: Knex,
  filter: TicketFilter,
  { before, after, limit }: { before?: PageCursor | undefined; after?: PageCursor | undefined; limit: number },
): Promise<TicketPage> {
  if (after !== undefined) {
    const cursors = await findCursors(db, filter, { from: after, towards: 'newer', limit: limit + 1 })
    // Fewer than a page are newer: that is the first page.
    if (cursors.length <= limit) return await findTicketPage(db, filter, { limit })
    return { tickets: await findListed(db, cursors.slice(0, limit).toReversed()), newer: true, older: true }
  }
  const cursors = await findCursors(db, filter, { from: before, towards: 'older', limit: limit + 1 })
  return {
    tickets: await findListed(db, cursors.slice(0, limit)),
    newer: before !== undefined,
    older: cursors.length > limit,
  }
}

/** Changes whenever a ticket of such a list is created, gets mail, is closed or reopened. */
export async function findListMark(db: Knex, { status: _, ...filter }: TicketFilter): Promise<string> {
  const [newest] = await findCursors(db, filter, { from: undefined, towards: 'older', limit: 1 })
  return newest === undefined ? '' : `${newest.updatedAt.getTime()}-${newest.id}`
}

interface Reach {
  from: PageCursor | undefined
  towards: 'newer' | 'older'
  limit: number
}

async function findCursors(db: Knex, filter: TicketFilter, reach: Reach): Promise<PageCursor[]> {
  const parts = (filter.accountIds ?? [undefined]).flatMap(accountId =>
    statusesOf(filter).map(status => selectCursors(db, { status, accountId, kind: filter.kind }, reach)),
  )
  const [only] = parts
  if (only === undefined) return []
  const direction = reach.towards === 'older' ? 'desc' : 'asc'
  const rows: { id: number; updated_at: Date }[] = await (parts.length === 1
    ? only
    : db
        .from(db.unionAll(parts, true).as('cursors'))
        .orderBy('updated_at', direction)
        .orderBy('id', direction)
        .limit(reach.limit)
        .select('id', 'updated_at'))
  return rows.map(({ id, updated_at }) => ({ id, updatedAt: updated_at }))
}

function statusesOf({ status }: TicketFilter): readonly TicketStatus[] {
  return status === undefined ? ['open', 'closed'] : [status]
}

/** Read from one index, in its order, from the cursor on. */
function selectCursors(
  db: Knex,
  { status, accountId, kind }: { status: TicketStatus; accountId: number | undefined; kind: Kind | undefined },
  { from, towards, limit }: Reach,
): Knex.QueryBuilder {
  const query = db('tickets').where({
    status,
    ...(accountId === undefined ? {} : { account_id: accountId }),
    ...(kind === undefined ? {} : { kind }),
  })
  const [direction, beyond] = towards === 'older' ? (['desc', '<'] as const) : (['asc', '>'] as const)
  // Said twice, so that the index is entered at the cursor: a comparison of pairs alone would read up to it.
  if (from !== undefined) {
    query
      .where('updated_at', `${beyond}=`, from.updatedAt)
      .where(apart => apart.where('updated_at', beyond, from.updatedAt).orWhere('id', beyond, from.id))
  }
  return query.orderBy('updated_at', direction).orderBy('id', direction).limit(limit).select('id', 'updated_at')
}

interface Row {
  id: number
  ref: string
  subject: string
  requester_name: string
  requester_address: string
  account: string
  status: TicketStatus
  kind: Kind
  messages: number
  tags_json: string | null
  created_at: Date
  updated_at: Date
}

/** A list for a script may be long: a statement names so many ids at most. */
const maxIdsAtOnce = 1_000

/** In the order of the cursors. */
async function findListed(db: Knex, cursors: readonly PageCursor[]): Promise<ListedTicket[]> {
  const listed: ListedTicket[] = []
  for (let at = 0; at < cursors.length; at += maxIdsAtOnce) {
    const ids = cursors.slice(at, at + maxIdsAtOnce).map(({ id }) => id)
    const byId = new Map((await findRows(db, ids)).map(row => [row.id, row]))
    const undelivered = await findUndelivered(db, ids)
    listed.push(...ids.flatMap(id => byId.get(id) ?? []).map(row => toListed(row, undelivered.has(row.id))))
  }
  return listed
}

/** What each reading of a ticket shows, of `tickets` joined with `accounts`. */
export const ticketColumns = [
  'tickets.id',
  'tickets.ref',
  'tickets.subject',
  'tickets.requester_name',
  'tickets.requester_address',
  'accounts.address as account',
  'tickets.status',
  'tickets.kind',
  'tickets.messages',
  'tickets.tags_json',
  'tickets.created_at',
  'tickets.updated_at',
]

async function findRows(db: Knex, ids: readonly number[]): Promise<Row[]> {
  return await db('tickets')
    .join('accounts', 'accounts.id', 'tickets.account_id')
    .whereIn('tickets.id', ids)
    .select(ticketColumns)
}

async function findUndelivered(db: Knex, ids: readonly number[]): Promise<Set<number>> {
  const query = db('participants').whereIn('ticket_id', ids).whereNotNull('bounced_at')
  return new Set(await query.distinct('ticket_id').pluck('ticket_id'))
}

function toListed(row: Row, undelivered: boolean): ListedTicket {
  return {
    id: row.id,
    ref: row.ref,
    subject: row.subject,
    requester: { name: row.requester_name, address: row.requester_address },
    account: row.account,
    status: row.status,
    kind: row.kind,
    messages: row.messages,
    tags: readTags(row.tags_json),
    undelivered,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

/** The addresses of accounts, each once, as far as the limit goes. */
export async function findAccountAddresses(db: Knex, limit: number): Promise<string[]> {
  return await db('accounts').distinct('address').orderBy('address').limit(limit).pluck('address')
}
