// The messages of a ticket as people read them, with their attachments.
import type { Knex } from 'knex'
import type { Address, Bounce, HtmlNotes, Kind } from '../../model/parsed-message.ts'
import { readBounce, readHtmlNotes, readPeople } from '../db/json-columns.ts'

export interface AttachmentView {
  /** For `--attachment N`: from 1, counted through the whole ticket. */
  number: number
  filename: string | null
  contentType: string
  size: number
  sha256: string
  contentId: string | null
  inline: boolean
}

export interface MessageView {
  id: number
  from: Address
  to: Address[]
  cc: Address[]
  date: Date | null
  kind: Kind
  subject: string
  text: string
  html: string | null
  /** null without HTML, and for mail that was taken in before they were noted. */
  htmlNotes: HtmlNotes | null
  reply: string
  attachments: AttachmentView[]
  messageId: string
  bounce: Bounce | null
  source: { account: string; mailbox: string; uidValidity: number; uid: number; sha256: string | null; size: number }
}

interface MessageRow {
  id: number
  from_name: string
  from_address: string
  to_json: string
  cc_json: string
  date: Date | null
  kind: Kind
  subject: string
  text: string
  html: string | null
  html_notes_json: string | null
  reply: string | null
  message_id: string
  bounce_json: string | null
  account: string
  mailbox: string
  uid_validity: number
  uid: number
  sha256: string | null
  size: number
}

export async function findMessages(db: Knex, ticketId: number): Promise<MessageView[]> {
  const rows: MessageRow[] = await db('messages')
    .join('sources', 'sources.id', 'messages.source_id')
    .join('mailboxes', 'mailboxes.id', 'sources.mailbox_id')
    .join('accounts', 'accounts.id', 'sources.account_id')
    .where('messages.ticket_id', ticketId)
    .orderBy('messages.id')
    .select(
      'messages.id',
      'messages.from_name',
      'messages.from_address',
      'messages.to_json',
      'messages.cc_json',
      'messages.date',
      'messages.kind',
      'messages.subject',
      'messages.text',
      'messages.html',
      'messages.html_notes_json',
      'messages.reply',
      'messages.message_id',
      'messages.bounce_json',
      'accounts.address as account',
      'mailboxes.name as mailbox',
      'sources.uid_validity',
      'sources.uid',
      'sources.sha256',
      'sources.size',
    )
  const attachments = await findAttachments(
    db,
    rows.map(row => row.id),
  )
  return rows.map(row => ({
    id: row.id,
    from: { name: row.from_name, address: row.from_address },
    to: readPeople(row.to_json),
    cc: readPeople(row.cc_json),
    date: row.date,
    kind: row.kind,
    subject: row.subject,
    text: row.text,
    html: row.html,
    htmlNotes: readHtmlNotes(row.html_notes_json),
    reply: row.reply ?? row.text,
    attachments: attachments.get(row.id) ?? [],
    messageId: row.message_id,
    bounce: readBounce(row.bounce_json),
    source: {
      account: row.account,
      mailbox: row.mailbox,
      uidValidity: row.uid_validity,
      uid: row.uid,
      sha256: row.sha256,
      size: row.size,
    },
  }))
}

async function findAttachments(db: Knex, messageIds: readonly number[]): Promise<Map<number, AttachmentView[]>> {
  if (messageIds.length === 0) return new Map()
  const rows = await db('attachments')
    .whereIn('of_message', messageIds)
    .orderBy(['of_message', 'position'])
    .select('of_message', 'filename', 'content_type', 'size', 'sha256', 'content_id', 'inline')
  const views = rows.map((row, i) => ({
    messageId: row.of_message as number,
    view: {
      number: i + 1,
      filename: row.filename,
      contentType: row.content_type,
      size: row.size,
      sha256: row.sha256,
      contentId: row.content_id,
      inline: row.inline === 1,
    },
  }))
  return new Map(
    [...Map.groupBy(views, found => found.messageId)].map(([id, found]) => [id, found.map(({ view }) => view)]),
  )
}
