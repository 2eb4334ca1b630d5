// `letterlock account test` against a real mail server: each failure says what and what to do.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import type { Destination } from '../../src/model/destination.ts'
import { insertAccount, type NewAccount } from '../../src/store/accounts/account-changes.ts'
import { startDnsServer } from '../support/dns-server.ts'
import { startTestDovecot, type TestDovecot, user } from '../support/dovecot.ts'
import { rawMail } from '../support/messages.ts'
import { createTestDatabase, type TestDatabase, writeWithoutKey } from '../support/servers.ts'
import { letterlock, type Ran } from './letterlock.ts'

let dovecot: TestDovecot
let database: TestDatabase
beforeAll(async () => {
  dovecot = await startTestDovecot()
  database = await createTestDatabase()
})
afterAll(async () => {
  await dovecot[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

let accounts = 0

async function testOf(
  destination: Destination,
  password: string | null = user.password,
  change: Partial<NewAccount> = {},
  env: Record<string, string> = {},
): Promise<Ran> {
  const id = await insertAccount(
    database.db,
    {
      address: `${++accounts}@example.com`,
      startFrom: 'all',
      afterIngest: 'keep',
      everySeconds: 60,
      push: true,
      mailboxes: ['INBOX'],
      enabled: true,
      password,
      ...destination,
      ...change,
    },
    writeWithoutKey,
  )
  const ran = await letterlock(['account', 'test', String(id)], {
    env: { LETTERLOCK_DATABASE_URL: database.url, ...env },
  })
  expect(ran.stdout + ran.stderr).not.toContain(user.password)
  return ran
}

test('a good account is logged in to, and its mails are counted', async () => {
  dovecot.deliver(user.name, 'INBOX', [rawMail(), rawMail()])
  dovecot.deliver(user.name, 'Büro', [rawMail()])
  for (const security of ['tls', 'starttls', 'cleartext'] as const) {
    const destination = dovecot.destination(security)
    const ran = await testOf(destination, user.password, { mailboxes: ['INBOX', 'Büro'], afterIngest: 'move:Büro' })
    expect(ran).toEqual({
      code: 0,
      stdout: `logged in to ${destination.host}:${destination.port} with ${security}\nINBOX: 2 mails\nBüro: 1 mails\nall is well\n`,
      stderr: '',
    })
  }
})

test('a CA that the system trusts (update-ca-certificates) is trusted, too', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-system-ca-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const good = dovecot.destination('tls')
  const bundle = path.join(directory, 'ca-certificates.crt')
  writeFileSync(bundle, good.caPem ?? '')
  const unknown = await testOf({ ...good, caPem: null }, user.password, {}, { SSL_CERT_FILE: '/dev/null' })
  expect(unknown).toMatchObject({ code: 1, stderr: expect.stringMatching(/certificate/i) })
  expect(await testOf({ ...good, caPem: null }, user.password, {}, { SSL_CERT_FILE: bundle })).toMatchObject({
    code: 0,
  })
})

test.each<[string, (good: Destination) => Partial<Destination>, RegExp]>([
  ['a host that is not in the DNS', () => ({ host: 'nobody.invalid' }), /not be found|no such host|DNS/i],
  ['a port where nobody listens', () => ({ port: 9 }), /refused|listens/i],
  ['an unknown CA', () => ({ caPem: null }), /certificate/i],
  ['a wrong user', () => ({ username: 'somebody' }), /login|refused/i],
])('%s is told, with what to do, and code 1', async (_, change, words) => {
  const good = dovecot.destination('tls')
  const { code, stdout, stderr } = await testOf({ ...good, ...change(good) })
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toMatch(/^error: account \d+: .+\nhint: .+\n$/)
  expect(stderr).toMatch(words)
})

test('a wrong password and none at all are told apart, and neither is shown', async () => {
  const wrong = await testOf(dovecot.destination('tls'), 'a wrong Passw0rd')
  expect(wrong).toMatchObject({ code: 1, stderr: expect.stringMatching(/^error: account \d+: .*refused.*\nhint: /) })
  expect(wrong.stderr).not.toContain('a wrong Passw0rd')
  const none = await testOf(dovecot.destination('tls'), null)
  expect(none).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^error: account \d+ has no password\nhint: Enter the password/),
  })
})

test('mailboxes that the server lacks are told', async () => {
  const read = await testOf(dovecot.destination('tls'), user.password, { mailboxes: ['Nowhere'] })
  expect(read).toMatchObject({ code: 1, stderr: expect.stringMatching(/no such mailbox.*\nhint: Create it/s) })
  const target = await testOf(dovecot.destination('tls'), user.password, { afterIngest: 'move:Nowhere' })
  expect(target).toMatchObject({ code: 1, stderr: expect.stringMatching(/no such mailbox.*\nhint: Create it/s) })
})

test('an account of one’s own server is added with its CA, works, and can go back to the system’s CAs', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-ca-'))
  const [ca, password] = [path.join(directory, 'ca.pem'), path.join(directory, 'password')]
  writeFileSync(ca, dovecot.caPem)
  writeFileSync(password, `${user.password}\n`)
  const env = { LETTERLOCK_DATABASE_URL: database.url }
  const { host, port, username } = dovecot.destination('tls')
  const way = ['--host', host, '--port', String(port), '--username', username, '--ca', ca]
  const added = await letterlock(['account', 'add', 'own@example.com', ...way, '--password-stdin'], {
    env,
    stdin: `${user.password}\n`,
  })
  expect(added).toMatchObject({ code: 0, stderr: '' })
  expect(await letterlock(['account', 'set', 'own@example.com', '--every', '2m'], { env })).toMatchObject({ code: 0 })
  expect(await letterlock(['account', 'test', 'own@example.com'], { env })).toMatchObject({ code: 0 })
  const without = ['account', 'set', 'own@example.com', '--no-ca']
  expect(await letterlock(without, { env })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('the CA of account'),
  })
  expect(await letterlock([...without, '--password-file', password], { env })).toMatchObject({ code: 0 })
  expect(await letterlock(['account', 'test', 'own@example.com'], { env })).toMatchObject({ code: 1 })
  rmSync(directory, { recursive: true })
})

test('an account is added by its address alone: the server is found, shown, agreed to, tested and saved', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-discovery-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const ca = path.join(directory, 'ca.pem')
  writeFileSync(ca, dovecot.caPem)
  await using dns = await startDnsServer()
  const { port, username } = dovecot.destination('tls')
  const record = { priority: 0, weight: 0, port, name: 'localhost' }
  dns.records.set('_imaps._tcp.shop.test', { SRV: [record] })
  const env = { LETTERLOCK_DATABASE_URL: database.url, LETTERLOCK_DNS_SERVERS: dns.address }
  const found = await letterlock(['account', 'discover', 'help@shop.test', '--json'], { env })
  expect(found).toMatchObject({ code: 0, stderr: '' })
  expect(JSON.parse(found.stdout)).toEqual({
    ...{ host: 'localhost', port, security: 'tls', username: 'help@shop.test', provider: null, wants: null },
    sources: ['SRV record _imaps._tcp.shop.test'],
  })
  const add = (address: string, stdin: string, ...more: string[]) =>
    letterlock(['account', 'add', address, '--username', username, '--ca', ca, '--password-stdin', ...more], {
      env,
      stdin,
    })
  // A script that does not agree sends nothing anywhere.
  expect(await add('help@shop.test', user.password)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--host is missing'),
  })
  const wrong = await add('help@shop.test', 'a wrong Passw0rd', '--yes')
  expect(wrong).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('nothing was saved') })
  expect(await database.db('accounts').where({ address: 'help@shop.test' })).toEqual([])
  const added = await add('help@shop.test', user.password, '--yes')
  expect(added).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^logged in to localhost:.*\naccount \d+ added: /s),
  })
  expect(added.stderr).toContain(`found localhost:${port} with tls: SRV record _imaps._tcp.shop.test`)
  const row = await database.db('accounts').where({ address: 'help@shop.test' }).first()
  expect(row).toMatchObject({ host: 'localhost', port, security: 'tls', username })
  expect(await add('help@shop.test', user.password, '--yes')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`the address is account ${row.id} already`),
  })
})

test('nothing is sent to a provider that takes no passwords, and where nothing is found it is said what to give', async () => {
  await using dns = await startDnsServer()
  dns.records.set('office.test', { MX: [{ priority: 0, exchange: 'office-test.mail.protection.outlook.com' }] })
  const env = { LETTERLOCK_DATABASE_URL: database.url, LETTERLOCK_DNS_SERVERS: dns.address }
  const add = (address: string) =>
    letterlock(['account', 'add', address, '--yes', '--password-stdin'], { env, stdin: 'a Passw0rd' })
  expect(await add('help@office.test')).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/wants OAuth 2.*\nhint: .*account add help@office\.test --oauth microsoft/s),
  })
  expect(await add('help@nowhere.test')).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/no mail server was found for help@nowhere\.test.*\nhint: .*--host HOST/s),
  })
  expect(await database.db('accounts').whereIn('address', ['help@office.test', 'help@nowhere.test'])).toEqual([])
})
