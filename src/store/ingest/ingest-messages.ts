// The rows of a batch, once its mails have their ends. All of it runs inside the transaction that also moves the cursor. Ids are read back
// instead of reckoned from the first one: servers in a cluster do not count by one.
import type { Knex } from 'knex'
import type { AfterIngest, MessageMeta } from '../../fetch/mailbox.ts'
import type { Address, ParsedMessage } from '../../model/parsed-message.ts'
import type { MailEnd } from '../../poll/ingest/decide-outcomes.ts'
import { cut, insertRows, type Row } from '../db/insert-rows.ts'
import { hashOf } from './find-duplicates.ts'
import {
  insertAwaited,
  insertParticipants,
  insertTickets,
  linkWaiting,
  updateBounced,
  updateTickets,
} from './ingest-tickets.ts'

export interface BatchPlace {
  accountId: number
  mailboxId: number
  uidValidity: number
  afterIngest: AfterIngest
}

/** Writes tickets, sources, messages and what hangs on them. `replaced`: rows, by UID, in whose place a new one comes, under its id. */
export async function insertMails(
  trx: Knex.Transaction,
  place: BatchPlace,
  ends: readonly MailEnd[],
  replaced: ReadonlyMap<number, number>,
): Promise<void> {
  if (replaced.size > 0)
    await trx('sources')
      .whereIn('id', [...replaced.values()])
      .delete()
  const tickets = [...new Set(ends.map(end => end.ticket).filter(ticket => ticket !== null))]
  await insertTickets(trx, place.accountId, tickets)
  const sourceIds = await insertSources(trx, place, ends, replaced)
  await insertMessages(trx, place.accountId, ends, sourceIds)
  await insertParticipants(trx, tickets)
  await updateTickets(
    trx,
    tickets.filter(ticket => ticket.opened === null),
  )
  await insertAwaited(trx, place.accountId, tickets)
  await linkWaiting(trx, ends)
  await updateBounced(trx, tickets)
  await nameOriginals(trx, ends, sourceIds)
}

async function insertSources(
  trx: Knex.Transaction,
  place: BatchPlace,
  ends: readonly MailEnd[],
  replaced: ReadonlyMap<number, number>,
): Promise<Map<number, number>> {
  const rows = ends.map(({ kept, fingerprint, result, reason, ticket, original }) => ({
    id: replaced.get(kept.mail.uid) ?? null,
    account_id: place.accountId,
    mailbox_id: place.mailboxId,
    uid_validity: place.uidValidity,
    uid: kept.mail.uid,
    sha256: kept.place.sha256,
    size: kept.mail.complete ? kept.place.size : kept.mail.size,
    complete: kept.mail.complete,
    message_id: cut(kept.parsed?.messageId ?? '', 1000),
    fingerprint,
    result,
    reason,
    ticket_id: ticket?.id ?? original?.ticketId ?? original?.end?.ticket?.id ?? null,
    duplicate_of: original?.id ?? null,
    batch: kept.place.batch,
    batch_offset: kept.place.offset,
    stored_size: kept.place.size,
    received_at: kept.mail.receivedAt,
    after_ingest: toText(place.afterIngest),
    settled_at: place.afterIngest.kind,
  }))
  await insertRows(trx, 'sources', rows, {
    expressions: { settled_at: "IF(? = 'keep', UTC_TIMESTAMP(3), NULL)" },
  })
  const ids: { id: number; uid: number }[] = await trx('sources')
    .where({ mailbox_id: place.mailboxId, uid_validity: place.uidValidity })
    .whereIn(
      'uid',
      rows.map(row => row.uid),
    )
    .select('id', 'uid')
  return new Map(ids.map(({ id, uid }) => [uid, id]))
}

/** A mail that the server cannot hand over: its row says so, with what the server says of it. */
export async function insertUnfetchable(trx: Knex, place: BatchPlace, meta: MessageMeta): Promise<void> {
  await trx('sources')
    .insert({
      account_id: place.accountId,
      mailbox_id: place.mailboxId,
      uid_validity: place.uidValidity,
      uid: meta.uid,
      size: meta.size,
      complete: false,
      result: 'quarantined',
      reason: 'unfetchable',
      received_at: meta.receivedAt,
    })
    .onConflict()
    .merge({ retry_at: null })
}

/** A duplicate of a mail of the same batch learns the other's id once it has one. */
async function nameOriginals(trx: Knex, ends: readonly MailEnd[], sourceIds: Map<number, number>): Promise<void> {
  for (const { kept, original } of ends) {
    if (!original?.end) continue
    const id = sourceIds.get(original.end.kept.mail.uid)
    await trx('sources')
      .where({ id: sourceIds.get(kept.mail.uid) })
      .update({ duplicate_of: id })
  }
}

async function insertMessages(
  trx: Knex.Transaction,
  accountId: number,
  ends: readonly MailEnd[],
  sourceIds: Map<number, number>,
): Promise<void> {
  const mails = ends.flatMap(end => {
    const sourceId = sourceIds.get(end.kept.mail.uid)
    return end.ticket?.id && end.kept.parsed && sourceId !== undefined
      ? [
          {
            ticketId: end.ticket.id,
            sourceId,
            message: end.kept.parsed,
            reason: end.reason,
            at: end.kept.mail.receivedAt,
          },
        ]
      : []
  })
  if (mails.length === 0) return
  await insertRows(
    trx,
    'messages',
    mails.map(mail => messageRow(mail)),
  )
  const ids: { id: number; source_id: number }[] = await trx('messages')
    .whereIn(
      'source_id',
      mails.map(mail => mail.sourceId),
    )
    .select('id', 'source_id')
  const idOf = new Map(ids.map(row => [row.source_id, row.id]))
  await insertRows(
    trx,
    'attachments',
    mails.flatMap(mail => attachmentRows(mail.message, idOf.get(mail.sourceId) as number)),
  )
  await insertMessageIds(
    trx,
    accountId,
    mails.map(mail => [mail.message.messageId, mail.ticketId]),
  )
}

interface NewMessage {
  ticketId: number
  sourceId: number
  message: ParsedMessage
  reason: string
  /** When the mail server received it. */
  at: Date
}

function messageRow({ ticketId, sourceId, message, reason, at }: NewMessage): Row {
  return {
    ticket_id: ticketId,
    source_id: sourceId,
    message_id: cut(message.messageId, 1000),
    kind: message.kind,
    reasons_json: JSON.stringify(message.reasons),
    thread_reason: reason,
    from_address: cut(message.from?.address ?? '', 500),
    from_name: cut(message.from?.name ?? '', 500),
    to_json: peopleJson(message.to),
    cc_json: peopleJson(message.cc),
    reply_to_json: peopleJson(message.replyTo),
    subject: cut(message.subject, 1000),
    date: message.date === null ? null : new Date(message.date),
    text: message.text,
    html: message.html,
    html_notes_json: message.htmlNotes === null ? null : JSON.stringify(message.htmlNotes),
    reply: message.reply === message.text ? null : message.reply,
    bounce_json: message.bounce === null ? null : cut(JSON.stringify(message.bounce), 65_535),
    created_at: at,
  }
}

/** A mail to ten thousand people is shown with the first thousand. */
function peopleJson(people: readonly Address[]): string {
  return JSON.stringify(people.slice(0, 1000))
}

function attachmentRows(message: ParsedMessage, messageId: number): Row[] {
  return message.attachments.map((attachment, i) => ({
    of_message: messageId,
    position: i + 1,
    filename: attachment.filename === null ? null : cut(attachment.filename, 500),
    content_type: cut(attachment.contentType, 255),
    size: attachment.size,
    sha256: attachment.sha256,
    content_id: attachment.contentId === null ? null : cut(attachment.contentId, 500),
    inline: attachment.inline,
    part_offset: attachment.part?.offset ?? null,
    part_length: attachment.part?.length ?? null,
    part_encoding: attachment.part?.encoding ?? null,
  }))
}

async function insertMessageIds(
  trx: Knex.Transaction,
  accountId: number,
  ids: readonly (readonly [string, number])[],
): Promise<void> {
  const rows = ids
    .filter(([id]) => id !== '')
    .map(([id, ticketId]) => ({ account_id: accountId, ticket_id: ticketId, message_id_sha256: hashOf(id) }))
  await insertRows(trx, 'message_ids', rows, { once: 'id' })
}

function toText(action: AfterIngest): string {
  return action.kind === 'move' ? `move:${action.mailbox}` : action.kind
}
