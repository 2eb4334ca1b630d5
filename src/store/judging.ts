// What the judging of mails looks up besides threads: our own addresses, an admin's rules, and what senders did lately.
import type { Knex } from 'knex'
import type { SenderHistory } from '../thread/hold.ts'
import type { Rule } from '../thread/rules.ts'

/** Those of these addresses (lower case) that are our own accounts'. */
export async function findOwnAddresses(db: Knex, addresses: readonly string[]): Promise<Set<string>> {
  if (addresses.length === 0) return new Set()
  const found: string[] = await db('accounts')
    .whereIn(db.raw('LOWER(address)') as unknown as string, addresses)
    .whereNull('removed_at')
    .pluck('address')
  return new Set(found.map(address => address.toLowerCase()))
}

/** Enabled rules that hold for the account, in their order. */
export async function findRules(db: Knex, accountId: number): Promise<Rule[]> {
  const rows: { name: string; conditions_json: string; action: Rule['action']; tag: string | null }[] = await db(
    'rules',
  )
    .where({ enabled: true })
    .where(scope => scope.whereNull('account_id').orWhere({ account_id: accountId }))
    .orderBy([{ column: 'position' }, { column: 'id' }])
    .select('name', 'conditions_json', 'action', 'tag')
  return rows.map(({ conditions_json, ...rule }) => ({ ...rule, conditions: JSON.parse(conditions_json) }))
}

const mostCounted = 5_000

/**
 * What these senders (addresses as stored) did in the last hour and the last ten minutes, by address in lower case. `fold` gives the
 * subject under which mails count as the same.
 */
export async function findHistories(
  db: Knex,
  senders: readonly string[],
  fold: (subject: string) => string,
): Promise<Map<string, SenderHistory>> {
  const histories = new Map<string, SenderHistory>()
  if (senders.length === 0) return histories
  const of = (sender: string): SenderHistory => {
    const found = histories.get(sender.toLowerCase()) ?? { tickets: 0, subjects: new Map() }
    histories.set(sender.toLowerCase(), found)
    return found
  }
  const opened: { sender: string; count: number }[] = await db('tickets')
    .whereIn('requester_address', senders)
    .whereRaw('created_at > UTC_TIMESTAMP(3) - INTERVAL 1 HOUR')
    .groupBy('requester_address')
    .select({ sender: 'requester_address' })
    .count({ count: '*' })
  for (const { sender, count } of opened) of(sender).tickets += Number(count)
  const subjects: { sender: string; subject: string; count: number }[] = await db('messages')
    .whereIn('from_address', senders)
    .whereRaw('created_at > UTC_TIMESTAMP(3) - INTERVAL 10 MINUTE')
    .groupBy('from_address', 'subject')
    .limit(mostCounted)
    .select({ sender: 'from_address' }, 'subject')
    .count({ count: '*' })
  for (const { sender, subject, count } of subjects) {
    const { subjects: counts } = of(sender)
    const base = fold(subject)
    counts.set(base, (counts.get(base) ?? 0) + Number(count))
  }
  return histories
}
