// Against forms of other sites: every form carries a token that belongs to a cookie of this browser and, once somebody is signed in, to
// this session; and what the browser says of where a request comes from must be here.
import { createHash } from 'node:crypto'
import csrfProtection from '@fastify/csrf-protection'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Html, html } from '../layout/html.ts'
import { isSecure } from '../site.ts'

export const csrfFieldName = '_csrf'

export async function addCsrf(server: FastifyInstance): Promise<void> {
  await server.register(csrfProtection, {
    sessionPlugin: '@fastify/cookie',
    cookieKey: 'letterlock-form',
    cookieOpts: { path: '/', sameSite: 'lax', httpOnly: true },
    getToken: request => (request.body as Record<string, unknown> | undefined)?.[csrfFieldName] as string,
    getUserInfo: sessionMark,
    // What it is mixed with (the session's token) is the secret.
    csrfOpts: { userInfo: true, hmacKey: 'letterlock form' },
    logLevel: 'debug',
  })
}

/** Known to who knows the session's token, which the database does not. */
function sessionMark(request: FastifyRequest): string {
  const token = request.session === null ? '' : (request.cookies[sessionCookie(request)] ?? '')
  return createHash('sha256').update(`form of ${token}`).digest('base64url')
}

/** `__Host-`: the browser takes it from this host alone, over TLS alone. */
export function sessionCookie(request: FastifyRequest): string {
  return isSecure(request) ? '__Host-letterlock' : 'letterlock'
}

/** The field that every form with `method="post"` must have; `form` puts it there. */
export function csrfField(reply: FastifyReply): Html {
  const secure = isSecure(reply.request)
  const token = reply.generateCsrf({
    path: '/',
    sameSite: 'lax',
    httpOnly: true,
    secure,
    userInfo: sessionMark(reply.request),
  })
  return html`<input type="hidden" name="${csrfFieldName}" value="${token}">`
}

/** True unless the browser says that another site sends it. */
export function comesFromHere(request: FastifyRequest): boolean {
  const { origin, 'sec-fetch-site': site } = request.headers
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false
  if (origin === undefined) return true
  return URL.canParse(origin) && new URL(origin).hostname === request.hostname
}
