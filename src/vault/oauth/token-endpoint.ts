// A provider's endpoints, asked through openid-client: a refresh token becomes an access token (RFC 6749 §6). What it answers with is
// bounded, and what is not needed of it (the ID token) is not looked at: a refusal of it would lose a refresh token that came along.
// Errors carry codes and status only: the library's own hold bodies, and bodies hold tokens or addresses.

import {
  allowInsecureRequests,
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  Configuration,
  type CustomFetch,
  customFetch,
  None,
  ResponseBodyError,
  refreshTokenGrant,
  type ServerMetadata,
  type TokenEndpointResponse,
} from 'openid-client'
import { AccountError } from '../../errors/errors.ts'
import type { OAuthClient } from '../../model/destination.ts'
import { isSafeEndpoint, providerName } from './providers.ts'

/** What a token endpoint gave. */
export interface Grant {
  accessToken: string
  expiresInMs: number
  /** A new one that takes the old one's place, where the provider rotates them. */
  refreshToken: string | undefined
}

export type Refresh = (
  accountId: number,
  client: OAuthClient,
  secrets: { refreshToken: string; clientSecret: string | undefined },
) => Promise<Grant>

/**
 * Generous, because a rotated refresh token in an answer that nobody waited for is lost; shorter than the database bears with the
 * silent connection that holds the account's lock meanwhile.
 */
const timeoutSeconds = 20
const maxAnswerBytes = 262_144
/** What RFC 6749 leaves open. */
const defaultLifetimeMs = 3_600_000

/** Asks for an access token. Throws AccountError `oauth.*`. */
export const refreshAccessToken: Refresh = async (accountId, client, { refreshToken, clientSecret }) => {
  if (!isSafeEndpoint(client.tokenEndpoint)) {
    throw new AccountError(
      'account.misconfigured',
      { account: accountId, reason: 'token_endpoint' },
      { temporary: false },
    )
  }
  const seen: Seen = {}
  const server = { issuer: client.issuer || client.tokenEndpoint, token_endpoint: client.tokenEndpoint }
  const configuration = createConfiguration(server, { ...client, clientSecret }, seen)
  try {
    const scope = client.scope === '' ? undefined : { scope: client.scope }
    return toGrant(await refreshTokenGrant(configuration, refreshToken, scope))
  } catch (error) {
    throw toAccountError(error, accountId, client, seen)
  }
}

/** What the last answer of an endpoint said before it was read. */
export interface Seen {
  status?: number
  retryAfterMs?: number
}

/** A client of the library for this provider. `seen` is told of each answer. */
export function createConfiguration(
  server: ServerMetadata,
  client: Pick<OAuthClient, 'clientId' | 'clientAuth'> & { clientSecret: string | undefined },
  seen: Seen,
): Configuration {
  const configuration = new Configuration(server, client.clientId, {}, authenticationOf(client))
  configuration.timeout = timeoutSeconds
  configuration[customFetch] = boundedFetch(seen)
  if (Object.values(server).some(value => typeof value === 'string' && value.startsWith('http:')))
    allowInsecureRequests(configuration)
  return configuration
}

function authenticationOf({ clientAuth, clientSecret }: Parameters<typeof createConfiguration>[1]): ClientAuth {
  if (clientSecret === undefined) return None()
  return clientAuth === 'basic' ? ClientSecretBasic(clientSecret) : ClientSecretPost(clientSecret)
}

/** Asks no address that is neither https nor this host, follows nothing elsewhere, and reads no more than a bound. */
export function boundedFetch(seen: Seen): CustomFetch {
  return async (url, options) => {
    if (!isSafeEndpoint(url)) throw new TypeError('refused to ask an address that is not https')
    const answer = await fetch(url, { ...options, redirect: 'manual' } as RequestInit)
    seen.status = answer.status
    const retryAfterMs = toRetryAfterMs(answer.headers.get('retry-after'), Date.now())
    if (retryAfterMs !== undefined) seen.retryAfterMs = retryAfterMs
    const text = withoutIdToken(await readBounded(answer))
    const headers = new Headers(answer.headers)
    // With it the library would look no further, and the body says what is wrong.
    headers.delete('www-authenticate')
    return new Response(text === '' ? null : text, { status: answer.status, headers })
  }
}

async function readBounded(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.length
    if (bytes > maxAnswerBytes) throw new TypeError('the answer is too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Some providers write numbers as texts, which the library refuses. */
function withoutIdToken(text: string): string {
  try {
    const { id_token, ...answer } = JSON.parse(text)
    if (typeof answer.expires_in === 'string') answer.expires_in = Number(answer.expires_in)
    return JSON.stringify(answer)
  } catch {
    return text
  }
}

const longestWaitMs = 24 * 3_600_000

/** Seconds or a date (RFC 9110 §10.2.3). */
export function toRetryAfterMs(header: string | null, now: number): number | undefined {
  if (header === null) return undefined
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now
  return ms > 0 ? Math.min(ms, longestWaitMs) : undefined
}

/** Reads what a token endpoint gave. */
export function toGrant(answer: TokenEndpointResponse): Grant {
  const { access_token, expires_in, refresh_token } = answer
  const expiresInMs = expires_in !== undefined && expires_in > 0 ? expires_in * 1000 : defaultLifetimeMs
  return { accessToken: access_token, expiresInMs, refreshToken: refresh_token }
}

/** Answers after which only a person can give consent again. */
const consent = new Set(['invalid_grant', 'interaction_required', 'login_required', 'consent_required'])
/** Answers that say that the client, not the account, is not what the provider knows. */
const ofClient = new Set([
  'invalid_client',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  'invalid_request',
])

function toAccountError(error: unknown, accountId: number, client: OAuthClient, seen: Seen): AccountError {
  const answer = error instanceof ResponseBodyError ? error.error : seen.status === 401 ? 'invalid_client' : undefined
  const isTheirTrouble = seen.status !== undefined && (seen.status >= 500 || seen.status === 429)
  const provider = providerName(client.issuer)
  const account = accountId
  if (answer !== undefined && !isTheirTrouble && consent.has(answer))
    return new AccountError('oauth.consent_needed', { account, provider }, { temporary: false })
  if (answer !== undefined && !isTheirTrouble && ofClient.has(answer))
    return new AccountError('oauth.client_refused', { account, answer, provider }, { temporary: false })
  if (seen.status === undefined)
    return new AccountError('oauth.unreachable', { account, why: reasonOf(error) }, { temporary: true })
  return new AccountError(
    'oauth.unavailable',
    { account, status: seen.status },
    { temporary: true, ...(seen.retryAfterMs === undefined ? {} : { retryAfterMs: seen.retryAfterMs }) },
  )
}

/** A code as ECONNREFUSED, or the kind of the error: never its text. */
export function reasonOf(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code } = at as { code?: unknown }
    if (typeof code === 'string' && /^E[A-Z_]+$|^CERT_|^UNABLE_|SELF_SIGNED|^UND_/.test(code)) return code
    if (at.name === 'TimeoutError' || code === 'OAUTH_TIMEOUT') return 'no answer in time'
  }
  return 'no answer'
}
