import { expect, test } from 'vitest'
import { createByteBudget } from '../../src/poll/batch/byte-budget.ts'

const signal = new AbortController().signal

test('lends at once while there is enough, and nothing beyond it', () => {
  const budget = createByteBudget(100)
  const room = budget.tryTake(1, 60)
  expect(room).toBeDefined()
  expect(budget.tryTake(2, 60)).toBeUndefined()
  room?.[Symbol.dispose]()
  expect(budget.tryTake(2, 60)).toBeDefined()
})

test('serves an account that had little before those that had much', async () => {
  const budget = createByteBudget(100)
  const order: string[] = []
  const first = await budget.take(1, 100, signal)
  const take = async (account: number, bytes: number, name: string): Promise<Disposable> => {
    const room = await budget.take(account, bytes, signal)
    order.push(name)
    return room
  }
  const waits = [1, 2, 3].map(() => take(1, 50, 'huge'))
  const quiet = take(2, 10, 'quiet')
  first[Symbol.dispose]()
  ;(await quiet)[Symbol.dispose]()
  for (const wait of waits) (await wait)[Symbol.dispose]()
  expect(order[0]).toBe('quiet')
  expect(order).toHaveLength(4)
})

test('gives equal bytes to equal backlogs, however large their batches are', async () => {
  const budget = createByteBudget(100)
  const served = new Map<number, number>()
  const run = async (account: number, bytes: number): Promise<void> => {
    for (let i = 0; i < 1_000 / bytes; i++) {
      const room = await budget.take(account, bytes, signal)
      served.set(account, (served.get(account) ?? 0) + bytes)
      await Promise.resolve()
      if ((served.get(1) ?? 0) + (served.get(2) ?? 0) === 1_000) {
        expect(Math.abs((served.get(1) ?? 0) - (served.get(2) ?? 0))).toBeLessThanOrEqual(200)
      }
      room[Symbol.dispose]()
    }
  }
  await Promise.all([run(1, 100), run(2, 20)])
  expect([...served.values()]).toEqual([1_000, 1_000])
})

test('gives what is larger than everything all there is, and goes on', async () => {
  const budget = createByteBudget(100)
  const small = budget.tryTake(1, 10)
  const huge = budget.take(2, 5_000, signal)
  expect(budget.waiting()).toBe(1)
  small?.[Symbol.dispose]()
  ;(await huge)[Symbol.dispose]()
  expect(budget.tryTake(3, 100)).toBeDefined()
})

test('an abort leaves the queue to the others', async () => {
  const budget = createByteBudget(100)
  const all = budget.tryTake(1, 100)
  const stop = new AbortController()
  const gone = budget.take(2, 100, stop.signal)
  const next = budget.take(3, 50, signal)
  stop.abort(new Error('enough'))
  await expect(gone).rejects.toThrow('enough')
  all?.[Symbol.dispose]()
  ;(await next)[Symbol.dispose]()
  expect(budget.waiting()).toBe(0)
})

test('a small batch passes a large one that waits for more than there is, but not for ever', async () => {
  const budget = createByteBudget(80)
  const held = budget.tryTake(1, 60)
  const large = budget.take(2, 80, signal)
  let passed = 0
  for (let account = 3; account < 23; account++) {
    void budget.take(account, 10, signal).then(room => {
      passed += 1
      room[Symbol.dispose]()
    })
  }
  await new Promise(setImmediate)
  expect(passed).toBe(8)
  held?.[Symbol.dispose]()
  ;(await large)[Symbol.dispose]()
  await new Promise(setImmediate)
  expect(passed).toBe(20)
})

test('what is slow on the wire is in nobody’s way: it goes on, and who waits is served', async () => {
  const budget = createByteBudget(80, { slowAfterMs: 20 })
  const slow = budget.tryTake(1, 200)
  let gaveUp = 0
  slow?.begin(() => {
    gaveUp += 1
  })
  ;(await budget.take(2, 80, signal))[Symbol.dispose]()
  expect([slow?.givenUp, gaveUp]).toEqual([false, 0])
  slow?.arrived()
  slow?.[Symbol.dispose]()
  expect(budget.tryTake(3, 80)).toBeDefined()
})

test('where too much is slow the connection is given up once, and its account waits for other slow ones, not for quick ones', async () => {
  const budget = createByteBudget(80, { slowAfterMs: 20 })
  const slow = [1, 2].map(account => budget.tryTake(account, 40))
  const gaveUp: number[] = []
  for (const [i, room] of slow.entries()) {
    room?.begin(() => {
      gaveUp.push(i)
      room[Symbol.dispose]()
    })
  }
  const quick = await budget.take(3, 80, signal)
  expect(gaveUp).toEqual([1])
  // The second is slow from now on: what it asks for is of no concern to quick ones, and small ones of slow accounts need not wait.
  const again = budget.take(2, 40, signal)
  expect(budget.waiting()).toBe(1)
  expect(budget.tryTake(2, 1)).toBeUndefined()
  const small = await budget.take(2, 1, signal)
  quick[Symbol.dispose]()
  expect(budget.waiting()).toBe(1)
  small[Symbol.dispose]()
  slow[0]?.[Symbol.dispose]()
  ;(await again)[Symbol.dispose]()
  expect(budget.waiting()).toBe(0)
})
