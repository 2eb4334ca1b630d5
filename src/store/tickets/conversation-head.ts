// What stands over a conversation: the ticket, those that it is linked with, and whom mail could not be delivered to.
import type { Knex } from 'knex'
import type { Address, Kind } from '../../model/parsed-message.ts'
import { readTags } from '../db/json-columns.ts'
import { findBounced } from './tickets.ts'

export interface TicketName {
  id: number
  ref: string
  subject: string
}

export interface ConversationHead extends TicketName {
  requester: Address
  account: string
  status: 'open' | 'closed'
  kind: Kind
  messages: number
  createdAt: Date
  tags: string[]
  /** What its first mail referred to. */
  linked: TicketName | undefined
  /** Those whose first mail refers to it, the newest first, as far as the limit goes. */
  linking: TicketName[]
  /** Whom mail could not be delivered to. */
  bounced: { address: string; status: string | null; at: Date }[]
}

const maxNamed = 50

/** `which` is an id or a ref (LL-…). Undefined where there is none. */
export async function findConversationHead(db: Knex, which: string): Promise<ConversationHead | undefined> {
  const query = db('tickets')
    .join('accounts', 'accounts.id', 'tickets.account_id')
    .leftJoin('tickets as linked', 'linked.id', 'tickets.linked_ticket_id')
  const row = await (/^\d{1,15}$/.test(which)
    ? query.where('tickets.id', which)
    : query.where('tickets.ref', which.toUpperCase())
  ).first(
    'tickets.id',
    'tickets.ref',
    'tickets.subject',
    'tickets.requester_name',
    'tickets.requester_address',
    'accounts.address as account',
    'tickets.status',
    'tickets.kind',
    'tickets.messages',
    'tickets.created_at',
    'tickets.tags_json',
    'linked.id as linked_id',
    'linked.ref as linked_ref',
    'linked.subject as linked_subject',
  )
  if (row === undefined) return undefined
  return {
    id: row.id,
    ref: row.ref,
    subject: row.subject,
    requester: { name: row.requester_name, address: row.requester_address },
    account: row.account,
    status: row.status,
    kind: row.kind,
    messages: row.messages,
    createdAt: row.created_at,
    tags: readTags(row.tags_json),
    linked:
      row.linked_id === null ? undefined : { id: row.linked_id, ref: row.linked_ref, subject: row.linked_subject },
    linking: await findLinking(db, row.id),
    bounced: await findBounced(db, row.id, maxNamed),
  }
}

async function findLinking(db: Knex, ticketId: number): Promise<TicketName[]> {
  return await db('tickets')
    .where({ linked_ticket_id: ticketId })
    .orderBy('id', 'desc')
    .limit(maxNamed)
    .select('id', 'ref', 'subject')
}
