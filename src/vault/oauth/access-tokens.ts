// Access tokens of accounts that sign in with OAuth 2. They live in memory only, are renewed a while before they expire, by one request an
// account at a time among all processes, and are good for the very refresh token, provider and mail server that they were asked with.
// A provider may give a new refresh token with each access token and take the old one no longer: the new one is stored before the access
// token is used, and is kept in memory and stored at the next login where the database or the key is away at that moment. Only a crash in
// between loses it; then the account asks for consent again.

import { createHash } from 'node:crypto'
import type { Knex } from 'knex'
import pLimit, { type LimitFunction } from 'p-limit'
import { AccountError, OperationError } from '../../errors/errors.ts'
import type { OAuthClient } from '../../model/destination.ts'
import type { WriteSecret } from '../../model/secret.ts'
import { inTransaction } from '../../store/db/database.ts'
import { withNamedLock } from '../../store/db/named-lock.ts'
import type { Keyring } from '../keys/keyring.ts'
import { oauthDestination } from '../secrets/envelope.ts'
import { type OpenSecret, openStored, readStored, Secret, type SecretUse } from '../secrets/open-secret.ts'
import { type Asking, askProvider } from './ask-provider.ts'
import { type Grant, type Refresh, refreshAccessToken } from './token-endpoint.ts'

export interface LoginDeps {
  db: Knex
  ring(): Keyring
  writeSecret: WriteSecret
  /** Requests at once; each holds a connection of the pool until it is answered. */
  atOnce: number
  refresh?: Refresh
  now?: () => number
}

type OAuthUse = SecretUse & { oauth: OAuthClient }

interface Held {
  accessToken: string
  /** Of the refresh token, the provider and the mail server that it is good for. */
  fingerprint: string
  refreshAt: number
  expiresAt: number
}

interface State extends LoginDeps, Asking {
  refresh: Refresh
  now: () => number
  held: Map<number, Held>
  /** Requests under way, by fingerprint. */
  flights: Map<string, Promise<Held>>
  /** Tokens that a provider gave and that could not be stored yet. */
  unstored: Map<number, { insteadOf: string; refreshToken: string; held: Held }>
  turns: LimitFunction
}

/** Opens what an account signs in with: its password, or an access token. */
export function openLogins(deps: LoginDeps): OpenSecret {
  const openPassword = openStored(deps.db, deps.ring)
  const state: State = {
    ...deps,
    refresh: deps.refresh ?? refreshAccessToken,
    now: deps.now ?? Date.now,
    held: new Map(),
    flights: new Map(),
    unstored: new Map(),
    holds: new Map(),
    down: new Map(),
    turns: pLimit(deps.atOnce),
  }
  return async account => {
    if (!account.oauth) return await openPassword(account)
    return await openToken(state, { ...account, oauth: account.oauth })
  }
}

async function openToken(state: State, account: OAuthUse): Promise<Secret> {
  const fingerprint = await fingerprintNow(state, account)
  const kept = state.held.get(account.id)
  const known = kept?.fingerprint === fingerprint ? kept : undefined
  if (known !== undefined && state.now() < known.refreshAt) return lend(state, account.id, known, true)
  try {
    return lend(state, account.id, await fly(state, account, fingerprint), false)
  } catch (error) {
    // Early enough to fail: what is held is good for a while yet.
    if (known === undefined || !isTemporary(error) || state.now() >= known.expiresAt) throw error
    return lend(state, account.id, known, true)
  }
}

function lend({ held }: State, accountId: number, token: Held, isOld: boolean): Secret {
  return new Secret('token', Buffer.from(token.accessToken), () => {
    if (held.get(accountId) === token) held.delete(accountId)
    return isOld
  })
}

function isTemporary(error: unknown): boolean {
  return error instanceof AccountError && error.temporary
}

/** One request for all who need the same. */
async function fly(state: State, account: OAuthUse, fingerprint: string): Promise<Held> {
  const underway = state.flights.get(fingerprint)
  if (underway !== undefined) return await underway
  const flight = renew(state, account).finally(() => state.flights.delete(fingerprint))
  state.flights.set(fingerprint, flight)
  return await flight
}

const lockWaitSeconds = 45

async function renew(state: State, account: OAuthUse): Promise<Held> {
  const renewed = await state.turns(() =>
    withNamedLock(state.db, `oauth-${account.id}`, lockWaitSeconds, connection =>
      renewLocked(state, account, connection),
    ),
  )
  if (renewed !== undefined) return renewed
  throw new AccountError('oauth.unavailable', { account: account.id, reason: 'asked_elsewhere' }, { temporary: true })
}

/** Nobody else asks for this account meanwhile; who did a moment ago has stored what he was given. */
async function renewLocked(state: State, account: OAuthUse, connection: unknown): Promise<Held> {
  const stored = await storeUnstored(state, account, connection)
  if (stored !== undefined) return stored
  const secrets = await inTransaction(state.db, trx => readSecrets(trx, state, account), connection)
  const insteadOf = fingerprintOf(account, secrets.refreshToken)
  const kept = state.held.get(account.id)
  if (kept?.fingerprint === insteadOf && state.now() < kept.refreshAt) return kept
  const askedAt = state.now()
  const grant = await askProvider(state, account, secrets)
  const refreshToken = grant.refreshToken ?? secrets.refreshToken
  const held = toHeld(grant, fingerprintOf(account, refreshToken), askedAt)
  if (refreshToken !== secrets.refreshToken) {
    state.unstored.set(account.id, { insteadOf, refreshToken, held })
    await storeUnstored(state, account, connection)
  }
  keep(state, account.id, held)
  return held
}

interface Secrets {
  refreshToken: string
  clientSecret: string | undefined
}

async function readSecrets(trx: Knex, state: State, account: OAuthUse): Promise<Secrets> {
  const refreshToken = await readText(trx, state, account, 'oauth-refresh-token')
  if (refreshToken === undefined) throw nothingStored(account)
  return { refreshToken, clientSecret: await readText(trx, state, account, 'oauth-client-secret') }
}

/** As a string, which cannot be wiped: the request needs one. */
async function readText(
  db: Knex,
  { ring }: State,
  account: OAuthUse,
  kind: 'oauth-refresh-token' | 'oauth-client-secret',
): Promise<string | undefined> {
  const secret = await readStored(db, ring(), account, kind)
  const text = secret?.toString('utf8')
  secret?.fill(0)
  return text
}

function nothingStored({ id }: OAuthUse): AccountError {
  return new AccountError('account.password_missing', { account: id, secret: 'refresh token' }, { temporary: false })
}

const longestMarginMs = 5 * 60_000

/** A fifth of its life before it expires, five minutes at most, it is renewed. */
function toHeld({ accessToken, expiresInMs }: Grant, fingerprint: string, askedAt: number): Held {
  const expiresAt = askedAt + expiresInMs
  return { accessToken, fingerprint, expiresAt, refreshAt: expiresAt - Math.min(longestMarginMs, expiresInMs / 5) }
}

/** Tokens of accounts that went away, or to other hosts, go when they have expired. */
function keep({ held, now }: State, accountId: number, token: Held): void {
  for (const [id, other] of held) if (now() >= other.expiresAt) held.delete(id)
  held.set(accountId, token)
}

/**
 * Stores the new refresh token that an account was given, unless another was set meanwhile. Returns the access token that came with it,
 * undefined where there is nothing to store. Throws where it cannot be stored now: it is kept for the next time.
 */
async function storeUnstored(state: State, account: OAuthUse, connection: unknown): Promise<Held | undefined> {
  const { id } = account
  const given = state.unstored.get(id)
  if (given === undefined) return undefined
  const isStored = await inTransaction(state.db, trx => store(trx, state, account, given), connection).catch(error => {
    throw error instanceof OperationError ? keyAway(id, error) : error
  })
  state.unstored.delete(id)
  if (!isStored || state.now() >= given.held.refreshAt) return undefined
  keep(state, id, given.held)
  return given.held
}

/** The writer lacks the key with which the new token must be sealed. */
function keyAway(id: number, cause: OperationError): AccountError {
  return new AccountError('vault.key_missing', { account: id, reason: 'token_waits' }, { temporary: false, cause })
}

async function store(
  trx: Knex.Transaction,
  state: State,
  account: OAuthUse,
  given: { insteadOf: string; refreshToken: string },
): Promise<boolean> {
  await trx('accounts').where({ id: account.id }).forUpdate().first('id')
  const { refreshToken } = await readSecrets(trx, state, account)
  if (fingerprintOf(account, refreshToken) !== given.insteadOf) return false
  // Bound to what the old one was opened for: somebody may have changed the account's row while the provider was asked.
  const destination = oauthDestination(account.oauth, account.destination)
  const how = { kind: 'oauth-refresh-token', destination, isRenewal: true } as const
  await state.writeSecret(trx, account.id, given.refreshToken, how)
  return true
}

async function fingerprintNow(state: State, account: OAuthUse): Promise<string> {
  const secret = await readStored(state.db, state.ring(), account, 'oauth-refresh-token')
  if (secret === undefined) throw nothingStored(account)
  const fingerprint = fingerprintOf(account, secret)
  secret.fill(0)
  return fingerprint
}

function fingerprintOf({ id, oauth, destination }: OAuthUse, refreshToken: string | Buffer): string {
  const hash = createHash('sha256').update(`${id}\n`).update(oauthDestination(oauth, destination))
  return hash.update(refreshToken).digest('hex')
}
