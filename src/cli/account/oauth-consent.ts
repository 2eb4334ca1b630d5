// A person lets us read a mailbox: with the device flow (RFC 8628) where the provider has one, otherwise in a browser from which the
// address that it ends at is pasted (RFC 6749 with PKCE, RFC 7636). Nothing listens here; what is pasted is good once, and only here.
import {
  AuthorizationResponseError,
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  type Configuration,
  calculatePKCECodeChallenge,
  customFetch,
  type DeviceAuthorizationResponse,
  discovery,
  initiateDeviceAuthorization,
  pollDeviceAuthorizationGrant,
  ResponseBodyError,
  randomPKCECodeVerifier,
  randomState,
  type ServerMetadata,
  type TokenEndpointResponse,
} from 'openid-client'
import { CommandError, Refusal } from '../../errors/errors.ts'
import { visible } from '../../foreign-text.ts'
import { isSafeEndpoint, type Provider } from '../../vault/oauth/providers.ts'
import { boundedFetch, createConfiguration, reasonOf, type Seen } from '../../vault/oauth/token-endpoint.ts'
import { ask, remark } from '../terminal.ts'

/** What consent is asked with. */
export interface ConsentRequest {
  provider: Provider
  clientId: string
  clientAuth: 'post' | 'basic'
  clientSecret: string | undefined
  scope: string
  redirectUri: string
  /** Whose mailbox it is, for the provider's page. */
  address: string
}

export interface Consent {
  refreshToken: string
  accessToken: string
  /** As granted. */
  scope: string
}

/** The provider's endpoints. Throws CommandError. */
export async function findEndpoints({
  provider,
  clientId,
}: Pick<ConsentRequest, 'provider' | 'clientId'>): Promise<ServerMetadata & { token_endpoint: string }> {
  const seen: Seen = {}
  const found: ServerMetadata =
    provider.endpoints === undefined
      ? await discover(provider.issuer, clientId, seen).catch(error => refuse(error, 'its metadata', seen))
      : { issuer: provider.issuer, ...provider.endpoints }
  const { token_endpoint = '' } = found
  if (isSafeEndpoint(token_endpoint) && token_endpoint.length <= longestEndpoint) return { ...found, token_endpoint }
  throw new CommandError(`${provider.issuer} names no token endpoint with https`, 'check the issuer’s URL')
}

const longestEndpoint = 500

async function discover(issuer: string, clientId: string, seen: Seen): Promise<ServerMetadata> {
  const options = { [customFetch]: boundedFetch(seen), timeout: 30 }
  const insecure = issuer.startsWith('http:') ? { execute: [allowInsecureRequests] } : {}
  return (await discovery(new URL(issuer), clientId, {}, undefined, { ...options, ...insecure })).serverMetadata()
}

/** Asks a person. Throws CommandError. */
export async function askConsent(request: ConsentRequest, server: ServerMetadata): Promise<Consent> {
  const seen: Seen = {}
  const configuration = createConfiguration(server, request, seen)
  try {
    const device = await beginDeviceFlow(request, server, configuration)
    const answer =
      device === undefined
        ? await askCode(request, server, configuration)
        : await awaitDevice(configuration, device, request.address)
    return toConsent(answer, request.scope)
  } catch (error) {
    return refuse(error, 'the sign-in', seen)
  }
}

/** Undefined where the provider has none, or none for this client. */
async function beginDeviceFlow(
  { provider, scope }: ConsentRequest,
  server: ServerMetadata,
  configuration: Configuration,
): Promise<DeviceAuthorizationResponse | undefined> {
  if (!provider.deviceFlow || server.device_authorization_endpoint === undefined) return undefined
  try {
    return await initiateDeviceAuthorization(configuration, { scope })
  } catch (error) {
    if (!(error instanceof ResponseBodyError) || error.status >= 500 || error.error === 'invalid_client') throw error
    remark(`the provider lets this client use no device code (${visible(error.error)}); a browser does as well`)
    return undefined
  }
}

async function awaitDevice(
  configuration: Configuration,
  device: DeviceAuthorizationResponse,
  address: string,
): Promise<TokenEndpointResponse> {
  remark(`On any device open ${visible(device.verification_uri)}`)
  remark(`sign in as ${visible(address)} and enter the code ${visible(device.user_code)}`)
  remark(`Waiting for it (${Math.ceil(device.expires_in / 60)} min) …`)
  return await pollDeviceAuthorizationGrant(configuration, device)
}

async function askCode(
  { provider, scope, redirectUri, address }: ConsentRequest,
  server: ServerMetadata,
  configuration: Configuration,
): Promise<TokenEndpointResponse> {
  if (server.authorization_endpoint === undefined)
    throw new CommandError(`${provider.issuer} has no page to sign in at`, 'use --refresh-token-stdin')
  const verifier = randomPKCECodeVerifier()
  const state = randomState()
  const page = buildAuthorizationUrl(configuration, {
    ...provider.authorizationParameters,
    scope,
    redirect_uri: redirectUri,
    state,
    login_hint: address,
    code_challenge: await calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  })
  remark(`In a browser open\n\n${page.href}\n`)
  remark(
    `and sign in as ${visible(address)}. It ends at an address that begins with ${redirectUri} and may show an error.`,
  )
  const pasted = await ask('Paste that address, or its code: ')
  const ended = toEnd(pasted.trim(), redirectUri, state, server)
  return await authorizationCodeGrant(configuration, ended, { pkceCodeVerifier: verifier, expectedState: state })
}

/** A bare code stands for the address that it would have been in: PKCE binds it to this sign-in all the same. */
function toEnd(pasted: string, redirectUri: string, state: string, { issuer }: ServerMetadata): URL {
  if (/^https?:\/\//.test(pasted) && URL.canParse(pasted)) return new URL(pasted)
  if (pasted === '' || /\s/.test(pasted))
    throw new CommandError('nothing that could be an address or a code was given', 'paste all of the address bar')
  const end = new URL(redirectUri)
  for (const [name, value] of Object.entries({ code: pasted, state, iss: issuer })) end.searchParams.set(name, value)
  return end
}

function toConsent({ refresh_token, access_token, scope }: TokenEndpointResponse, asked: string): Consent {
  if (refresh_token !== undefined)
    return { refreshToken: refresh_token, accessToken: access_token, scope: scope ?? asked }
  throw new CommandError(
    'the provider gave no refresh token, so it would have to be asked each hour',
    'let the client have one (many providers want the scope offline_access: --scope), and sign in again',
  )
}

/** Codes only: the provider's own words may hold addresses. */
function refuse(error: unknown, what: string, seen: Seen): never {
  if (error instanceof Refusal) throw error
  const isAnswer = error instanceof ResponseBodyError || error instanceof AuthorizationResponseError
  const why = isAnswer ? visible(error.error) : seen.status === undefined ? reasonOf(error) : `HTTP ${seen.status}`
  const hint = hints.get(why) ?? 'check the issuer, the client id and the network; docs/oauth.md has the steps'
  const detail = isAnswer || !(error instanceof Error) ? '' : codeOf(error)
  throw new CommandError(`the provider did not go along with ${what} (${why}${detail})`, hint)
}

function codeOf(error: Error): string {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' && code.startsWith('OAUTH_') ? `, ${code}` : ''
}

const hints: ReadonlyMap<string, string> = new Map(
  Object.entries({
    access_denied: 'consent was refused; run the command again and allow it',
    expired_token: 'the code was not entered in time; run the command again',
    invalid_client: 'check --client-id and --client-secret-file against the client’s registration',
    unauthorized_client: 'allow the flow in the client’s registration; docs/oauth.md says which',
    invalid_scope: 'check --scope, and that the client may have it',
    invalid_grant: 'the code was used or is too old, or another --redirect-uri is registered; run the command again',
  }),
)
