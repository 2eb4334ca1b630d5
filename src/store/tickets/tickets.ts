// Tickets as people read them.
import type { Knex } from 'knex'
import { CommandError } from '../../errors/errors.ts'
import type { Address } from '../../model/parsed-message.ts'
import { inTransaction } from '../db/database.ts'
import { readTags } from '../db/json-columns.ts'
import { insertAudit } from '../people/audit.ts'
import { findMessages, type MessageView } from './ticket-messages.ts'

/** As `ticket list --json` prints it. */
export interface TicketView {
  id: number
  ref: string
  subject: string
  requester: Address
  /** The account's address. */
  account: string
  status: 'open' | 'closed'
  messages: number
  createdAt: Date
  updatedAt: Date
}

export interface TicketDetail extends Omit<TicketView, 'messages'> {
  linkedTicket: number | null
  /** What rules gave it. */
  tags: string[]
  /** Participants whom mail could not be delivered to, with the status (RFC 3463). */
  bounced: { address: string; status: string | null; at: Date }[]
  messages: MessageView[]
}

export interface TicketFilter {
  account?: string
  status?: 'open' | 'closed'
  limit: number
}

function selectTickets(db: Knex): Knex.QueryBuilder {
  return db('tickets')
    .join('accounts', 'accounts.id', 'tickets.account_id')
    .select(
      'tickets.id',
      'tickets.ref',
      'tickets.subject',
      'tickets.requester_name',
      'tickets.requester_address',
      'accounts.address as account',
      'tickets.status',
      'tickets.messages',
      'tickets.linked_ticket_id',
      'tickets.tags_json',
      'tickets.created_at',
      'tickets.updated_at',
    )
}

interface TicketRow {
  id: number
  ref: string
  subject: string
  requester_name: string
  requester_address: string
  account: string
  status: 'open' | 'closed'
  messages: number
  linked_ticket_id: number | null
  tags_json: string | null
  created_at: Date
  updated_at: Date
}

function toView(row: TicketRow): TicketView {
  return {
    id: row.id,
    ref: row.ref,
    subject: row.subject,
    requester: { name: row.requester_name, address: row.requester_address },
    account: row.account,
    status: row.status,
    messages: row.messages,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

/** The newest first. */
export async function findTickets(db: Knex, filter: TicketFilter): Promise<TicketView[]> {
  const accountIds =
    filter.account === undefined
      ? [undefined]
      : ((await db('accounts').where({ address: filter.account }).pluck('id')) as number[])
  const statuses = filter.status === undefined ? (['open', 'closed'] as const) : [filter.status]
  const parts = accountIds.flatMap(accountId => statuses.map(status => newestOf(db, status, accountId, filter.limit)))
  if (parts.length === 0) return []
  const rows: TicketRow[] = await selectTickets(db)
    .join(db.unionAll(parts, true).as('newest'), 'newest.id', 'tickets.id')
    .orderBy('tickets.updated_at', 'desc')
    .orderBy('tickets.id', 'desc')
    .limit(filter.limit)
  return rows.map(toView)
}

/** Read from the end of an index (status, updated_at), however many there are: one part for each status and account. */
function newestOf(db: Knex, status: string, accountId: number | undefined, limit: number): Knex.QueryBuilder {
  return db('tickets')
    .where({ status, ...(accountId === undefined ? {} : { account_id: accountId }) })
    .orderBy('updated_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .select('id')
}

/** `which` is an id or a ref (LL-…). Throws CommandError where there is none. */
export async function getTicketRow(db: Knex, which: string): Promise<TicketRow> {
  const query = selectTickets(db)
  const row: TicketRow | undefined = await (/^\d+$/.test(which)
    ? query.where('tickets.id', which)
    : query.where('tickets.ref', which.toUpperCase())
  ).first()
  if (row !== undefined) return row
  throw new CommandError(`there is no ticket ${which}`, '`letterlock ticket list` shows the newest')
}

/** True if it had another one. */
async function updateTicketStatus(db: Knex, id: number, status: 'open' | 'closed'): Promise<boolean> {
  const changed = await db('tickets')
    .where({ id })
    .whereNot({ status })
    .update({ status, updated_at: db.raw('UTC_TIMESTAMP(3)') })
  return changed > 0
}

/** Closes or reopens it, and writes who did; true if it was otherwise before. */
export async function changeTicketStatus(
  db: Knex,
  id: number,
  status: 'open' | 'closed',
  actor: string,
): Promise<boolean> {
  return await inTransaction(db, async trx => {
    if (!(await updateTicketStatus(trx, id, status))) return false
    const action = status === 'closed' ? 'ticket.close' : 'ticket.reopen'
    await insertAudit(trx, { actor, action, detail: { ticket: id } })
    return true
  })
}

/** The ticket with its messages. Throws CommandError where there is none. */
export async function getTicket(db: Knex, which: string): Promise<TicketDetail> {
  const row = await getTicketRow(db, which)
  return {
    ...toView(row),
    linkedTicket: row.linked_ticket_id,
    tags: readTags(row.tags_json),
    bounced: await findBounced(db, row.id),
    messages: await findMessages(db, row.id),
  }
}

/** Participants whom mail could not be delivered to, by their address; not more than `limit`. */
export async function findBounced(db: Knex, ticketId: number, limit?: number): Promise<TicketDetail['bounced']> {
  const query = db('participants').where({ ticket_id: ticketId }).whereNotNull('bounced_at').orderBy('address')
  if (limit !== undefined) query.limit(limit)
  const rows: { address: string; bounce_status: string | null; bounced_at: Date }[] = await query.select(
    'address',
    'bounce_status',
    'bounced_at',
  )
  return rows.map(row => ({ address: row.address, status: row.bounce_status, at: row.bounced_at }))
}
