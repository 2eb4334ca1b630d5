// Mails that are made to be slow: long runs of one kind of letter, and of what begins something, in the subject, the header and the body. Regular
// expressions that go back over what they have read would take minutes for them.
import { expect, test } from 'vitest'
import { parseMessage } from '../../src/parse/parse-message.ts'

const maxMs = 2_000

const runs = [
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

const ends = ['', 'x', ':', ' wrote:', '>', '\n']

function filled(run: string, bytes: number): string {
  return run.repeat(Math.ceil(bytes / run.length)).slice(0, bytes)
}

async function timed(raw: string): Promise<number> {
  const startedAt = performance.now()
  await parseMessage(Buffer.from(raw))
  return performance.now() - startedAt
}

test('no run of letters in a subject, an address or another field takes long', { timeout: 600_000 }, async () => {
  for (const run of runs) {
    const long = filled(run.replace(/[\r\n]/g, ''), 60_000)
    for (const end of ends) {
      const head = [
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
      const raw = `${head.map(name => `${name}: ${long}${end.trim()}\r\n`).join('')}\r\nHello\r\n`
      expect(await timed(raw), JSON.stringify([run, end])).toBeLessThan(maxMs)
    }
  }
})

test.each(['plain', 'html'])(
  'no run of letters in a %s body takes long, in one line or in many',
  { timeout: 900_000 },
  async type => {
    for (const run of runs) {
      for (const width of [70, 390, 1_900, 300_000]) {
        const line = filled(run, width)
        for (const end of width === 300_000 ? ends : [':', ' wrote:']) {
          const body = `Hello\n${`${line}${end}\n`.repeat(Math.max(1, Math.floor(300_000 / width)))}`
          const raw = `From: mailer-daemon@example.org\r\nSubject: Undelivered mail\r\nContent-Type: text/${type}; charset=utf-8\r\n\r\n${body}`
          expect(await timed(raw), JSON.stringify([type, run, width, end])).toBeLessThan(maxMs)
        }
      }
    }
  },
)
