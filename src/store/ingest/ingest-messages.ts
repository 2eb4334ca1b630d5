// The rows of a batch, once its mails have their ends. All of it runs inside the transaction that also moves the cursor. Ids are read back
// instead of calculated from the first one: servers in a cluster do not count by one.

import type { Knex } from 'knex'
import type { AfterIngest, IngestTarget, MessageMeta } from '../../model/mail.ts'
import { canaryReason, type MailOutcome } from '../../model/mail-outcome.ts'
import type { Address, StorableMessage } from '../../model/parsed-message.ts'
import type { SenderVerdict } from '../../model/sender-verdict.ts'
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

/** Writes tickets, sources, messages and what hangs on them. `replaced`: rows, by UID, in whose place a new one comes, under its id. */
export async function insertMails(
  trx: Knex.Transaction,
  target: IngestTarget,
  outcomes: readonly MailOutcome[],
  replaced: ReadonlyMap<number, number>,
): Promise<void> {
  if (replaced.size > 0)
    await trx('sources')
      .whereIn('id', [...replaced.values()])
      .delete()
  const tickets = [...new Set(outcomes.map(outcome => outcome.ticket).filter(ticket => ticket !== null))]
  await insertTickets(trx, target.accountId, tickets)
  const sourceIds = await insertSources(trx, target, outcomes, replaced)
  await insertMessages(trx, target.accountId, outcomes, sourceIds)
  await insertParticipants(trx, tickets)
  await updateTickets(
    trx,
    tickets.filter(ticket => ticket.opened === null),
  )
  await insertAwaited(trx, target.accountId, tickets)
  await linkWaiting(trx, outcomes)
  await updateBounced(trx, tickets)
  await nameOriginals(trx, outcomes, sourceIds)
}

async function insertSources(
  trx: Knex.Transaction,
  target: IngestTarget,
  outcomes: readonly MailOutcome[],
  replaced: ReadonlyMap<number, number>,
): Promise<Map<number, number>> {
  const rows = outcomes.map(({ archived, fingerprint, result, reason, ticket, original }) => ({
    id: replaced.get(archived.mail.uid) ?? null,
    account_id: target.accountId,
    mailbox_id: target.mailboxId,
    uid_validity: target.uidValidity,
    uid: archived.mail.uid,
    sha256: archived.location.sha256,
    size: archived.mail.complete ? archived.location.size : archived.mail.size,
    complete: archived.mail.complete,
    message_id: cut(archived.parsed?.messageId ?? '', 1000),
    fingerprint,
    result,
    reason,
    ticket_id: ticket?.id ?? original?.ticketId ?? original?.outcome?.ticket?.id ?? null,
    duplicate_of: original?.id ?? null,
    batch: archived.location.batch,
    batch_offset: archived.location.offset,
    stored_size: archived.location.size,
    received_at: archived.mail.receivedAt,
    after_ingest: toText(reason === canaryReason ? { kind: 'delete' } : target.afterIngest),
    settled_at: reason === canaryReason ? 'delete' : target.afterIngest.kind,
  }))
  await insertRows(trx, 'sources', rows, {
    expressions: { settled_at: "IF(? = 'keep', UTC_TIMESTAMP(3), NULL)" },
  })
  const ids: { id: number; uid: number }[] = await trx('sources')
    .where({ mailbox_id: target.mailboxId, uid_validity: target.uidValidity })
    .whereIn(
      'uid',
      rows.map(row => row.uid),
    )
    .select('id', 'uid')
  return new Map(ids.map(({ id, uid }) => [uid, id]))
}

/** A mail that the server cannot hand over: its row says so, with what the server says of it. */
export async function insertUnfetchable(trx: Knex, target: IngestTarget, meta: MessageMeta): Promise<void> {
  await trx('sources')
    .insert({
      account_id: target.accountId,
      mailbox_id: target.mailboxId,
      uid_validity: target.uidValidity,
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
async function nameOriginals(
  trx: Knex,
  outcomes: readonly MailOutcome[],
  sourceIds: Map<number, number>,
): Promise<void> {
  for (const { archived, original } of outcomes) {
    if (!original?.outcome) continue
    const id = sourceIds.get(original.outcome.archived.mail.uid)
    await trx('sources')
      .where({ id: sourceIds.get(archived.mail.uid) })
      .update({ duplicate_of: id })
  }
}

async function insertMessages(
  trx: Knex.Transaction,
  accountId: number,
  outcomes: readonly MailOutcome[],
  sourceIds: Map<number, number>,
): Promise<void> {
  const mails = outcomes.flatMap(outcome => {
    const sourceId = sourceIds.get(outcome.archived.mail.uid)
    return outcome.ticket?.id && outcome.archived.parsed && sourceId !== undefined
      ? [
          {
            ticketId: outcome.ticket.id,
            sourceId,
            message: outcome.archived.parsed,
            sender: outcome.sender,
            reason: outcome.reason,
            at: outcome.archived.mail.receivedAt,
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
  message: StorableMessage
  sender: SenderVerdict | null
  reason: string
  /** When the mail server received it. */
  at: Date
}

function messageRow({ ticketId, sourceId, message, sender, reason, at }: NewMessage): Row {
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
    has_html: message.hasHtml,
    reply: message.reply === message.text ? null : message.reply,
    bounce_json: message.bounce === null ? null : cut(JSON.stringify(message.bounce), 65_535),
    auth_json: toAuthJson(sender),
    created_at: at,
  }
}

/** Null where nobody was asked: a row says no more than is known. */
function toAuthJson(sender: SenderVerdict | null): string | null {
  if (sender === null || sender.verdict === 'unknown') return null
  const { verdict, method, domain, aligned, from, policy } = sender
  return JSON.stringify({ verdict, method, domain, aligned, from: cut(from ?? '', 320) || null, policy })
}

/** A mail to ten thousand people is shown with the first thousand. */
function peopleJson(people: readonly Address[]): string {
  return JSON.stringify(people.slice(0, 1000))
}

function attachmentRows(message: StorableMessage, messageId: number): Row[] {
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
