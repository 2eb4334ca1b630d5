// Which parts are files, what they are called, and which of them the HTML shows.
import { expect, test } from 'vitest'
import type { Attachment } from '../../src/model/parsed-message.ts'
import { readRtf } from '../../src/parse/mime/rtf.ts'
import { parseMessage, parseWhole } from '../../src/parse/parse-message.ts'
import { mailDocument } from '../../src/web/pages/tickets/mail-html.ts'
import { rawMail } from '../support/messages.ts'

/** A mail of parts, each a header and a body. */
function mailOf(parts: readonly string[], type = 'multipart/mixed'): Buffer {
  const body = `${parts.map(part => `--b\r\n${part}`).join('\r\n')}\r\n--b--`
  return rawMail({ headers: [`Content-Type: ${type}; boundary=b`], body })
}

function pageOf(html: string | null, attachments: readonly Attachment[]): string {
  return mailDocument(html ?? '', { images: 'blocked', links: 'blocked', attachments, attachmentPath: () => '/a' }).body
}

const text = 'Content-Type: text/plain\r\n\r\nThe words.'

async function namesOf(parts: readonly string[], type?: string): Promise<(string | null)[]> {
  return (await parseMessage(mailOf(parts, type))).attachments.map(({ filename }) => filename)
}

test.each(['inline; filename="error.log"', 'inline', ''])(
  'a text with a name is shown and can be saved: %s',
  async where => {
    const log = `Content-Type: text/plain; name="error.log"\r\n${where && `Content-Disposition: ${where}\r\n`}\r\n12:00 disk full`
    const message = await parseMessage(mailOf([text, log]))
    expect(message.text).toContain('12:00 disk full')
    expect(message.attachments).toMatchObject([{ filename: 'error.log', contentType: 'text/plain', size: 15 }])
  },
)

test('the body of a mail is no file because it has a name', async () => {
  const alone = rawMail({ headers: ['Content-Type: text/plain; name="mail.txt"'] })
  expect((await parseMessage(alone)).attachments).toEqual([])
  const forms = ['text/plain; name=a.txt', 'text/html; name=a.html'].map(type => `Content-Type: ${type}\r\n\r\nWords`)
  expect(await namesOf(forms, 'multipart/alternative')).toEqual([])
})

test.each([
  ['Subject: The broken cup', 'The broken cup.eml'],
  ['Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=', 'Grüße.eml'],
  ['Subject: Re: a/b\\c?', 'Re_ a_b_c_.eml'],
  [`Subject: ${'x'.repeat(400)}`, `${'x'.repeat(251)}.eml`],
  ['From: a@example.org', null],
])('an attached mail without a name is called after its subject: %s', async (field, name) => {
  const plain = `Content-Type: message/rfc822\r\n\r\n${field}\r\n\r\nInside`
  const coded = Buffer.from(`${field}\r\n\r\nInside`).toString('base64')
  const packed = `Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n${coded}`
  expect(await namesOf([text, plain, packed])).toEqual([name, name])
})

test.each([
  ['=?utf-8?Q?two=0D=0Alines.pdf?=', 'two lines.pdf'],
  ['"two\r\n lines.pdf"', 'two lines.pdf'],
  ['=?utf-8?Q?a=00b=07.pdf?=', 'ab.pdf'],
])('a name is one line, without controls: %s', async (written, name) => {
  expect(await namesOf([text, `Content-Type: application/pdf; name=${written}\r\n\r\nx`])).toEqual([name])
})

test('AMP, reactions and resource forks are no files', async () => {
  const amp = 'Content-Type: text/x-amp-html\r\n\r\n<html amp4email></html>'
  const reaction = 'Content-Type: text/vnd.google.email-reaction+json\r\n\r\n{"emoji":"x","version":1}'
  expect(await namesOf([text, amp, reaction], 'multipart/alternative')).toEqual([])
  const fork = 'Content-Type: application/applefile; name="a.png"\r\n\r\nfork'
  const picture = 'Content-Type: image/png; name="a.png"\r\n\r\ndata'
  expect(await namesOf([fork, picture], 'multipart/appledouble')).toEqual(['a.png'])
})

const spellings: readonly (readonly [string, string])[] = [
  ['cid:a%20b@x', '<a b@x>'],
  ['cid:a&amp;b@x', '<a&b@x>'],
  ['cid:a&#38;b@x', '<a&b@x>'],
  ['CID:Bild@X', '<bild@x>'],
  ['cid:&lt;a@x&gt;', '<a@x>'],
  ['cid:%3Ca@x%3E', 'a@x'],
  ['cid:größe@x', '<=?utf-8?Q?gr=C3=B6=C3=9Fe=40x?=>'],
  ['cid:gr%C3%B6%C3%9Fe@x', '<größe@x>'],
  ['cid:a@x', '< a@x >'],
  ['cid:a%40x', '<a@x>'],
]

test.each(spellings)('a picture is found whichever way its id is written: %s, %s', async (address, id) => {
  const html = `Content-Type: text/html; charset=utf-8\r\n\r\n<p><img src="${address}"></p>`
  const picture = `Content-Type: image/png\r\nContent-ID: ${id}\r\nContent-Disposition: attachment; filename=a.png\r\n\r\nABC`
  const message = await parseWhole(mailOf([html, picture], 'multipart/related'))
  expect(message.attachments).toMatchObject([{ filename: 'a.png', inline: true }])
  expect(pageOf(message.safeHtml?.html ?? null, message.attachments)).toContain('<img src="/a">')
})

test('a picture that stands at an address is shown there, and is called as it was there', async () => {
  const html = 'Content-Type: text/html\r\n\r\n<img src="https://shop.example/img/cup%201.png?v=2">'
  const picture = 'Content-Type: image/png\r\nContent-Location: https://shop.example/img/cup%201.png?v=2\r\n\r\nABC'
  const { safeHtml, attachments } = await parseWhole(mailOf([html, picture], 'multipart/related'))
  expect(attachments).toMatchObject([{ filename: 'cup 1.png', inline: true }])
  expect(pageOf(safeHtml?.html ?? null, attachments)).toContain('<img src="/a">')
})

test('no NUL comes out of rich text', () => {
  expect(readRtf("{\\rtf1\\ansi a\\u0 ?b\\'00c\0d}").text).toBe('abcd')
})
