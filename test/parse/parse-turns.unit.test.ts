// Whose mail is parsed next: mail that costs much delays its own account only, and its turn comes all the same.
import { expect, test } from 'vitest'
import { type Bill, billAt, charged, mayCost, nextTurn } from '../../src/parse/pool/parse-turns.ts'

const most = { mails: 8, bytes: 262_144 }
const mail = (account: number, bytes = 10_000) => ({ account, bytes })
const bills =
  (found: Record<number, number>) =>
  (account: number): number =>
    found[account] ?? 0

test('mails of accounts that cost nothing come before those of a costly one', () => {
  const waiting = [mail(1), mail(1), mail(2), mail(3)]
  expect(nextTurn(waiting, most, { billOf: bills({ 1: 5_000 }), reserved: false })).toEqual([2, 3])
})

test('costly mail has its turn where nothing else waits, one at a time, the least costly account first', () => {
  const waiting = [mail(1), mail(1), mail(2)]
  expect(nextTurn(waiting, most, { billOf: bills({ 1: 5_000, 2: 2_000 }), reserved: false })).toEqual([2])
  expect(nextTurn(waiting, most, { billOf: bills({ 1: 5_000, 2: 9_000 }), reserved: false })).toEqual([0])
})

test('costly and large mails never have all threads', () => {
  const billOf = bills({ 1: 5_000 })
  expect(nextTurn([mail(1), mail(2, 2_000_000)], most, { billOf, reserved: true })).toEqual([])
  expect(mayCost(mail(2, 2_000_000), billOf)).toBe(true)
  expect(nextTurn([mail(1), mail(2, 2_000_000), mail(3)], most, { billOf, reserved: true })).toEqual([2])
})

test('a bill is forgotten with time, so that nobody waits for ever', () => {
  let bill: Bill | undefined
  for (let second = 0; second < 1_000; second += 10) bill = charged(bill, 10_000, second * 1_000)
  expect(billAt(bill, 990_000)).toBe(10_000)
  expect(billAt(bill, 990_000 + 40_000)).toBe(0)
})

test('a backlog of ordinary mail has no bill, however long it is', () => {
  let bill: Bill | undefined
  for (let mail = 0; mail < 10_000; mail++) bill = charged(bill, 2, mail * 2)
  expect(billAt(bill, 20_000)).toBe(0)
  expect(billAt(charged(bill, 2_000, 20_000), 20_000)).toBeGreaterThan(1_000)
})

test('small mails travel together, within the bounds', () => {
  const waiting = [mail(1, 200_000), mail(2, 50_000), mail(1, 100_000), mail(3, 10)]
  expect(nextTurn(waiting, most, { billOf: () => 0, reserved: false })).toEqual([0, 1])
})
