// A mail that is passed on is what the mail is about: it stays whole in the new words, and is named.
import { expect, test } from 'vitest'
import { parseMessage } from '../../src/parse/parse-message.ts'
import { forwardLines, forwardMarks } from './quotation-material.ts'

const inner = [
  'From: Bob <bob@example.org>',
  'Sent: Tuesday, November 24, 2026 10:00 AM',
  'To: Anna <anna@example.org>',
  'Subject: Dishwasher',
  '',
  'my dishwasher leaks',
]

async function parsed(subject: string, body: readonly string[], more = '') {
  const coded = `=?utf-8?b?${Buffer.from(subject).toString('base64')}?=`
  const head = `From: anna@example.org\r\nSubject: ${coded}\r\n${more}Content-Type: text/plain; charset=utf-8\r\n\r\n`
  return await parseMessage(Buffer.from(`${head}${body.join('\n')}\n`))
}

const answer = 'In-Reply-To: <1@example.org>\r\n'
const named = {
  from: { name: 'Bob', address: 'bob@example.org' },
  subject: 'Dishwasher',
  date: '2026-11-24T10:00:00.000Z',
}

test.each(forwardMarks)('what is passed on under the subject "%s: …" is not hidden', async mark => {
  const { reply, forwarded } = await parsed(`${mark}: Dishwasher`, ['Please handle.', '', ...inner], answer)
  expect(reply).toBe(['Please handle.', '', ...inner].join('\n'))
  expect(forwarded).toEqual(named)
})

test.each(forwardLines)('what is passed on under "%s" is not hidden, in a quotation either', async line => {
  const block = [line, ...inner]
  for (const passedOn of [block, block.map(text => `> ${text}`)])
    for (const more of ['', answer]) {
      const { reply, forwarded } = await parsed('Dishwasher', ['Please handle.', '', ...passedOn], more)
      expect(reply).toContain('my dishwasher leaks')
      expect(forwarded).toEqual(named)
    }
})

test('a forward that an answer quotes is a part of the quotation', async () => {
  const quoted = ['Begin forwarded message:', ...inner].map(line => `> ${line}`)
  const { reply, forwarded } = await parsed('Re: Dishwasher', [
    'Thank you.',
    '',
    'On 24 Nov 2026 at 10:00, Support <s@example.com> wrote:',
    '> See:',
    ...quoted,
  ])
  expect({ reply, forwarded }).toEqual({ reply: 'Thank you.', forwarded: null })
})

test('"VS:" answers in Finnish', async () => {
  const old = [
    'Lähettäjä: Support <s@example.com>',
    'Lähetetty: tiistai 24. marraskuuta 2026 10.00',
    'Vastaanottaja: Anna',
    'Aihe: Tilaus',
    '',
    'Vanha viesti',
  ]
  const { reply, forwarded } = await parsed('VS: Tilaus', ['Kiitos.', '', ...old])
  expect({ reply, forwarded }).toEqual({ reply: 'Kiitos.', forwarded: null })
})

test('a mail that is passed on behind a sentence is named by that', async () => {
  const { reply, forwarded } = await parsed('FW: Dishwasher', [
    'On 24/11/2026 10:00, "Bob" <bob@example.org> wrote:',
    '',
    '    my dishwasher leaks',
  ])
  expect(reply).toContain('my dishwasher leaks')
  expect(forwarded).toEqual({ ...named, subject: '', date: null })
})

test('a mail that is passed on as a file is named by its header', async () => {
  const raw = [
    'From: anna@example.org',
    'Subject: look at this',
    'Content-Type: multipart/mixed; boundary=b',
    '',
    '--b',
    '',
    'see the file',
    '--b',
    'Content-Type: message/rfc822',
    '',
    'From: Bob <bob@example.org>',
    'Subject: Dishwasher',
    'Date: Tue, 24 Nov 2026 11:00:00 +0100',
    '',
    'my dishwasher leaks',
    '--b--',
  ]
  expect((await parseMessage(Buffer.from(raw.join('\r\n')))).forwarded).toEqual(named)
})

test.each([
  [
    'a web form',
    ['From: Anna <anna@example.org>', 'Date: 24.11.2026 10:00', 'Subject: Dishwasher', '', 'Message:', 'it leaks'],
  ],
  [
    'a voicemail',
    ['You received a voice mail.', '', 'From: +49 30 1234567', 'Date: 24.11.2026 10:00', '', 'Transcript: it leaks'],
  ],
  [
    'a journey',
    ['Hello,', 'please book:', '', 'From: Berlin', 'To: Paris', 'Date: 24.11.2026, 10:00', '', 'Thanks, it leaks'],
  ],
  ['a letter with dashes', ['Hello', '', '--', 'one cup', '--', 'it leaks']],
  ['a form with rulers', ['Request', '____', 'Name: Anna', '____', 'Message: it leaks']],
  ['a greeting above a dash', ['Hello', '—', 'it leaks']],
  ['a greeting above a delimiter', ['Hello', '-- ', 'it leaks']],
  [
    'a letter under original fields',
    ['From: anna@example.org', 'To: support@example.com', 'Date: today', 'Subject: apples', '', 'it leaks'],
  ],
  ['a place of work', ['I write this at home.', '', 'Sent from my desk, which is easier than my phone.', 'it leaks']],
  ['a list of people', ['They visit us:', '', '2026-11-27  Ann  <ann@people.example>', '', 'room 4: it leaks']],
])('the words of a mail that answers nothing are not hidden: %s', async (_, body) => {
  const { reply, forwarded } = await parsed('Enquiry', body)
  expect(reply).toContain('it leaks')
  expect(forwarded).toBeNull()
})

test('a journey in an answer is no header', async () => {
  const { reply } = await parsed('Re: Enquiry', [
    'Please book:',
    '',
    'Von: Berlin',
    'Nach: Paris',
    'Datum: 24.11.2026, 10:00 Uhr',
    '',
    'it leaks',
  ])
  expect(reply).toContain('it leaks')
})

test('rulers between the answers to questions are no signature', async () => {
  const { reply } = await parsed('Re: Survey', ['Your answers:', '________', '1. Yes.', '________', '2. it leaks'])
  expect(reply).toContain('it leaks')
})
