// Every function that reads a mail takes time in proportion to it: each hard run in each place. test/long has more runs, and larger mails.
import { test } from 'vitest'
import { expectLinear, hardRuns, places } from '../support/growing-mails.ts'

test.each(Object.keys(places))(
  'twice the letters in %s take no more than twice the time',
  { timeout: 600_000 },
  async place => {
    for (const run of hardRuns) await expectLinear(place, run, 32_768)
  },
)
