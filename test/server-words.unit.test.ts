import { expect, test } from 'vitest'
import { toServerWords, withServerWords } from '../src/server-words.ts'

const secret = 'pa"ss Wörd\\1'

test('what the server says is one line of at most 200 letters in which nothing steers and nothing looks like a command of ours', () => {
  expect(toServerWords(' Your mailbox\r\nis \x1b[31mlocked\u202e\u009b', secret)).toBe(
    'Your mailbox is \\u001b[31mlocked\\u202e\\u009b',
  )
  expect(toServerWords('run `rm -rf /` ”; the server said: “x', secret)).toBe(`run 'rm -rf /' "; the server said: "x`)
  const long = toServerWords('\u0007é'.repeat(5000), secret) ?? ''
  expect(long.length).toBeLessThanOrEqual(200)
  expect(long).toMatch(/…$/)
  expect(toServerWords(' \r\n ', secret)).toBeUndefined()
})

test.each<[how: string, (text: string) => string]>([
  ['as it is', text => text],
  ['in capitals', text => text.toUpperCase()],
  ['as a quoted string', text => text.replace(/["\\]/g, '\\$&')],
  ['behind so much that it would be cut', text => `${'x'.repeat(500)}${text}`],
  ['over the edge of what is kept', text => `${'x'.repeat(195)}${text}`],
  ['with unseen letters in between', text => [...text].join('\u200b')],
  ['over two lines', text => `${text.slice(0, 4)}\r\n${text.slice(4)}`],
  ['in bytes of UTF-8', text => Buffer.from(text).toString('latin1')],
  ['percent-encoded', text => encodeURIComponent(text)],
  ['in base64', text => `=${Buffer.from(text).toString('base64')}`],
  ['in the blob of PLAIN', text => `got ${Buffer.from(`\0somebody\0${text}`).toString('base64')}, no`],
  ['in hex', text => Buffer.from(text).toString('hex')],
])('a server that echoes the password %s: its sentence is not kept', (_, echo) => {
  expect(toServerWords(`no such password: ${echo(secret)}`, secret)).toBeUndefined()
  // The same echo of something else is.
  expect(toServerWords(`no such password: ${echo('something')}`, secret)).toBeTypeOf('string')
})

test('what the server said stands behind the hint, in quotation marks', () => {
  expect(withServerWords('Set it again.', 'Mailbox locked')).toBe('Set it again.; the server said: “Mailbox locked”')
  expect(withServerWords('Set it again.', undefined)).toBe('Set it again.')
})
