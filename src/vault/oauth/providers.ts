// PURE. What is known of providers whose mail wants OAuth 2: where they are asked, what for, and where their IMAP servers are. Any other is
// named by its issuer's URL and found by discovery (OpenID Connect Discovery, RFC 8414).

import { isVisible } from '../../foreign-text.ts'

export interface Endpoints {
  token_endpoint: string
  authorization_endpoint: string
  device_authorization_endpoint?: string
}

export interface Provider {
  issuer: string
  /** Undefined: its metadata says them. */
  endpoints: Endpoints | undefined
  /** Scopes that IMAP and a refresh token take. */
  scope: string
  /** Where its IMAP server is; undefined: the operator says. */
  server: { host: string; port: number; security: 'tls' } | undefined
  /** False where the provider has a device flow, and refuses it for mail. */
  deviceFlow: boolean
  /** What else the authorization endpoint wants before it gives a refresh token. */
  authorizationParameters: Readonly<Record<string, string>>
}

const google: Provider = {
  issuer: 'https://accounts.google.com',
  endpoints: {
    token_endpoint: 'https://oauth2.googleapis.com/token',
    authorization_endpoint: 'https://accounts.google.com/o/oauth2/v2/auth',
  },
  scope: 'https://mail.google.com/',
  server: { host: 'imap.gmail.com', port: 993, security: 'tls' },
  deviceFlow: false,
  authorizationParameters: { access_type: 'offline', prompt: 'consent' },
}

const microsoftHost = 'https://login.microsoftonline.com'

/** `common`, or the id or the domain of an organisation that lets only its own people in. */
function microsoft(tenant: string): Provider {
  const base = `${microsoftHost}/${tenant}`
  return {
    issuer: `${base}/v2.0`,
    endpoints: {
      token_endpoint: `${base}/oauth2/v2.0/token`,
      authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
      device_authorization_endpoint: `${base}/oauth2/v2.0/devicecode`,
    },
    scope: 'https://outlook.office.com/IMAP.AccessAsUser.All offline_access',
    server: { host: 'outlook.office365.com', port: 993, security: 'tls' },
    deviceFlow: true,
    authorizationParameters: {},
  }
}

const named: ReadonlyMap<string, Provider> = new Map(Object.entries({ google, microsoft: microsoft('common') }))

/** The provider of this name or issuer URL; undefined for what is neither. */
export function findProvider(nameOrIssuer: string): Provider | undefined {
  const issuer = nameOrIssuer.replace(/\/$/, '')
  const known = named.get(issuer.toLowerCase()) ?? [...named.values()].find(provider => provider.issuer === issuer)
  if (known !== undefined) return known
  if (!isSafeEndpoint(nameOrIssuer)) return undefined
  const [, tenant] = new RegExp(`^${microsoftHost}/([\\w.-]+)(?:/v2\\.0)?$`).exec(issuer) ?? []
  if (tenant !== undefined) return microsoft(tenant)
  return {
    issuer: nameOrIssuer,
    endpoints: undefined,
    scope: 'openid offline_access',
    server: undefined,
    deviceFlow: true,
    authorizationParameters: { prompt: 'consent' },
  }
}

/** True for an https URL, or an http one of this host: refresh tokens never go over a network in the clear. */
export function isSafeEndpoint(text: string): boolean {
  if (!isVisible(text) || !URL.canParse(text)) return false
  const { protocol, hostname, username, password, hash } = new URL(text)
  if (username !== '' || password !== '' || hash !== '') return false
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
}

/** What `--oauth` takes for this issuer, for hints: only names that are known here, since the column may be anybody's. */
export function providerName(issuer: string): string {
  return [...named].find(([, provider]) => provider.issuer === issuer)?.[0] ?? 'PROVIDER'
}
