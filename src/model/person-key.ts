// PURE. When two addresses are one person's: whatever their case, and whether the domain is written in its own letters (U-label) or as
// servers write it (A-label, RFC 5890).
import { domainToASCII, domainToUnicode } from 'node:url'

/** Equal for the addresses of one person: lower case, the domain as A-labels. */
export function personKey(address: string): string {
  const text = address.normalize('NFC').toLowerCase()
  const at = text.lastIndexOf('@')
  const domain = text.slice(at + 1)
  if (at < 0 || isPlain.test(domain)) return text
  // '' for what is no domain.
  return `${text.slice(0, at)}@${domainToASCII(domain) || domain}`
}

/** The spellings of a key's address that are in the database from times when it was kept as it was written. */
export function spellingsOf(key: string): string[] {
  const at = key.lastIndexOf('@')
  return [...new Set([key, `${key.slice(0, at + 1)}${domainToUnicode(key.slice(at + 1)) || key.slice(at + 1)}`])]
}

const isPlain = /^[\u0020-\u007e]*$/
