// Who did what: one row for every act of an operator, ids and counts only.
import type { Knex } from 'knex'

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
