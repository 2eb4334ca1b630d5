// A ticket as a conversation that is read part by part, however long it and its mails are: the words as far as a page shows them, HTML and
// attachments only when they are asked for.
import type { Knex } from 'knex'
import type { Address, Bounce, HtmlNotes, Kind } from '../../model/parsed-message.ts'
import { readBounce, readHtmlNotes, readPeople } from '../db/json-columns.ts'

/** A text as far as a page shows it. */
export interface Excerpt {
  text: string
  /** It goes on. */
  cut: boolean
}

export interface ConversationFile {
  id: number
  /** As the sender gave it. */
  filename: string | null
  /** As the sender says. */
  contentType: string
  size: number
  contentId: string | null
  inline: boolean
}

export interface ConversationMessage {
  id: number
  from: Address
  to: Address[]
  cc: Address[]
  /** What the mail says. */
  date: Date | null
  /** When it came in. */
  at: Date
  kind: Kind
  subject: string
  messageId: string
  /** The new words. */
  reply: Excerpt
  /** With what it quotes; null where that is nothing more. */
  whole: Excerpt | null
  hasHtml: boolean
  htmlNotes: HtmlNotes | null
  bounce: Bounce | null
  files: ConversationFile[]
  source: { account: string; mailbox: string; uid: number; size: number; complete: boolean }
}

export interface Conversation {
  /** In the order in which they came. */
  messages: ConversationMessage[]
  earlier: boolean
  later: boolean
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
  more: number
  has_html: number
  html_notes_json: string | null
  bounce_json: string | null
  account: string
  mailbox: string
  uid: number
  size: number
  complete: number
}

const maxLetters = 20_000

/** The last messages, or the last of those before `beforeId`. */
export async function findConversation(
  db: Knex,
  ticketId: number,
  { beforeId, limit }: { beforeId?: number; limit: number },
): Promise<Conversation> {
  // The ids alone first, from their index: texts are read of those that are shown.
  const query = db('messages')
    .where({ ticket_id: ticketId })
    .orderBy('id', 'desc')
    .limit(limit + 1)
  if (beforeId !== undefined) query.where('id', '<', beforeId)
  const ids: number[] = await query.pluck('id')
  const shown = await findRows(db, ids.slice(0, limit))
  const files = await findFiles(
    db,
    shown.map(({ id }) => id),
  )
  return {
    messages: shown.map(row => toMessage(row, files.get(row.id) ?? [])),
    earlier: ids.length > limit,
    later: beforeId !== undefined,
  }
}

async function findRows(db: Knex, ids: readonly number[]): Promise<Row[]> {
  if (ids.length === 0) return []
  return await db('messages')
    .join('sources', 'sources.id', 'messages.source_id')
    .join('mailboxes', 'mailboxes.id', 'sources.mailbox_id')
    .join('accounts', 'accounts.id', 'sources.account_id')
    .whereIn('messages.id', ids)
    .orderBy('messages.id')
    .select(
      'messages.id',
      'from_name',
      'from_address',
      'to_json',
      'cc_json',
      'date',
      'messages.created_at',
      'kind',
      'messages.subject',
      'messages.message_id',
      db.raw('LEFT(COALESCE(reply, text), ?) AS reply', [maxLetters + 1]),
      db.raw('LEFT(text, ?) AS text', [maxLetters + 1]),
      db.raw('(reply IS NOT NULL AND TRIM(reply) <> TRIM(text)) AS more'),
      db.raw('(html IS NOT NULL) AS has_html'),
      'html_notes_json',
      'bounce_json',
      'accounts.address as account',
      'mailboxes.name as mailbox',
      'sources.uid',
      'sources.size',
      'sources.complete',
    )
}

function toMessage(row: Row, files: ConversationFile[]): ConversationMessage {
  return {
    id: row.id,
    from: { name: row.from_name, address: row.from_address },
    to: readPeople(row.to_json),
    cc: readPeople(row.cc_json),
    date: row.date,
    at: row.created_at,
    kind: row.kind,
    subject: row.subject,
    messageId: row.message_id,
    reply: toExcerpt(row.reply),
    whole: row.more === 1 ? toExcerpt(row.text) : null,
    hasHtml: row.has_html === 1,
    htmlNotes: readHtmlNotes(row.html_notes_json),
    bounce: readBounce(row.bounce_json),
    files,
    source: {
      account: row.account,
      mailbox: row.mailbox,
      uid: row.uid,
      size: row.size,
      complete: row.complete === 1,
    },
  }
}

/** MariaDB counts letters; beyond the first plane one is two of ours. */
function toExcerpt(text: string): Excerpt {
  return { text: text.slice(0, maxLetters).toWellFormed(), cut: text.length > maxLetters }
}

async function findFiles(db: Knex, messageIds: readonly number[]): Promise<Map<number, ConversationFile[]>> {
  if (messageIds.length === 0) return new Map()
  const rows = await db('attachments')
    .whereIn('of_message', messageIds)
    .orderBy(['of_message', 'position'])
    .select('id', 'of_message', 'filename', 'content_type', 'size', 'content_id', 'inline')
  const byMessage = Map.groupBy(rows, row => row.of_message as number)
  return new Map(
    [...byMessage].map(([id, found]) => [
      id,
      found.map(row => ({
        id: row.id,
        filename: row.filename,
        contentType: row.content_type,
        size: row.size,
        contentId: row.content_id,
        inline: row.inline === 1,
      })),
    ]),
  )
}

/** The highest message of the ticket and its status: another one whenever it changed. */
export async function findConversationMark(db: Knex, ticketId: number): Promise<string> {
  const row = await db('tickets').where({ id: ticketId }).first('messages', 'status', 'updated_at')
  return row === undefined ? '' : `${row.messages}-${row.status}-${row.updated_at.getTime()}`
}

export interface MessageHtml {
  /** Sanitised. */
  html: string
  files: ConversationFile[]
}

/** Undefined where the ticket has no such message, or that no HTML. */
export async function findMessageHtml(db: Knex, ticketId: number, messageId: number): Promise<MessageHtml | undefined> {
  const row = await db('messages').where({ id: messageId, ticket_id: ticketId }).first('html')
  if (row === undefined || row.html === null) return undefined
  return { html: row.html, files: (await findFiles(db, [messageId])).get(messageId) ?? [] }
}

/** True if the message is one of the ticket. */
export async function hasMessage(db: Knex, ticketId: number, messageId: number): Promise<boolean> {
  return (await db('messages').where({ id: messageId, ticket_id: ticketId }).first('id')) !== undefined
}

/** All of its words, with what it quotes. Undefined where the ticket has no such message. */
export async function findMessageText(db: Knex, ticketId: number, messageId: number): Promise<string | undefined> {
  return (await db('messages').where({ id: messageId, ticket_id: ticketId }).first('text'))?.text
}
