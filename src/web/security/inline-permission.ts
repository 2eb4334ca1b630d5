// PURE. The permission to see one inline image, as the end of a path. A mail's frame has no origin and sends no cookies, so the address of
// an image must say by itself that somebody who is signed in asked for it: which session, until when, which file, and a signature over all
// of them (Ed25519, RFC 8032). The private key follows from the session's token, which the browser alone has; what is stored is the public
// key, with which nobody can make an address. It ends with the session.
import { createPrivateKey, createPublicKey, hkdfSync, type KeyObject, sign, verify } from 'node:crypto'

export interface Permission {
  sessionId: number
  /** Seconds since 1970. */
  until: number
  fileId: number
}

const label = 'letterlock/v2/inline-image\0'
const lastsSeconds = 3_600

/** From now on for an hour or two: the end is a whole hour, so that an image that is shown twice has one address. */
export function endOf(now: Date): number {
  return (Math.floor(now.getTime() / 1_000 / lastsSeconds) + 2) * lastsSeconds
}

const keyBytes = 32
/** What stands before the 32 bytes of a key (RFC 8410). */
const privateHead = Buffer.from('302e020100300506032b657004220420', 'hex')
const publicHead = Buffer.from('302a300506032b6570032100', 'hex')

/** The private key of the session with this token. */
export function toPictureKey(token: string): KeyObject {
  const seed = Buffer.from(hkdfSync('sha256', token, '', label, keyBytes))
  return createPrivateKey({ key: Buffer.concat([privateHead, seed]), format: 'der', type: 'pkcs8' })
}

/** What is stored of it, 32 bytes. */
export function publicPartOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(publicHead.length)
}

/** `SESSION.UNTIL.FILE.SIGNATURE` */
export function toPermission(key: KeyObject, permission: Permission): string {
  const facts = factsOf(permission)
  return `${facts}.${sign(null, signedOf(facts), key).toString('base64url')}`
}

/** What it claims; nothing of it is proven yet. */
export function readPermission(text: string): (Permission & { signature: string }) | undefined {
  const [, sessionId, until, fileId, signature = ''] =
    /^(\d{1,15})\.(\d{1,12})\.(\d{1,15})\.([\w-]{86})$/.exec(text) ?? []
  if (signature === '') return undefined
  return { sessionId: Number(sessionId), until: Number(until), fileId: Number(fileId), signature }
}

export function isPermitted(publicKey: Buffer, permission: Permission & { signature: string }, now: Date): boolean {
  if (publicKey.length !== keyBytes || now.getTime() >= permission.until * 1_000) return false
  const key = createPublicKey({ key: Buffer.concat([publicHead, publicKey]), format: 'der', type: 'spki' })
  return verify(null, signedOf(factsOf(permission)), key, Buffer.from(permission.signature, 'base64url'))
}

function factsOf({ sessionId, until, fileId }: Permission): string {
  return `${sessionId}.${until}.${fileId}`
}

function signedOf(facts: string): Buffer {
  return Buffer.from(`${label}${facts}`)
}
