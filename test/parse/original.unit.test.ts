import { expect, test } from 'vitest'
import { parseMessage } from '../../src/parse/parse-message.ts'
import { rawMail } from '../support/messages.ts'

const header = [
  'Message-ID: <out@h>',
  'In-Reply-To: <b@x>',
  'References: <a@x>',
  ' <b@x>',
  'Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=',
]
const original = { messageId: 'out@h', inReplyTo: 'b@x', references: ['a@x', 'b@x'], subject: 'Grüße' }

function report(part: readonly string[], headers: readonly string[] = ['Auto-Submitted: auto-replied']): Buffer {
  return rawMail({
    headers: [...headers, 'MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary=m'],
    body: ['--m', '', 'hello', '--m', ...part, '--m--'].join('\r\n'),
  })
}

test.each([
  ['attached whole', ['Content-Type: message/rfc822', '', ...header, '', 'Message-ID: <inner@h>']],
  ['attached as a header', ['Content-Type: text/rfc822-headers', '', ...header]],
  ['attached after an empty line', ['Content-Type: message/rfc822', '', '', ...header, '', 'words']],
  [
    'attached in base64',
    [
      'Content-Type: message/rfc822',
      'Content-Transfer-Encoding: base64',
      '',
      Buffer.from(`${header.join('\r\n')}\r\n\r\nx`).toString('base64'),
    ],
  ],
])('the original of a report is %s', async (_, part) => {
  expect((await parseMessage(report(part))).original).toEqual(original)
})

test('or quoted in its text', async () => {
  const body = ['not delivered', '', '--- Original message follows ---', '', 'From: x@y', ...header].join('\r\n')
  const parsed = await parseMessage(rawMail({ from: 'mailer-daemon@h', subject: 'failure notice', body }))
  expect(parsed.kind).toBe('bounce')
  expect(parsed.original).toMatchObject({ messageId: 'out@h', references: ['a@x', 'b@x'] })
})

test('a report that brings nothing along has none', async () => {
  expect((await parseMessage(rawMail({ headers: ['Auto-Submitted: auto-replied'] }))).original).toBeNull()
})

test('what people attach they pass on', async () => {
  const parsed = await parseMessage(report(['Content-Type: message/rfc822', '', ...header, '', 'x'], []))
  expect(parsed).toMatchObject({ kind: 'human', original: null })
})
