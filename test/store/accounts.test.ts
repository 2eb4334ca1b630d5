import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import {
  insertAccount,
  makeDue,
  type NewAccount,
  removeAccount,
  updateAccount,
  updateEnabled,
} from '../../src/store/accounts/account-changes.ts'
import { findAccounts, getAccount } from '../../src/store/accounts/accounts.ts'
import { getDestination } from '../../src/store/accounts/destinations.ts'
import { createTestDatabase, type TestDatabase, writeWithoutKey } from '../support/servers.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database[Symbol.asyncDispose]())
beforeEach(async () => {
  await database.db('accounts').delete()
  await database.db('workers').delete()
})

const secret = 'a right Passw0rd: 🔑'
const account: NewAccount = {
  address: 'support@example.com',
  host: 'imap.example.com',
  port: 993,
  security: 'tls',
  username: '',
  caPem: null,
  everySeconds: 60,
  push: true,
  afterIngest: 'keep',
  startFrom: 'all',
  mailboxes: ['INBOX'],
  enabled: true,
  password: secret,
}

const storedPassword = async (id: number) =>
  (await database.db('credentials').where({ account_id: id }).first('plaintext'))?.plaintext

test('an account that was never polled is due, in time, and logs in with its address', async () => {
  const id = await insertAccount(database.db, account, writeWithoutKey)
  expect(await findAccounts(database.db)).toMatchObject([
    { id, username: account.address, state: 'active', nextAttemptAt: null, behindSeconds: 0, failures: 0 },
  ])
  expect(await getDestination(database.db, id)).toMatchObject({ host: account.host, username: account.address })
  expect(await storedPassword(id)).toBe(secret)
})

test('a view never holds a password', async () => {
  const id = await insertAccount(database.db, account, writeWithoutKey)
  expect(JSON.stringify([await findAccounts(database.db), await getAccount(database.db, String(id))])).not.toContain(
    secret,
  )
})

test('an account is behind by the time since its last good poll beyond its interval, and not at all while it is paused', async () => {
  const id = await insertAccount(database.db, { ...account, everySeconds: 300 }, writeWithoutKey)
  await database.db.raw('UPDATE accounts SET last_success_at = UTC_TIMESTAMP(3) - INTERVAL 1000 SECOND')
  const [late] = await findAccounts(database.db)
  expect(late?.behindSeconds).toBeGreaterThanOrEqual(700)
  expect(late?.behindSeconds).toBeLessThan(760)
  await updateEnabled(database.db, id, false)
  expect(await findAccounts(database.db)).toMatchObject([{ state: 'paused', enabled: false, behindSeconds: 0 }])
})

test('of several who add the same address at the same moment one succeeds', async () => {
  const ends = await Promise.allSettled(
    Array.from({ length: 6 }, () => insertAccount(database.db, account, writeWithoutKey)),
  )
  expect(ends.filter(end => end.status === 'fulfilled')).toHaveLength(1)
  expect(await findAccounts(database.db)).toHaveLength(1)
})

test('two accounts with one address, as a helpdesk may write them, are told apart by their ids', async () => {
  for (const host of ['a.example.com', 'b.example.com'])
    await database.db('accounts').insert({ address: account.address, host })
  await expect(getAccount(database.db, account.address)).rejects.toThrow('several accounts have the address')
  const [{ id }] = await database.db('accounts').where({ host: 'b.example.com' }).select('id')
  expect(await getAccount(database.db, String(id))).toMatchObject({ host: 'b.example.com', hasPassword: false })
})

test.each([
  ['host', { host: 'evil.example.com' }],
  ['port', { port: 994 }],
  ['security', { security: 'cleartext' as const }],
  ['user name', { username: 'somebody' }],
  ['CA', { caPem: 'another' }],
])('a new %s is refused without the password, and nothing else of the change is made', async (what, change) => {
  const id = await insertAccount(database.db, account, writeWithoutKey)
  await expect(updateAccount(database.db, id, { ...change, everySeconds: 77 }, writeWithoutKey)).rejects.toThrow(
    `the ${what} of account ${id} cannot be changed without its password`,
  )
  expect(await getAccount(database.db, String(id))).toMatchObject({ host: account.host, everySeconds: 60 })
  await updateAccount(database.db, id, { ...change, password: 'new' }, writeWithoutKey)
  expect(await getDestination(database.db, id)).toMatchObject(change)
  expect(await storedPassword(id)).toBe('new')
})

test('a new password replaces the old one and makes the account due', async () => {
  const id = await insertAccount(database.db, account, writeWithoutKey)
  await database.db('accounts').update({ next_attempt_at: '2100-01-01' })
  await updateAccount(database.db, id, { password: 'new' }, writeWithoutKey)
  expect(await storedPassword(id)).toBe('new')
  expect((await database.db('credentials').where({ account_id: id })).length).toBe(1)
  expect((await database.db('accounts').first('next_attempt_at')).next_attempt_at).toBeNull()
})

test('mailboxes that are named no more keep their cursor for the day they are named again', async () => {
  const id = await insertAccount(database.db, { ...account, mailboxes: ['INBOX', 'Spam'] }, writeWithoutKey)
  await database.db('mailboxes').where({ name: 'Spam' }).update({ last_uid: 7, uid_validity: 1 })
  await updateAccount(database.db, id, { mailboxes: ['INBOX'] }, writeWithoutKey)
  expect((await getAccount(database.db, String(id))).mailboxes).toMatchObject([
    { name: 'INBOX', enabled: true },
    { name: 'Spam', enabled: false, lastUid: 7 },
  ])
  await updateAccount(database.db, id, { mailboxes: ['INBOX', 'Spam'] }, writeWithoutKey)
  expect((await getAccount(database.db, String(id))).mailboxes).toMatchObject([{}, { enabled: true, lastUid: 7 }])
})

test('a removed account has no password and no owner, and whoever still polls it cannot write', async () => {
  const id = await insertAccount(database.db, account, writeWithoutKey)
  await database.db('accounts').update({ lease_owner: 'w', fence: 4 })
  await database.db.transaction(trx => removeAccount(trx, id))
  expect(await database.db('credentials')).toEqual([])
  expect(await database.db('accounts').first('lease_owner', 'fence', 'enabled')).toEqual({
    lease_owner: null,
    fence: 5,
    enabled: 0,
  })
  expect(await findAccounts(database.db)).toEqual([])
  await expect(getAccount(database.db, account.address)).rejects.toThrow('there is no account')
})

test('a removed address comes back with its cursor, a new password and nothing of its troubles', async () => {
  const id = await insertAccount(database.db, account, writeWithoutKey)
  await database.db('mailboxes').update({ last_uid: 9, uid_validity: 3 })
  await database
    .db('accounts')
    .update({ state: 'failing', code: 'imap.timeout', failures: 3, created_at: '2020-01-01' })
  await database.db.transaction(trx => removeAccount(trx, id))
  expect(
    await insertAccount(database.db, { ...account, host: 'new.example.com', password: 'new' }, writeWithoutKey),
  ).toBe(id)
  expect(await getAccount(database.db, account.address)).toMatchObject({
    id,
    host: 'new.example.com',
    enabled: true,
    state: 'active',
    code: null,
    failures: 0,
    behindSeconds: 0,
    mailboxes: [{ name: 'INBOX', lastUid: 9, uidValidity: 3 }],
  })
  expect(await storedPassword(id)).toBe('new')
  await expect(insertAccount(database.db, account, writeWithoutKey)).rejects.toThrow(
    `the address is account ${id} already`,
  )
})

test('an account that is asked for is due, and its owner is told only while its lease holds', async () => {
  const id = await insertAccount(database.db, account, writeWithoutKey)
  expect(await makeDue(database.db, id)).toEqual({ owner: null, dueInSeconds: 0 })
  const worker = { host: 'h', version: '1', key_ids_json: '[]' }
  await database.db('workers').insert([
    { ...worker, id: 'live', lease_until: '2100-01-01' },
    { ...worker, id: 'dead', lease_until: '2000-01-01' },
  ])
  await database.db('accounts').update({ lease_owner: 'live', next_attempt_at: '2100-01-01' })
  expect(await makeDue(database.db, id)).toEqual({ owner: 'live', dueInSeconds: 0 })
  expect((await database.db('accounts').first('next_attempt_at')).next_attempt_at).toBeNull()
  await database.db('accounts').update({ lease_owner: 'dead' })
  expect(await makeDue(database.db, id)).toEqual({ owner: null, dueInSeconds: 0 })
})
