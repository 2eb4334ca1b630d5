// PURE. The instant that a Date field names (RFC 5322 §3.3, the obsolete forms of §4.3, and what is sent instead): other orders and marks,
// the names of months in other languages, ISO 8601, asctime, zones as names. A numeric offset is believed before any name. What the field
// leaves open (a zone that nobody knows, 03/04/2026, a month that is November in one language and October in another) is null: no date is
// better than a wrong one. Without any zone it is read as UTC.
import { monthsCalled, weekdaysCalled } from './calendar-names.ts'
import { offsetOf } from './time-zones.ts'

/** No date is longer; a comment may be. */
const maxLength = 1_000

/** Milliseconds since 1970, or null if it says nothing sensible. `text` is decoded. */
export function parseDate(text: string): number | null {
  return usualDate(text) ?? anyDate(text)
}

/** As RFC 5322 wants it, which nearly all programs write; null for any other, and for what is out of range. */
function usualDate(text: string): number | null {
  const found = usual.exec(text)
  if (found === null) return null
  const [, day = '', month = '', year, hour, minute, second, sign, zoneHours, zoneMinutes] = found
  const midnight = dayOf(Number(year), englishMonths.indexOf(month), Number(day))
  const offset = Number(zoneHours) * 60 + Number(zoneMinutes)
  if (midnight === null || offset > maxOffset) return null
  const local = midnight + ((Number(hour) * 60 + Number(minute)) * 60 + Number(second)) * 1_000
  return local - (sign === '-' ? -offset : offset) * 60_000
}

const englishMonths = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const usual = new RegExp(
  String.raw`^(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?([0-3]?\d) (${englishMonths.join('|')}) (19[1-9]\d|20[0-8]\d) ([01]\d|2[0-3]):([0-5]\d):([0-5]\d) ([+-])(\d\d)([0-5]\d)(?: \([A-Z]{1,5}\))?$`,
)
/** Minutes. Nobody lives further from Greenwich. */
const maxOffset = 14 * 60

function anyDate(text: string): number | null {
  const { bare, comment } = withoutComments(plainText(text.slice(0, maxLength)))
  const time = timeIn(bare)
  if (time === null) return null
  const [before, after] = [bare.slice(0, time.start), bare.slice(time.end)]
  const offset = numericOffset(after)
  // The C library prints the year behind the time.
  const rest = offset === null ? after : `${after.slice(0, offset.start)} ${after.slice(offset.end)}`
  const day = dayIn(`${before} ${rest}`)
  if (day === null) return null
  const local = day + time.ms
  if (offset === null && /^ ?[+-]+ ?\d/.test(after)) return null
  const minutes = offset?.minutes ?? offsetOf(zoneWords(rest), comment, local)
  return minutes === null ? null : inRange(local - minutes * 60_000)
}

/** Lower case, digits of all scripts as ASCII, one kind of blank and dash. */
function plainText(text: string): string {
  return (
    text
      .normalize('NFKC')
      .replace(/(?![0-9])\p{Nd}/gu, digit => String(digitValue(digit)))
      .replace(/[\s\p{Cc}\p{Cf}]+/gu, ' ')
      .replace(/[‐-―−]/g, '-')
      .toLowerCase()
      .replace(/i\u0307/g, 'i')
      // Vietnamese days of the week are numbers.
      .replace(/^(?:thứ [2-7]|t[2-7]|chủ nhật),?/, '')
      .trim()
  )
}

/** The ten digits of a script stand in a row, with nothing like them before it. */
function digitValue(digit: string): number {
  const code = digit.codePointAt(0) as number
  let value = 0
  while (value < 9 && /\p{Nd}/u.test(String.fromCodePoint(code - value - 1))) value++
  return value
}

/** RFC 5322 §3.2.2, nested once. `comment` is what the last one says. */
function withoutComments(text: string): { bare: string; comment: string } {
  let comment = ''
  const bare = text.replace(/\(((?:[^()]|\([^()]*\))*)\)/g, (_, inside: string) => {
    // 2026年11月24日(火)
    if (/[^\u0020-\u007e]/.test(inside) && weekdaysCalled(inside).length > 0) return ` ${inside} `
    comment = inside.trim()
    return ' '
  })
  return { bare, comment }
}

interface Time {
  /** Since midnight. */
  ms: number
  start: number
  end: number
}

const forenoon = /^(?:am|a\.m\.?|上午|午前|오전|π\.?μ\.?|vorm\.?|ص|sa|fm)$/
const halves = String.raw`am|pm|[ap]\.\s?m\.?|上午|下午|午前|午後|오전|오후|[πμ]\.?μ\.?|vorm\.?|nachm\.?|ص|م|fm|em|sa|ch`
const withColons = new RegExp(
  String.raw`(?<![\d:])(?:(${halves}) ?)?(\d{1,2}):(\d{1,2})(?:[:.](\d{1,2}))?(?:[.,]\d{1,9})?(?![\d:])(?: ?(${halves})(?![\p{L}\d/]))?`,
  'u',
)
/** 10.30, 10h30, 10時30分: only where no colon says what is a time. */
const withOthers =
  /(?<![\d.])()(\d{1,2})(?:\.|h|時|时|點|点|시) ?(\d{2})(?:(?:\.|m|分|분) ?(\d{2})(?:s|秒|초)?|m|分|분)?(?!\.?\d)()/u

function timeIn(text: string): Time | null {
  const compact = /(?<!\d)\d{8}t()(\d\d)(\d\d)(\d\d)?()/.exec(text)
  const found = compact ?? withColons.exec(text) ?? lastMatch(text, withOthers)
  if (found === null) return null
  const [whole, before = '', hour = '', minute = '', second = '0', behind = ''] = found
  const half = before || behind
  const hours = Number(hour)
  const isHalf = half !== '' && hours <= 12
  const counted = isHalf ? (hours % 12) + (forenoon.test(half.replace(/\s/g, '')) ? 0 : 12) : hours
  if (Number(minute) > 59 || Number(second) > 60 || counted > 24 || (counted === 24 && Number(minute) > 0)) return null
  const start = compact === null ? found.index : found.index + 8
  return { ms: ((counted * 60 + Number(minute)) * 60 + Number(second)) * 1_000, start, end: found.index + whole.length }
}

/** A day may be written with dots as well, and stands before its time. */
function lastMatch(text: string, pattern: RegExp): RegExpExecArray | null {
  return [...text.matchAll(new RegExp(pattern, 'gu'))].at(-1) ?? null
}

/** `+0100`, `+01:00`, `+1`, `GMT+01:00`, `UTC -5`. */
function numericOffset(after: string): { minutes: number; start: number; end: number } | null {
  const found = /(^|[\s,;a-z"'])([+-]) ?(\d{1,2})(?::?(\d{2}))?(?::?00)?(?![\d:/-])/.exec(after)
  if (found === null) return null
  const [whole, lead = '', sign, hours, minutes = '0'] = found
  const total = Number(hours) * 60 + Number(minutes)
  if (total > maxOffset || Number(minutes) > 59) return null
  return {
    minutes: sign === '-' ? -total : total,
    start: found.index + lead.length,
    end: found.index + whole.length,
  }
}

/** What may name a zone in the text behind the time. */
function zoneWords(rest: string): string {
  return rest
    .replace(/\d{4}/g, ' ')
    .split(/[\s,;"]+/)
    .filter(word => /\p{L}/u.test(word) && !fillers.test(word) && !isCalendarWord(word))
    .join(' ')
}

const fillers = /^(?:uhr|h|hrs?|hours?|o'clock|kl\.?|klo|om|at|the|of|年|日|时|時|분|일|\p{L}?\d+\p{L}{0,2})$/u

function isCalendarWord(word: string): boolean {
  if (offsetOf(word, '', 0) !== null) return false
  return monthsCalled(word).length > 0 || weekdaysCalled(word).length > 0 || /[年月日년월일]/.test(word)
}

/** Midnight UTC of the day that a text names. */
function dayIn(text: string): number | null {
  const [, first, second, third] =
    /(?<!\d)(\d{4}) ?[-/.年년] ?(\d{1,2}) ?[-/.月월] ?(\d{1,2})(?!\d)/u.exec(text) ??
    /(?<!\d)(\d{4})(\d\d)(\d\d)(?!\d)/.exec(text) ??
    []
  if (first !== undefined) return dayOf(Number(first), Number(second) - 1, Number(third))
  const words = [...text.matchAll(/[\p{L}\p{M}][\p{L}\p{M}.'’]*/gu)].map(([word]) => word)
  const weekdays = new Set(words.flatMap(weekdaysCalled))
  const days = namedDays(text, words) ?? numericDays(text)
  const [only, ...others] = days.length > 1 ? days.filter(day => weekdays.has(new Date(day).getUTCDay())) : days
  return others.length > 0 ? null : (only ?? null)
}

/** Every day that a text with the name of a month may mean; null if there is no such name. */
function namedDays(text: string, words: readonly string[]): number[] | null {
  const counted = /(?:(?:tháng|thg|th) ?(\d{1,2})|(\d{1,2}) ?[月월])/u.exec(text)
  const named = words.map(word => ({ word, months: monthsCalled(word) })).filter(({ months }) => months.length > 0)
  // `mar.` is March, and Tuesday where another month follows.
  const telling = named.filter(({ word }, at) => at > 0 || named.length === 1 || weekdaysCalled(word).length === 0)
  const months = counted === null ? (telling[0]?.months ?? []) : [Number(counted[1] ?? counted[2]) - 1]
  if (months.length === 0) return null
  const numbers = [...text.replace(counted?.[0] ?? '', ' ').matchAll(/\d+/g)].map(([digits]) => digits)
  const long = numbers.findIndex(digits => digits.length >= 3 || Number(digits) > 31)
  const year = long >= 0 ? numbers[long] : numbers[1]
  const day = numbers.find((_, at) => at !== (long >= 0 ? long : 1))
  if (year === undefined || day === undefined) return []
  return months.flatMap(month => dayOf(fullYear(year), month, Number(day)) ?? [])
}

/** `24.11.2026` begins with the day; `11/24/2026` may begin with either. */
function numericDays(text: string): number[] {
  const [, first = '', mark, second = '', year = ''] =
    /(?<!\d)(\d{1,2})( ?[-/.] ?)(\d{1,2})\2(\d{4}|\d{2})(?!\d)/.exec(text) ?? []
  if (mark === undefined) return []
  const readings = [
    [first, second] as const,
    ...(mark.includes('.') || first === second ? [] : [[second, first] as const]),
  ]
  return readings.flatMap(([day, month]) => dayOf(fullYear(year), Number(month) - 1, Number(day)) ?? [])
}

/** Null for a day that no calendar has. */
function dayOf(year: number, month: number, day: number): number | null {
  const time = Date.UTC(year, month, day)
  return month >= 0 && month < 12 && new Date(time).getUTCDate() === day ? time : null
}

/** RFC 5322 §4.3; the years of Thai Buddhists are 543 ahead. */
function fullYear(year: string): number {
  const number = Number(year)
  if (year.length < 4) return number + (year.length === 3 || number >= 50 ? 1900 : 2000)
  return number > 2443 && number < 2700 ? number - 543 : number
}

/** What DATETIME can hold, and a clock may have said. */
function inRange(time: number): number | null {
  return Number.isFinite(time) && time >= Date.UTC(1900, 0, 1) && time < Date.UTC(2100, 0, 1) ? time : null
}
