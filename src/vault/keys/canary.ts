// PURE. The canary: an envelope without a secret, kept with a key's id, that only this key opens.
import { type Envelope, type Key, noDestination, open, seal } from '../secrets/envelope.ts'

const content = Buffer.from('letterlock')

export function sealCanary(key: Key): Envelope {
  return seal(key, { table: 'encryption_keys', keyHex: key.hex }, noDestination, content)
}

/** True if it is this key's canary. */
export function opensCanary(key: Key, row: { keyHex: string; canary: Buffer }): boolean {
  if (key.hex !== row.keyHex) return false
  const opened = open(() => key, { table: 'encryption_keys', keyHex: row.keyHex }, row.canary)
  return opened.end === 'ok' && opened.secret.equals(content)
}
