import { expect, test } from 'vitest'
import { isSameSize, isWhole, showsEstimates } from '../../src/poll/batch/stated-size.ts'

const crlf = Buffer.from('Subject: a\r\n\r\nbody\r\n')
const bare = Buffer.from('Subject: a\n\nbody\n')
const mail = (size: number, source: Buffer) => ({ size, source, complete: true })

test.each([
  ['as stated', mail(crlf.length, crlf), true],
  ['no size stated', mail(0, crlf), true],
  ['longer than stated', mail(5, crlf), true],
  ['bare line feeds, counted as CRLF', mail(crlf.length, bare), true],
  ['the last line has no end, and was counted with one', mail(crlf.length, crlf.subarray(0, -2)), true],
  ['one byte more than line ends explain', mail(crlf.length + 1, bare), false],
  ['cut in the middle', mail(crlf.length, crlf.subarray(0, 15)), false],
  ['nothing at all', mail(crlf.length, Buffer.alloc(0)), false],
  ['nothing, and none stated', mail(0, Buffer.alloc(0)), false],
])('%s', (_, came, whole) => {
  expect(isWhole(came, false)).toBe(whole)
})

test('where the server estimates, less than stated is no proof; nothing at all is', () => {
  expect(isWhole(mail(90_000, crlf), true)).toBe(true)
  expect(isWhole(mail(90_000, Buffer.alloc(0)), true)).toBe(false)
})

test('one mail that is longer than stated shows that the server estimates; line ends do not', () => {
  expect(showsEstimates([mail(crlf.length, crlf), mail(5, crlf)])).toBe(true)
  expect(showsEstimates([mail(bare.length, crlf), mail(0, crlf), mail(90_000, crlf)])).toBe(false)
})

test('what may be deleted is of the same size on both sides, or near an estimate', () => {
  expect(isSameSize(crlf.length, bare, false)).toBe(true)
  expect(isSameSize(bare.length, crlf, false)).toBe(true)
  expect(isSameSize(crlf.length + 9, crlf, false)).toBe(false)
  expect(isSameSize(0, crlf, false)).toBe(false)
  expect(isSameSize(crlf.length + 9, crlf, true)).toBe(true)
  expect(isSameSize(300_000, crlf, true)).toBe(false)
  expect(isSameSize(crlf.length, Buffer.alloc(0), true)).toBe(false)
})
