// Confirms mail servers whose word on senders an account then believes. Only what is proposed can be confirmed, so that no slip of the pen trusts a
// server that a sender can imitate; any other name is given with `account set --authserv-id`.
import { z } from 'zod'
import { OperationError } from '../errors/errors.ts'
import { updateAuthservIds } from '../store/accounts/account-changes.ts'
import { getAccount } from '../store/accounts/accounts.ts'
import { inTransaction } from '../store/db/database.ts'
import { newlyTrusted, whichAccount } from './account-input.ts'
import type { Deps } from './deps.ts'
import { defineOperation } from './operation.ts'

export const trustServers = defineOperation({
  name: 'account.trust',
  who: 'admin',
  summary: 'trust mail servers that an account proposes to say who a sender is',
  input: z.strictObject({ account: whichAccount, servers: newlyTrusted }),
  async work({ db }: Pick<Deps, 'db'>, { input, audit }): Promise<{ id: number }> {
    return await inTransaction(db, async trx => {
      const { id, seenServers, proposedServers } = await getAccount(trx, input.account)
      const known = new Set([...proposedServers, ...seenServers.map(({ name }) => name)])
      const strange = input.servers.find(name => !known.has(name))
      if (strange !== undefined) throw new OperationError('account.server_not_seen', { account: id, server: strange })
      await updateAuthservIds(trx, id, input.servers)
      await audit(trx, { accountId: id, detail: { servers: input.servers.join(' ') } })
      return { id }
    })
  },
})
