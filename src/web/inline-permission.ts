// PURE. The permission to see one inline image, as the end of a path. A mail's frame has no origin and sends no cookies, so the address of
// an image must say by itself that somebody who is signed in asked for it: which session, until when, which file, and a code over all of
// them (HMAC-SHA-256, RFC 2104) under what this server knows of the session's token. It ends with the session.
import { createHmac, timingSafeEqual } from 'node:crypto'

export interface Permission {
  sessionId: number
  /** Seconds since 1970. */
  until: number
  fileId: number
}

const label = 'letterlock/v1/inline-image\0'
const lastsSeconds = 3_600

/** From now on for an hour or two: the end is a whole hour, so that an image that is shown twice has one address. */
export function endOf(now: Date): number {
  return (Math.floor(now.getTime() / 1_000 / lastsSeconds) + 2) * lastsSeconds
}

/** `SESSION.UNTIL.FILE.CODE` */
export function toPermission(key: Buffer, permission: Permission): string {
  const facts = factsOf(permission)
  return `${facts}.${codeOf(key, facts)}`
}

/** What it claims; nothing of it is proven yet. */
export function readPermission(text: string): (Permission & { code: string }) | undefined {
  const [, sessionId, until, fileId, code = ''] = /^(\d{1,15})\.(\d{1,12})\.(\d{1,15})\.([\w-]{43})$/.exec(text) ?? []
  if (code === '') return undefined
  return { sessionId: Number(sessionId), until: Number(until), fileId: Number(fileId), code }
}

export function isPermitted(key: Buffer, permission: Permission & { code: string }, now: Date): boolean {
  const right = Buffer.from(codeOf(key, factsOf(permission)))
  const given = Buffer.from(permission.code)
  return given.length === right.length && timingSafeEqual(given, right) && now.getTime() < permission.until * 1_000
}

function factsOf({ sessionId, until, fileId }: Permission): string {
  return `${sessionId}.${until}.${fileId}`
}

function codeOf(key: Buffer, facts: string): string {
  return createHmac('sha256', key).update(`${label}${facts}`).digest('base64url')
}
