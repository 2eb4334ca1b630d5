// PURE. Signed ticket tokens, as `LL-9GSY-9F51-QKZ3HT8WM2PR6A0C`: the ticket's reference and 80 bits of an HMAC-SHA-256 (RFC 2104) over
// it, under a secret of this installation. Whoever has seen a mail of the ticket may answer to it; nobody can make one for a ticket that
// he has not seen. A token may stand in a subject, in a plus-address or in a Message-ID; letters are Crockford's, so that it survives a
// change of case and a reader who takes O for 0.
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { MessageFacts } from '../model/parsed-message.ts'

export interface Tokens {
  /** The token of the ticket with this reference (`LL-9GSY-9F51`). */
  sign(ref: string): string
  /** The reference that a token proves, or undefined for one that was not made here. */
  verify(token: string): string | undefined
}

const letters = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const label = 'letterlock/v1/ticket-token\0'
const macLetters = 16

/** `secret`: 32 random bytes. */
export function createTokens(secret: Buffer): Tokens {
  const macOf = (ref: string): string => {
    const mac = createHmac('sha256', secret).update(`${label}${ref}`).digest()
    return Array.from({ length: macLetters }, (_, i) => letters[fiveBits(mac, i * 5)]).join('')
  }
  return {
    sign: ref => `${ref}-${macOf(ref)}`,
    verify(token) {
      const plain = token.toUpperCase().replaceAll('O', '0').replace(/[IL]/g, '1').replace(/^11-/, 'LL-')
      const ref = plain.slice(0, refLength)
      const given = Buffer.from(plain.slice(refLength + 1))
      const right = Buffer.from(macOf(ref))
      return given.length === right.length && timingSafeEqual(given, right) ? ref : undefined
    },
  }
}

const refLength = 'LL-0000-0000'.length

function fiveBits(bytes: Buffer, bit: number): number {
  const at = bit >> 3
  const pair = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
  return (pair >> (11 - (bit & 7))) & 31
}

const letter = '[0-9A-TV-Z]'
const pattern = new RegExp(`(?<![0-9A-Z])LL-${letter}{4}-${letter}{4}-${letter}{${macLetters}}(?![0-9A-Z])`, 'gi')
const maxTokens = 10

/**
 * What looks like a token, where one may stand: the subject in brackets, an address, Message-IDs that are referred to, the newest first;
 * and the same of the mail that a report is about.
 */
export function tokensIn(
  message: Pick<MessageFacts, 'subject' | 'to' | 'cc' | 'inReplyTo' | 'references' | 'original'>,
): string[] {
  const { original } = message
  const places = [
    ...inBrackets(message.subject),
    ...[...message.to, ...message.cc].slice(0, 100).map(({ address }) => address.slice(address.indexOf('+') + 1)),
    message.inReplyTo,
    ...message.references.slice(-50).toReversed(),
    ...(original === null ? [] : [original.messageId, ...inBrackets(original.subject)]),
  ]
  const found = places.flatMap(tokensOf)
  return [...new Set(found)].slice(0, maxTokens)
}

/** Tokens in a text, in capital letters. */
export function tokensOf(text: string): string[] {
  return (text.slice(0, 1_000).match(pattern) ?? []).map(token => token.toUpperCase())
}

function inBrackets(subject: string): string[] {
  return [...subject.slice(0, 2_000).matchAll(/\[([^[\]]{1,60})\]/g)].map(([, inside = '']) => inside)
}
