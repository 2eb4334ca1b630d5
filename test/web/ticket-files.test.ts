// Names and permissions of what came with mails, whatever the names are and whoever made the permission.
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { keepAs, pictureTypeOf, plainLine, safeFileName } from '../../src/web/pages/tickets/download-headers.ts'
import {
  endOf,
  isPermitted,
  publicPartOf,
  readPermission,
  toPermission,
  toPictureKey,
} from '../../src/web/security/inline-permission.ts'

const anyName = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({
    unit: fc.constantFrom(
      '.',
      '/',
      '\\',
      '\r',
      '\n',
      '"',
      ';',
      '%',
      ' ',
      '\u202e',
      '\0',
      'a',
      'ü',
      '😀',
      '\ud800',
      ':',
      '*',
      "'",
    ),
    maxLength: 200,
  }),
)

test('a name is one part of a path, and its header one header, whatever it was', () => {
  fc.assert(
    fc.property(anyName, given => {
      const name = safeFileName(given, 'attachment-1')
      expect(name).not.toMatch(/[\\/:*?"<>|\p{Cc}\u202a-\u202e\u2066-\u2069]|^[. ]|[. ]$/u)
      expect([...name].length).toBeGreaterThan(0)
      expect([...name].length).toBeLessThanOrEqual(121)
      const header = keepAs(name)
      const [, quoted, token, utf8] =
        /^attachment; filename=(?:"([\x20-\x21\x23-\x5b\x5d-\x7e]+)"|([\w!#$&'*+.^`|~-]+))(?:; filename\*=UTF-8''([\w.!~%-]+))?$/.exec(
          header,
        ) ?? []
      const plain = quoted ?? token ?? ''
      expect(plain, header).toMatch(/^[^%;]+$/)
      expect(utf8 === undefined ? plain : decodeURIComponent(utf8)).toBe(name)
    }),
    { numRuns: 2_000 },
  )
})

test.each([
  ['../../etc/passwd', '_.._etc_passwd'],
  ['.htaccess', 'htaccess'],
  ['con.txt', '_con.txt'],
  ['photo\u202egnp.exe', 'photognp.exe'],
  [' \t ', 'attachment-1'],
  ['Größe 😀.pdf', 'Größe 😀.pdf'],
])('%j is kept as %j', (given, name) => {
  expect(safeFileName(given, 'attachment-1')).toBe(name)
})

test('a very long name keeps its ending', () => {
  expect(safeFileName(`${'a'.repeat(500)}.pdf`, '')).toBe(`${'a'.repeat(116)}.pdf`)
})

test('a line shows nothing that cannot be seen', () => {
  expect(plainLine('a\u0000b\r\nc\u202ed\u2066e\ufefff\u{e0041}g')).toBe('a b cdefg')
})

test('a picture is what its bytes say', () => {
  expect(pictureTypeOf(Buffer.from('89504e470d0a1a0a00', 'hex'))).toBe('image/png')
  expect(pictureTypeOf(Buffer.from('ffd8ffe0', 'hex'))).toBe('image/jpeg')
  expect(pictureTypeOf(Buffer.from('GIF89a'))).toBe('image/gif')
  expect(pictureTypeOf(Buffer.from('RIFF\0\0\0\0WEBPVP8 '))).toBe('image/webp')
  for (const other of [
    '',
    'GIF',
    '<svg xmlns="http://www.w3.org/2000/svg">',
    '<html>',
    'RIFF\0\0\0\0WAVE',
    '\u0089PNG',
  ])
    expect(pictureTypeOf(Buffer.from(other)), other).toBeUndefined()
})

test('a permission is good for its session, its file and its time alone', () => {
  const token = randomBytes(32).toString('base64url')
  const [secret, key] = [toPictureKey(token), publicPartOf(toPictureKey(token))]
  const now = new Date('2026-11-26T10:20:00Z')
  const given = { sessionId: 7, until: endOf(now), fileId: 9 }
  const text = toPermission(secret, given)
  const read = readPermission(text)
  if (read === undefined) throw new Error(`${text} is not read`)
  expect(read).toMatchObject(given)
  expect(isPermitted(key, read, now)).toBe(true)
  expect(isPermitted(key, read, new Date('2026-11-26T11:59:59Z'))).toBe(true)
  expect(isPermitted(key, read, new Date('2026-11-26T12:00:00Z'))).toBe(false)
  const another = publicPartOf(toPictureKey(token.replace(/^./, first => (first === 'A' ? 'B' : 'A'))))
  for (const other of [another, randomBytes(32), Buffer.alloc(32), Buffer.alloc(0)])
    expect(isPermitted(other, read, now)).toBe(false)
  for (const change of [{ sessionId: 8 }, { until: given.until + 3_600 }, { fileId: 90 }])
    expect(isPermitted(key, { ...read, ...change }, now)).toBe(false)
  for (const other of ['', '7.9', `${text}x`, text.replace('.', '..'), `-${text}`, text.slice(0, -1)])
    expect(readPermission(other), other).toBeUndefined()
})
