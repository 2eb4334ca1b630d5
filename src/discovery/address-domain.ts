// PURE. Which names are asked for: those of the DNS alone, never an address or a name of this machine.
import { domainToASCII } from 'node:url'
import type { AddressParts } from './autoconfig.ts'

/** The parts of an address; undefined where its domain is no name of the DNS, as in a@[10.0.0.1]. */
export function splitAddress(address: string): AddressParts | undefined {
  const at = address.lastIndexOf('@')
  const text = address.slice(at + 1)
  // What has another meaning in a URL would be cut off.
  const domain = /[^\p{L}\p{M}\p{N}.-]/u.test(text) ? '' : domainToASCII(text)
  if (at < 1 || !domain.includes('.') || !isHostInDns(domain)) return undefined
  return { address, localPart: address.slice(0, at), domain }
}

/** Labels of letters, digits and dashes (RFC 1123 §2.1), the last one no number: then it would be an address. */
export function isHostInDns(host: string): boolean {
  return (
    host.length <= 253 &&
    /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)*$/.test(host) &&
    !/(^|\.)\d+$/.test(host)
  )
}
