// Two hundred kills, twenty thousand rows.
import { expect, test } from 'vitest'
import { killAndConverge } from '../support/sealing-kills.ts'

test('killed two hundred times in sealing, rotating and unsealing: no password and no key is lost, and it comes to its end', async () => {
  const seed = Number(process.env.TEST_SEED ?? Math.floor(Math.random() * 1e9))
  process.stderr.write(`kills with TEST_SEED=${seed}\n`)
  const met = await killAndConverge({ rows: 20_000, kills: 200, seed })
  for (const shares of Object.values(met)) {
    const inTheMiddle = shares.filter(share => share > 0 && share < 1)
    expect(inTheMiddle.length).toBeGreaterThan(shares.length / 4)
  }
}, 3_600_000)
