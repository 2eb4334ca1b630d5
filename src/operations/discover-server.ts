// Finds the mail server of an address. What is found is shown to whoever asks; nothing is sent there and nothing is stored.
import { z } from 'zod'
import { listOf } from '../config/schema.ts'
import { type Discovery, findServers } from '../discovery/find-servers.ts'
import { inTransaction } from '../store/db/database.ts'
import { address } from './account-input.ts'
import type { Deps } from './deps.ts'
import { defineOperation } from './operation.ts'
import { takeTestPlace } from './test-account.ts'

export const discoverServer = defineOperation({
  name: 'account.discover',
  who: 'admin',
  summary: 'finds the mail server of an address, by DNS and autoconfig',
  input: z.strictObject({ address }),
  async work(deps: Pick<Deps, 'db' | 'config' | 'withRedis'>, { input, actor, audit }): Promise<Discovery> {
    using _place = await takeTestPlace(deps, actor)
    const found = await findServers(input.address, { dnsServers: listOf(deps.config.dns.servers) })
    const { domain = '', servers } = found
    await inTransaction(deps.db, trx => audit(trx, { detail: { domain, servers: servers.length } }))
    return found
  },
})
