// Plain mails of plain people, as their programs write them: none of them is a bounce or an automatic answer, and what is new in them is kept to
// the last word.
import { expect, test } from 'vitest'
import { parseMessage } from '../../src/parse/parse-message.ts'
import { type Material, materials } from './ordinary-material.ts'

interface Mail {
  name: string
  raw: string
  /** New words; white space aside. */
  reply: string
}

const support = { name: 'Support', address: 'support@example.com' }
const old = [
  'Thank you for your mail. Which order is it about?',
  '',
  'Please tell us the number:',
  'it stands on the invoice.',
]
const sentAt = 'Monday, November 23, 2026 9:15 AM'

/** The header of a mail program, and a body in its transfer encoding. */
function compose(material: Material, program: readonly string[], subject: string, type: string, body: string): string {
  const name = material.closing.split('\n').at(-1) as string
  const coded = (text: string) => `=?UTF-8?B?${Buffer.from(text).toString('base64')}?=`
  return [
    'Return-Path: <customer@example.org>',
    'Received: from mx.example.org (mx.example.org [192.0.2.7]) by mail.example.com; Tue, 24 Nov 2026 10:00:01 +0000',
    `From: ${coded(name)} <customer@example.org>`,
    `To: ${support.name} <${support.address}>`,
    `Subject: ${coded(subject)}`,
    'Date: Tue, 24 Nov 2026 10:00:00 +0000',
    `Message-ID: <${subject.length}.${material.language}@example.org>`,
    ...program,
    'MIME-Version: 1.0',
    `Content-Type: ${type}; charset=utf-8`,
    'Content-Transfer-Encoding: base64',
    '',
    Buffer.from(body)
      .toString('base64')
      .replace(/(.{76})/g, '$1\r\n'),
    '',
  ].join('\r\n')
}

const answers = ['In-Reply-To: <7@example.com>', 'References: <5@example.com> <7@example.com>']
const gmail = [...answers, 'X-Google-Smtp-Source: AGHT']
const apple = [...answers, 'X-Mailer: iPhone Mail (22A3354)']
const thunderbird = [...answers, 'User-Agent: Mozilla Thunderbird']
const outlook = [
  ...answers,
  'X-Mailer: Microsoft Outlook 16.0',
  'Thread-Index: AdtA',
  'X-MS-Has-Attach:',
  'Content-Language: en-US',
]

const quoted = old.map(line => `> ${line}`.trimEnd()).join('\n')
const html = (text: string) =>
  text
    .split('\n')
    .map(line => (line === '' ? '<div><br></div>' : `<div>${line.replaceAll('<', '&lt;')}</div>`))
    .join('')

type Shape = (
  material: Material,
  words: string,
) => { program: readonly string[]; type: string; body: string; reply: string }

const text = (program: readonly string[], body: string, reply: string) => ({ program, type: 'text/plain', body, reply })
const rich = (program: readonly string[], body: string, reply: string) => ({ program, type: 'text/html', body, reply })

const block = ({ fields: [from, sent, to, subject] }: Material) =>
  [
    `${from}: ${support.name} <${support.address}>`,
    `${sent}: ${sentAt}`,
    `${to}: customer@example.org`,
    `${subject}: order`,
  ].join('\n')

const shapes: Readonly<Record<string, Shape>> = {
  'a new mail with a signature': ({ closing }, words) =>
    text(thunderbird.slice(2), `${words}\n\n-- \n${closing}\nTel. 030 123456\n`, words),
  'Gmail, text': ({ introductions: [introduction] }, words) =>
    text(gmail, `${words}\n\n${introduction}\n\n${quoted}\n`, words),
  'Gmail, text with a wrapped introduction': ({ introductions: [introduction] }, words) =>
    text(gmail, `${words}\n\n${introduction.replace(' <', '\n<')}\n\n${quoted}\n`, words),
  'Gmail, HTML': ({ introductions: [introduction] }, words) =>
    rich(
      gmail,
      `<div dir="ltr">${html(words)}</div><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">${introduction.replaceAll('<', '&lt;')}<br></div><blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);padding-left:1ex">${html(old.join('\n'))}</blockquote></div>`,
      words,
    ),
  'Apple Mail, text from a telephone': ({ introductions: [, introduction], footer }, words) =>
    text(apple, `${words}\n\n${footer}\n\n> ${introduction}\n> \n${quoted}\n`, words),
  'Apple Mail, HTML': ({ introductions: [, introduction], footer }, words) =>
    rich(
      apple,
      `<html><body dir="auto">${html(words)}<br><div dir="ltr">${footer}</div><div dir="ltr"><br><blockquote type="cite">${introduction.replaceAll('<', '&lt;')}<br><br></blockquote></div><blockquote type="cite"><div dir="ltr">${html(old.join('\n'))}</div></blockquote></body></html>`,
      words,
    ),
  'Thunderbird, answer below': ({ introductions: [, , introduction] }, words) =>
    text(thunderbird, `${introduction}\n${quoted}\n\n${words}\n`, words),
  'Thunderbird, answers between': ({ introductions: [, , introduction], greeting }, words) =>
    text(
      thunderbird,
      `${greeting}\n\n${introduction}\n> ${old[0]}\n\n${words}\n\n> ${old[2]}\n> ${old[3]}\n\n4711\n`,
      `${greeting}${words}4711`,
    ),
  'Thunderbird, HTML': ({ introductions: [, , introduction] }, words) =>
    rich(
      thunderbird,
      `<html><body>${html(words)}<div class="moz-cite-prefix">${introduction}<br></div><blockquote type="cite" cite="mid:7@example.com">${html(old.join('\n'))}</blockquote></body></html>`,
      words,
    ),
  'Outlook, text': (material, words) => text(outlook, `${words}\n\n${block(material)}\n\n${old.join('\n')}\n`, words),
  'Outlook, text with a line': ({ original, ...material }, words) =>
    text(
      outlook,
      `${words}\n\n-----${original}-----\n${block({ original, ...material })}\n\n${old.join('\n')}\n`,
      words,
    ),
  'Outlook, HTML': (material, words) =>
    rich(
      outlook,
      `<html><body><div class="WordSection1">${html(words)}<div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p class="MsoNormal">${block(
        material,
      )
        .split('\n')
        .map(line => line.replaceAll('<', '&lt;').replace(/^(.*?:)/, '<b>$1</b>'))
        .join('<br>')}</p></div>${html(old.join('\n'))}</div></body></html>`,
      words,
    ),
  'Yahoo, HTML': ({ introductions: [introduction] }, words) =>
    rich(
      answers,
      `<div class="yahoo-style-wrap">${html(words)}</div><div id="yahoo_quoted_12" class="yahoo_quoted"><div>${introduction.replaceAll('<', '&lt;')}</div>${html(old.join('\n'))}</div>`,
      words,
    ),
  'Proton, text': ({ introductions: [introduction] }, words) =>
    text(answers, `${words}\n\nSent with Proton Mail secure email.\n\n${introduction}\n\n${quoted}\n`, words),
  'Zimbra, text': (material, words) =>
    text(
      [...answers, 'X-Mailer: Zimbra 8.8'],
      `${words}\n\n----- ${material.original} -----\n${block(material)}\n\n${old.join('\n')}\n`,
      words,
    ),
  'Notes, text': (material, words) =>
    text(
      [...answers, 'X-Mailer: Lotus Notes Release 9.0'],
      `${words}\n\n\n\n${block(material).replaceAll(': ', ':   ')}\n\n\n${old.join('\n')}\n`,
      words,
    ),
}

/** Greeting and closing around what is said. */
const full = ({ greeting, closing }: Material, words: string) => `${greeting}\n\n${words}\n\n${closing}`

function mailsIn(material: Material): Mail[] {
  const replies = Object.entries(shapes).map(([name, shape], i): Mail => {
    const words = full(material, material.words[i % 3] as string)
    const { program, type, body, reply } = shape(material, words)
    const subject = program.includes(answers[0] as string) ? `${material.replyPrefix}: order 4711` : 'order 4711'
    return { name: `${material.language}: ${name}`, raw: compose(material, program, subject, type, body), reply }
  })
  const told = ([subject, words]: readonly [string, string], name: string, program: readonly string[]): Mail => {
    const said = full(material, words)
    return {
      name: `${material.language}: ${name}`,
      raw: compose(material, program, subject, 'text/plain', said),
      reply: said,
    }
  }
  const [aboutAbsence, aboutReturned] = material.absence.map((_, i) => i) as [number, number]
  const forward = `${full(material, material.words[aboutAbsence] as string)}\n\n---------- ${material.forwarded} ----------\n${block(material)}\n\n${old.join('\n')}`
  return [
    ...replies,
    told(material.absence, 'about absence', apple.slice(2)),
    told(material.returned, 'about returned mail', outlook.slice(2)),
    {
      name: `${material.language}: answers an absence`,
      raw: compose(
        material,
        gmail,
        `${material.replyPrefix}: ${material.absence[0]}`,
        'text/plain',
        full(material, material.words[aboutReturned] as string),
      ),
      reply: full(material, material.words[aboutReturned] as string),
    },
    {
      name: `${material.language}: passes a mail on`,
      raw: compose(material, outlook, `${material.forwardPrefix}: order 4711`, 'text/plain', forward),
      reply: forward,
    },
  ]
}

const mails = materials.flatMap(mailsIn)
const squeeze = (words: string) => words.replace(/\s+/g, '')

test('there are two hundred of them, in fifteen languages', () => {
  expect(materials.length).toBe(15)
  expect(mails.length).toBeGreaterThanOrEqual(200)
})

test.each(mails)('$name', async ({ raw, reply }) => {
  const message = await parseMessage(Buffer.from(raw))
  expect([message.kind, ...message.reasons]).toEqual(['human'])
  expect(message.bounce).toBeNull()
  expect(message.reply.trim()).not.toBe('')
  expect(squeeze(message.reply)).toBe(squeeze(reply))
})
