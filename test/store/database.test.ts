// Databases that cannot be reached, each in its way: all of them are one error of ours.
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, test } from 'vitest'
import { inTransaction, openDatabase } from '../../src/store/db/database.ts'
import { defaults } from '../support/servers.ts'

test('a database that takes connections and says nothing cannot be reached, and what was asked is not told', async () => {
  const server = createServer(() => {}).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const db = openDatabase(`mysql://somebody@127.0.0.1:${port}/nothing`, defaults.database)
  const query = db.raw('SELECT ? AS secret', ['never-to-be-seen'])
  const asked = await Promise.allSettled([query, inTransaction(db, trx => trx.raw('SELECT 1'))])
  for (const answer of asked) {
    const { reason } = answer as PromiseRejectedResult
    expect(reason).toMatchObject({ name: 'ServiceError', code: 'db.unreachable', temporary: true })
    expect(JSON.stringify({ ...reason, cause: reason.cause })).not.toContain('never-to-be-seen')
  }
  await db.destroy()
  server.close()
})
