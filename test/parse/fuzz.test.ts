// Whatever comes in, parsing ends, and within the bounds (500 of each; test/long has more).
import fc from 'fast-check'
import { test } from 'vitest'
import { damagedMails, endsWithinBounds } from '../support/damaged-mails.ts'

const numRuns = 500

test('a damaged mail is parsed to its end and within the bounds', { timeout: 3_600_000 }, async () => {
  await fc.assert(fc.asyncProperty(damagedMails, endsWithinBounds), { numRuns })
})

test('bytes that are no mail are parsed to their end', { timeout: 3_600_000 }, async () => {
  const bytes = fc.uint8Array({ maxLength: 2_000 })
  await fc.assert(
    fc.asyncProperty(bytes, source => endsWithinBounds(Buffer.from(source))),
    { numRuns },
  )
})
