import { expect, test } from 'vitest'
import { parseDate } from '../../src/parse/mime/dates.ts'

/** Every one of them means ten o'clock on Tuesday, 24 November 2026, at one hour east of Greenwich. */
const sameInstant = [
  'Tue, 24 Nov 2026 10:00:00 +0100',
  'Tue, 24, Nov 2026 10:00:00 +0100',
  'Tue, 24 Nov 2026 10:00:00 GMT+01:00',
  'Tue, 24 Nov 2026 10:00:00 UTC+1',
  'Tue, 24 Nov 2026 10:00:00 +01',
  'Tue, 24 Nov 2026 10:00:00 +0100 (MEZ)',
  'Tue, 24 Nov 2026 10:00:00 +0100 UTC',
  'Tue, 24 Nov 2026 10:00:00 (CET)',
  'Tue, 24 Nov 2026 10:00:00 Europe/Berlin',
  'Tue, 24 Nov 2026 09:00:00 WET',
  'Tue, 24 Nov 2026 04:00:00 EST5EDT',
  'Tue, 24 Nov 2026 03:00:00 CST',
  'Tue, 24 Nov 2026 14:30:00 IST',
  'Tue, 24 Nov 2026 19:00:00 AEST',
  'Tue, 24 Nov 2026 22:00:00 NZDT',
  'Tue, 24 Nov 2026 10:00:00 W. Europe Standard Time',
  'Tue, 24 Nov 2026 05:00:00 Eastern Daylight Time',
  'Tue, 24 Nov 2026 11:00:00 CET DST',
  'Tue, 24 Nov 2026 09:00:00 N',
  'Tue, 24 Nov 126 09:00 GMT',
  'Tuesday, 24-Nov-26 09:00:00 UT',
  'Tue Nov 24 10:00:00 CET 2026',
  'Tue Nov 24 2026 10:00:00 GMT+0100 (Central European Standard Time)',
  '2026-11-24T10:00:00+01:00',
  '2026-11-24 09:00:00',
  '20261124T090000Z',
  '24.11.2026 10.00 +0100',
  '11/24/2026 4:00 AM -0500',
  'Di., 24 Nov. 2026 10:00:00 +0100',
  'Dienstag, 24. November 2026 10:00 Uhr MEZ',
  'mar., 24 nov. 2026 10:00:00 +0100',
  'wto, 24 lis 2026 10:00:00 +0100',
  'Sal, 24 Kas 2026 12:00:00 +0300',
  'Вт, 24 ноя 2026 12:00:00 +0300',
  'Τρι, 24 Νοε 2026 11:00:00 +0200',
  '2026. nov. 24. 10:00 +0100',
  'Thứ 3, 24 thg 11 2026 16:00:00 +0700',
  'อ., 24 พ.ย. 2569 16:00:00 +0700',
  'الثلاثاء، ٢٤ نوفمبر ٢٠٢٦ 12:00:00 +0300',
  '火, 24 11月 2026 18:00:00 +0900',
  '2026年11月24日(火) 18:00:00 +0900',
  '2026년 11월 24일 오후 6:00 +0900',
]

test.each(sameInstant)('an hour is not lost, nor a date, because it is written %s', text => {
  expect(parseDate(text)).toBe(Date.UTC(2026, 10, 24, 9))
})

const unknown = [
  'Tue, 24 Nov 2026 10:00:00 QQT',
  'Tue, 24 Nov 2026 10:00:00 +9900',
  'Tue, 31 Feb 2026 10:00:00 +0100',
  'Tue, 24 Nov 2026 25:00:00 +0100',
  // November in Polish and Czech, October in Croatian.
  '24 listopad 2026 10:00:00 +0100',
  '03/04/2026 10:00:00 +0100',
  '24 Nov 2026',
  'yesterday',
  '',
]

test.each(unknown)('no date is made of what nobody knows: %s', text => {
  expect(parseDate(text)).toBeNull()
})

test('a month that two languages share is told by the day of the week', () => {
  expect(parseDate('úterý, 24 listopad 2026 10:00:00 +0100')).toBe(Date.UTC(2026, 10, 24, 9))
  expect(parseDate('subota, 24 listopad 2026 10:00:00 +0200')).toBe(Date.UTC(2026, 9, 24, 8))
})
