// A real authorization server on loopback (oidc-provider), a person with a browser who signs in there, and a Dovecot that takes its tokens.
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Provider } from 'oidc-provider'
import type { DovecotOptions } from '../../src/embedded/dovecot.ts'
import { startTestDovecot, type TestDovecot, user } from './dovecot.ts'

export const clientSecret = 'of the confidential client'

export interface AuthorizationServer extends AsyncDisposable {
  issuer: string
  tokenEndpoint: string
  /** Requests at the token endpoint: their grant type and the status of the answer. */
  requests: { grant: string; status: number }[]
  /** Every access and refresh token that it gave. */
  given: { access: string[]; refresh: string[] }
  /** Of tokens given from now on. */
  lifetimeSeconds: number
  /** Whether a refresh gives a new refresh token, and the old one's further use withdraws the consent. */
  rotates: boolean
  /** Answers the token endpoint with this instead. */
  fault: { status: number; headers?: Record<string, string>; body?: string } | undefined
  /** Holds what is asked of the token endpoint back until it is released. */
  hold(): Held
  /** A person takes back every consent. */
  withdraw(): Promise<void>
  /** Access tokens given so far are good no longer. */
  forgetAccessTokens(): Promise<void>
}

export interface Held {
  /** Kept when the first request is held back. */
  arrived: Promise<void>
  release(): void
}

interface Gate {
  arrive(): void
  released: Promise<void>
}

const redirectUri = 'http://localhost/'
const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'
const introspector = { id: 'dovecot', secret: 'introspects' }

export async function startAuthorizationServer(): Promise<AuthorizationServer> {
  const http = createServer()
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const issuer = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  const grants = new Set<string>()
  const gates: Gate[] = []
  const tokens = new Map<string, { destroy(): Promise<void> }>()
  const server: AuthorizationServer = {
    issuer,
    tokenEndpoint: `${issuer}/token`,
    requests: [],
    given: { access: [], refresh: [] },
    lifetimeSeconds: 3_600,
    rotates: false,
    fault: undefined,
    hold() {
      const [arrived, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      gates.push({ arrive: arrived.resolve, released: released.promise })
      return {
        arrived: arrived.promise,
        release() {
          gates.length = 0
          released.resolve()
        },
      }
    },
    async withdraw() {
      for (const id of grants) await (await provider.Grant.find(id))?.destroy()
    },
    async forgetAccessTokens() {
      for (const token of tokens.values()) await token.destroy()
    },
    async [Symbol.asyncDispose]() {
      http.closeAllConnections()
      await new Promise(resolve => http.close(resolve))
    },
  }
  const provider = new Provider(issuer, configurationOf(server))
  provider.on('grant.success', ({ oidc }) => void (oidc.entities.Grant && grants.add(oidc.entities.Grant.jti)))
  provider.on('access_token.saved', token => void tokens.set(token.jti, token))
  const answer = provider.callback()
  http.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (request.url?.startsWith('/interaction/')) return void interact(provider, request, response)
    if (request.url === '/token') return void atTokenEndpoint(server, gates, answer, request, response)
    answer(request, response)
  })
  return server
}

function configurationOf(server: AuthorizationServer): object {
  const client = {
    application_type: 'native',
    redirect_uris: [redirectUri],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token', deviceGrant],
  }
  return {
    clients: [
      { ...client, client_id: 'letterlock' },
      { ...client, client_id: 'only-browser', grant_types: ['authorization_code', 'refresh_token'] },
      {
        ...client,
        client_id: 'confidential',
        client_secret: clientSecret,
        token_endpoint_auth_method: 'client_secret_post',
      },
      {
        ...client,
        client_id: 'by-header',
        client_secret: clientSecret,
        token_endpoint_auth_method: 'client_secret_basic',
      },
      {
        client_id: introspector.id,
        client_secret: introspector.secret,
        grant_types: [],
        redirect_uris: [],
        response_types: [],
      },
    ],
    cookies: { keys: ['of a test'] },
    features: {
      devInteractions: { enabled: false },
      deviceFlow: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true },
    },
    findAccount: (_: unknown, accountId: string) => ({ accountId, claims: () => ({ sub: accountId }) }),
    interactions: { url: (_: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
    rotateRefreshToken: () => server.rotates,
    ttl: {
      AccessToken: () => server.lifetimeSeconds,
      AuthorizationCode: 60,
      DeviceCode: 600,
      Grant: 86_400,
      IdToken: 3_600,
      Interaction: 600,
      RefreshToken: 86_400,
      Session: 600,
    },
    pkce: { required: () => true },
  }
}

/** The person says who he is, then yes to everything. */
async function interact(provider: Provider, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response)
  if (prompt.name === 'login')
    return await provider.interactionFinished(request, response, { login: { accountId: user.name } })
  const of = { accountId: session?.accountId ?? user.name, clientId: params.client_id }
  const grant = (grantId === undefined ? undefined : await provider.Grant.find(grantId)) ?? new provider.Grant(of)
  grant.addOIDCScope((prompt.details.missingOIDCScope ?? []).join(' '))
  await provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } })
}

/** Counts, and reads along what is given. */
async function atTokenEndpoint(
  server: AuthorizationServer,
  gates: readonly Gate[],
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks).toString()
  const grant = new URLSearchParams(body).get('grant_type') ?? ''
  const end = response.end.bind(response)
  response.end = ((text?: unknown) => {
    server.requests.push({ grant, status: response.statusCode })
    try {
      const { access_token, refresh_token } = JSON.parse(String(text))
      if (access_token !== undefined) server.given.access.push(access_token)
      if (refresh_token !== undefined) server.given.refresh.push(refresh_token)
    } catch {
      // It gave nothing.
    }
    return end(text as string)
  }) as ServerResponse['end']
  for (const gate of [...gates]) {
    gate.arrive()
    await gate.released
  }
  const { fault } = server
  if (fault !== undefined) {
    response.writeHead(fault.status, fault.headers)
    response.end(fault.body ?? '')
    return
  }
  // The provider takes a body that somebody has read already.
  Object.assign(request, { body: Object.fromEntries(new URLSearchParams(body)) })
  answer(request, response)
}

/** What a client gets by the code flow. */
export async function consentAt(
  server: AuthorizationServer,
  clientId = 'letterlock',
  secret: string | null = null,
): Promise<{ refreshToken: string }> {
  const verifier = randomBytes(32).toString('base64url')
  const page = new URL(`${server.issuer}/auth`)
  page.search = new URLSearchParams({
    ...{ client_id: clientId, response_type: 'code', redirect_uri: redirectUri, prompt: 'consent' },
    ...{ scope: 'openid offline_access', code_challenge_method: 'S256' },
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
  }).toString()
  const code = (await browse(page.href)).searchParams.get('code') ?? ''
  const asked = {
    ...{ client_id: clientId, grant_type: 'authorization_code', redirect_uri: redirectUri },
    ...{ code, code_verifier: verifier },
    ...(secret === null ? {} : { client_secret: secret }),
  }
  const answer = await fetch(server.tokenEndpoint, { method: 'POST', body: new URLSearchParams(asked) })
  const { refresh_token } = (await answer.json()) as { refresh_token: string }
  return { refreshToken: refresh_token }
}

/** A browser that follows, keeps cookies and sends every form as it stands. Returns the address at which it ends. */
export async function browse(start: string): Promise<URL> {
  const cookies = new Map<string, string>()
  let next: { url: URL; form?: URLSearchParams } = { url: new URL(start) }
  for (let step = 0; step < 30; step++) {
    const { url, form } = next
    if (url.hostname === 'localhost') return url
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const post = form === undefined ? {} : { method: 'POST', body: form }
    const page = await fetch(url, { redirect: 'manual', headers: { cookie }, ...post })
    for (const set of page.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? []
      cookies.set(name, value)
    }
    const to = page.headers.get('location')
    const text = await page.text()
    const sent = to === null ? formOf(text, url) : { url: new URL(to, url) }
    if (sent === undefined) {
      if (page.status >= 400) throw new Error(`${url.pathname} answered ${page.status}: ${text.slice(0, 300)}`)
      return url
    }
    next = sent
  }
  throw new Error('it goes in circles')
}

/** A page without a form, or with one that asks for something, is the end. */
function formOf(html: string, at: URL): { url: URL; form: URLSearchParams } | undefined {
  const form = /<form[^>]*action="([^"]*)"[^>]*>(.*?)<\/form>/s.exec(html)
  if (form === null) return undefined
  const inputs = [...(form[2] ?? '').matchAll(/<input[^>]*name="([^"]*)"[^>]*value="([^"]*)"/g)]
  const values = new URLSearchParams(inputs.map(([, name = '', value = '']): [string, string] => [name, value]))
  if (!values.has('user_code') && !values.has('xsrf')) return undefined
  if (values.has('user_code') && !values.has('confirm')) values.set('confirm', 'yes')
  return { url: new URL(form[1] ?? '', at), form: values }
}

/** A Dovecot that asks this server about tokens; `user` may come with a token whose subject he is. */
export async function startOAuthDovecot(
  { issuer }: AuthorizationServer,
  options: Partial<DovecotOptions> & { mechanisms?: string } = {},
): Promise<TestDovecot> {
  const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-oauth-'))
  chmodSync(directory, 0o755)
  const file = path.join(directory, 'oauth2.conf')
  const { host } = new URL(issuer)
  writeFileSync(
    file,
    `introspection_mode = post
introspection_url = http://${introspector.id}:${introspector.secret}@${host}/token/introspection
username_attribute = sub
active_attribute = active
active_value = true
timeout_msecs = 10000
`,
  )
  const dovecot = await startTestDovecot({
    settings: `
auth_mechanisms = plain login ${options.mechanisms ?? 'oauthbearer xoauth2'}
passdb {
  driver = oauth2
  mechanisms = oauthbearer xoauth2
  args = ${file}
}
`,
    ...options,
  })
  return {
    ...dovecot,
    async [Symbol.asyncDispose]() {
      await dovecot[Symbol.asyncDispose]()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
