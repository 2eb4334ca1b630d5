// Text that others wrote, as it may be shown. No server is needed.
import { expect, test } from 'vitest'
import { harmless, harmlessJson, isVisible, literalJson, toJsonLine, visible } from '../src/foreign-text.ts'
import { createLog } from '../src/observe/log.ts'

/** A title, a colour, the CSI of one byte, DEL, a line that is written over, and two that turn the direction. */
const hostile = 'a\u001b]0;x\u0007 \u001b[31m \u009b2J \u007f \rb \u202e\u2066 c'
const steers = /[^\P{Cc}\n\t]|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u

test('no control or bidi character reaches a terminal, and what it was can be read', () => {
  expect(hostile).toMatch(steers)
  expect(harmless(hostile)).not.toMatch(steers)
  expect(harmless('two\nlines\tand \u001b[31mred')).toBe('two\nlines\tand \\u001b[31mred')
  expect(visible('imap.example.com\n\u200bb\u{e0041}')).toBe('imap.example.com\\u000a\\u200bb\\udb40\\udc41')
  expect([isVisible('bücher.example'), isVisible('büc\u00adher.example')]).toEqual([true, false])
})

test('JSON escapes them, and is the same value', () => {
  const line = toJsonLine({ [hostile]: hostile })
  expect(line).not.toMatch(steers)
  expect(JSON.parse(line)).toEqual({ [hostile]: hostile })
  expect(JSON.parse(harmlessJson(JSON.stringify('plain \\u001b')))).toBe('plain \\u001b')
})

test('a log that is shown with its strings as they are shows the escapes', () => {
  const text = `${hostile} \\u001b \\\\b \b\f`
  const read = JSON.parse(literalJson(JSON.stringify(text)))
  expect(read).not.toMatch(steers)
  expect(read).toBe(`${harmless(hostile)} \\u001b \\\\b \\u0008\\u000c`)
})

test('a line of the log holds none, whatever the event says', () => {
  const lines: string[] = []
  const log = createLog({ level: 'info', format: 'json' }, { write: line => void lines.push(line) })
  log.info({ host: hostile, error: new Error(hostile) }, hostile)
  expect(lines.join('')).not.toMatch(steers)
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ host: hostile, msg: hostile })
})
