// Adds accounts: one, or a list of which all or none are added.
import type { Knex } from 'knex'
import { z } from 'zod'
import { findAddresses, findRemoved, lockAddresses } from '../store/accounts/account-addresses.ts'
import { insertAccount, insertOrRevive } from '../store/accounts/account-changes.ts'
import { inTransaction } from '../store/db/database.ts'
import { createSecretWriter } from '../vault/secrets/write-secret.ts'
import { newAccount, toNewAccount } from './account-input.ts'
import type { Deps } from './deps.ts'
import { defineOperation, type Fault, InputError } from './operation.ts'

export const addAccount = defineOperation({
  name: 'account.add',
  who: 'admin',
  summary: 'add an account; an address that was removed comes back as it was',
  input: newAccount,
  async work({ db, keys }: Pick<Deps, 'db' | 'keys'>, { input, audit }): Promise<{ id: number; isBack: boolean }> {
    return await inTransaction(db, async trx => {
      const isBack = (await findRemoved(trx, input.address)) !== undefined
      const id = await insertAccount(trx, toNewAccount(input), createSecretWriter(keys))
      await audit(trx, { accountId: id })
      return { id, isBack }
    })
  },
})

export const importAccounts = defineOperation({
  name: 'account.import',
  who: 'admin',
  summary: 'add many accounts, all or none',
  input: z
    .strictObject({ accounts: z.array(newAccount).min(1, { error: 'has no account' }).describe('the accounts to add') })
    .refine(({ accounts }) => new Set(accounts.map(({ address }) => address)).size === accounts.length, {
      path: ['accounts'],
      error: 'has an address twice',
    }),
  async work({ db, keys, say }: Pick<Deps, 'db' | 'keys' | 'say'>, { input, audit }): Promise<{ ids: number[] }> {
    const writeSecret = createSecretWriter(keys)
    return await inTransaction(db, async trx => {
      await lockAddresses(trx)
      const addresses = input.accounts.map(({ address }) => address)
      const faults = await findTaken(trx, addresses)
      if (faults.length > 0) throw new InputError(faults, 1)
      const ids: number[] = []
      for (const account of input.accounts) {
        const id = await insertOrRevive(trx, toNewAccount(account), writeSecret)
        await audit(trx, { accountId: id })
        if (ids.push(id) % 1_000 === 0) say(`${ids.length} of ${input.accounts.length} …`)
      }
      return { ids }
    })
  },
})

async function findTaken(trx: Knex.Transaction, addresses: readonly string[]): Promise<Fault[]> {
  const taken = new Map((await findAddresses(trx, addresses)).map(({ id, address }) => [address, id]))
  return addresses.flatMap((address, i) => {
    const id = taken.get(address)
    return id === undefined ? [] : [{ path: ['accounts', i, 'address'], text: `is account ${id} already` }]
  })
}
