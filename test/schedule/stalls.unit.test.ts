// Who may be polled while the database does not store mail, and when that is over.
import { expect, test } from 'vitest'
import { createStalls } from '../../src/schedule/stalls.ts'

function createScene() {
  const told: string[] = []
  const health = { fail: () => void told.push('fail'), mend: () => void told.push('mend') }
  return { told, stalls: createStalls(health) }
}

const running = (...ids: number[]) => new Map(ids.map(id => [id, undefined]))

test('while mail cannot be stored others wait, and those that met it try one at a time until one gets through', () => {
  const { stalls } = createScene()
  expect(stalls.lets(1, running())).toBe(true)
  expect([stalls.add(1, new Error()), stalls.add(1, new Error()), stalls.add(2, new Error())]).toEqual([
    true,
    false,
    true,
  ])
  expect([stalls.lets(1, running()), stalls.lets(2, running(1)), stalls.lets(3, running())]).toEqual([
    true,
    false,
    false,
  ])
  stalls.clear(1)
  stalls.add(4, new Error())
  expect(stalls.lets(4, running(2))).toBe(false)
  stalls.clear(4)
  expect([stalls.lets(2, running(4)), stalls.lets(3, running())]).toEqual([true, false])
})

test('one account that gets through does not make /ready green while others do not', () => {
  const { told, stalls } = createScene()
  stalls.add(1, new Error())
  stalls.add(2, new Error())
  stalls.clear(1)
  stalls.clear(3)
  expect(told).toEqual(['fail', 'fail'])
  stalls.clear(2)
  expect(told).toEqual(['fail', 'fail', 'mend'])
  expect(stalls.lets(3, running())).toBe(true)
})
