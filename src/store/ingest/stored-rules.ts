// Rules of an admin as the commands see them; triage-data.ts reads those that hold for an account.

import type { Knex } from 'knex'
import { OperationError } from '../../errors/errors.ts'
import type { Conditions, Rule } from '../../model/rule.ts'

export interface StoredRule {
  name: string
  /** The account's address; null: every account. */
  account: string | null
  position: number
  enabled: boolean
  action: Rule['action']
  tag: string | null
  /** As it is stored; others may write it, too. */
  conditionsJson: string
  createdAt: Date
}

export type NewRule = Pick<StoredRule, 'name' | 'position' | 'action' | 'tag'> & {
  accountId: number | null
  conditions: Conditions
}

/** In their order. */
export async function findAllRules(db: Knex): Promise<StoredRule[]> {
  const rows = await db('rules')
    .leftJoin('accounts', 'accounts.id', 'rules.account_id')
    .orderBy([{ column: 'rules.position' }, { column: 'rules.id' }])
    .select(
      'rules.name',
      'accounts.address as account',
      'rules.position',
      'rules.enabled',
      'rules.action',
      'rules.tag',
      'rules.conditions_json as conditionsJson',
      'rules.created_at as createdAt',
    )
  return rows.map(row => ({ ...row, enabled: row.enabled === 1 }))
}

/** False where there is one of that name. */
export async function insertRule(db: Knex, { accountId, conditions, ...rule }: NewRule): Promise<boolean> {
  if ((await db('rules').where({ name: rule.name }).first('id')) !== undefined) return false
  await db('rules').insert({ ...rule, account_id: accountId, conditions_json: JSON.stringify(conditions) })
  return true
}

/** Throws OperationError where there is none of that name. */
export async function getRule(
  db: Knex,
  name: string,
): Promise<{ id: number; enabled: boolean; accountId: number | null }> {
  const row = await db('rules').where({ name }).first('id', 'enabled', 'account_id')
  if (row === undefined) throw new OperationError('rule.not_found', { rule: name })
  return { id: row.id, enabled: row.enabled === 1, accountId: row.account_id }
}

export async function removeRule(db: Knex, id: number): Promise<void> {
  await db('rules').where({ id }).delete()
}

export async function updateRuleEnabled(db: Knex, id: number, enabled: boolean): Promise<void> {
  await db('rules').where({ id }).update({ enabled })
}
