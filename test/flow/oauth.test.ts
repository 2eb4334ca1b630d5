// A whole daemon, an authorization server and a Dovecot that takes its tokens: mail comes in without a password, and what a provider does
// to an account shows at that account alone.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Daemon } from '../../src/daemon.ts'
import { openRedis } from '../../src/schedule/redis.ts'
import { updateAccount } from '../../src/store/accounts/account-changes.ts'
import { getAccount } from '../../src/store/accounts/accounts.ts'
import { filesOf, keyPathsOf } from '../../src/vault/keys/keyring.ts'
import { createSecretWriter } from '../../src/vault/secrets/write-secret.ts'
import { letterlock } from '../cli/letterlock.ts'
import {
  type AuthorizationServer,
  clientSecret,
  consentAt,
  startAuthorizationServer,
  startOAuthDovecot,
} from '../support/authorization-server.ts'
import { createWorld, ends, until, type World } from '../support/daemon.ts'
import { type TestDovecot, user } from '../support/dovecot.ts'
import { rawMail } from '../support/messages.ts'
import { countWhere, hexOf, keyFileOf, sweep, untilAction, writeKey, writeProof } from '../support/sealing.ts'

let server: AuthorizationServer
let dovecot: TestDovecot
beforeAll(async () => {
  server = await startAuthorizationServer()
  dovecot = await startOAuthDovecot(server)
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await dovecot[Symbol.asyncDispose]()
})

let world: World
let daemon: Daemon
beforeEach(async () => {
  Object.assign(server, { fault: undefined, rotates: false, lifetimeSeconds: 3_600, requests: [] })
  // Every poll logs in anew.
  world = await createWorld({ LETTERLOCK_POLL_KEEP_CONNECTIONS: '0' })
})
afterEach(async () => {
  await expectNoLeak()
  await world[Symbol.asyncDispose]()
})

/** An account that somebody gave consent for, in a running daemon. */
async function start(clientId = 'letterlock', fault?: AuthorizationServer['fault']): Promise<number> {
  const id = await world.add(dovecot.destination('tls'), '', {
    password: null,
    oauth: await newConsent(clientId),
  })
  server.fault = fault
  daemon = await world.start()
  await until(async () => (await getAccount(world.db, String(id))).lastAttemptAt)
  return id
}

async function newConsent(clientId = 'letterlock') {
  const secret = clientId === 'confidential' ? clientSecret : null
  const { refreshToken } = await consentAt(server, clientId, secret)
  const client = {
    issuer: server.issuer,
    tokenEndpoint: server.tokenEndpoint,
    clientId,
    clientAuth: 'post' as const,
    scope: '',
  }
  return { client, refreshToken, clientSecret: secret }
}

const refreshes = (): number => server.requests.filter(({ grant }) => grant === 'refresh_token').length
const account = (id: number) => getAccount(world.db, String(id))
const stored = async (id: number): Promise<string | undefined> =>
  (await world.db('credentials').where({ account_id: id, kind: 'oauth-refresh-token' }).first('plaintext'))?.plaintext

/** Neither log, Redis, web nor any table but `credentials` has seen a token or a client's secret. */
async function expectNoLeak(): Promise<void> {
  const places = [
    JSON.stringify(world.log),
    await redisOf(),
    await tablesOf(),
    await (await fetch(`${daemon.url}/metrics`)).text(),
  ]
  const secrets = [...server.given.access, ...server.given.refresh, clientSecret]
  expect(secrets.length).toBeGreaterThan(2)
  for (const text of places) expect(secrets.filter(secret => text.includes(secret))).toEqual([])
}

async function redisOf(): Promise<string> {
  const redis = openRedis(world.config.redis.url, world.config.redis, 'commands')
  await redis.connect()
  const values: unknown[] = []
  for (const key of await redis.keys(`${world.config.redis.prefix}*`)) {
    const type = await redis.type(key)
    values.push(key, type === 'hash' && (await redis.hgetall(key)), type === 'list' && (await redis.lrange(key, 0, -1)))
    values.push(type === 'stream' && (await redis.xrange(key, '-', '+')), type === 'string' && (await redis.get(key)))
  }
  redis.disconnect()
  expect(values.length).toBeGreaterThan(0)
  return JSON.stringify(values)
}

async function tablesOf(): Promise<string> {
  const [rows] = (await world.db.raw('SHOW TABLES')) as [Record<string, string>[]]
  const tables = rows.flatMap(row => Object.values(row)).filter(table => table !== 'credentials')
  return JSON.stringify(await Promise.all(tables.map(table => world.db(table))))
}

test('mail comes in with an access token, which is renewed by itself when it expires', async () => {
  server.lifetimeSeconds = 5
  dovecot.deliver(user.name, 'INBOX', [rawMail({ id: 'first@x' })])
  const id = await start()
  expect(await account(id)).toMatchObject({ state: 'active', failures: 0 })
  expect(await ends(world.db)).toEqual({ created: 1 })
  const before = refreshes()
  await until(async () => {
    await world.poll(id)
    return refreshes() === before + 2
  })
  expect(await account(id)).toMatchObject({ state: 'active', failures: 0 })
  expect(world.log.filter(line => line.msg === 'fail')).toEqual([])
})

test('a provider that rotates refresh tokens: the newest is stored, and polls go on', async () => {
  Object.assign(server, { lifetimeSeconds: 5, rotates: true })
  const id = await start()
  const first = await stored(id)
  expect(first).toBe(server.given.refresh.at(-1))
  await until(async () => {
    await world.poll(id)
    return refreshes() >= 3
  })
  expect(await stored(id)).not.toBe(first)
  expect(await stored(id)).toBe(server.given.refresh.at(-1))
  expect(await account(id)).toMatchObject({ state: 'active', failures: 0 })
})

test('a token that is good no longer is dropped, and one more is asked for at once', async () => {
  const id = await start()
  await server.forgetAccessTokens()
  await world.poll(id)
  expect(await account(id)).toMatchObject({ state: 'active', failures: 0 })
  expect(refreshes()).toBe(2)
})

test('a consent for another mailbox: a clear error, and two requests are all', async () => {
  const id = await start()
  await world.db('accounts').where({ id }).update({ username: 'somebody-else' })
  await world.poll(id)
  const found = await account(id)
  expect(found).toMatchObject({ state: 'failing', code: 'oauth.token_refused' })
  expect(found.hint).toContain('--username')
  expect(refreshes()).toBe(2)
})

test('consent that is withdrawn: the account says so and what to do; signing in again mends it', async () => {
  const id = await start()
  await server.withdraw()
  await server.forgetAccessTokens()
  await world.poll(id)
  const found = await account(id)
  expect(found).toMatchObject({ state: 'failing', code: 'oauth.consent_needed', failures: 1 })
  expect(found.hint).toContain(`letterlock account set ${id} --oauth`)
  expect(found.nextAttemptAt?.getTime()).toBeGreaterThan(Date.now() + 50 * 60_000)
  const writeSecret = createSecretWriter(keyPathsOf(keyFileOf(world), {}))
  await updateAccount(world.db, id, { oauth: await newConsent() }, writeSecret)
  await world.poll(id)
  expect(await account(id)).toMatchObject({ state: 'active', code: null, failures: 0 })
})

test('a token endpoint that is down is not hammered, its wish is heeded, and all resumes by itself', async () => {
  const id = await start('letterlock', { status: 503, headers: { 'retry-after': '3' } })
  const found = await account(id)
  expect(found).toMatchObject({ state: 'failing', code: 'oauth.unavailable', failures: 1 })
  const waitMs = (found.nextAttemptAt?.getTime() ?? 0) - (found.lastAttemptAt?.getTime() ?? 0)
  expect(waitMs).toBeGreaterThanOrEqual(2_500)
  expect(waitMs).toBeLessThanOrEqual(3_500)
  // Impatience asks the provider nothing.
  await world.poll(id)
  expect(await account(id)).toMatchObject({ code: 'oauth.unavailable', failures: 2 })
  expect(refreshes()).toBe(1)
  server.fault = undefined
  await until(async () => (await account(id)).state === 'active')
  expect(refreshes()).toBe(2)
})

test('two accounts of one provider: the one without consent does not hold the other up', async () => {
  const id = await start()
  await server.withdraw()
  await server.forgetAccessTokens()
  const other = await world.add(dovecot.destination('tls'), '', {
    address: 'b@example.com',
    password: null,
    oauth: await newConsent(),
  })
  await until(async () => (await account(other)).lastSuccessAt)
  await world.poll(id)
  expect(await account(id)).toMatchObject({ state: 'failing', code: 'oauth.consent_needed' })
})

test('refresh token and client secret are sealed, counted, resealed under another key, and unsealed', async () => {
  Object.assign(server, { lifetimeSeconds: 5, rotates: true })
  const id = await start('confidential')
  const env = {
    LETTERLOCK_DATABASE_URL: world.database.url,
    LETTERLOCK_DATA_DIRECTORY: world.directory,
    LETTERLOCK_REDIS_URL: world.config.redis.url,
    LETTERLOCK_REDIS_PREFIX: world.config.redis.prefix,
  }
  const verified = async () => JSON.parse((await letterlock(['encryption', 'verify', '--json'], { env })).stdout)
  writeKey(keyFileOf(world))
  await untilAction(world.db, 'encryption.on')
  expect(await countWhere(world.db, 'plaintext IS NULL AND sealed IS NOT NULL')).toBe(2)
  await pollsOn(id)
  expect(await verified()).toEqual({ sealed: 2, readable: 2, unreadable: [] })

  // A refresh token that somebody writes in plaintext is used at the next poll, and sealed.
  const written = (await newConsent('confidential')).refreshToken
  await world.db('credentials').where({ account_id: id, kind: 'oauth-refresh-token' }).update({ plaintext: written })
  server.rotates = false
  await pollsOn(id)
  await sweep(world, daemon)
  expect(await countWhere(world.db, 'plaintext IS NULL AND sealed IS NOT NULL')).toBe(2)

  // Another host or endpoint, by SQL: neither provider nor server is asked, and `verify` names both rows.
  await world.db('accounts').where({ id }).update({ oauth_client_id: 'letterlock' })
  const before = server.requests.length
  await world.poll(id)
  expect(await account(id)).toMatchObject({ state: 'waiting', code: 'vault.destination_changed' })
  expect(server.requests).toHaveLength(before)
  const moved = { account: id, code: 'vault.destination_changed' }
  expect(await verified()).toEqual({ sealed: 2, readable: 0, unreadable: [moved, moved] })
  const accepted = await letterlock(['encryption', 'accept-destination', String(id), '--yes'], { env })
  expect(accepted).toMatchObject({ code: 0 })
  expect(await verified()).toEqual({ sealed: 2, readable: 2, unreadable: [] })
  await world.db('accounts').where({ id }).update({ oauth_client_id: 'confidential' })
  await letterlock(['encryption', 'accept-destination', String(id), '--yes'], { env })
  await pollsOn(id)

  const next = writeKey(filesOf(keyPathsOf(keyFileOf(world), {})).next)
  await untilAction(world.db, 'encryption.rotated')
  expect(await countWhere(world.db, `sealed_key_id = UNHEX('${hexOf(next)}')`)).toBe(2)
  await pollsOn(id)

  writeProof(world, hexOf(next))
  expect(await letterlock(['encryption', 'disable', '--yes'], { env })).toMatchObject({ code: 0 })
  await until(async () => (await countWhere(world.db, 'plaintext IS NOT NULL AND sealed IS NULL')) === 2)
  expect(await stored(id)).toBe(written)
  await pollsOn(id)
}, 600_000)

/** A new access token is asked for, and the poll works. */
async function pollsOn(id: number): Promise<void> {
  await server.forgetAccessTokens()
  const before = refreshes()
  await world.poll(id)
  expect(await account(id)).toMatchObject({ state: 'active', code: null, failures: 0 })
  expect(refreshes()).toBeGreaterThan(before)
}
