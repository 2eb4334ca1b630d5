// Changes an account. Where its server or user changes, its secret has to be given again: whoever may write to an account must not be able to
// have a stored one sent elsewhere. And where somebody changed the destination in the database since the secret was stored, a new one goes there
// only after a person was shown that very destination and said yes.
import type { z } from 'zod'
import { OperationError } from '../errors/errors.ts'
import {
  type AccountChange,
  changedDestination,
  lockAccount,
  movedPart,
  updateAccount,
} from '../store/accounts/account-changes.ts'
import { type AccountDetail, getAccount } from '../store/accounts/accounts.ts'
import { type AccountDestination, getDestination } from '../store/accounts/destinations.ts'
import { inTransaction } from '../store/db/database.ts'
import { readKeyring } from '../vault/keys/keyring.ts'
import { bindingOf } from '../vault/secrets/bound-destination.ts'
import { imapDestination } from '../vault/secrets/envelope.ts'
import { createSecretWriter } from '../vault/secrets/write-secret.ts'
import { accountChange, impliedPort, toChange } from './account-input.ts'
import type { Deps } from './deps.ts'
import { defineOperation } from './operation.ts'

type Input = z.output<typeof accountChange>

/** What a change would do, before anybody is asked for a secret. */
export interface ChangePlan {
  account: AccountDetail
  before: AccountDestination
  /** Where its secrets go afterwards. */
  target: AccountDestination
  change: AccountChange
  /** What of the way to the server changes, so that the secret is needed again: `host`, `port` … */
  moved: string | undefined
  /** The destination was changed in the database since the secret was stored. */
  needsConfirmation: boolean
  /** What stands for `target` as an answer to the question that shows it. */
  mark: string
}

export async function planChange({ db, keys }: Pick<Deps, 'db' | 'keys'>, input: Input): Promise<ChangePlan> {
  const account = await getAccount(db, input.account)
  const before = await getDestination(db, account.id)
  const { password, oauth } = input
  const change = {
    ...toChange(input, { address: account.address, before }),
    ...(password === undefined ? {} : { password }),
    ...(oauth === undefined ? {} : { oauth }),
    ...impliedPort(input, before),
  }
  const target = changedDestination(account.address, before, change)
  const binding = await bindingOf(db, readKeyring(keys), account.id, before, target)
  return {
    ...{ account, before, target, change },
    moved: movedPart(before, change),
    needsConfirmation: binding === 'changed',
    mark: imapDestination(target).toString('hex'),
  }
}

/** Throws unless a secret may go to the planned destination. `confirmed`: the one that a person was shown, and said yes to. */
export function refuseUnconfirmed({ account, needsConfirmation, mark }: ChangePlan, confirmed?: string): void {
  if (confirmed === undefined ? needsConfirmation : confirmed !== mark)
    throw new OperationError('account.changed_meanwhile', { account: account.id })
}

export const changeAccount = defineOperation({
  name: 'account.set',
  who: 'admin',
  summary: 'change an account; a new server or user name needs the password again',
  input: accountChange,
  async work({ db, keys }: Pick<Deps, 'db' | 'keys'>, { input, audit }): Promise<{ id: number; changed: string[] }> {
    return await inTransaction(db, async trx => {
      const { id } = await getAccount(trx, input.account)
      await lockAccount(trx, id)
      const plan = await planChange({ db: trx, keys }, { ...input, account: String(id) })
      const { change } = plan
      const changed = Object.keys(change).map(name => words[name] ?? name)
      if (changed.length === 0) return { id, changed }
      if (input.password !== undefined || input.oauth !== undefined) refuseUnconfirmed(plan, input.confirm)
      await updateAccount(trx, id, change, createSecretWriter(keys))
      await audit(trx, { accountId: id, detail: { changed: changed.join(', ') } })
      return { id, changed }
    })
  },
})

/** What people call a part of an account. */
const words: Readonly<Record<string, string>> = {
  oauth: 'OAuth sign-in',
  caPem: 'CA',
  everySeconds: 'interval',
  canarySeconds: 'canary',
  afterIngest: 'after',
  username: 'user name',
}
