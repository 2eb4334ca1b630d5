import { expect, test } from 'vitest'
import { lookAgainMs, reconnectMs } from '../../src/schedule/early-poll.ts'

test('looks sooner after mail, then less and less often, down to the interval', () => {
  expect([0, 1, 2, 3].map(quiet => lookAgainMs(60_000, quiet))).toEqual([7_500, 15_000, 30_000, undefined])
})

test('never looks more than every five seconds, nor beyond the interval', () => {
  expect(lookAgainMs(20_000, 0)).toBe(5_000)
  expect(lookAgainMs(5_000, 0)).toBeUndefined()
})

test('leaves a mailbox without new mail to its schedule', () => {
  expect(lookAgainMs(60_000, null)).toBeUndefined()
})

test('connects again within seconds, but not to a server that lets nobody stay', () => {
  expect(reconnectMs(3_600_000, 0)).toBe(1_000)
  expect(reconnectMs(3_600_000, 0.999)).toBeLessThanOrEqual(5_000)
  expect(reconnectMs(500, 0)).toBeUndefined()
})
