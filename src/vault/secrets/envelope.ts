// PURE. Envelope v1: one secret, sealed for one row and one destination (docs/envelope.md has the bytes). The key of every envelope is
// derived anew: HKDF-SHA-256 (RFC 5869) over the key file's 32 bytes and a fresh salt gives the AES-256-GCM key (SP 800-38D), its
// nonce, and a commitment to the key, which is compared first: so a wrong key is told from a damaged envelope, and no envelope opens
// under two keys. Whatever is not exactly as it was sealed is refused; nothing of it is handed out.

import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto'
import { type OAuthClient, type SecretKind, toAscii } from '../../model/destination.ts'
import type { Destination16 } from '../../model/secret.ts'

declare const brand: unique symbol

/** Sealed bytes, as in `credentials.sealed`: what is not an envelope cannot be stored where one is due. */
export type Envelope = Buffer & { readonly [brand]: 'envelope' }

/** A key file's content. `id` is derived from it and says nothing about it. */
export interface Key {
  /** 8 bytes. */
  readonly id: Buffer
  /** The same, in hex: as people and JSON see it. */
  readonly hex: string
  readonly material: KeyObject
}

/** The row that an envelope belongs to; it opens in no other. */
export type EnvelopeContext =
  | { table: 'credentials'; kind: SecretKind; accountId: number }
  /** A random secret of the installation. */
  | { table: 'secrets'; name: string }
  /** The canary: which key is the right one. */
  | { table: 'encryption_keys'; keyHex: string }

/** How opening ends. The destination's check is the caller's, who knows what is dialled. */
export type Opened =
  | { end: 'ok'; secret: Buffer; destination: Destination16 }
  | { end: 'unsupported-version' }
  | { end: 'key-missing'; keyHex: string }
  /** Commitment, tag, length or padding do not fit, or it is another row's. */
  | { end: 'tampered' }

export const keyBytes = 32
/** Longest secret in UTF-8 bytes. */
export const maxSecretBytes = 3_980

const version = 1
const idAt = 1
const saltAt = 9
const commitmentAt = 33
const bodyAt = 49
const tagBytes = 16
const block = 32
const maxEnvelopeBytes = 4_096

/** The key of these 32 bytes, which are wiped. */
export function toKey(bytes: Buffer): Key {
  if (bytes.length !== keyBytes) throw new RangeError('a key has 32 bytes')
  const material = createSecretKey(bytes)
  bytes.fill(0)
  const id = Buffer.from(hkdfSync('sha256', material, empty, 'letterlock/v1/key-id', 8))
  return { id, hex: id.toString('hex'), material }
}

const empty = Buffer.alloc(0)

/** The key id that an envelope names, in hex; undefined where it is too short to name one. */
export function keyHexOf(envelope: Buffer): string | undefined {
  return envelope.length < saltAt ? undefined : envelope.toString('hex', idAt, saltAt)
}

/** Seals `secret` (at most 3,980 bytes; the caller's to wipe). `salt`: 24 fresh random bytes. */
export function seal(
  key: Key,
  context: EnvelopeContext,
  destination: Destination16,
  secret: Buffer,
  salt: Buffer = randomBytes(24),
): Envelope {
  if (secret.length > maxSecretBytes) throw new RangeError(`a secret has at most ${maxSecretBytes} bytes`)
  const derived = derive(key, salt)
  const header = Buffer.concat([Buffer.of(version), key.id, salt, derived.commitment])
  const body = Buffer.alloc(Math.ceil((destination.length + 2 + secret.length) / block) * block)
  destination.copy(body)
  body.writeUInt16BE(secret.length, destination.length)
  secret.copy(body, destination.length + 2)
  const cipher = createCipheriv('aes-256-gcm', derived.key, derived.nonce, { authTagLength: tagBytes })
  cipher.setAAD(Buffer.concat([header, ...contextBytes(context)]))
  const sealed = Buffer.concat([header, cipher.update(body), cipher.final(), cipher.getAuthTag()])
  body.fill(0)
  derived.wipe()
  return sealed as Envelope
}

/** Opens an envelope of this row with whichever key it names. The secret is the caller's to wipe. Never throws. */
export function open(find: (keyHex: string) => Key | undefined, context: EnvelopeContext, envelope: Buffer): Opened {
  if (envelope.length > 0 && envelope[0] !== version) return { end: 'unsupported-version' }
  const ciphertextBytes = envelope.length - bodyAt - tagBytes
  const keyHex = keyHexOf(envelope)
  if (keyHex === undefined || ciphertextBytes < block || ciphertextBytes % block !== 0) return { end: 'tampered' }
  if (envelope.length > maxEnvelopeBytes) return { end: 'tampered' }
  const key = find(keyHex)
  if (key === undefined) return { end: 'key-missing', keyHex }
  const derived = derive(key, envelope.subarray(saltAt, commitmentAt))
  try {
    if (!timingSafeEqual(derived.commitment, envelope.subarray(commitmentAt, bodyAt))) return { end: 'tampered' }
    return split(decrypt(derived, context, envelope))
  } finally {
    derived.wipe()
  }
}

/** The padded body, or undefined where the tag does not fit. */
function decrypt(derived: Derived, context: EnvelopeContext, envelope: Buffer): Buffer | undefined {
  const tagAt = envelope.length - tagBytes
  const decipher = createDecipheriv('aes-256-gcm', derived.key, derived.nonce, { authTagLength: tagBytes })
  decipher.setAAD(Buffer.concat([envelope.subarray(0, bodyAt), ...contextBytes(context)]))
  decipher.setAuthTag(envelope.subarray(tagAt))
  // GCM hands out what it has not authenticated yet: it is wiped unless the end fits.
  const body = decipher.update(envelope.subarray(bodyAt, tagAt))
  try {
    decipher.final()
    return body
  } catch {
    body.fill(0)
    return undefined
  }
}

function split(body: Buffer | undefined): Opened {
  if (body === undefined) return { end: 'tampered' }
  const length = body.readUInt16BE(destinationBytes)
  const end = secretAt + length
  const fits = Math.ceil(end / block) * block === body.length && body.subarray(end).every(byte => byte === 0)
  const opened: Opened = fits
    ? {
        end: 'ok',
        secret: Buffer.from(body.subarray(secretAt, end)),
        destination: Buffer.from(body.subarray(0, destinationBytes)) as Destination16,
      }
    : { end: 'tampered' }
  body.fill(0)
  return opened
}

const destinationBytes = 16
const secretAt = destinationBytes + 2

interface Derived {
  /** Not the bytes themselves: for these the library's own checks cost four times the encryption. */
  key: KeyObject
  nonce: Buffer
  commitment: Buffer
  wipe(): void
}

function derive(key: Key, salt: Buffer): Derived {
  const bytes = Buffer.from(hkdfSync('sha256', key.material, salt, Buffer.concat([sealLabel, key.id]), 60))
  return {
    key: createSecretKey(bytes.subarray(0, 32)),
    nonce: bytes.subarray(32, 44),
    commitment: bytes.subarray(44, 60),
    wipe: () => void bytes.fill(0),
  }
}

const sealLabel = Buffer.from('letterlock/v1/seal\0')

function contextBytes(context: EnvelopeContext): Buffer[] {
  switch (context.table) {
    case 'credentials':
      return [credentialsLabel, lp(context.kind), lp(String(context.accountId))]
    case 'secrets':
      return [lp('secrets'), lp(context.name)]
    case 'encryption_keys':
      return [keysLabel, lp(context.keyHex)]
  }
}

const credentialsLabel = lp('credentials')
const keysLabel = Buffer.concat([lp('encryption_keys'), lp('canary')])

/** Two bytes of length, big-endian, and the UTF-8 bytes. */
function lp(text: string): Buffer {
  const bytes = Buffer.from(text)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** Where a password may be sent. */
export interface ImapDestination {
  host: string
  port: number
  security: string
  username: string
  /** The account's own CA certificates, or null for the system's. */
  caPem: string | null
}

/** The destination of a password. */
export function imapDestination(destination: ImapDestination): Destination16 {
  return digest(['imap', ...partsOf(destination)])
}

/** The destination of an OAuth secret: the token endpoint, and the mail server that its access tokens go to. */
export function oauthDestination(
  oauth: Pick<OAuthClient, 'tokenEndpoint' | 'clientId'>,
  destination: ImapDestination,
): Destination16 {
  return digest(['oauth2', oauth.tokenEndpoint, oauth.clientId, ...partsOf(destination)])
}

/** What a secret of this kind is bound to. An account that names no token endpoint has an empty one. */
export function destinationOf(
  kind: SecretKind,
  destination: ImapDestination,
  oauth: Pick<OAuthClient, 'tokenEndpoint' | 'clientId'> | null,
): Destination16 {
  if (kind === 'password') return imapDestination(destination)
  return oauthDestination(oauth ?? { tokenEndpoint: '', clientId: '' }, destination)
}

/** The canary's. */
export const noDestination = Buffer.alloc(destinationBytes) as Destination16

function digest(parts: readonly string[]): Destination16 {
  const hash = createHash('sha256').update(lp('letterlock/v1/destination'))
  for (const part of parts) hash.update(lp(part))
  return hash.digest().subarray(0, destinationBytes) as Destination16
}

function partsOf({ host, port, security, username, caPem }: ImapDestination): string[] {
  const trust = caPem === null ? '' : createHash('sha256').update(caPem).digest('hex')
  return [toAscii(host), String(port), security, username, trust]
}
