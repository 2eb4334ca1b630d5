import { expect, test } from 'vitest'
import { redactAnswer, redactCommand, type Shown } from '../../src/fetch/redact-line.ts'

const shown: Shown = {
  tags: new Set(['1', '2', 'A']),
  names: new Set(['INBOX', 'Büro']),
  isSecret: digits => digits === '48151623',
}

test.each([
  ['1 CAPABILITY', '1 CAPABILITY'],
  ['2 LOGIN "support@example.com" "pass word"', '2 LOGIN (hidden)'],
  ['2 LOGIN {7}', '2 LOGIN (hidden)'],
  ['2 AUTHENTICATE PLAIN', '2 AUTHENTICATE PLAIN'],
  ['2 AUTHENTICATE XOAUTH2 dXNlcj1zdXBwb3J0', '2 AUTHENTICATE XOAUTH2 (hidden)'],
  ['3 STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY)', '3 STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY)'],
  ['4 EXAMINE "Büro"', '4 EXAMINE "Büro"'],
  ['4 EXAMINE "somebody@example.com"', '4 EXAMINE (string, 20 bytes)'],
  ['5 UID SEARCH UID 18:*', '5 UID SEARCH UID 18:*'],
  ['6 UID SEARCH SINCE 24-Nov-2026', '6 UID SEARCH SINCE 24-Nov-2026'],
  ['7 ID ("name" "Letterlock")', '7 ID ((string, 4 bytes) (string, 10 bytes))'],
  ['c3VwcG9ydABwYXNzd29yZA==', '(command, 24 bytes)'],
])('a command: %s → %s', (line, expected) => {
  expect(redactCommand(line, shown)).toBe(expected)
})

test.each([
  [
    '* OK [CAPABILITY IMAP4rev1 auth=plain X-HORSE] ready',
    '* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN (word, 7 bytes)] (text, 5 bytes)',
  ],
  ['* CAPABILITY IMAP4rev1 IDLE battery', '* CAPABILITY IMAP4rev1 IDLE (word, 7 bytes)'],
  ['2 NO [AUTHENTICATIONFAILED] pass word is wrong', '2 NO [AUTHENTICATIONFAILED] (text, 18 bytes)'],
  ['2 NO [horse battery] x', '2 NO [(word, 5 bytes) (word, 7 bytes)] (text, 1 bytes)'],
  ['2 OK', '2 OK'],
  ['horse OK done', '(line, 13 bytes)'],
  ['1 horse battery', '1 (text, 13 bytes)'],
  ['+ cGFzcyB3b3Jk', '+ (text, 12 bytes)'],
  ['+', '+'],
  ['* STATUS INBOX (MESSAGES 3 UIDNEXT 18 UIDVALIDITY 1)', '* STATUS INBOX (MESSAGES 3 UIDNEXT 18 UIDVALIDITY 1)'],
  ['* LIST (\\HasNoChildren \\Horse) "/" "Büro"', '* LIST (\\HasNoChildren (word, 6 bytes)) "/" "Büro"'],
  ['* LIST () "." horse', '* LIST () "." (word, 5 bytes)'],
  ['* FLAGS (\\Seen $Junk horse)', '* FLAGS (\\Seen $Junk (word, 5 bytes))'],
  ['* 48151623 EXISTS', '* (word, 8 bytes) EXISTS'],
  ['* SEARCH 1 2 4294967296 007', '* SEARCH 1 2 (word, 10 bytes) (word, 3 bytes)'],
  [
    '* 1 FETCH (UID 17 INTERNALDATE "24-Nov-2026 10:00:00 +0000" BODY[HEADER] {20}\r\n FLAGS ())',
    '* 1 FETCH (UID 17 INTERNALDATE "24-Nov-2026 10:00:00 +0000" BODY[HEADER] (literal, 20 bytes) FLAGS ())',
  ],
  [
    '* 1 FETCH (ENVELOPE ("Tue, 24 Nov 2026" "My \\"horse\\"" ((NIL NIL "ada" "example.com"))))',
    '* 1 FETCH (ENVELOPE ((string, 16 bytes) (string, 10 bytes) ((NIL NIL (string, 3 bytes) (string, 11 bytes)))))',
  ],
  ['* 1 FETCH (BODY "horse', '* 1 FETCH (BODY (rest, 6 bytes)'],
  ['* 1 FETCH (BODY {horse}', '* 1 FETCH (BODY (rest, 7 bytes)'],
])('an answer: %s → %s', (line, expected) => {
  expect(redactAnswer(`${line}\r\n`, shown)).toBe(expected)
})

test('a long line is cut between two tokens', () => {
  const line = redactAnswer(`* SEARCH ${Array.from({ length: 500 }, (_, i) => 1000 + i).join(' ')}`, shown)
  expect(line).toMatch(/^\* SEARCH 1000 1001 .* \(rest, \d+ bytes\)$/)
  expect(line.length).toBeLessThan(450)
})
