// What all connections hold together.
import { expect, test } from 'vitest'
import { createHeldBytes } from '../../src/fetch/held-bytes.ts'

function world(capacity: number) {
  const held = createHeldBytes(capacity)
  const ended: string[] = []
  return { held, ended, join: (name: string) => held.join(() => void ended.push(name)) }
}

test('many that each hold little do not add up: the largest goes, and the small ones stay', () => {
  const { held, ended, join } = world(100)
  const [small, large, larger] = [join('small'), join('large'), join('larger')]
  small.hold(10)
  large.hold(40)
  larger.hold(50)
  expect(ended).toEqual([])
  small.hold(11)
  expect(ended).toEqual(['larger'])
  expect(held.bytes()).toBe(51)
})

test('as many go as it takes, also the one that just came', () => {
  const { held, ended, join } = world(100)
  join('a').hold(60)
  join('b').hold(40)
  join('c').hold(300)
  expect(ended).toEqual(['c'])
  join('d').hold(50)
  expect(ended).toEqual(['c', 'a'])
  expect(held.bytes()).toBe(90)
})

test('what is read makes room', () => {
  const { held, ended, join } = world(100)
  const a = join('a')
  a.hold(90)
  a.hold(0)
  join('b').hold(90)
  expect(ended).toEqual([])
  expect(held.bytes()).toBe(90)
})

test('a mail that is larger than all the room may come, and ends where others bring more than that', () => {
  const { ended, join } = world(100)
  join('mail').hold(150, 200)
  expect(ended).toEqual([])
  join('other').hold(60)
  expect(ended).toEqual(['mail'])
})

test('one that holds anew after it had to go is counted anew', () => {
  const { held, join } = world(100)
  const a = join('a')
  a.hold(120)
  expect(held.bytes()).toBe(0)
  a.hold(5)
  a.hold(0)
  expect(held.bytes()).toBe(0)
})
