// A kill in the middle of sealing, of rotating and of unsealing; test/scenes has ten of them, test/long two hundred.
import { expect, test } from 'vitest'
import { killAndConverge } from '../support/sealing-kills.ts'

test('killed in sealing, rotating and unsealing: no password and no key is lost, and it comes to its end', async () => {
  const seed = Number(process.env.TEST_SEED ?? Math.floor(Math.random() * 1e9))
  process.stderr.write(`kills with TEST_SEED=${seed}\n`)
  const met = await killAndConverge({ rows: 500, kills: 3, seed, ofPhase: { sealing: 1, rotating: 1, unsealing: 1 } })
  expect([met.sealing.length, met.rotating.length, met.unsealing.length]).toEqual([1, 1, 1])
}, 600_000)
