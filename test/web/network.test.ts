// Addresses that are one and the same network, and such that are not.
import { expect, test } from 'vitest'
import { networkOf } from '../../src/web/security/network.ts'

test.each([
  ['an address with its zeros written out and without', '2001:db8::1', '2001:0db8:0:0::2', '2001:db8:0000::ffff:1'],
  ['a /64 whose first groups are zeros', '2001:db8::1:2:3:4', '2001:db8:0:0:5:6:7:8', '2001:DB8::'],
  ['IPv4 and IPv4 in IPv6', '192.0.2.7', '::ffff:192.0.2.7', '::FFFF:c000:207', '0:0:0:0:0:ffff:192.0.2.7'],
  ['an address with its interface', 'fe80::1', 'fe80::2%eth0'],
  ['what is no address', undefined, '', 'nonsense', '192.0.2', '1::2::3'],
])('%s counts as one', (_, ...addresses) => {
  expect(new Set(addresses.map(networkOf)).size).toBe(1)
})

test('different networks are counted apart', () => {
  const apart = ['192.0.2.7', '192.0.2.8', '2001:db8::1', '2001:db8:0:1::1', '2001:db8:1::1', '::1', '::192.0.2.7', 'x']
  // `::1` and the IPv4-compatible addresses of old share the network of zeros.
  expect(new Set(apart.map(networkOf)).size).toBe(apart.length - 1)
})
