// Where accounts log in and what with: the columns of `accounts` as the very object that is dialled, and the provider of OAuth tokens.

import { isDeepStrictEqual } from 'node:util'
import type { Knex } from 'knex'
import { OperationError } from '../../errors/errors.ts'
import type { Destination, OAuthClient } from '../../model/destination.ts'

/** Where an account's secrets may go: its mail server, and what its tokens come from. */
export interface AccountDestination extends Destination {
  /** Null: it signs in with a password. */
  oauth: OAuthClient | null
}

/** The destination of the account's connections, with its own CA. */
export async function getDestination(db: Knex, id: number): Promise<AccountDestination> {
  const found = (await findDestinations(db, [id])).get(id)
  if (found === undefined) throw new OperationError('account.not_found', { which: id })
  return found
}

/** Throws OperationError where the account's destination is another one than the person was shown, who said yes to that one alone. */
export function checkShown(id: number, now: AccountDestination, shown: AccountDestination): void {
  if (isDeepStrictEqual(now, shown)) return
  throw new OperationError('account.changed_meanwhile', { account: id })
}

/** The same of many, by account id. */
export async function findDestinations(db: Knex, ids: readonly number[]): Promise<Map<number, AccountDestination>> {
  const rows: (DestinationRow & OAuthRow)[] = await db('accounts')
    .whereIn('id', ids)
    .select('id', ...destinationColumns, ...oauthColumns)
  return new Map(rows.map(row => [row.id, { ...toDestination(row), oauth: toOAuthClient(row) }]))
}

export const oauthColumns = [
  'oauth_token_endpoint',
  'oauth_issuer',
  'oauth_client_id',
  'oauth_client_auth',
  'oauth_scope',
] as const

export type OAuthRow = Record<(typeof oauthColumns)[number], string>

export function toOAuthClient(row: OAuthRow): OAuthClient | null {
  if (row.oauth_token_endpoint === '') return null
  return {
    issuer: row.oauth_issuer,
    tokenEndpoint: row.oauth_token_endpoint,
    clientId: row.oauth_client_id,
    clientAuth: row.oauth_client_auth === 'basic' ? 'basic' : 'post',
    scope: row.oauth_scope,
  }
}

export const destinationColumns = ['address', 'host', 'port', 'security', 'username', 'ca_pem'] as const

interface DestinationRow {
  id: number
  address: string
  host: string
  port: number
  security: Destination['security']
  username: string
  ca_pem: string | null
}

export function toDestination(row: DestinationRow): Destination {
  return {
    host: row.host,
    port: row.port,
    security: row.security,
    username: row.username === '' ? row.address : row.username,
    caPem: row.ca_pem,
  }
}
