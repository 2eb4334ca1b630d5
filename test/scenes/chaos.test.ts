// A minute of chaos with the same faults each time; test/long has half an hour of it.
import { expect, test } from 'vitest'
import { cutsOf, hasFailed, killsOf, toText } from '../chaos/report.ts'
import { runChaos } from '../chaos/run.ts'

test('after a minute of kills, cuts, full disks and wrong clocks every mail is there once, and nobody else’s is touched', async () => {
  const report = await runChaos({ seed: 20_261_126, minutes: 1 })
  process.stderr.write(toText(report))
  expect(hasFailed(report), toText(report)).toBe(false)
  expect(killsOf(report.faults)).toBeGreaterThan(0)
  expect(cutsOf(report.faults)).toBeGreaterThan(0)
}, 900_000)
