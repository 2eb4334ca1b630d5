import { expect, test } from 'vitest'
import { accountOf, schedulerId, slotOffsetMs } from '../../src/schedule/queue.ts'

test('every account keeps its slot, inside its interval', () => {
  for (const everyMs of [1_000, 60_000, 86_400_000]) {
    const offsets = Array.from({ length: 500 }, (_, i) => slotOffsetMs(i + 1, everyMs))
    expect(offsets).toEqual(Array.from({ length: 500 }, (_, i) => slotOffsetMs(i + 1, everyMs)))
    expect(Math.min(...offsets)).toBeGreaterThanOrEqual(1)
    expect(Math.max(...offsets)).toBeLessThan(everyMs)
  }
})

test('spreads accounts over the interval', () => {
  const tenths = Array.from({ length: 1000 }, (_, i) => Math.floor(slotOffsetMs(i + 1, 60_000) / 6_000))
  const counts = Array.from({ length: 10 }, (_, tenth) => tenths.filter(found => found === tenth).length)
  expect(Math.min(...counts)).toBeGreaterThan(60)
})

test('an id of a scheduler leads back to its account', () => {
  expect(accountOf(schedulerId(17))).toBe(17)
  expect(accountOf('somebody-elses')).toBeUndefined()
})
