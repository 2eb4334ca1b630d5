// Half an hour of chaos. TEST_SEED names the first of the three seeds.
import { expect, test } from 'vitest'
import { cutsOf, hasFailed, killsOf, type Report, toText } from '../chaos/report.ts'
import { runChaos } from '../chaos/run.ts'

test('three times ten minutes of kills, cuts, full disks and wrong clocks: nothing is lost, doubled or stuck', async () => {
  const first = Number(process.env.TEST_SEED ?? Math.floor(Math.random() * 1e9))
  process.stderr.write(`chaos with TEST_SEED=${first}\n`)
  const reports: Report[] = []
  for (const seed of [first, first + 1, first + 2]) {
    const report = await runChaos({ seed, minutes: 10 })
    process.stderr.write(toText(report))
    reports.push(report)
  }
  expect(reports.filter(hasFailed).map(toText)).toEqual([])
  const total = (countOf: (report: Report['faults']) => number) =>
    reports.reduce((sum, { faults }) => sum + countOf(faults), 0)
  expect(total(killsOf)).toBeGreaterThanOrEqual(300)
  expect(total(cutsOf)).toBeGreaterThanOrEqual(300)
}, 3_600_000)
