// What the judging of mails looks up besides threads: our own addresses, an admin's rules, and what senders did lately.

import type { Knex } from 'knex'
import type { Conditions, Rule, SenderHistory } from '../../model/rule.ts'
import { maxMailsLookedAt } from '../accounts/seen-servers.ts'
import { readAuthservIds } from '../db/json-columns.ts'

/** Those of these addresses (lower case) that are our own accounts', which are looked up as they stand: in lower case, as people write them. */
export async function findOwnAddresses(db: Knex, addresses: readonly string[]): Promise<Set<string>> {
  if (addresses.length === 0) return new Set()
  const found: string[] = await db('accounts').whereIn('address', addresses).whereNull('removed_at').pluck('address')
  return new Set(found)
}

export interface ServerTrust {
  /** Names in Authentication-Results that the account believes; null: nobody said. */
  servers: string[] | null
  /** Names are still collected, to propose them. */
  learns: boolean
}

export async function findServerTrust(db: Knex, accountId: number): Promise<ServerTrust> {
  const row = await db('accounts').where({ id: accountId }).first('authserv_ids', 'authserv_mails')
  const servers = readAuthservIds(row?.authserv_ids ?? null)
  return { servers, learns: servers === null && row !== undefined && row.authserv_mails < maxMailsLookedAt }
}

/** Enabled rules for the account, in their order. `read` makes conditions of JSON; a rule of which it makes none is left out. */
export async function findRules(
  db: Knex,
  accountId: number,
  read: (json: string) => Conditions | undefined,
): Promise<Rule[]> {
  const rows: { name: string; conditions_json: string; action: Rule['action']; tag: string | null }[] = await db(
    'rules',
  )
    .where({ enabled: true })
    .where(scope => scope.whereNull('account_id').orWhere({ account_id: accountId }))
    .orderBy([{ column: 'position' }, { column: 'id' }])
    .select('name', 'conditions_json', 'action', 'tag')
  return rows.flatMap(({ conditions_json, ...rule }) => {
    const conditions = read(conditions_json)
    return conditions === undefined ? [] : [{ ...rule, conditions }]
  })
}

const maxCounted = 5_000
const minuteOf = (column: string) => `TIMESTAMPDIFF(MINUTE, '1970-01-01', ${column})`
const minuteMs = 60_000

/**
 * What these senders (addresses as stored) did at the account between the times, to the minute, by address in lower case. `fold` gives the subject under
 * which mails count as the same.
 */
export async function findHistories(
  db: Knex,
  accountId: number,
  senders: readonly string[],
  { from, until }: { from: Date; until: Date },
  fold: (subject: string) => string,
): Promise<Map<string, SenderHistory>> {
  const histories = new Map<string, SenderHistory>()
  const of = (sender: string): SenderHistory => {
    const found = histories.get(sender.toLowerCase()) ?? { tickets: [], subjects: new Map() }
    histories.set(sender.toLowerCase(), found)
    return found
  }
  const opened: { sender: string; minute: number; count: number }[] = await db('tickets')
    .where({ account_id: accountId })
    .whereIn('requester_address', senders)
    .whereBetween('created_at', [from, until])
    .groupBy('requester_address', db.raw(minuteOf('created_at')))
    .orderBy('minute', 'desc')
    .limit(maxCounted)
    .select({ sender: 'requester_address' }, db.raw(`${minuteOf('created_at')} AS minute`))
    .count({ count: '*' })
  for (const { sender, minute, count } of opened)
    of(sender).tickets.push({ at: Number(minute) * minuteMs, count: Number(count) })
  const subjects: { sender: string; subject: string; minute: number; count: number }[] = await db('messages')
    .join('tickets', 'tickets.id', 'messages.ticket_id')
    .where('tickets.account_id', accountId)
    .whereIn('messages.from_address', senders)
    .whereBetween('messages.created_at', [from, until])
    .groupBy('messages.from_address', 'messages.subject', db.raw(minuteOf('messages.created_at')))
    .orderBy('minute', 'desc')
    .limit(maxCounted)
    .select(
      { sender: 'messages.from_address' },
      'messages.subject',
      db.raw(`${minuteOf('messages.created_at')} AS minute`),
    )
    .count({ count: '*' })
  for (const { sender, subject, minute, count } of subjects) {
    const { subjects: tallies } = of(sender)
    const base = fold(subject)
    const tally = tallies.get(base) ?? []
    tallies.set(base, tally)
    tally.push({ at: Number(minute) * minuteMs, count: Number(count) })
  }
  return histories
}
