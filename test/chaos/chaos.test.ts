// A quarter of a minute of chaos with the same faults each time; test/scenes has a minute of it, test/long half an hour.
import { expect, test } from 'vitest'
import { cutsOf, hasFailed, killsOf, toText } from './report.ts'
import { runChaos } from './run.ts'

test('after kills, cuts, full disks and wrong clocks every mail is there once, and nobody else’s is touched', async () => {
  const report = await runChaos({ seed: 20_261_126, minutes: 1 / 4 })
  process.stderr.write(toText(report))
  expect(hasFailed(report), toText(report)).toBe(false)
  expect(killsOf(report.faults) + cutsOf(report.faults)).toBeGreaterThan(0)
}, 900_000)
