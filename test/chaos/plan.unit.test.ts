import { expect, test } from 'vitest'
import { randomOf } from '../support/random.ts'
import { planFaults } from './plan.ts'

const minuteMs = 60_000

test('the same seed plans the same faults, another one others', () => {
  const plan = planFaults(randomOf(1), 5 * minuteMs)
  expect(planFaults(randomOf(1), 5 * minuteMs)).toEqual(plan)
  expect(planFaults(randomOf(2), 5 * minuteMs)).not.toEqual(plan)
})

test('ten minutes plan more than a hundred kills and a hundred cuts, and some of everything else', () => {
  const kinds = Map.groupBy(planFaults(randomOf(3), 10 * minuteMs), ({ fault }) => fault.kind)
  expect(kinds.get('kill')?.length).toBeGreaterThan(100)
  expect((kinds.get('cut')?.length ?? 0) + (kinds.get('cut within')?.length ?? 0)).toBeGreaterThan(110)
  expect(kinds.size).toBe(12)
})
