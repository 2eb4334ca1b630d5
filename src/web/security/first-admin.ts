// The link with which the first admin is made: good for an hour, once, while there is no user, and known to this process alone. It is
// shown on the terminal of whoever started the daemon, and nowhere else.
import { randomBytes, timingSafeEqual } from 'node:crypto'

export interface FirstAdmin {
  /** `/first-admin?token=…` */
  path: string
  isRight(token: string): boolean
}

const lastsMs = 3_600_000

export function createFirstAdmin(now: () => number = Date.now): FirstAdmin {
  const token = randomBytes(32).toString('base64url')
  const until = now() + lastsMs
  return {
    path: `/first-admin?token=${token}`,
    isRight: given => now() < until && isSame(Buffer.from(given), Buffer.from(token)),
  }
}

/** Bytes are compared: 43 characters may be more than 43 of them. */
function isSame(given: Buffer, token: Buffer): boolean {
  return given.length === token.length && timingSafeEqual(given, token)
}
