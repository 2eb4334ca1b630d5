// Names in Authentication-Results that stood in mails of an account where only the receiving side writes, to propose them (model/proposed-servers.ts).
import type { Knex } from 'knex'
import { proposeServers, type SeenServer } from '../../model/proposed-servers.ts'

/** So many mails of an account are looked at. */
export const maxMailsLookedAt = 200
/** Of an account. */
const maxNames = 20

/** Counts one mail for each set of names. */
export async function noteSeenServers(
  trx: Knex,
  accountId: number,
  mails: readonly (readonly string[])[],
): Promise<void> {
  if (mails.length === 0) return
  await trx('accounts').where({ id: accountId }).increment('authserv_mails', mails.length)
  const counts = new Map<string, number>()
  for (const name of mails.flat()) counts.set(name, (counts.get(name) ?? 0) + 1)
  if (counts.size === 0) return
  const known = new Set((await findSeenServers(trx, accountId)).map(({ name }) => name))
  const fresh = [...counts.keys()].filter(name => !known.has(name)).slice(0, Math.max(0, maxNames - known.size))
  const rows = [...counts]
    .filter(([name]) => known.has(name) || fresh.includes(name))
    .map(([name, mails]) => ({ account_id: accountId, authserv_id: name, mails }))
  if (rows.length === 0) return
  await trx('seen_authserv_ids')
    .insert(rows)
    .onConflict()
    .merge({ mails: trx.raw('seen_authserv_ids.mails + VALUES(mails)') })
}

/** Accounts for which somebody may confirm servers. */
export async function findProposals(db: Knex): Promise<{ id: number; names: string[] }[]> {
  const accounts: { id: number; host: string }[] = await db('accounts')
    .whereNull('removed_at')
    .whereNull('authserv_ids')
    .orderBy('id')
    .select('id', 'host')
  const rows: { account_id: number; authserv_id: string; mails: number }[] = await db('seen_authserv_ids')
  const byAccount = Map.groupBy(rows, row => row.account_id)
  return accounts
    .map(({ id, host }) => {
      const seen = (byAccount.get(id) ?? []).map(({ authserv_id: name, mails }) => ({ name, mails }))
      return { id, names: proposeServers({ host, authservIds: null }, seen) }
    })
    .filter(({ names }) => names.length > 0)
}

/** The most frequent first. */
export async function findSeenServers(db: Knex, accountId: number): Promise<SeenServer[]> {
  const rows: { authserv_id: string; mails: number }[] = await db('seen_authserv_ids')
    .where({ account_id: accountId })
    .orderBy([{ column: 'mails', order: 'desc' }, 'authserv_id'])
    .select('authserv_id', 'mails')
  return rows.map(({ authserv_id: name, mails }) => ({ name, mails }))
}
