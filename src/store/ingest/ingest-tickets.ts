// The rows of tickets that a batch opens or adds to. Ids are read back instead of calculated from the first one: servers in a cluster do not
// count by one.

import { randomBytes } from 'node:crypto'
import type { Knex } from 'knex'
import type { BatchTicket, MailOutcome } from '../../model/mail-outcome.ts'
import { spellingsOf } from '../../model/person-key.ts'
import { cut, insertRows } from '../db/insert-rows.ts'
import { readTags } from '../db/json-columns.ts'
import { hashOf } from './find-duplicates.ts'

export async function insertTickets(
  trx: Knex.Transaction,
  accountId: number,
  tickets: readonly BatchTicket[],
): Promise<void> {
  const opened = tickets.filter(ticket => ticket.opened !== null)
  if (opened.length === 0) return
  const byRef = new Map(opened.map(ticket => [newRef(), ticket]))
  const rows = [...byRef].map(([ref, ticket]) => ({
    ref,
    account_id: accountId,
    kind: ticket.opened?.kind ?? 'human',
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

export async function insertParticipants(trx: Knex.Transaction, tickets: readonly BatchTicket[]): Promise<void> {
  const rows = tickets.flatMap(ticket =>
    [...ticket.newParticipants].map(address => ({ ticket_id: ticket.id, address: cut(address, 500) })),
  )
  await insertRows(trx, 'participants', rows, { once: 'address' })
}

/** Mails that answers refer to, and that may come late. */
export async function insertAwaited(
  trx: Knex.Transaction,
  accountId: number,
  tickets: readonly BatchTicket[],
): Promise<void> {
  const rows = tickets.flatMap(({ id, awaits }) =>
    [...awaits].map(awaited => ({ account_id: accountId, ticket_id: id, message_id_sha256: hashOf(awaited) })),
  )
  await insertRows(trx, 'awaited_ids', rows, { once: 'id' })
}

/** Tickets that waited for a mail which went into another one link to that, as if it had come first. */
export async function linkWaiting(trx: Knex, outcomes: readonly MailOutcome[]): Promise<void> {
  for (const { ticket, waiting } of outcomes) {
    const ids = waiting.flatMap(({ id }) => id ?? [])
    if (ticket === null || ids.length === 0) continue
    await trx('tickets').whereIn('id', ids).whereNull('linked_ticket_id').update({ linked_ticket_id: ticket.id })
  }
}

export async function updateBounced(trx: Knex, tickets: readonly BatchTicket[]): Promise<void> {
  for (const { id, bounced } of tickets) {
    for (const [status, found] of Map.groupBy(bounced, ([, code]) => code)) {
      const addresses = found.flatMap(([address]) => spellingsOf(address))
      await trx('participants')
        .where({ ticket_id: id })
        .whereIn(trx.raw('LOWER(address)') as unknown as string, addresses)
        .update({ bounced_at: trx.raw('UTC_TIMESTAMP(3)'), bounce_status: cut(status, 20) || null })
    }
  }
}

/** What mails added to tickets that were there before, in one statement for all of them. */
export async function updateTickets(trx: Knex, tickets: readonly BatchTicket[]): Promise<void> {
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
    const has = JSON.stringify([...new Set([...readTags(had), ...tags])].slice(0, maxTags))
    if (has !== had) await trx('tickets').where({ id }).update({ tags_json: has })
  }
}

const maxTags = 50
