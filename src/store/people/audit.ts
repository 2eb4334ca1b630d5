// Who did what: one row for every act of an operator, ids and counts only.
import type { Knex } from 'knex'
import { readDetail } from '../db/json-columns.ts'

export interface AuditEntry {
  /** A user, a command on a host, or a worker. */
  actor: string
  action: string
  accountId?: number
  detail?: Readonly<Record<string, string | number | boolean | null>>
}

export async function insertAudit(db: Knex, entry: AuditEntry): Promise<void> {
  await db('audit_log').insert({
    actor: entry.actor.slice(0, 255),
    action: entry.action,
    account_id: entry.accountId ?? null,
    detail_json: JSON.stringify(entry.detail ?? {}),
  })
}

const deletedAtOnce = 1_000

/** Deletes the rows from before this time, a thousand in a transaction. Returns how many there were. */
export async function deleteAuditBefore(db: Knex, before: Date): Promise<number> {
  for (let deleted = 0; ; ) {
    const count = await db('audit_log').where('at', '<', before).orderBy('at').limit(deletedAtOnce).delete()
    deleted += count
    if (count < deletedAtOnce) return deleted
  }
}

/** When somebody last did this, and what came of it. */
export async function findLastAudit(db: Knex, action: string): Promise<Pick<AuditRow, 'at' | 'detail'> | undefined> {
  const row: { at: Date; detail_json: string } | undefined = await db('audit_log')
    .where({ action })
    .orderBy('id', 'desc')
    .first('at', 'detail_json')
  return row === undefined ? undefined : { at: row.at, detail: readDetail(row.detail_json) }
}

export interface AuditRow {
  id: number
  at: Date
  actor: string
  action: string
  accountId: number | null
  detail: Readonly<Record<string, string | number | boolean | null>>
}

/** The latest first; `beforeId`: those that are older than this one. `actor`: those of one alone. */
export async function findAudit(
  db: Knex,
  { beforeId, actor, limit }: { beforeId?: number; actor?: string; limit: number },
): Promise<AuditRow[]> {
  const query = db('audit_log').orderBy('id', 'desc').limit(limit)
  if (beforeId !== undefined) query.where('id', '<', beforeId)
  if (actor !== undefined) query.where({ actor })
  const rows: {
    id: number
    at: Date
    actor: string
    action: string
    account_id: number | null
    detail_json: string
  }[] = await query.select('id', 'at', 'actor', 'action', 'account_id', 'detail_json')
  return rows.map(({ account_id, detail_json, ...row }) => ({
    ...row,
    accountId: account_id,
    detail: readDetail(detail_json),
  }))
}
