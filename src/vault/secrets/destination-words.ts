// PURE. Where a secret goes, in the words of a question and of its answer: whoever says yes has read host, port, security and user name as they
// are dialled, with nothing in them that cannot be seen.

import { createHash } from 'node:crypto'
import { visible } from '../../foreign-text.ts'
import { type OAuthClient, toAscii } from '../../model/destination.ts'
import type { ImapDestination } from './envelope.ts'

/** `host imap.example.com, port 993, security tls, user support@example.com`. */
export function destinationWords({ host, port, security, username, caPem }: ImapDestination): string {
  const ascii = toAscii(host)
  const name = ascii === host.toLowerCase() || !/\P{ASCII}/u.test(host) ? visible(host) : `${visible(host)} (${ascii})`
  const trust = caPem === null ? '' : `, its own CA ${createHash('sha256').update(caPem).digest('hex').slice(0, 16)}`
  return `host ${name}, port ${port}, security ${visible(security)}, user ${visible(username)}${trust}`
}

/** What an account signs in with: `password`, or `tokens (from …, client …)`. */
export function secretWordsOf(oauth: OAuthClient | null): string {
  return oauth === null
    ? 'password'
    : `tokens (from ${visible(oauth.tokenEndpoint)}, client ${visible(oauth.clientId)})`
}
