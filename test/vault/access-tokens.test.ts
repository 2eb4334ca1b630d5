// Access tokens, against a real authorization server: asked for once, early, and never to the harm of a refresh token.

import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { inspect } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { AccountError, OperationError } from '../../src/errors/errors.ts'
import type { WriteSecret } from '../../src/model/secret.ts'
import { insertAccount, updateAccount } from '../../src/store/accounts/account-changes.ts'
import { getDestination } from '../../src/store/accounts/destinations.ts'
import { keyPathsOf, readKeyring } from '../../src/vault/keys/keyring.ts'
import { openLogins } from '../../src/vault/oauth/access-tokens.ts'
import { toRetryAfterMs } from '../../src/vault/oauth/token-endpoint.ts'
import { adoptKey } from '../../src/vault/sealing/transitions.ts'
import { oauthDestination, open, seal, toKey } from '../../src/vault/secrets/envelope.ts'
import { type OpenSecret, type Secret, withSecret } from '../../src/vault/secrets/open-secret.ts'
import { createSecretWriter } from '../../src/vault/secrets/write-secret.ts'
import { type AuthorizationServer, consentAt, startAuthorizationServer } from '../support/authorization-server.ts'
import { writeKey } from '../support/sealing.ts'
import { createTestDatabase, type TestDatabase } from '../support/servers.ts'

let server: AuthorizationServer
let database: TestDatabase
let directory: string
beforeAll(async () => {
  server = await startAuthorizationServer()
  database = await createTestDatabase()
  directory = mkdtempSync(path.join(tmpdir(), 'letterlock-tokens-'))
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

interface Scene {
  id: number
  /** Opens as a process of its own does: with nothing in memory yet. */
  process(change?: Partial<Parameters<typeof openLogins>[0]>): () => Promise<string>
  refreshes(): number
  /** What is stored. */
  stored(): Promise<string | undefined>
  clock: { now: number }
  openSecret(change?: Partial<Parameters<typeof openLogins>[0]>): () => Promise<Secret>
}

let accounts = 0

/** An account with consent, in a fresh state of the server. */
async function scene(change: { issuer?: string; tokenEndpoint?: string } = {}): Promise<Scene> {
  Object.assign(server, { fault: undefined, rotates: false, lifetimeSeconds: 3_600 })
  const { refreshToken } = await consentAt(server)
  const { db } = database
  const place = keyPathsOf(path.join(directory, 'none.bin'), {})
  const writeSecret = createSecretWriter(place)
  const client = {
    issuer: server.issuer,
    tokenEndpoint: server.tokenEndpoint,
    clientId: 'letterlock',
    clientAuth: 'post' as const,
    scope: '',
    ...change,
  }
  const id = await insertAccount(
    db,
    {
      address: `a${++accounts}@example.com`,
      ...{ host: 'imap.example.com', port: 993, security: 'tls', username: '', caPem: null },
      ...{ everySeconds: 60, afterIngest: 'keep', startFrom: 'all', mailboxes: ['INBOX'], enabled: false, push: false },
      password: null,
      oauth: { client, refreshToken, clientSecret: null },
    },
    writeSecret,
  )
  const before = server.requests.length
  const clock = { now: Date.now() }
  const openSecret = (more = {}) => {
    const logins = openLogins({
      db,
      ring: () => readKeyring(place),
      writeSecret,
      atOnce: 3,
      now: () => clock.now,
      ...more,
    })
    return async () => {
      const { oauth, ...destination } = await getDestination(db, id)
      return await logins({ id, destination, oauth })
    }
  }
  return {
    id,
    clock,
    openSecret,
    process: more => {
      const opens = openSecret(more)
      return async () => (await opens()).value.toString()
    },
    refreshes: () => server.requests.slice(before).filter(({ grant }) => grant === 'refresh_token').length,
    stored: async () => (await db('credentials').where({ account_id: id }).first('plaintext'))?.plaintext,
  }
}

test('two needs at once make one request, and the token is kept', async () => {
  const { process, refreshes } = await scene()
  const opens = process()
  const tokens = await Promise.all([opens(), opens(), opens()])
  expect(new Set(tokens).size).toBe(1)
  expect(await opens()).toBe(tokens[0])
  expect(server.given.access).toContain(tokens[0])
  expect(refreshes()).toBe(1)
})

test('it is renewed before it expires, and not sooner', async () => {
  const { process, refreshes, clock } = await scene()
  const opens = process()
  const first = await opens()
  clock.now += 3_600_000 - 5 * 60_000 - 10_000
  expect(await opens()).toBe(first)
  clock.now += 10_000
  expect(await opens()).not.toBe(first)
  expect(refreshes()).toBe(2)
})

test('while the provider is down a token that has not expired is used; after that the error is temporary', async () => {
  const { process, clock } = await scene()
  const opens = process()
  const first = await opens()
  server.fault = { status: 503, body: 'down' }
  clock.now += 3_600_000 - 60_000
  expect(await opens()).toBe(first)
  clock.now += 60_000
  await expect(opens()).rejects.toMatchObject({ code: 'oauth.unavailable', temporary: true })
  server.fault = undefined
  expect(await opens()).not.toBe(first)
})

test('a new refresh token is stored before the access token is used', async () => {
  const { process, stored, clock } = await scene()
  server.rotates = true
  const before = await stored()
  const opens = process()
  await opens()
  const after = await stored()
  expect(after).not.toBe(before)
  expect(after).toBe(server.given.refresh.at(-1))
  clock.now += 3_600_000
  await opens()
  expect(await stored()).toBe(server.given.refresh.at(-1))
})

test('two processes that need a token at once do not use one refresh token twice', async () => {
  const { process, stored, refreshes } = await scene()
  server.rotates = true
  const [one, other] = [process(), process()]
  const held = server.hold()
  const both = Promise.all([one(), other()])
  await held.arrived
  held.release()
  await both
  expect(refreshes()).toBe(2)
  // The provider withdraws everything where one is used twice.
  await process()()
  expect(await stored()).toBe(server.given.refresh.at(-1))
})

test('a new refresh token that cannot be stored is kept, not used, and stored at the next login without another request', async () => {
  const { process, stored, refreshes } = await scene()
  server.rotates = true
  const before = await stored()
  const real = createSecretWriter(keyPathsOf(path.join(directory, 'none.bin'), {}))
  const faults: Error[] = [new OperationError('encryption.no_key', { reason: 'gone' })]
  const writeSecret: WriteSecret = async (...args) => {
    const fault = faults.shift()
    if (fault !== undefined) throw fault
    await real(...args)
  }
  const opens = process({ writeSecret })
  await expect(opens()).rejects.toMatchObject({ code: 'vault.key_missing' })
  expect(await stored()).toBe(before)
  const token = await opens()
  expect(token).toBe(server.given.access.at(-1))
  expect(await stored()).toBe(server.given.refresh.at(-1))
  expect(refreshes()).toBe(1)
})

test('what an operator set while the provider was asked is not overwritten', async () => {
  const { id, process, stored } = await scene()
  server.rotates = true
  const held = server.hold()
  const asked = process()()
  await held.arrived
  await database.db('credentials').where({ account_id: id }).update({ plaintext: 'set by an operator' })
  held.release()
  await asked
  expect(await stored()).toBe('set by an operator')
})

test('consent that was withdrawn is a permanent error that says what to do', async () => {
  const { id, process } = await scene()
  await server.withdraw()
  const error = await process()().catch((caught: unknown) => caught as AccountError)
  expect(error).toMatchObject({ code: 'oauth.consent_needed', temporary: false })
  expect((error as AccountError).hint).toContain(`letterlock account set ${id} --oauth`)
})

test('a client that the provider does not know is told apart from consent', async () => {
  const { id, process } = await scene()
  await database.db('accounts').where({ id }).update({ oauth_client_id: 'nobody' })
  await expect(process()()).rejects.toMatchObject({ code: 'oauth.client_refused', temporary: false })
})

test.each(['post', 'basic'])('a wrong secret of the client, sent by %s, is told apart from consent', async how => {
  const { id, process } = await scene()
  const { db } = database
  await db('accounts').where({ id }).update({ oauth_client_id: 'confidential', oauth_client_auth: how })
  await db('credentials').insert({ account_id: id, kind: 'oauth-client-secret', plaintext: 'a wrong one' })
  await expect(process()()).rejects.toMatchObject({ code: 'oauth.client_refused', temporary: false })
  server.fault = { status: 401 }
  await expect(process()()).rejects.toMatchObject({ code: 'oauth.client_refused', temporary: false })
})

test('Retry-After is honoured, and until then the provider is not asked again', async () => {
  const { process, refreshes, clock } = await scene()
  server.fault = { status: 429, headers: { 'retry-after': '120' } }
  const opens = process()
  await expect(opens()).rejects.toMatchObject({ code: 'oauth.unavailable', temporary: true, retryAfterMs: 120_000 })
  server.fault = undefined
  clock.now += 60_000
  await expect(opens()).rejects.toMatchObject({ code: 'oauth.unavailable', retryAfterMs: 60_000 })
  expect(refreshes()).toBe(1)
  clock.now += 60_000
  await opens()
  expect(refreshes()).toBe(2)
})

test('Retry-After is seconds or a date, within a day', () => {
  const now = Date.parse('2026-11-26T10:00:00Z')
  expect(toRetryAfterMs('30', now)).toBe(30_000)
  expect(toRetryAfterMs('Thu, 26 Nov 2026 10:02:00 GMT', now)).toBe(120_000)
  expect(toRetryAfterMs('999999999', now)).toBe(86_400_000)
  for (const none of [null, '', 'soon', '0', 'Thu, 26 Nov 2020 10:02:00 GMT'])
    expect(toRetryAfterMs(none, now)).toBeUndefined()
})

const oddAnswers: [string, { status: number; headers?: Record<string, string>; body?: string }][] = [
  ['nothing', { status: 200 }],
  ['a page', { status: 200, headers: { 'content-type': 'text/html' }, body: '<h1>log in to the hotel</h1>' }],
  [
    'half of JSON',
    { status: 200, headers: { 'content-type': 'application/json' }, body: '{"access_token":"half of a tok' },
  ],
  ['too much', { status: 200, headers: { 'content-type': 'application/json' }, body: ' '.repeat(300_000) }],
  ['a redirection', { status: 302, headers: { location: 'http://127.0.0.1:9/' } }],
  [
    'its own trouble, with a refusal',
    { status: 500, headers: { 'content-type': 'application/json' }, body: '{"error":"invalid_grant"}' },
  ],
]

test.each(oddAnswers)('an answer that is none (%s) is temporary, and nothing of it is told', async (_, fault) => {
  const { process } = await scene()
  server.fault = fault
  const error = await process()().catch((caught: unknown) => caught)
  expect(error).toMatchObject({ code: 'oauth.unavailable', temporary: true })
  expect(inspect(error, { depth: 9 })).not.toMatch(/hotel|half of a tok/)
})

test('nothing listens at the token endpoint: temporary, and the reason is told', async () => {
  const http = createServer()
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', () => resolve()))
  const { port } = http.address() as AddressInfo
  await new Promise(resolve => http.close(resolve))
  const { process } = await scene({ tokenEndpoint: `http://127.0.0.1:${port}/token` })
  const opens = process()
  await expect(opens()).rejects.toThrow(/ECONNREFUSED/)
  await expect(opens()).rejects.toMatchObject({ code: 'oauth.unreachable', temporary: true })
})

test('an endpoint that did not answer is not waited for by the next in line, and asked again after a while', async () => {
  const { process, clock } = await scene()
  let asked = 0
  const silent = async () => {
    asked += 1
    throw new AccountError('oauth.unreachable', {}, { temporary: true })
  }
  const opens = process({ refresh: silent })
  await expect(opens()).rejects.toMatchObject({ code: 'oauth.unreachable' })
  await expect(opens()).rejects.toMatchObject({ code: 'oauth.unreachable', temporary: true })
  expect(asked).toBe(1)
  clock.now += 10_000
  await expect(opens()).rejects.toMatchObject({ code: 'oauth.unreachable' })
  expect(asked).toBe(2)
})

test('a token endpoint without https is not asked, unless it is on this host', async () => {
  const { process } = await scene({ tokenEndpoint: 'http://login.example.com/token' })
  await expect(process()()).rejects.toMatchObject({ code: 'account.misconfigured', temporary: false })
})

test('a token that the server refuses is dropped, and one new one is tried', async () => {
  const { id, openSecret, refreshes } = await scene()
  const opens = openSecret()
  const first = (await opens()).value.toString()
  const tried: string[] = []
  const refuse = new AccountError('imap.auth_refused', {}, { temporary: false })
  const login = (refusals: number) =>
    withSecret({ id, destination: none }, opens as OpenSecret, async secret => {
      tried.push(secret.value.toString())
      if (tried.length <= refusals) throw refuse
      return 'in'
    })
  expect(await login(1)).toBe('in')
  expect(tried[0]).toBe(first)
  expect(tried[1]).not.toBe(first)
  expect(refreshes()).toBe(2)
  // A server that takes none: one more is tried, and the account's error is clear.
  tried.length = 0
  await expect(login(99)).rejects.toMatchObject({ code: 'oauth.token_refused', temporary: false })
  expect(tried).toHaveLength(2)
  expect(refreshes()).toBe(3)
})

const none = { host: 'imap.example.com', port: 993, security: 'tls', username: 'somebody', caPem: null }

test('a sealed account that is moved by SQL gets no token, not even one that is in memory', async () => {
  const { id, openSecret, refreshes } = await scene()
  const { db } = database
  await using _ = await sealAll()
  const place = keyPathsOf(keyFile(), {})
  const opens = openSecret({ ring: () => readKeyring(place), writeSecret: createSecretWriter(place) })
  await opens()
  const before = await db('accounts').where({ id }).first()
  for (const change of [
    { host: 'elsewhere.example.com' },
    { username: 'other' },
    { oauth_token_endpoint: 'http://127.0.0.1:9/token' },
    { oauth_client_id: 'confidential' },
  ]) {
    await db('accounts').where({ id }).update(change)
    await expect(opens()).rejects.toMatchObject({ code: 'vault.destination_changed' })
    const { host, username, oauth_token_endpoint, oauth_client_id } = before
    await db('accounts').where({ id }).update({ host, username, oauth_token_endpoint, oauth_client_id })
    await opens()
  }
  expect(refreshes()).toBe(1)
})

test('a rotated token is sealed, bound to what the old one was opened for', async () => {
  const { id, openSecret } = await scene()
  const { db } = database
  await using key = await sealAll()
  server.rotates = true
  const place = keyPathsOf(keyFile(), {})
  const opens = openSecret({ ring: () => readKeyring(place), writeSecret: createSecretWriter(place) })
  const held = server.hold()
  const asked = opens()
  await held.arrived
  // Whoever writes to the database moves the account while the provider is asked.
  await db('accounts').where({ id }).update({ host: 'elsewhere.example.com' })
  held.release()
  await asked
  const row = await db('credentials').where({ account_id: id }).first('plaintext', 'sealed')
  expect(row.plaintext).toBeNull()
  const opened = open(() => key.key, { table: 'credentials', kind: 'oauth-refresh-token', accountId: id }, row.sealed)
  if (opened.end !== 'ok') throw new Error(opened.end)
  expect(opened.secret.toString()).toBe(server.given.refresh.at(-1))
  const imap = { ...none, host: 'imap.example.com', port: 993, username: `a${accounts}@example.com` }
  expect(opened.destination).toEqual(oauthDestination({ ...server, clientId: 'letterlock' }, imap))
  await expect(opens()).rejects.toMatchObject({ code: 'vault.destination_changed' })
})

const noClient = { tokenEndpoint: '', clientId: '' }
const keyFile = (): string => path.join(directory, 'key.bin')

/** Seals every stored token under a key that is gone again afterwards. */
async function sealAll() {
  const { db } = database
  const key = toKey(Buffer.from(writeKey(keyFile())))
  await adoptKey(db, key, 'test')
  for (const row of await db('credentials').whereNotNull('plaintext')) {
    const { oauth, ...destination } = await getDestination(db, row.account_id)
    const place = { table: 'credentials', kind: row.kind, accountId: row.account_id } as const
    const sealed = seal(key, place, oauthDestination(oauth ?? noClient, destination), Buffer.from(row.plaintext))
    await db('credentials').where({ id: row.id }).update({ sealed, plaintext: null })
  }
  return {
    key,
    async [Symbol.asyncDispose]() {
      await db('credentials').delete()
      await db('encryption_keys').delete()
      rmSync(keyFile())
    },
  }
}

test('one who gives a password gives OAuth up, and the other way round; nothing of the other way stays', async () => {
  const { id } = await scene()
  const { db } = database
  const writeSecret = createSecretWriter(keyPathsOf(path.join(directory, 'none.bin'), {}))
  const kinds = () => db('credentials').where({ account_id: id }).orderBy('kind').pluck('kind')
  await updateAccount(db, id, { password: 'a password' }, writeSecret)
  expect(await kinds()).toEqual(['password'])
  expect((await getDestination(db, id)).oauth).toBeNull()
  const client = {
    issuer: server.issuer,
    tokenEndpoint: server.tokenEndpoint,
    clientId: 'confidential',
    clientAuth: 'basic' as const,
    scope: '',
  }
  await updateAccount(db, id, { oauth: { client, refreshToken: 'r', clientSecret: 's' } }, writeSecret)
  expect(await kinds()).toEqual(['oauth-client-secret', 'oauth-refresh-token'])
  expect((await getDestination(db, id)).oauth).toEqual(client)
  await expect(updateAccount(db, id, { host: 'elsewhere.example.com' }, writeSecret)).rejects.toThrow(
    /signing in again/,
  )
})

test('a refresh token as long as an envelope takes fits in plaintext too; one that cannot be sealed is refused', async () => {
  const { id } = await scene()
  const { db } = database
  const long = randomBytes(1990).toString('hex')
  await db('credentials').where({ account_id: id }).update({ plaintext: long })
  expect((await db('credentials').where({ account_id: id }).first('plaintext')).plaintext).toBe(long)
  const tooLong = db('credentials')
    .where({ account_id: id })
    .update({ plaintext: 'ü'.repeat(1991) })
  await expect(tooLong).rejects.toThrow()
})

test('an account without a refresh token waits, and nobody is asked', async () => {
  const { id, process, refreshes } = await scene()
  await database.db('credentials').where({ account_id: id }).delete()
  await expect(process()()).rejects.toMatchObject({ code: 'account.password_missing' })
  expect(refreshes()).toBe(0)
})
