// The browser in which somebody signed in before, by a cookie that lasts when the session has ended. It lets nobody in: it only says that
// this is not the stranger who guesses at the same name (throttle.ts).
import { randomBytes } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { isSecure } from '../site.ts'
import { knownSeconds } from './throttle.ts'

/** Its secret, or undefined. */
export function deviceOf(request: FastifyRequest): string | undefined {
  const device = request.cookies[deviceCookie(request)]
  return device !== undefined && /^[\w-]{43}$/.test(device) ? device : undefined
}

/** Gives the browser a new secret for the coming time, and returns it. */
export function renewDevice(request: FastifyRequest, reply: FastifyReply): string {
  const device = randomBytes(32).toString('base64url')
  reply.setCookie(deviceCookie(request), device, {
    path: '/',
    httpOnly: true,
    sameSite: 'lax',
    secure: isSecure(request),
    maxAge: knownSeconds,
  })
  return device
}

function deviceCookie(request: FastifyRequest): string {
  return isSecure(request) ? '__Host-letterlock-device' : 'letterlock-device'
}
