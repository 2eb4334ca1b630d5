// The session of a request, from its cookie.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { deleteSession, type Flash, findSession, insertSession, writeFlash } from '../../store/people/sessions.ts'
import { isSecure, limitsOf, sessionOf, siteOf } from '../site.ts'
import { sessionCookie } from './csrf.ts'

/** The secret of the browser's session, or undefined. */
export function tokenOf(request: FastifyRequest): string | undefined {
  const token = request.cookies[sessionCookie(request)]
  return token !== undefined && /^[\w-]{43}$/.test(token) ? token : undefined
}

/** Sets `request.session`. */
export async function readSession(request: FastifyRequest): Promise<void> {
  const token = tokenOf(request)
  if (token === undefined) return
  const site = siteOf(request)
  request.session = (await findSession(site.db, token, limitsOf(site))) ?? null
}

/** Always a new one: a token that somebody else may have put into the browser, or read there, never becomes a signed-in one. */
export async function beginSession(request: FastifyRequest, reply: FastifyReply, userId: number): Promise<void> {
  const site = siteOf(request)
  if (request.session !== null) await deleteSession(site.db, request.session.id)
  const agent = request.headers['user-agent'] ?? ''
  const token = await insertSession(site.db, { userId, address: request.ip ?? '', agent }, limitsOf(site))
  reply.setCookie(sessionCookie(request), token, {
    path: '/',
    httpOnly: true,
    sameSite: 'lax',
    secure: isSecure(request),
    maxAge: site.config.web.sessionDays * 86_400,
  })
  request.session = (await findSession(site.db, token, limitsOf(site))) ?? null
}

export async function endSession(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  if (request.session !== null) await deleteSession(siteOf(request).db, request.session.id)
  reply.clearCookie(sessionCookie(request), { path: '/', secure: isSecure(request) })
}

/** Where a form leads when its work is done: `return await goTo(request, reply, '/accounts', { tone: 'good', text: 'Saved.' })` */
export async function goTo(
  request: FastifyRequest,
  reply: FastifyReply,
  path: string,
  ...flash: readonly Flash[]
): Promise<FastifyReply> {
  if (flash.length > 0 && request.session !== null) await writeFlash(siteOf(request).db, sessionOf(request).id, flash)
  return reply.redirect(safeTarget(path), 303)
}

/** The path if it is one of this server, else `/`. */
export function safeTarget(path: unknown): string {
  const here = 'http://here.invalid'
  if (typeof path !== 'string' || path.length > longestTarget || !/^\/[\x21-\x7e]*$/.test(path)) return '/'
  if (!URL.canParse(path, here)) return '/'
  const { origin, pathname, search } = new URL(path, here)
  const target = `${pathname}${search}`
  return origin === here && /^\/(?![/\\])/.test(target) ? target : '/'
}

const longestTarget = 2_000
