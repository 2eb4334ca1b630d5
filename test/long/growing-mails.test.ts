// Every function that reads a mail takes time in proportion to it, whatever stands there.
import { test } from 'vitest'
import { expectLinear, hardRuns, places } from '../support/growing-mails.ts'
import { runs } from '../support/slow-mails.ts'

const all = [...new Set([...hardRuns, ...runs, ...runs.map(run => `${run}\n`)])]

test.each(Object.keys(places))(
  'twice the letters in %s take no more than twice the time',
  { timeout: 3_600_000 },
  async place => {
    for (const run of all) await expectLinear(place, run, 524_288)
  },
)
