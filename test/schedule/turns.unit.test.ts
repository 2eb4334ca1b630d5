import { expect, test } from 'vitest'
import { createTurns } from '../../src/schedule/turns.ts'

const signal = new AbortController().signal

test('runs so many at once, and the others in their order', async () => {
  const turns = createTurns(2)
  const order: number[] = []
  const ends: (() => void)[] = []
  const all = [1, 2, 3, 4].map(n =>
    turns.take(signal, async () => {
      order.push(n)
      await new Promise<void>(resolve => ends.push(resolve))
    }),
  )
  await Promise.resolve()
  expect(order).toEqual([1, 2])
  expect(turns.waiting()).toBe(2)
  for (let i = 0; i < 4; i++) {
    ends.shift()?.()
    await all[i]
  }
  expect(order).toEqual([1, 2, 3, 4])
  expect(turns.waiting()).toBe(0)
})

test('a turn that failed, or was no longer waited for, is given on', async () => {
  const turns = createTurns(1)
  const stop = new AbortController()
  const failed = turns.take(signal, () => Promise.reject(new Error('no')))
  const gone = turns.take(stop.signal, async () => 'never')
  const last = turns.take(signal, async () => 'ran')
  stop.abort(new Error('enough'))
  await expect(failed).rejects.toThrow('no')
  await expect(gone).rejects.toThrow('enough')
  expect(await last).toBe('ran')
})
