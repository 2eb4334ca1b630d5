/** @module-tag scene */
// No mail that is made to be slow is slow.
import { test } from 'vitest'
import { expectFastBodies, expectFastHeaders } from '../support/slow-mails.ts'

test('no run of letters in a field takes long', { timeout: 3_600_000 }, async () => {
  await expectFastHeaders(20_000, ['x'])
})

test.each(['plain', 'html'])('no run of letters in a %s body takes long', { timeout: 3_600_000 }, async type => {
  await expectFastBodies(type, 60_000, [390, 60_000], [' wrote:'])
})
