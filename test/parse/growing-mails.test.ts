// Every function that reads a mail takes time in proportion to it. Each place with a part of the hard runs, and each of those in several places;
// test/scenes has all of them in all places.
import { test } from 'vitest'
import { expectLinear, hardRuns, places } from '../support/growing-mails.ts'

const part = 8

test.each(Object.keys(places).map((place, i) => [place, i] as const))(
  'twice the letters in %s take no more than twice the time',
  { timeout: 600_000 },
  async (place, i) => {
    for (const run of hardRuns.filter((_, j) => (i + j) % part === 0)) await expectLinear(place, run, 32_768)
  },
)
