// PURE. Where an account logs in, and what with: the shapes that fetching, storing and sealing share.
import { domainToASCII, domainToUnicode } from 'node:url'

/** Where and how to log in. The very object that is checked is the one that is dialled. */
export interface Destination {
  host: string
  port: number
  security: 'tls' | 'starttls' | 'cleartext'
  username: string
  /** The account's own CA certificates (PEM) that replace the system's, or null. */
  caPem: string | null
}

export type SecretKind = 'password' | 'oauth-refresh-token' | 'oauth-client-secret'

/** Who gives an account's access tokens, and to whom. */
export interface OAuthClient {
  issuer: string
  tokenEndpoint: string
  clientId: string
  /** How a client's secret is sent (RFC 6749 §2.3.1). */
  clientAuth: 'post' | 'basic'
  /** What is asked for (RFC 6749 §3.3). */
  scope: string
}

/**
 * A-labels, lower case, no trailing dot. Whatever else a URL's rules would make of a name (what follows a slash cut off, %2e, letters of
 * another width, 127.1) is not done: the resolver is asked for the name as it stands, and must not be led elsewhere under this one's name.
 */
export function toAscii(host: string): string {
  const plain = host.replace(/[A-Z]+/g, letters => letters.toLowerCase()).replace(/\.$/, '')
  if (!/\P{ASCII}/u.test(plain)) return plain
  const ascii = domainToASCII(plain)
  const isThisName = domainToUnicode(ascii) === plain.toLowerCase() && plain.normalize('NFKC') === plain
  return isThisName ? ascii : plain
}
