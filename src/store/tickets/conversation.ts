// One ticket as a conversation: one read model for the command, the pages and the API. It is read part by part, however long it and its mails
// are: first the ticket, then a page of its messages with as much of their texts as is asked for. HTML is not here: it is derived from the raw mail.
import type { Knex } from 'knex'
import { OperationError } from '../../errors/errors.ts'
import type { RawLocation } from '../../model/mail.ts'
import type { Address, Bounce, Kind } from '../../model/parsed-message.ts'
import type { SenderVerdict } from '../../model/sender-verdict.ts'
import { readBounce, readPeople, readSenderVerdict, readTags } from '../db/json-columns.ts'
import { type TicketStatus, ticketColumns } from './ticket-list.ts'

export interface TicketName {
  id: number
  ref: string
  subject: string
}

export interface Ticket extends TicketName {
  requester: Address
  /** The account's address. */
  account: string
  status: TicketStatus
  kind: Kind
  messages: number
  tags: string[]
  /** What its first mail referred to. */
  linked: TicketName | undefined
  createdAt: Date
  updatedAt: Date
}

/** `which` is an id or a ref (LL-…), in any case. */
export async function findTicket(db: Knex, which: string): Promise<Ticket | undefined> {
  const query = db('tickets')
    .join('accounts', 'accounts.id', 'tickets.account_id')
    .leftJoin('tickets as linked', 'linked.id', 'tickets.linked_ticket_id')
  const row = await (/^\d{1,15}$/.test(which)
    ? query.where('tickets.id', which)
    : query.where('tickets.ref', which.toUpperCase())
  ).first(...ticketColumns, 'linked.id as linked_id', 'linked.ref as linked_ref', 'linked.subject as linked_subject')
  if (row === undefined) return undefined
  const { linked_id: id, linked_ref: ref, linked_subject: subject } = row
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
    linked: id === null ? undefined : { id, ref, subject },
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

/** Throws OperationError where there is none. */
export async function getTicket(db: Knex, which: string): Promise<Ticket> {
  const ticket = await findTicket(db, which)
  if (ticket !== undefined) return ticket
  throw new OperationError('ticket.not_found', { which })
}

/** The tickets whose first mail refers to this one, the newest first. */
export async function findLinking(db: Knex, ticketId: number, limit: number): Promise<TicketName[]> {
  return await db('tickets')
    .where({ linked_ticket_id: ticketId })
    .orderBy('id', 'desc')
    .limit(limit)
    .select('id', 'ref', 'subject')
}

/** A participant to whom mail could not be delivered, with the status (RFC 3463). */
export interface Bounced {
  address: string
  status: string | null
  at: Date
}

/** By their address; all, or as far as the limit goes. */
export async function findBounced(db: Knex, ticketId: number, limit?: number): Promise<Bounced[]> {
  const query = db('participants').where({ ticket_id: ticketId }).whereNotNull('bounced_at').orderBy('address')
  if (limit !== undefined) query.limit(limit)
  const rows: { address: string; bounce_status: string | null; bounced_at: Date }[] = await query.select(
    'address',
    'bounce_status',
    'bounced_at',
  )
  return rows.map(row => ({ address: row.address, status: row.bounce_status, at: row.bounced_at }))
}

/** Changes whenever the ticket gets mail, is closed or reopened. */
export async function findTicketMark(db: Knex, ticketId: number): Promise<string> {
  const row = await db('tickets').where({ id: ticketId }).first('messages', 'status', 'updated_at')
  return row === undefined ? '' : `${row.messages}-${row.status}-${row.updated_at.getTime()}`
}

/** A text, or its beginning. */
export interface Excerpt {
  text: string
  /** It goes on. */
  cut: boolean
}

export interface Attachment {
  id: number
  /** As the sender gave it. */
  filename: string | null
  /** As the sender says. */
  contentType: string
  size: number
  sha256: string
  contentId: string | null
  inline: boolean
}

export interface Message {
  id: number
  from: Address
  to: Address[]
  cc: Address[]
  /** What the mail says. */
  date: Date | null
  createdAt: Date
  kind: Kind
  subject: string
  messageId: string
  /** The new words. */
  reply: Excerpt
  /** All words, with what is quoted. */
  text: Excerpt
  /** True where `text` is more than `reply`. */
  quotes: boolean
  accountId: number
  /** null: only its raw mail tells. */
  hasHtml: boolean | null
  /** null: its raw mail is not kept. */
  raw: RawLocation | null
  bounce: Bounce | null
  /** What mail servers say of its sender; null: nobody was asked. */
  authentication: SenderVerdict | null
  attachments: Attachment[]
  source: {
    account: string
    mailbox: string
    uidValidity: number
    uid: number
    sha256: string | null
    size: number
    complete: boolean
  }
}

export interface MessagePage {
  /** In the order in which they came. */
  messages: Message[]
  earlier: boolean
  later: boolean
}

export interface MessagesWanted {
  /** Only those before this message. */
  beforeId?: number | undefined
  /** The last so many. Default: all. */
  limit?: number | undefined
  /** How much of each text is read. Default: all of it. */
  maxCharacters?: number | undefined
}

/** The last messages of the ticket, or the last of those before one. */
export async function findMessages(
  db: Knex,
  ticketId: number,
  { beforeId, limit, maxCharacters }: MessagesWanted,
): Promise<MessagePage> {
  // The ids alone first, from their index: texts are read of those that are shown.
  const query = db('messages').where({ ticket_id: ticketId }).orderBy('id', 'desc')
  if (limit !== undefined) query.limit(limit + 1)
  if (beforeId !== undefined) query.where('id', '<', beforeId)
  const ids: number[] = await query.pluck('id')
  const shown = ids.slice(0, limit)
  const [attachments, rows] = await Promise.all([findAttachments(db, shown), findRows(db, shown, maxCharacters)])
  return {
    messages: rows.map(row => toMessage(row, attachments.get(row.id) ?? [], maxCharacters)),
    earlier: ids.length > shown.length,
    later: beforeId !== undefined,
  }
}

interface Row {
  id: number
  from_name: string
  from_address: string
  to_json: string
  cc_json: string
  date: Date | null
  created_at: Date
  kind: Kind
  subject: string
  message_id: string
  reply: string
  text: string
  quotes: number
  has_html: number | null
  bounce_json: string | null
  auth_json: string | null
  account: string
  mailbox: string
  uid_validity: number
  uid: number
  sha256: string | null
  size: number
  complete: number
  account_id: number
  batch: string | null
  batch_offset: number
  stored_size: number
}

async function findRows(db: Knex, ids: readonly number[], maxCharacters: number | undefined): Promise<Row[]> {
  if (ids.length === 0) return []
  const beginningOf = (text: string, name: string): Knex.Raw =>
    maxCharacters === undefined
      ? db.raw(`${text} AS ${name}`)
      : db.raw(`LEFT(${text}, ?) AS ${name}`, [maxCharacters + 1])
  return await db('messages')
    .join('sources', 'sources.id', 'messages.source_id')
    .join('mailboxes', 'mailboxes.id', 'sources.mailbox_id')
    .join('accounts', 'accounts.id', 'sources.account_id')
    .whereIn('messages.id', ids)
    .orderBy('messages.id')
    .select(
      'messages.id',
      'messages.from_name',
      'messages.from_address',
      'messages.to_json',
      'messages.cc_json',
      'messages.date',
      'messages.created_at',
      'messages.kind',
      'messages.subject',
      'messages.message_id',
      beginningOf('COALESCE(messages.reply, messages.text)', 'reply'),
      beginningOf('messages.text', 'text'),
      db.raw('(messages.reply IS NOT NULL AND TRIM(messages.reply) <> TRIM(messages.text)) AS quotes'),
      'messages.has_html',
      'messages.bounce_json',
      'messages.auth_json',
      'accounts.address as account',
      'mailboxes.name as mailbox',
      'sources.uid_validity',
      'sources.uid',
      'sources.sha256',
      'sources.size',
      'sources.complete',
      'sources.account_id',
      'sources.batch',
      'sources.batch_offset',
      'sources.stored_size',
    )
}

function toMessage(row: Row, attachments: Attachment[], maxCharacters: number | undefined): Message {
  return {
    id: row.id,
    from: { name: row.from_name, address: row.from_address },
    to: readPeople(row.to_json),
    cc: readPeople(row.cc_json),
    date: row.date,
    createdAt: row.created_at,
    kind: row.kind,
    subject: row.subject,
    messageId: row.message_id,
    reply: toExcerpt(row.reply, maxCharacters),
    text: toExcerpt(row.text, maxCharacters),
    quotes: row.quotes === 1,
    accountId: row.account_id,
    hasHtml: toHasHtml(row),
    raw: toRawLocation(row),
    bounce: readBounce(row.bounce_json),
    authentication: readSenderVerdict(row.auth_json),
    attachments,
    source: {
      account: row.account,
      mailbox: row.mailbox,
      uidValidity: row.uid_validity,
      uid: row.uid,
      sha256: row.sha256,
      size: row.size,
      complete: row.complete === 1,
    },
  }
}

/** The database counts characters; beyond the first plane one is two of JavaScript's. */
function toExcerpt(text: string, maxCharacters = Number.POSITIVE_INFINITY): Excerpt {
  if (text.length <= maxCharacters) return { text, cut: false }
  return { text: text.slice(0, maxCharacters).toWellFormed(), cut: true }
}

async function findAttachments(db: Knex, messageIds: readonly number[]): Promise<Map<number, Attachment[]>> {
  if (messageIds.length === 0) return new Map()
  const rows = await db('attachments')
    .whereIn('of_message', messageIds)
    .orderBy(['of_message', 'position'])
    .select('id', 'of_message', 'filename', 'content_type', 'size', 'sha256', 'content_id', 'inline')
  const byMessage = Map.groupBy(rows, row => row.of_message as number)
  return new Map(
    [...byMessage].map(([id, found]) => [
      id,
      found.map(row => ({
        id: row.id,
        filename: row.filename,
        contentType: row.content_type,
        size: row.size,
        sha256: row.sha256,
        contentId: row.content_id,
        inline: row.inline === 1,
      })),
    ]),
  )
}

/** What the HTML of a message is derived from. */
export type MessageInRaw = Pick<Message, 'id' | 'accountId' | 'hasHtml' | 'raw' | 'attachments'>

/** Undefined where the ticket has no such message. */
export async function findMessageInRaw(
  db: Knex,
  ticketId: number,
  messageId: number,
): Promise<MessageInRaw | undefined> {
  const row = await db('messages')
    .join('sources', 'sources.id', 'messages.source_id')
    .where({ 'messages.id': messageId, 'messages.ticket_id': ticketId })
    .first('has_html', 'sources.account_id', 'batch', 'batch_offset', 'stored_size', 'sha256')
  if (row === undefined) return undefined
  const attachments = (await findAttachments(db, [messageId])).get(messageId) ?? []
  return { id: messageId, accountId: row.account_id, hasHtml: toHasHtml(row), raw: toRawLocation(row), attachments }
}

function toHasHtml({ has_html: value }: Pick<Row, 'has_html'>): boolean | null {
  return value === null ? null : value === 1
}

function toRawLocation(row: Pick<Row, 'batch' | 'batch_offset' | 'stored_size' | 'sha256'>): RawLocation | null {
  const { batch, batch_offset: offset, stored_size: size, sha256 } = row
  return batch === null || sha256 === null ? null : { batch, offset, size, sha256 }
}

/** All of a message's words, with what it quotes. Undefined where the ticket has no such message. */
export async function findMessageText(db: Knex, ticketId: number, messageId: number): Promise<string | undefined> {
  return (await db('messages').where({ id: messageId, ticket_id: ticketId }).first('text'))?.text
}

/** True if the message is one of the ticket. */
export async function hasMessage(db: Knex, ticketId: number, messageId: number): Promise<boolean> {
  return (await db('messages').where({ id: messageId, ticket_id: ticketId }).first('id')) !== undefined
}

/** The id of the ticket's message with this number (from 1). */
export async function findMessageId(db: Knex, ticketId: number, number: number): Promise<number | undefined> {
  const query = db('messages').where({ ticket_id: ticketId }).orderBy('id')
  return (
    await query
      .offset(number - 1)
      .limit(1)
      .first('id')
  )?.id
}

/** True if the ticket had another status before. */
export async function updateTicketStatus(trx: Knex.Transaction, id: number, status: TicketStatus): Promise<boolean> {
  const changed = await trx('tickets')
    .where({ id })
    .whereNot({ status })
    .update({ status, updated_at: trx.raw('UTC_TIMESTAMP(3)') })
  return changed > 0
}
