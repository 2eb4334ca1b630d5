// Which network an address belongs to, for limits by address: one customer of a provider has a whole IPv6 /64, and an IPv4 address is
// the same whether it comes as such or mapped into IPv6 (RFC 4291, 2.5.5.2), in whatever spelling.
import { isIPv4, isIPv6 } from 'node:net'

/** The network in one spelling; for what is no address (a proxy may forward anything, and a connection that broke has none) one for all. */
export function networkOf(address: string | undefined): string {
  const plain = (address ?? '').split('%')[0] ?? ''
  if (isIPv4(plain)) return plain
  if (!isIPv6(plain)) return 'unknown'
  const bytes = bytesOf(plain)
  if (bytes.subarray(0, 12).equals(mappedPrefix)) return bytes.subarray(12).join('.')
  return `${bytes.toString('hex', 0, 8)}/64`
}

const mappedPrefix = Buffer.from('00000000000000000000ffff', 'hex')

/** The 16 bytes of an IPv6 address. */
function bytesOf(address: string): Buffer {
  const [head = '', tail] = address.split('::')
  const [before, after] = [bytesOfGroups(head), bytesOfGroups(tail ?? '')]
  return Buffer.concat([before, Buffer.alloc(16 - before.length - after.length), after])
}

function bytesOfGroups(text: string): Buffer {
  const groups = text === '' ? [] : text.split(':')
  return Buffer.concat(
    groups.map(group =>
      isIPv4(group) ? Buffer.from(group.split('.').map(Number)) : Buffer.from(group.padStart(4, '0'), 'hex'),
    ),
  )
}
