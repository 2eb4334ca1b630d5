// Mails that are made to be slow: long runs of one kind of letter, and of what begins something, in the subject, the header and the body. Regular
// expressions that go back over what they have read would take minutes for them.
import { expect } from 'vitest'
import { parseWhole } from '../../src/parse/parse-message.ts'

const maxMs = 2_000

export const runs = [
  ...[
    'a',
    'Z',
    '9',
    ' ',
    '\t',
    '.',
    ',',
    ':',
    ';',
    '-',
    '_',
    '=',
    '*',
    '>',
    '<',
    '|',
    '(',
    ')',
    '[',
    ']',
    '{',
    '"',
    "'",
    '\\',
    '/',
    '@',
    '#',
    '?',
    '!',
    '~',
    '`',
    '&',
    '%',
    '$',
    '+',
    '^',
  ],
  ...[
    'é',
    'ж',
    '中',
    '\u00a0',
    '\u200e',
    '😀',
    '\0',
    '\r',
    '=?',
    '?=',
    '=?utf-8?q?',
    '=?utf-8?b?',
    '<a',
    '<a@',
    '<a@b',
    '<a@b>',
    'a@',
    'a@b.c ',
    '@a',
    '(a',
    '(a@b',
    '"a',
    '\\"',
    '= ',
    '=\r\n',
    '=20',
  ],
  ...[
    '> ',
    '>> ',
    '| ',
    '|a',
    '-- ',
    '---',
    '- ',
    '_ ',
    '* ',
    '-*',
    '=-',
    '1 ',
    '10:00 ',
    '1.1 ',
    '1/1/',
    '2026 ',
    'On ',
    'On 1 ',
    'wrote ',
    'wrote: ',
    'am ',
    'de ',
    'from: ',
    'From: a ',
    'sent from ',
    'sent from my ',
    'on a ',
    'iphone ',
    'for on ',
  ],
  ...[
    '<div ',
    '<div>',
    '</div>',
    '<blockquote>',
    '<a href="',
    '<img src=cid:',
    '&amp;',
    '<!--',
    '<style>',
    '<p class="',
    '<span style="',
    'cid:',
    'mailto:',
    '\\u1 ',
    '{\\',
    'begin 644 a\n',
    '=ybegin line=1 size=1 name=a\n',
    'M'.repeat(61),
    '-----BEGIN PGP SIGNED MESSAGE-----\n',
    '5.1.1 ',
    '550 ',
    '550 5.1.1 ',
    '#5.',
    'could not be ',
    'returned ',
    'delivery ',
    'mail ',
  ],
]

const fields = [
  'Subject',
  'From',
  'To',
  'Date',
  'Message-ID',
  'References',
  'Content-Type',
  'Content-Disposition',
  'Auto-Submitted',
  'Return-Path',
  'List-Id',
  'Reply-To',
]

function filled(run: string, bytes: number): string {
  return run.repeat(Math.ceil(bytes / run.length)).slice(0, bytes)
}

async function expectSoon(raw: string, what: unknown): Promise<void> {
  const before = process.threadCpuUsage()
  await parseWhole(Buffer.from(raw))
  const { user, system } = process.threadCpuUsage(before)
  expect((user + system) / 1000, JSON.stringify(what)).toBeLessThan(maxMs)
}

/** Runs of `bytes` in each field, followed by each of `ends`. */
export async function expectFastHeaders(bytes: number, ends: readonly string[]): Promise<void> {
  for (const run of runs) {
    const long = filled(run.replace(/[\r\n]/g, ' '), bytes)
    for (const end of ends)
      await expectSoon(`${fields.map(name => `${name}: ${long}${end}\r\n`).join('')}\r\nHello\r\n`, [run, end])
  }
}

/** Runs of `width` in lines of a body of `bytes`, each followed by each of `ends`. */
export async function expectFastBodies(
  type: string,
  bytes: number,
  widths: readonly number[],
  ends: readonly string[],
): Promise<void> {
  const head = `From: mailer-daemon@example.org\r\nSubject: Undelivered mail\r\nContent-Type: text/${type}; charset=utf-8\r\n\r\nHello\n`
  for (const run of runs) {
    for (const width of widths) {
      const line = filled(run, width)
      for (const end of ends)
        await expectSoon(head + `${line}${end}\n`.repeat(Math.max(1, Math.floor(bytes / width))), [
          type,
          run,
          width,
          end,
        ])
    }
  }
}
