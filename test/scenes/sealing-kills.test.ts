// Kills in the middle of sealing, rotating and unsealing; test/long has the same with many more of them.
import { expect, test } from 'vitest'
import { killAndConverge } from '../support/sealing-kills.ts'

test('killed ten times in sealing, rotating and unsealing: no password and no key is lost, and it comes to its end', async () => {
  const seed = Number(process.env.TEST_SEED ?? Math.floor(Math.random() * 1e9))
  process.stderr.write(`kills with TEST_SEED=${seed}\n`)
  const met = await killAndConverge({ rows: 2_000, kills: 10, seed })
  expect(met.sealing.length + met.rotating.length + met.unsealing.length).toBe(10)
}, 600_000)
