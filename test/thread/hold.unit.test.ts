import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { SenderHistory } from '../../src/model/rule.ts'
import { emptyHistory, holdReason, noteMail } from '../../src/thread/hold.ts'
import { message } from '../support/messages.ts'

const limits = { ticketsPerHour: 2, sameSubject: 3 }
const noon = Date.parse('2026-11-24T12:00:00Z')
const at = (minutes: number): Date => new Date(noon + minutes * 60_000)
const named = (subject: string) => message({ subject })

function historyOf(...mails: [minutes: number, subject: string, opened: boolean][]): SenderHistory {
  const history = emptyHistory()
  for (const [minutes, subject, opened] of mails) noteMail(history, named(subject), at(minutes), opened)
  return history
}

test('tickets are counted over an hour', () => {
  const history = historyOf([0, 'a', true], [10, 'b', true])
  expect(holdReason(named('c'), at(20), true, history, limits)).toBe('held')
  expect(holdReason(named('c'), at(59.9), true, history, limits)).toBe('held')
  expect(holdReason(named('c'), at(60), true, history, limits)).toBeNull()
})

test('what joins a ticket is not held for the tickets of its sender, and does not count', () => {
  expect(holdReason(named('c'), at(1), false, historyOf([0, 'a', true], [0, 'b', true]), limits)).toBeNull()
  expect(holdReason(named('c'), at(1), true, historyOf([0, 'a', true], [0, 'b', false]), limits)).toBeNull()
})

test('one subject is counted over ten minutes, whatever stands around it', () => {
  const history = historyOf([0, 'hi', false], [1, 'Re: hi', false], [2, 'HI', false])
  expect(holdReason(named('[list] AW: hi'), at(9), false, history, limits)).toBe('loop')
  expect(holdReason(named('hi'), at(10), false, history, limits)).toBeNull()
  expect(holdReason(named('ho'), at(9), false, history, limits)).toBeNull()
})

test('reports of servers have one subject for all', () => {
  const history = historyOf([0, 'hi', false], [1, 'hi', false], [2, 'hi', false])
  for (const kind of ['bounce', 'feedback-report'] as const)
    expect(holdReason(message({ kind, subject: 'hi' }), at(3), false, history, limits)).toBeNull()
})

test('mails that come in the wrong order of their times are counted all the same', () => {
  const history = historyOf([30, 'a', true], [20, 'b', true])
  expect(holdReason(named('c'), at(0), true, history, limits)).toBe('held')
})

test('minutes that the database has counted weigh as much as they hold', () => {
  const history = { tickets: [{ at: noon, count: 2 }], subjects: new Map([['hi', [{ at: noon, count: 3 }]]]) }
  expect(holdReason(named('x'), at(1), true, history, limits)).toBe('held')
  expect(holdReason(named('hi'), at(1), false, history, limits)).toBe('loop')
})

test('no hour lets more tickets through than it may', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(300), { maxLength: 60 }), fc.integer({ min: 1, max: 5 }), (minutes, ticketsPerHour) => {
      const history = emptyHistory()
      const passed: number[] = []
      for (const [i, minute] of minutes.entries()) {
        const mail = named(`mail ${i}`)
        if (holdReason(mail, at(minute), true, history, { ticketsPerHour, sameSubject: 0 }) !== null) continue
        noteMail(history, mail, at(minute), true)
        passed.push(minute)
      }
      for (const from of passed)
        expect(passed.filter(minute => minute >= from && minute < from + 60).length).toBeLessThanOrEqual(ticketsPerHour)
    }),
  )
})
