// PURE. What a destination may be: the checks that hold for what people ask for and for what stands in a row.
import { X509Certificate } from 'node:crypto'
import type { DestinationFault } from '../../errors/mail.ts'
import { isVisible, visible } from '../../foreign-text.ts'
import type { Destination } from '../../model/destination.ts'
import type { AccountDestination } from './destinations.ts'

/** The port that goes with it. */
export function portOf(security: Destination['security']): number {
  return security === 'tls' ? 993 : 143
}

export function toHost(text: string): string | undefined {
  return /^[\p{L}\p{M}\p{N}._-]{1,253}$|^[0-9a-f:.]{2,45}(%[\w.-]{1,20})?$/iu.test(text) ? text : undefined
}

export function toPort(text: string): number | undefined {
  const port = /^\d+$/.test(text) ? Number(text) : 0
  return port > 0 && port < 65_536 ? port : undefined
}

export function toSecurity(text: string): Destination['security'] | undefined {
  return text === 'tls' || text === 'starttls' || text === 'cleartext' ? text : undefined
}

export function toUsername(text: string): string | undefined {
  return text !== '' && [...text].length <= 320 && isVisible(text) ? text : undefined
}

/** What of it is no destination, or undefined: a row may hold what no command or page would have written. */
export function faultOfDestination(
  destination: Omit<AccountDestination, 'caPem' | 'security'> & { security: string },
): { reason: DestinationFault; value: string } | undefined {
  const { host, port, security, username, oauth } = destination
  if (toHost(host) === undefined) return { reason: 'host', value: visible(host) }
  if (toPort(String(port)) === undefined) return { reason: 'port', value: String(port) }
  if (toSecurity(security) === undefined) return { reason: 'security', value: visible(security) }
  if (toUsername(username) === undefined) return { reason: 'username', value: visible(username) }
  const { issuer = '', tokenEndpoint = '', clientId = '' } = oauth ?? {}
  const unclear = [issuer, tokenEndpoint, clientId].find(text => !isVisible(text))
  return unclear === undefined ? undefined : { reason: 'provider', value: visible(unclear) }
}

export function isCertificate(pem: string): boolean {
  try {
    new X509Certificate(pem)
    return true
  } catch {
    return false
  }
}
