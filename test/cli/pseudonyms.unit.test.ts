// What a support bundle makes of words that say who and where.
import { expect, test } from 'vitest'
import { createPseudonyms } from '../../src/cli/support/pseudonyms.ts'

test('a word has the same pseudonym wherever it stands, and longer words come before their parts', () => {
  const { of, hide } = createPseudonyms([
    ['host', 'imap.customer.example'],
    ['name', 'customer'],
    ['address', 'anna+x@customer.example'],
    ['path', '/srv/customer/letterlock'],
  ])
  expect(of('host', 'IMAP.customer.example')).toBe('host-1')
  expect(hide('login to imap.customer.example as anna+x@customer.example failed')).toBe(
    'login to host-1 as address-1 failed',
  )
  expect(hide('/srv/customer/letterlock/raw is open to others')).toBe('path-1/raw is open to others')
  expect(hide('the rule Customer')).toBe('the rule name-1')
})

test('what looks like an address or a host is hidden although nobody named it', () => {
  const { hide } = createPseudonyms([])
  expect(hide('bob@firm.example at 10.1.2.3 or fd00:1::2 on db1.firm.example')).toBe(
    'address-1 at host-1 or host-2 on host-3',
  )
  expect(hide('mail.example')).toBe('host-4')
})

test('codes, settings, files, versions and loopback stay, or nobody could read the rest', () => {
  const { hide } = createPseudonyms([['host', 'localhost']])
  const text =
    'imap.auth_refused, key.unknown: set poll.concurrency in letterlock.toml (docs/errors.md); MariaDB 10.11.6 on 127.0.0.1:3306, localhost'
  expect(hide(text)).toBe(text)
})
