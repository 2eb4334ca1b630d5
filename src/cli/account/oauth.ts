// `--oauth` of `account add` and `account set`: what it takes is gathered and checked, then a person signs in, or a refresh token is read
// from standard input.

import { readFileSync } from 'node:fs'
import type { Knex } from 'knex'
import type { ServerMetadata } from 'openid-client'
import { CommandError } from '../../errors/errors.ts'
import type { Login } from '../../fetch/mailbox.ts'
import { visible } from '../../foreign-text.ts'
import type { OAuthClient } from '../../model/destination.ts'
import type { NewOAuth } from '../../store/accounts/account-changes.ts'
import type { AccountDestination } from '../../store/accounts/destinations.ts'
import type { Keyring } from '../../vault/keys/keyring.ts'
import { findProvider, type Provider } from '../../vault/oauth/providers.ts'
import { maxSecretBytes } from '../../vault/secrets/envelope.ts'
import { readStored } from '../../vault/secrets/open-secret.ts'
import { firstLine, readSecretFromStdin } from '../terminal.ts'

/** As given. */
export interface OAuthOptions {
  oauth?: string
  clientId?: string
  clientSecretFile?: string
  clientAuth?: string
  scope?: string
  redirectUri?: string
  refreshTokenStdin?: boolean
}

/** What an account signs in with already: it need not be given again. */
export interface Known {
  client: OAuthClient
  clientSecret: string | undefined
}

export interface SignedIn {
  secrets: { oauth: NewOAuth }
  /** To look at the mailboxes with; undefined where only a refresh token was given. */
  login: Login | undefined
}

/** The provider that `--oauth` names, undefined without it. Throws CommandError for options that do not fit together. */
export function readProvider(
  options: OAuthOptions & { passwordStdin?: boolean; passwordFile?: string; askPassword?: boolean },
): Provider | undefined {
  if (options.oauth === undefined) {
    const alone = Object.entries(optionNames).find(([name]) => options[name as keyof OAuthOptions] !== undefined)
    if (alone !== undefined) throw usage(`${alone[1]} goes with --oauth`, 'name the provider: --oauth google')
    return undefined
  }
  if (options.passwordStdin || options.passwordFile !== undefined || options.askPassword)
    throw usage('--oauth and a password are both given', 'an account signs in in one way only')
  const provider = findProvider(options.oauth)
  if (provider === undefined)
    throw usage(
      `--oauth ${JSON.stringify(options.oauth)}: must be google, microsoft or the https URL of an issuer`,
      more,
    )
  if (options.redirectUri !== undefined && !URL.canParse(options.redirectUri))
    throw usage(`--redirect-uri ${JSON.stringify(options.redirectUri)}: must be a URL, as http://localhost/`, more)
  if (options.clientAuth !== undefined && options.clientAuth !== 'post' && options.clientAuth !== 'basic')
    throw usage(`--client-auth ${JSON.stringify(options.clientAuth)}: must be post or basic`, more)
  for (const [name, longest] of [
    ['clientId', 500],
    ['scope', 1000],
  ] as const) {
    if (options[name] !== undefined && !isPrintable(options[name], longest))
      throw usage(`${optionNames[name]} must have 1 to ${longest} printable ASCII characters`, more)
  }
  return provider
}

const optionNames = {
  clientId: '--client-id',
  clientSecretFile: '--client-secret-file',
  clientAuth: '--client-auth',
  scope: '--scope',
  redirectUri: '--redirect-uri',
  refreshTokenStdin: '--refresh-token-stdin',
} as const

const more = 'docs/oauth.md has the steps for each provider'

function isPrintable(text: string, longest: number): boolean {
  return /^[\x20-\x7e]+$/.test(text) && text.length <= longest
}

function usage(message: string, hint: string): CommandError {
  return new CommandError(message, hint, 2)
}

/** Where the browser ends; nothing need listen there. */
const defaultRedirectUri = 'http://localhost/'

/** Has a person sign in, or reads a refresh token. Throws CommandError. */
export async function signIn(
  provider: Provider,
  options: OAuthOptions,
  address: string,
  known?: Known,
): Promise<SignedIn> {
  const same = known?.client.issuer === provider.issuer ? known : undefined
  const clientId = options.clientId ?? same?.client.clientId
  if (clientId === undefined)
    throw usage('--client-id is missing: the id of the client that you registered at the provider', more)
  const given = options.refreshTokenStdin ? await readRefreshToken() : undefined
  const { askConsent, findEndpoints } = await import('./oauth-consent.ts')
  const fileSecret = options.clientSecretFile === undefined ? undefined : readClientSecret(options.clientSecretFile)
  const server = await findEndpoints({ provider, clientId })
  const isSame = same?.client.clientId === clientId && same.client.tokenEndpoint === server.token_endpoint
  const stored = fileSecret === undefined && isSame ? same.clientSecret : undefined
  if (stored !== undefined) checkEndpoints(provider, server)
  const clientSecret = fileSecret ?? stored
  const scope = options.scope ?? (isSame ? same.client.scope : provider.scope)
  const clientAuth =
    options.clientAuth === undefined ? (isSame ? same.client.clientAuth : authOf(server)) : toAuth(options.clientAuth)
  const client = { issuer: provider.issuer, tokenEndpoint: server.token_endpoint, clientId, clientAuth, scope }
  if (given !== undefined)
    return { secrets: { oauth: { client, refreshToken: given, clientSecret: clientSecret ?? null } }, login: undefined }
  const redirectUri = options.redirectUri ?? defaultRedirectUri
  const consent = await askConsent(
    { provider, clientId, clientAuth, clientSecret, scope, redirectUri, address },
    server,
  )
  checkLength(consent.refreshToken)
  return {
    secrets: { oauth: { client, refreshToken: consent.refreshToken, clientSecret: clientSecret ?? null } },
    login: { kind: 'token', value: Buffer.from(consent.accessToken) },
  }
}

/**
 * A stored client secret is bound to its token endpoint, but the issuer's name may be anybody's who writes to the database, and an issuer
 * names the other endpoints: it goes to none that is not on the token endpoint's own server. Throws CommandError.
 */
function checkEndpoints({ issuer }: Provider, server: ServerMetadata & { token_endpoint: string }): void {
  const { origin } = new URL(server.token_endpoint)
  const { device_authorization_endpoint: device } = server
  if (device === undefined || (URL.canParse(device) && new URL(device).origin === origin)) return
  throw new CommandError(
    `${issuer} wants the client secret at ${visible(device)}, and it was stored for ${origin} alone`,
    'give it again with --client-secret-file, if that address is the provider’s',
  )
}

function toAuth(text: string): OAuthClient['clientAuth'] {
  return text === 'basic' ? 'basic' : 'post'
}

/** In the body, unless the provider says that it takes only the header. */
function authOf({ token_endpoint_auth_methods_supported: methods }: ServerMetadata): OAuthClient['clientAuth'] {
  return methods?.includes('client_secret_basic') && !methods.includes('client_secret_post') ? 'basic' : 'post'
}

function readClientSecret(file: string): string {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch {
    throw usage(`the client secret's file ${file} cannot be read`, 'check the path and its permissions')
  }
  const secret = firstLine(bytes, `the client secret's file ${file}`).trim()
  if (secret === '') throw usage(`the client secret's file ${file} has an empty first line`, 'put the secret there')
  checkLength(secret)
  return secret
}

async function readRefreshToken(): Promise<string> {
  const token = (await readSecretFromStdin('Refresh token: ', 'refresh token', '--refresh-token-stdin')).trim()
  if (!isPrintable(token, maxSecretBytes))
    throw usage(`a refresh token has 1 to ${maxSecretBytes} printable ASCII characters`, 'give it alone, on one line')
  return token
}

function checkLength(secret: string): void {
  if (Buffer.byteLength(secret) <= maxSecretBytes) return
  throw new CommandError(`the provider's secret is longer than ${maxSecretBytes} bytes`, 'it cannot be stored')
}

/** What the account has by now, so that signing in again needs nothing but the provider's name. */
export async function readKnown(
  db: Knex,
  ring: Keyring,
  id: number,
  { oauth, ...destination }: AccountDestination,
): Promise<Known | undefined> {
  if (oauth === null) return undefined
  const secret = await readStored(db, ring, { id, destination, oauth }, 'oauth-client-secret').catch(() => undefined)
  const clientSecret = secret?.toString('utf8')
  secret?.fill(0)
  return { client: oauth, clientSecret }
}
