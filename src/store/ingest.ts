// The rows of a batch: what is looked up before its mails get their ends, and what is written once they have. All of it runs
// inside the transaction that also moves the cursor. Ids are read back instead of reckoned from the first one: servers in a
// cluster do not count by one.
import { createHash, randomBytes } from 'node:crypto'
import type { Knex } from 'knex'
import type { AfterIngest, MessageMeta } from '../fetch/mailbox.ts'
import type { Address, ParsedMessage } from '../parse/parsed-message.ts'
import type { BatchTicket, MailEnd, Original } from '../poll/decide-ends.ts'
import { insertRows, type Row } from './insert-rows.ts'

export interface BatchPlace {
  accountId: number
  mailboxId: number
  uidValidity: number
  afterIngest: AfterIngest
}

/** A ticket that a Message-ID leads to. */
export interface FoundTicket {
  id: number
  /** Addresses in lower case. */
  participants: Set<string>
  /** Who opened it, lower case. */
  requester: string
  closed: boolean
}

/** The rows that these UIDs already have; `retry`: an operator asked for the mail to be tried again. */
export async function findUids(
  trx: Knex,
  place: BatchPlace,
  uids: readonly number[],
): Promise<Map<number, { id: number; retry: boolean }>> {
  const rows: { id: number; uid: number; retry: number }[] = await trx('sources')
    .where({ mailbox_id: place.mailboxId, uid_validity: place.uidValidity })
    .whereIn('uid', uids)
    .select('id', 'uid', trx.raw('(retry_at IS NOT NULL) AS retry'))
  return new Map(rows.map(({ id, uid, retry }) => [uid, { id, retry: retry === 1 }]))
}

/** Whole mails of the account with the same bytes, by hex SHA-256; but for `except`. */
export async function findContents(
  trx: Knex,
  accountId: number,
  hashes: readonly string[],
  except: ReadonlySet<number>,
): Promise<Map<string, Original>> {
  const rows: { sha256: string; id: number; ticket_id: number | null }[] = await trx('sources')
    .where({ account_id: accountId, complete: true })
    .whereIn('sha256', hashes)
    .whereNot({ result: 'duplicate' })
    .select('sha256', 'id', 'ticket_id')
  return toOriginals(rows.filter(row => !except.has(row.id)).map(row => [row.sha256, row]))
}

/** Whole mails of the mailbox with the same Message-ID, Date and From, by hex fingerprint; but for `except`. */
export async function findFingerprints(
  trx: Knex,
  mailboxId: number,
  fingerprints: readonly Buffer[],
  except: ReadonlySet<number>,
): Promise<Map<string, Original>> {
  if (fingerprints.length === 0) return new Map()
  const rows: { fingerprint: Buffer; id: number; ticket_id: number | null }[] = await trx('sources')
    .where({ mailbox_id: mailboxId, complete: true })
    .whereIn('fingerprint', fingerprints)
    .whereNot({ result: 'duplicate' })
    .select('fingerprint', 'id', 'ticket_id')
  return toOriginals(rows.filter(row => !except.has(row.id)).map(row => [row.fingerprint.toString('hex'), row]))
}

function toOriginals(rows: readonly [string, { id: number; ticket_id: number | null }][]): Map<string, Original> {
  return new Map(rows.map(([key, { id, ticket_id }]) => [key, { id, ticketId: ticket_id, end: null }]))
}

/** Tickets of the account that these Message-IDs belong to, or (`awaited_ids`) that wait for them, with who takes part in them. */
export async function findThreads(
  trx: Knex,
  accountId: number,
  ids: readonly string[],
  table: 'message_ids' | 'awaited_ids' = 'message_ids',
): Promise<Map<string, FoundTicket[]>> {
  const byHash = new Map(ids.map(id => [hashOf(id).toString('hex'), id]))
  const found: { ticket_id: number; hash: Buffer }[] = []
  for (const chunk of chunksOf([...byHash.keys()], 500)) {
    found.push(
      ...(await trx(table)
        .where({ account_id: accountId })
        .whereIn(
          'message_id_sha256',
          chunk.map(hash => Buffer.from(hash, 'hex')),
        )
        .orderBy('id')
        .select('ticket_id', { hash: 'message_id_sha256' })),
    )
  }
  const tickets = await findTickets(trx, [...new Set(found.map(row => row.ticket_id))])
  const threads = new Map<string, FoundTicket[]>()
  for (const row of found) {
    const id = byHash.get(row.hash.toString('hex')) ?? ''
    const ticket = tickets.get(row.ticket_id)
    if (ticket !== undefined) threads.set(id, [...(threads.get(id) ?? []), ticket])
  }
  return threads
}

/** Tickets by their references (`LL-9GSY-9F51`), with the account that they are of. */
export async function findByRefs(
  trx: Knex,
  refs: readonly string[],
): Promise<Map<string, { ticket: FoundTicket; accountId: number }>> {
  if (refs.length === 0) return new Map()
  const rows: { id: number; ref: string; account_id: number }[] = await trx('tickets')
    .whereIn('ref', refs)
    .select('id', 'ref', 'account_id')
  const tickets = await findTickets(
    trx,
    rows.map(row => row.id),
  )
  return new Map(
    rows.flatMap(({ id, ref, account_id }) => {
      const ticket = tickets.get(id)
      return ticket === undefined ? [] : [[ref, { ticket, accountId: account_id }] as const]
    }),
  )
}

async function findTickets(trx: Knex, ids: readonly number[]): Promise<Map<number, FoundTicket>> {
  if (ids.length === 0) return new Map()
  const found: { id: number; status: string; requester: string }[] = await trx('tickets')
    .whereIn('id', ids)
    .select('id', 'status', { requester: 'requester_address' })
  const tickets = new Map(
    found.map(({ id, status, requester }) => [
      id,
      { id, participants: new Set<string>(), requester: requester.toLowerCase(), closed: status === 'closed' },
    ]),
  )
  const rows: { ticket_id: number; address: string }[] = await trx('participants')
    .whereIn('ticket_id', ids)
    .select('ticket_id', 'address')
  // A helpdesk may have written them as they were typed.
  for (const row of rows) tickets.get(row.ticket_id)?.participants.add(row.address.toLowerCase())
  return tickets
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

async function insertTickets(trx: Knex.Transaction, accountId: number, tickets: readonly BatchTicket[]): Promise<void> {
  const opened = tickets.filter(ticket => ticket.opened !== null)
  if (opened.length === 0) return
  const byRef = new Map(opened.map(ticket => [newRef(), ticket]))
  const rows = [...byRef].map(([ref, ticket]) => ({
    ref,
    account_id: accountId,
    subject: cut(ticket.opened?.subject ?? '', 1000),
    requester_name: cut(ticket.opened?.requester.name ?? '', 500),
    requester_address: cut(ticket.opened?.requester.address ?? '', 500),
    messages: ticket.added,
    linked_ticket_id: ticket.opened?.linked?.id ?? null,
    tags_json: ticket.tags.size === 0 ? null : JSON.stringify([...ticket.tags]),
    created_at: ticket.opened?.at ?? ticket.lastAt,
    updated_at: ticket.lastAt,
  }))
  await insertRows(trx, 'tickets', rows)
  const ids: { id: number; ref: string }[] = await trx('tickets')
    .whereIn('ref', [...byRef.keys()])
    .select('id', 'ref')
  for (const { id, ref } of ids) (byRef.get(ref) as BatchTicket).id = id
  const beside = opened.filter(ticket => ticket.opened?.linked?.opened)
  for (const [linked, tickets] of Map.groupBy(beside, ticket => ticket.opened?.linked?.id ?? null)) {
    const ids = tickets.flatMap(({ id }) => id ?? [])
    await trx('tickets').whereIn('id', ids).update({ linked_ticket_id: linked })
  }
}

/** Crockford's letters: none is mistaken for another. 40 random bits. */
function newRef(): string {
  const letters = [...randomBytes(8)].map(byte => '0123456789ABCDEFGHJKMNPQRSTVWXYZ'[byte & 31]).join('')
  return `LL-${letters.slice(0, 4)}-${letters.slice(4)}`
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

async function insertParticipants(trx: Knex.Transaction, tickets: readonly BatchTicket[]): Promise<void> {
  const rows = tickets.flatMap(ticket =>
    [...ticket.newParticipants].map(address => ({ ticket_id: ticket.id, address: cut(address, 500) })),
  )
  await insertRows(trx, 'participants', rows, { once: 'address' })
}

/** Mails that answers refer to, and that may come late. */
async function insertAwaited(trx: Knex.Transaction, accountId: number, tickets: readonly BatchTicket[]): Promise<void> {
  const rows = tickets.flatMap(({ id, awaits }) =>
    [...awaits].map(awaited => ({ account_id: accountId, ticket_id: id, message_id_sha256: hashOf(awaited) })),
  )
  await insertRows(trx, 'awaited_ids', rows, { once: 'id' })
}

/** Tickets that waited for a mail which went into another one link to that, as if it had come first. */
async function linkWaiting(trx: Knex, ends: readonly MailEnd[]): Promise<void> {
  for (const { ticket, waiting } of ends) {
    const ids = waiting.flatMap(({ id }) => id ?? [])
    if (ticket === null || ids.length === 0) continue
    await trx('tickets').whereIn('id', ids).whereNull('linked_ticket_id').update({ linked_ticket_id: ticket.id })
  }
}

async function updateBounced(trx: Knex, tickets: readonly BatchTicket[]): Promise<void> {
  for (const { id, bounced } of tickets) {
    for (const [status, found] of Map.groupBy(bounced, ([, code]) => code)) {
      const addresses = found.map(([address]) => address)
      await trx('participants')
        .where({ ticket_id: id })
        .whereIn(trx.raw('LOWER(address)') as unknown as string, addresses)
        .update({ bounced_at: trx.raw('UTC_TIMESTAMP(3)'), bounce_status: cut(status, 20) || null })
    }
  }
}

/** What mails added to tickets that were there before, in one statement for all of them. */
async function updateTickets(trx: Knex, tickets: readonly BatchTicket[]): Promise<void> {
  if (tickets.length === 0) return
  const cases = (value: (ticket: BatchTicket) => number | Date) => ({
    sql: `CASE id ${'WHEN ? THEN ? '.repeat(tickets.length)}END`,
    values: tickets.flatMap(ticket => [ticket.id, value(ticket)]),
  })
  const added = cases(ticket => ticket.added)
  const lastAt = cases(ticket => ticket.lastAt)
  const reopened = cases(ticket => Number(ticket.reopened))
  const ids = tickets.map(ticket => ticket.id)
  await trx.raw(
    `UPDATE tickets SET messages = messages + ${added.sql},
       updated_at = GREATEST(updated_at, CAST(${lastAt.sql} AS DATETIME(3))),
       status = IF(${reopened.sql} = 1, 'open', status)
     WHERE id IN (${ids.map(() => '?').join(', ')})`,
    [...added.values, ...lastAt.values, ...reopened.values, ...ids] as Knex.RawBinding[],
  )
  await addTags(
    trx,
    tickets.filter(ticket => ticket.tags.size > 0),
  )
}

/** Tags that a ticket has already stay, in their order. */
async function addTags(trx: Knex, tickets: readonly BatchTicket[]): Promise<void> {
  if (tickets.length === 0) return
  const rows: { id: number; tags_json: string | null }[] = await trx('tickets')
    .whereIn(
      'id',
      tickets.flatMap(({ id }) => id ?? []),
    )
    .select('id', 'tags_json')
  const before = new Map(rows.map(row => [row.id, row.tags_json ?? '[]']))
  for (const { id, tags } of tickets) {
    const had = before.get(id ?? 0) ?? '[]'
    const has = JSON.stringify([...new Set([...(JSON.parse(had) as string[]), ...tags])].slice(0, mostTags))
    if (has !== had) await trx('tickets').where({ id }).update({ tags_json: has })
  }
}

const mostTags = 50

function hashOf(messageId: string): Buffer {
  return createHash('sha256').update(messageId).digest()
}

/** `text` in at most `length` code points, as MySQL counts them; the mark at its end says that it was cut. */
function cut(text: string, length: number): string {
  if (text.length <= length) return text
  const points = [...text]
  return points.length <= length ? text : `${points.slice(0, length - 1).join('')}…`
}

function toText(action: AfterIngest): string {
  return action.kind === 'move' ? `move:${action.mailbox}` : action.kind
}

function* chunksOf<T>(items: readonly T[], size: number): Iterable<T[]> {
  for (let i = 0; i < items.length; i += size) yield items.slice(i, i + size)
}
