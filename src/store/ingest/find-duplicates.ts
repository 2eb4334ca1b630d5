// What is looked up before the mails of a batch get their ends: rows that they have already, mails that they repeat, tickets that they lead
// to. Runs inside the transaction that also writes them.

import { createHash } from 'node:crypto'
import type { Knex } from 'knex'
import type { IngestTarget } from '../../model/mail.ts'
import type { Original } from '../../model/mail-outcome.ts'
import { personKey } from '../../model/person-key.ts'

/** A ticket that a Message-ID leads to. */
export interface FoundTicket {
  id: number
  /** Addresses in lower case. */
  participants: Set<string>
  /** Who opened it, lower case. */
  requester: string
  closed: boolean
}

/** The row that a UID already has. */
export interface UidRow {
  id: number
  uid: number
  /** An operator asked for the mail to be tried again. */
  retry: boolean
  quarantined: boolean
  complete: boolean
  /** Hex; null: nothing of it is kept. */
  sha256: string | null
  fingerprint: Buffer | null
}

/** The rows that these UIDs already have, by UID. */
export async function findUids(trx: Knex, target: IngestTarget, uids: readonly number[]): Promise<Map<number, UidRow>> {
  const rows: (Omit<UidRow, 'retry' | 'quarantined' | 'complete'> & {
    retry: number
    complete: number
    result: string
  })[] = await trx('sources')
    .where({ mailbox_id: target.mailboxId, uid_validity: target.uidValidity })
    .whereIn('uid', uids)
    .select('id', 'uid', 'sha256', 'fingerprint', 'complete', 'result', trx.raw('(retry_at IS NOT NULL) AS retry'))
  return new Map(
    rows.map(({ result, ...row }) => [
      row.uid,
      { ...row, retry: row.retry === 1, quarantined: result === 'quarantined', complete: row.complete === 1 },
    ]),
  )
}

/** sources.id of the rows with this UID and later ones. */
export async function findUidsFrom(
  trx: Knex,
  mailboxId: number,
  uidValidity: number,
  firstUid: number,
): Promise<number[]> {
  return await trx('sources')
    .where({ mailbox_id: mailboxId, uid_validity: uidValidity })
    .where('uid', '>=', firstUid)
    .orderBy('uid')
    .pluck('id')
}

/** No server gives this one (RFC 9051: not zero): rows under it have a running number in place of a UID. */
const noUidValidity = 0

/** The rows let go of their UIDs, which the server gives to other mails; nothing is done with them on the server any more. */
export async function releaseUids(trx: Knex.Transaction, mailboxId: number, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return
  const released = { mailbox_id: mailboxId, uid_validity: noUidValidity }
  const row = await trx('sources').where(released).max({ uid: 'uid' }).first()
  const last = Number(row?.uid ?? 0)
  for (const [i, id] of ids.entries())
    await trx('sources')
      .where({ id })
      .update({ uid_validity: noUidValidity, uid: last + 1 + i })
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
  return new Map(rows.map(([key, { id, ticket_id }]) => [key, { id, ticketId: ticket_id, outcome: null }]))
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

/** Those of the Message-IDs that accounts with these addresses hold, but for one account. */
export async function findIdsOfAccounts(
  trx: Knex,
  { not, addresses }: { not: number; addresses: readonly string[] },
  ids: readonly string[],
): Promise<Set<string>> {
  if (addresses.length === 0 || ids.length === 0) return new Set()
  const accounts: number[] = await trx('accounts')
    .whereIn('address', addresses)
    .whereNull('removed_at')
    .whereNot({ id: not })
    .pluck('id')
  const found = new Set<string>()
  const byHash = new Map(ids.map(id => [hashOf(id).toString('hex'), id]))
  for (const chunk of accounts.length === 0 ? [] : chunksOf([...byHash.keys()], 500)) {
    const hashes: Buffer[] = await trx('message_ids')
      .whereIn('account_id', accounts)
      .whereIn(
        'message_id_sha256',
        chunk.map(hash => Buffer.from(hash, 'hex')),
      )
      .pluck('message_id_sha256')
    for (const hash of hashes) found.add(byHash.get(hash.toString('hex')) ?? '')
  }
  return found
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
      { id, participants: new Set<string>(), requester: personKey(requester), closed: status === 'closed' },
    ]),
  )
  const rows: { ticket_id: number; address: string }[] = await trx('participants')
    .whereIn('ticket_id', ids)
    .select('ticket_id', 'address')
  // A helpdesk may have written them as they were typed.
  for (const row of rows) tickets.get(row.ticket_id)?.participants.add(personKey(row.address))
  return tickets
}

/** As `message_ids` has a Message-ID. */
export function hashOf(messageId: string): Buffer {
  return createHash('sha256').update(messageId).digest()
}

function* chunksOf<T>(items: readonly T[], size: number): Iterable<T[]> {
  for (let i = 0; i < items.length; i += size) yield items.slice(i, i + size)
}
