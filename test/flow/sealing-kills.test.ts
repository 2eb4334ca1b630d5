// A kill in the middle of sealing; test/scenes has ten of them, in rotating and unsealing, too, and test/long two hundred.
import { expect, test } from 'vitest'
import { killAndConverge } from '../support/sealing-kills.ts'

test('killed in sealing: no password and no key is lost, and it comes to its end', async () => {
  const seed = Number(process.env.TEST_SEED ?? Math.floor(Math.random() * 1e9))
  process.stderr.write(`kills with TEST_SEED=${seed}\n`)
  const met = await killAndConverge({ rows: 300, kills: 1, seed, ofPhase: { sealing: 1 } })
  expect(met.sealing).toHaveLength(1)
})
