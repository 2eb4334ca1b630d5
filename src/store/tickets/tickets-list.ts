// Tickets as a list that is read page by page. A page begins at a place, never at a count: the hundredth costs what the first does. Every
// filter has an index that holds its tickets in the list's order (a part of its own for each status and account), so a page reads as many
// rows as it shows.
import type { Knex } from 'knex'
import type { Address, Kind } from '../../model/parsed-message.ts'
import { readTags } from '../db/json-columns.ts'

export interface TicketsWanted {
  /** Default: any. */
  status?: 'open' | 'closed'
  /** Default: every account. */
  accountIds?: readonly number[]
  /** Of the mail that opened it. Default: any. */
  kind?: Kind
}

/** Where a ticket stands in the list: the newest first, those of one instant by their id. */
export interface PageCursor {
  updatedAt: Date
  id: number
}

export interface ListedTicket extends PageCursor {
  ref: string
  subject: string
  requester: Address
  account: string
  status: 'open' | 'closed'
  kind: Kind
  messages: number
  tags: string[]
  /** Mail to somebody in it came back. */
  undelivered: boolean
}

export interface TicketPage {
  tickets: ListedTicket[]
  /** True if there is something before, or after. */
  newer: boolean
  older: boolean
}

/** Those that are older than `before`, or the ones just newer than `after`, or the newest. */
export async function findTicketPage(
  db: Knex,
  wanted: TicketsWanted,
  { before, after, limit }: { before?: PageCursor; after?: PageCursor; limit: number },
): Promise<TicketPage> {
  if (after !== undefined) {
    const places = await findPlaces(db, wanted, { from: after, towards: 'newer', limit: limit + 1 })
    // Fewer than a page are newer: that is the first page.
    if (places.length <= limit) return await findTicketPage(db, wanted, { limit })
    return { tickets: await findListed(db, places.slice(0, limit).toReversed()), newer: true, older: true }
  }
  const places = await findPlaces(db, wanted, {
    ...(before === undefined ? {} : { from: before }),
    towards: 'older',
    limit: limit + 1,
  })
  return {
    tickets: await findListed(db, places.slice(0, limit)),
    newer: before !== undefined,
    older: places.length > limit,
  }
}

/** Another one whenever a ticket of such a list came, got mail, was closed or reopened. */
export async function findListMark(db: Knex, { status: _, ...wanted }: TicketsWanted): Promise<string> {
  const [newest] = await findPlaces(db, wanted, { towards: 'older', limit: 1 })
  return newest === undefined ? '' : `${newest.updatedAt.getTime()}-${newest.id}`
}

interface Reach {
  from?: PageCursor
  towards: 'newer' | 'older'
  limit: number
}

async function findPlaces(db: Knex, wanted: TicketsWanted, reach: Reach): Promise<PageCursor[]> {
  const parts = (wanted.accountIds ?? [undefined]).flatMap(accountId =>
    statusesOf(wanted).map(status => placesOf(db, { status, accountId, kind: wanted.kind }, reach)),
  )
  const [only] = parts
  if (only === undefined) return []
  const direction = reach.towards === 'older' ? 'desc' : 'asc'
  const rows: { id: number; updated_at: Date }[] = await (parts.length === 1
    ? only
    : db
        .from(db.unionAll(parts, true).as('places'))
        .orderBy('updated_at', direction)
        .orderBy('id', direction)
        .limit(reach.limit)
        .select('id', 'updated_at'))
  return rows.map(({ id, updated_at }) => ({ id, updatedAt: updated_at }))
}

function statusesOf({ status }: TicketsWanted): readonly string[] {
  return status === undefined ? ['open', 'closed'] : [status]
}

/** Read from one index, in its order, from the place on. */
function placesOf(
  db: Knex,
  { status, accountId, kind }: { status: string; accountId: number | undefined; kind: Kind | undefined },
  { from, towards, limit }: Reach,
): Knex.QueryBuilder {
  const query = db('tickets').where({
    status,
    ...(accountId === undefined ? {} : { account_id: accountId }),
    ...(kind === undefined ? {} : { kind }),
  })
  const [direction, beyond] = towards === 'older' ? (['desc', '<'] as const) : (['asc', '>'] as const)
  // Said twice, so that the index is entered at the place: a comparison of pairs alone would read up to it.
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
  status: 'open' | 'closed'
  kind: Kind
  messages: number
  tags_json: string | null
  updated_at: Date
}

async function findListed(db: Knex, places: readonly PageCursor[]): Promise<ListedTicket[]> {
  const ids = places.map(({ id }) => id)
  if (ids.length === 0) return []
  const rows: Row[] = await db('tickets')
    .join('accounts', 'accounts.id', 'tickets.account_id')
    .whereIn('tickets.id', ids)
    .select(
      'tickets.id',
      'ref',
      'subject',
      'requester_name',
      'requester_address',
      'accounts.address as account',
      'tickets.status',
      'tickets.kind',
      'messages',
      'tags_json',
      'tickets.updated_at',
    )
  const undelivered = new Set(
    await db('participants')
      .whereIn('ticket_id', ids)
      .whereNotNull('bounced_at')
      .distinct('ticket_id')
      .pluck('ticket_id'),
  )
  const byId = new Map(rows.map(row => [row.id, row]))
  return ids.flatMap(id => byId.get(id) ?? []).map(row => toListed(row, undelivered.has(row.id)))
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
    updatedAt: row.updated_at,
    undelivered,
  }
}

/** The addresses of accounts, each once, as far as the limit goes. */
export async function findAccountAddresses(db: Knex, limit: number): Promise<string[]> {
  return await db('accounts').distinct('address').orderBy('address').limit(limit).pluck('address')
}

/** Several accounts may have one address. */
export async function findAccountIds(db: Knex, address: string): Promise<number[]> {
  return await db('accounts').where({ address }).pluck('id')
}
