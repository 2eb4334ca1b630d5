// What a part says of itself with a slip is what its sender meant: words are shown, files have their bytes.
import { expect, test } from 'vitest'
import { parseWhole } from '../../src/parse/parse-message.ts'

async function read(header: string, body: string | Buffer) {
  const head = `From: a@example.org\r\nSubject: test\r\n${header}\r\n\r\n`
  const { text, safeHtml, attachments } = await parseWhole(Buffer.concat([Buffer.from(head), Buffer.from(body)]))
  return { text: text.trim(), html: safeHtml?.html ?? null, attachments }
}

test.each([
  ...[
    '"text/plain"; charset=utf-8',
    '"text/plain; charset=utf-8"',
    'text/plain, charset="utf-8", format=flowed',
    'text/plain: charset=utf-8',
  ],
  ...[
    'text/plain;charset:utf-8',
    '=?utf-8?q?text/plain?=; charset=utf-8',
    'Content-Type: text/plain',
    '(plain) text/plain',
    'text / plain',
  ],
  ...[
    'text',
    'text; charset=utf-8',
    'text/',
    'plain',
    'plain/text',
    'text\\plain',
    'text/plan',
    'text/markdown',
    'words',
    'words/plain',
    '*/*',
    '; charset=utf-8',
  ],
])('the words under `Content-Type: %s` are no nameless file', async type => {
  expect(await read(`Content-Type: ${type}`, 'Hellö you')).toEqual({ text: 'Hellö you', html: null, attachments: [] })
})

test.each(['html', '"text/html"', 'text/html, charset=utf-8', 'text/htm', 'text/x-html', 'application/xhtml+xml'])(
  'HTML under `Content-Type: %s` is no nameless file',
  async type => {
    const { text, html, attachments } = await read(`Content-Type: ${type}`, '<p>Hellö <b>you</b></p>')
    expect({ text, html, attachments }).toEqual({ text: 'Hellö you', html: '<p>Hellö <b>you</b></p>', attachments: [] })
  },
)

test.each([
  'multipart',
  '"multipart/mixed"; boundary=q',
  'multipart/mixed, boundary=q',
  'mixed; boundary=q',
  'multipart / mixed; boundary=q',
])('the parts under `Content-Type: %s` are found', async type => {
  const body =
    '--q\r\nContent-Type: text/plain\r\n\r\nHello\r\n--q\r\nContent-Type: =?utf-8?q?application/pdf?=; name=a.pdf\r\n\r\nx\r\n--q--'
  const { text, attachments } = await read(`Content-Type: ${type}`, body)
  expect([text, ...attachments.map(({ filename, contentType }) => `${filename} ${contentType}`)]).toEqual([
    'Hello',
    'a.pdf application/pdf',
  ])
})

test.each([
  ...[
    '"base64"',
    'base_64',
    'base64; charset=utf-8',
    '=?utf-8?q?base64?=',
    'x-base64',
    '<base64>',
    '7bit, base64',
    'Base 64 (MIME)',
  ],
])('`Content-Transfer-Encoding: %s` is base64', async encoding => {
  const { text } = await read(
    `Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: ${encoding}`,
    'SGVsbMO2IHlvdQ==',
  )
  expect(text).toBe('Hellö you')
})

test.each(['"quoted-printable"', 'quoted_printable', 'quoted printable', 'quoted-printible', 'quoted-printable; x=y'])(
  '`Content-Transfer-Encoding: %s` is quoted-printable',
  async encoding => {
    const { text } = await read(
      `Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: ${encoding}`,
      'Hell=C3=B6 you=\r\n!',
    )
    expect(text).toBe('Hellö you!')
  },
)

test('a file of unknown type is not taken for the words of a mail', async () => {
  const { text, attachments } = await read('Content-Type: image/png', Buffer.from('89504e470d0a1a0a', 'hex'))
  expect([text, attachments.length]).toEqual(['', 1])
  const named = await read('Content-Type: words/plain; name=a.txt', 'Hello')
  expect([named.text, named.attachments.length]).toEqual(['', 1])
})

const coded = (text: string) => Buffer.from(text).toString('base64')

test.each(['', 'A', 'AB', 'ABC'])('what follows padding in base64 is not lost (behind %j)', async first => {
  const pieces = [first, 'Line one\r\n', 'x', 'Line two!\r\n', 'é'].map(coded).join('\r\n')
  const { text } = await read('Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64', pieces)
  expect(text).toBe(`${first}Line one\nxLine two!\né`)
})

test.each(['_____\r\nlist mailing list\r\nlist@example.org', 'To leave this list write to the owner'])(
  'the footer of a list behind base64 is not decoded: %j',
  async footer => {
    const { text } = await read(
      'Content-Type: text/plain\r\nContent-Transfer-Encoding: base64',
      `${coded('Hello you')}=\r\n${footer}\r\n`,
    )
    expect(text).toBe('Hello you')
  },
)

test('a mail whose lines end in CR CR LF has its words, its files and its header', async () => {
  const lines = [
    'From: Anna <a@example.org>',
    'Subject: two',
    '\tlines',
    'Content-Type: multipart/mixed; boundary="bb"',
    '',
    '--bb',
    'Content-Type: text/plain; charset=utf-8',
    '',
    'Hello you',
    'and you',
    '--bb',
    'Content-Type: application/pdf; name=a.pdf',
    'Content-Transfer-Encoding: base64',
    '',
    'QUJD',
    '--bb--',
  ]
  const { subject, text, attachments, reasons } = await parseWhole(Buffer.from(`${lines.join('\r\r\n')}\r\r\n`))
  expect({ subject, text: text.trim(), size: attachments[0]?.size, reasons }).toEqual({
    subject: 'two lines',
    text: 'Hello you\nand you',
    size: 3,
    reasons: [],
  })
})

test.each([
  [
    'text/enriched',
    '<bold>Hello</bold> <color><param>red</param>you</color>\n\nand <<you>\nand you',
    'Hello you\nand <you> and you',
  ],
  ['text/richtext', '<bold>Hello</bold><nl>you <lt>3', 'Hello\nyou <3'],
])('%s is the words of a mail', async (type, body, words) => {
  expect(await read(`Content-Type: ${type}; charset=utf-8`, body)).toEqual({ text: words, html: null, attachments: [] })
})

test('text/enriched beside the same words in plain text is not shown twice, and is no file', async () => {
  const body =
    '--q\r\nContent-Type: text/plain\r\n\r\nHello you\r\n--q\r\nContent-Type: text/enriched\r\n\r\n<bold>Hello</bold> you\r\n--q--'
  const { text, attachments } = await read('Content-Type: multipart/alternative; boundary=q', body)
  expect([text, attachments]).toEqual(['Hello you', []])
})
