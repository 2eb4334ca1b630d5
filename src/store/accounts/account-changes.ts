// Accounts are added, changed, paused and removed.

import type { Knex } from 'knex'
import { OperationError } from '../../errors/errors.ts'
import type { Destination, OAuthClient, SecretKind } from '../../model/destination.ts'
import type { WriteSecret } from '../../model/secret.ts'
import { inTransaction } from '../db/database.ts'
import { addressTaken, findAddresses, findRemoved, lockAddresses } from './account-addresses.ts'
import { faultOfDestination } from './account-settings.ts'
import { type AccountDestination, checkShown, getDestination } from './destinations.ts'
import { soonestAttempt } from './refused-login.ts'

export interface NewAccount {
  address: string
  host: string
  port: number
  security: Destination['security']
  /** '' for the address. */
  username: string
  caPem: string | null
  /** Mail servers whose word on senders is believed; null: nobody said. */
  authservIds?: readonly string[] | null
  everySeconds: number
  /** Has a kept connection wait for mail between polls. */
  push: boolean
  /** From canary to canary; 0: none. */
  canarySeconds?: number
  afterIngest: string
  startFrom: string
  mailboxes: readonly string[]
  enabled: boolean
  password: string | null
  /** Instead of a password. */
  oauth?: NewOAuth | null
}

/** Signing in with OAuth 2, and what it takes. */
export interface NewOAuth {
  client: OAuthClient
  refreshToken: string
  /** Null: a public client. */
  clientSecret: string | null
}

/** Adds an account with its mailboxes and password. Throws OperationError for an address that is there already. */
export async function insertAccount(db: Knex, account: NewAccount, writeSecret: WriteSecret): Promise<number> {
  return await inTransaction(db, async trx => {
    await lockAddresses(trx)
    const [same] = await findAddresses(trx, [account.address])
    if (same !== undefined) throw addressTaken(same.id)
    return await insertOrRevive(trx, account, writeSecret)
  })
}

/**
 * An address that was removed comes back as the account that it was, so that reading goes on where it stopped: nothing is taken in
 * twice, nothing that came in between is left out, and answers find their tickets. `startFrom` decides of mailboxes never read.
 */
export async function insertOrRevive(
  trx: Knex.Transaction,
  account: NewAccount,
  writeSecret: WriteSecret,
): Promise<number> {
  const { host, port, security, caPem, oauth } = account
  refuseFaulty(account.address, {
    host,
    port,
    security,
    caPem,
    username: account.username || account.address,
    oauth: oauth?.client ?? null,
  })
  const columns = { address: account.address, start_from: account.startFrom, ...columnsOf(account) }
  const removed = await findRemoved(trx, account.address)
  const id = removed ?? ((await trx('accounts').insert(columns))[0] as number)
  if (removed !== undefined)
    await trx('accounts')
      .where({ id })
      .update({ ...columns, ...asNew(trx) })
  await replaceMailboxes(trx, id, account.mailboxes)
  await storeSecrets(trx, id, account, writeSecret)
  return id
}

function asNew(trx: Knex): Record<string, unknown> {
  return {
    removed_at: null,
    state: 'active',
    code: null,
    hint: null,
    cause_json: null,
    failures: 0,
    last_attempt_at: null,
    last_success_at: null,
    next_attempt_at: null,
    created_at: trx.raw('UTC_TIMESTAMP(3)'),
    canary_from: null,
    canary_sent_at: null,
    canary_seen_at: null,
    canary_ms: null,
  }
}

/** What may be changed; what is left out stays. */
export type AccountChange = Partial<Omit<NewAccount, 'address' | 'mailboxes' | 'startFrom'>> & {
  mailboxes?: readonly string[]
}

/** Whatever it is that asks, no row is written whose destination could be shown as another one. */
function refuseFaulty(who: string, destination: AccountDestination): void {
  const fault = faultOfDestination(destination)
  if (fault !== undefined) throw new OperationError('account.destination_refused', { who, ...fault })
}

/** Nobody else changes its row until the transaction ends. */
export async function lockAccount(trx: Knex.Transaction, id: number): Promise<void> {
  await trx('accounts').where({ id }).forUpdate().first('id')
}

/**
 * Changes an account. Where its server or user changes, the password is asked for again: whoever may write an account must not
 * be able to have a stored password sent elsewhere. `shown`: its destination when the person who gives a new secret was asked; it is stored
 * for no other one. Throws OperationError.
 */
export async function updateAccount(
  db: Knex,
  id: number,
  change: AccountChange,
  writeSecret: WriteSecret,
  shown?: AccountDestination,
): Promise<void> {
  await inTransaction(db, async trx => {
    const row = await trx('accounts').where({ id }).forUpdate().first('address')
    const before = await getDestination(trx, id)
    const moved = movedPart(before, change)
    const givesSecret = (change.password ?? change.oauth ?? null) !== null
    if (moved !== undefined && !givesSecret) throw refuseToMove(id, moved, before)
    if (givesSecret) {
      if (shown !== undefined) checkShown(id, before, shown)
      refuseFaulty(`account ${id}`, changedDestination(row.address, before, change))
    }
    await trx('accounts')
      .where({ id })
      .update({
        ...columnsOf(change),
        ...(change.canarySeconds === undefined ? {} : canaryFrom(trx)),
        next_attempt_at: soonestAttempt(trx),
      })
    if (change.mailboxes !== undefined) await replaceMailboxes(trx, id, change.mailboxes)
    await storeSecrets(trx, id, change, writeSecret)
  })
}

function refuseToMove(id: number, moved: string, { oauth }: AccountDestination): OperationError {
  const secret = oauth === null ? 'password' : 'oauth'
  return new OperationError('account.secret_needed', { account: id, part: moved, secret })
}

/** What of the way to the server would change, in a word for people, or undefined. */
export function movedPart(before: Destination, change: AccountChange): string | undefined {
  if (change.host !== undefined && change.host !== before.host) return 'host'
  if (change.port !== undefined && change.port !== before.port) return 'port'
  if (change.security !== undefined && change.security !== before.security) return 'security'
  if (change.username !== undefined && change.username !== before.username) return 'user name'
  if (change.caPem !== undefined && change.caPem !== before.caPem) return 'CA'
  return undefined
}

function columnsOf(change: AccountChange): Record<string, unknown> {
  const columns = {
    host: change.host,
    port: change.port,
    security: change.security,
    username: change.username,
    ca_pem: change.caPem,
    authserv_ids: change.authservIds && JSON.stringify(change.authservIds),
    poll_every_s: change.everySeconds,
    push: change.push,
    canary_every_s: change.canarySeconds,
    after_ingest: change.afterIngest,
    enabled: change.enabled,
    ...oauthColumnsOf(change),
  }
  return Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined))
}

/** An account signs in one way: who gives a password gives the other up. */
function oauthColumnsOf({ oauth, password }: AccountChange): Record<string, unknown> {
  const client = oauth?.client ?? (password == null ? undefined : noOAuth)
  if (client === undefined) return {}
  return {
    oauth_token_endpoint: client.tokenEndpoint,
    oauth_issuer: client.issuer,
    oauth_client_id: client.clientId,
    oauth_client_auth: client.clientAuth,
    oauth_scope: client.scope,
  }
}

const noOAuth: OAuthClient = { issuer: '', tokenEndpoint: '', clientId: '', clientAuth: 'post', scope: '' }

/** Mailboxes that are no longer named keep their cursor, and are no longer polled. */
async function replaceMailboxes(trx: Knex, accountId: number, names: readonly string[]): Promise<void> {
  await trx('mailboxes').where({ account_id: accountId }).whereNotIn('name', names).update({ enabled: false })
  for (const name of names) {
    await trx('mailboxes').insert({ account_id: accountId, name }).onConflict().merge({ enabled: true })
  }
}

/** Writes what is given in the form that holds now, takes away what it replaces, and has it tried at once. */
async function storeSecrets(
  trx: Knex.Transaction,
  accountId: number,
  { password, oauth }: Pick<AccountChange, 'password' | 'oauth'>,
  writeSecret: WriteSecret,
): Promise<void> {
  if (password == null && oauth == null) return
  const given = oauth
    ? { 'oauth-refresh-token': oauth.refreshToken, 'oauth-client-secret': oauth.clientSecret }
    : { password }
  const kinds = Object.entries(given).filter((entry): entry is [SecretKind, string] => typeof entry[1] === 'string')
  await trx('credentials')
    .where({ account_id: accountId })
    .whereNotIn(
      'kind',
      kinds.map(([kind]) => kind),
    )
    .delete()
  for (const [kind, secret] of kinds) await writeSecret(trx, accountId, secret, { kind })
  await trx('accounts').where({ id: accountId }).update({ next_attempt_at: null })
}

/** A canary is expected from now on, and the first is sent at once; one that was not asked for cannot be late. */
function canaryFrom(db: Knex): Record<string, unknown> {
  return { canary_from: db.raw('UTC_TIMESTAMP(3)'), canary_sent_at: null }
}

/** Pauses or resumes. */
export async function updateAuthservIds(db: Knex, id: number, names: readonly string[]): Promise<void> {
  await db('accounts')
    .where({ id })
    .update({ authserv_ids: JSON.stringify(names) })
}

export async function updateEnabled(db: Knex, id: number, enabled: boolean): Promise<void> {
  await db('accounts')
    .where({ id })
    .update({ enabled, ...canaryFrom(db), next_attempt_at: soonestAttempt(db) })
}

export interface DueAccount {
  /** The worker that owns it, or null. */
  owner: string | null
  /** 0: at once. After a refused login it has to wait. */
  dueInSeconds: number
}

/** Due as soon as may be. */
export async function makeDue(db: Knex, id: number): Promise<DueAccount> {
  await db('accounts')
    .where({ id })
    .update({ next_attempt_at: soonestAttempt(db) })
  const row = await db('accounts')
    .leftJoin('workers', join =>
      join.on('workers.id', 'accounts.lease_owner').andOn('workers.lease_until', '>', db.raw('UTC_TIMESTAMP(3)')),
    )
    .where('accounts.id', id)
    .first(
      'workers.id as owner',
      db.raw('TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(3), next_attempt_at) / 1000000 AS due_in'),
    )
  return { owner: row?.owner ?? null, dueInSeconds: Math.max(0, Math.ceil(Number(row?.due_in ?? 0))) }
}

/** Takes the account out of service: its secrets are deleted, its tickets and sources stay. */
export async function removeAccount(trx: Knex.Transaction, id: number): Promise<void> {
  await trx('credentials').where({ account_id: id }).delete()
  await trx('accounts')
    .where({ id })
    .update({
      removed_at: trx.raw('UTC_TIMESTAMP(3)'),
      enabled: false,
      lease_owner: null,
      fence: trx.raw('fence + 1'),
    })
}

/** Where its secrets go once it is changed. */
export function changedDestination(
  address: string,
  before: AccountDestination,
  change: AccountChange,
): AccountDestination {
  const { username, oauth, password } = change
  return {
    host: change.host ?? before.host,
    port: change.port ?? before.port,
    security: change.security ?? before.security,
    username: username === undefined ? before.username : username || address,
    caPem: change.caPem === undefined ? before.caPem : change.caPem,
    oauth: oauth?.client ?? (password == null ? before.oauth : null),
  }
}
