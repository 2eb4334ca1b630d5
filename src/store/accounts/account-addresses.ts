// The addresses of accounts: each belongs to one account at most, and one that was removed is known again.
import type { Knex } from 'knex'
import { OperationError } from '../../errors/errors.ts'

export function addressTaken(id: number): OperationError {
  return new OperationError('account.address_taken', { account: id })
}

/** A row that is always there stands for all addresses: of two who add the same one at the same moment, the second finds it. */
export async function lockAddresses(trx: Knex.Transaction): Promise<void> {
  await trx('schema_version').forUpdate().first('id')
}

/** Accounts that have one of these addresses. */
export async function findAddresses(
  db: Knex,
  addresses: readonly string[],
): Promise<{ id: number; address: string }[]> {
  return await db('accounts')
    .whereIn('address', addresses)
    .whereNull('removed_at')
    .orderBy('id')
    .select('id', 'address')
}

/** The account that had this address until it was removed. */
export async function findRemoved(db: Knex, address: string): Promise<number | undefined> {
  const row = await db('accounts')
    .where({ address })
    .whereNotNull('removed_at')
    .orderBy('id', 'desc')
    .forUpdate()
    .first('id')
  return row?.id
}

/** All accounts that have this address or had it until they were removed. */
export async function findAccountIds(db: Knex, address: string): Promise<number[]> {
  return await db('accounts').where({ address }).pluck('id')
}

/** The same; throws OperationError where there is none: a misspelt address must not look like an empty list. */
export async function getAccountIds(db: Knex, address: string): Promise<number[]> {
  const ids = await findAccountIds(db, address)
  if (ids.length === 0) throw new OperationError('account.not_found', { which: address })
  return ids
}
