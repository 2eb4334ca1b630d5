// Who owns how many accounts, as workers come and go.
import { expect, test } from 'vitest'
import { claimAccounts } from '../../src/schedule/scheduler.ts'
import { insertAccount } from '../../src/store/accounts/account-changes.ts'
import { removeWorker } from '../../src/store/accounts/leases.ts'
import { createTestDatabase, writeWithoutKey } from '../support/servers.ts'

test.each([
  [4, 3, [2, 1, 1]],
  [2, 3, [1, 1, 0]],
  [7, 2, [4, 3]],
])('%i accounts on %i hosts, however late they come', async (accounts, hosts, shares) => {
  await using database = await createTestDatabase()
  const { db } = database
  for (let i = 0; i < accounts; i++) {
    const destination = { host: '127.0.0.1', port: 143, security: 'tls', username: 'u', caPem: null } as const
    const ways = { startFrom: 'all', afterIngest: 'keep', everySeconds: 60, push: false, enabled: true }
    const account = { ...destination, ...ways, address: `a${i}@example.com`, mailboxes: ['INBOX'], password: 'secret' }
    await insertAccount(db, account, writeWithoutKey)
  }
  const ids = Array.from({ length: hosts }, (_, i) => `host-${i}`)
  const beat = async (id: string) =>
    await claimAccounts({
      ...({ db, leaseSeconds: 30, keyIds: () => [], isRunning: () => false } as const),
      worker: { id, host: id, version: '0' },
    })
  const owned = async () =>
    Promise.all(ids.map(async id => (await db('accounts').where({ lease_owner: id }).pluck('id')).length))

  // Each begins when those before it have settled.
  for (const [i] of ids.entries()) for (let n = 0; n < 2; n++) for (const id of ids.slice(0, i + 1)) await beat(id)
  expect(await owned()).toEqual(shares)
  const before = await db('accounts').orderBy('id').select('id', 'lease_owner', 'fence')
  for (const id of ids) await beat(id)
  expect(await db('accounts').orderBy('id').select('id', 'lease_owner', 'fence')).toEqual(before)

  await removeWorker(db, 'host-0')
  const left = await db('accounts').whereNull('lease_owner').orderBy('id').pluck('id')
  const taken: number[] = []
  for (let n = 0; n < 2; n++) for (const id of ids.slice(1)) taken.push(...(await beat(id)).taken)
  expect([...new Set(taken)].sort((a, b) => a - b)).toEqual(expect.arrayContaining(left))
  expect((await owned()).reduce((sum, count) => sum + count)).toBe(accounts)
})
