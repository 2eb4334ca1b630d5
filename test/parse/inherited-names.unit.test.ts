// Names that every plain object has (`constructor`, `toString`) are names like any other, wherever a mail puts them. On each place stands a mail
// of its own: with such a name it says what it says with a word that nobody has ever heard of.

import { expect, test } from 'vitest'
import type { ArchivedMail } from '../../src/model/mail-outcome.ts'
import { decodeCharset } from '../../src/parse/mime/charset.ts'
import { readRtf } from '../../src/parse/mime/rtf.ts'
import { parseMessage } from '../../src/parse/parse-message.ts'
import { decideOutcomes, type OutcomePolicy } from '../../src/poll/ingest/decide-outcomes.ts'
import { createHeaderReader } from '../../src/poll/ingest/ingest-batch.ts'
import { rawMail } from '../support/messages.ts'

const inherited = Object.getOwnPropertyNames(Object.prototype)

const event = (lines: string) => `BEGIN:VCALENDAR\r\n${lines}\r\nEND:VEVENT\r\nEND:VCALENDAR`

/** By place: a header and a body. */
const mails: Readonly<Record<string, (name: string) => readonly [string, string]>> = {
  'charset of a subject': name => [`Subject: =?${name}?Q?caf=E9?=`, 'hi'],
  'charset of a name': name => [`To: =?${name}?B?Y2Fm6Q==?= <b@example.com>`, 'hi'],
  'charset of a text': name => [`Content-Type: text/plain; charset=${name}`, 'caf\u00e9'],
  'charset of an HTML': name => ['Content-Type: text/html', `<meta charset="${name}"><p>caf\u00e9`],
  'charset of a file name': name => [`Content-Type: application/pdf; name*=${name}'en'caf%E9`, 'x'],
  'name of a parameter': name => [`Content-Type: text/plain; ${name}=a; ${name}*0*=b; ${name}*1=c`, 'hi'],
  'type and encoding': name => [`Content-Type: ${name}/${name}\r\nContent-Transfer-Encoding: ${name}`, 'hi'],
  'disposition and content id': name => [
    `Content-Disposition: ${name}; ${name}=${name}\r\nContent-ID: <${name}>`,
    'hi',
  ],
  'multipart without parts': name => [
    `Content-Type: multipart/${name}; boundary=${name}; charset=${name}`,
    'caf\u00e9',
  ],
  'name of a field': name => [`${name}: 1\r\nPrecedence: ${name}\r\nAuto-Submitted: ${name}`, 'hi'],
  'zone of a date': name => [`Date: Sat, 28 Nov 2026 09:00:00 ${name}`, 'hi'],
  'month of a date': name => [`Date: Sat, 28 ${name} 2026 09:00:00 +0100`, 'hi'],
  element: name => ['Content-Type: text/html', `<div><${name}>hi</${name}> <${name}/>there</div>`],
  attribute: name => [
    'Content-Type: text/html',
    `<td ${name}=1><a ${name}=2 href="${name}:x">x</a><img ${name}=3 src="cid:${name}">`,
  ],
  style: name => [
    'Content-Type: text/html',
    `<p style="${name}: 1; color: ${name}; width: ${name}" class="${name}">hi &${name};`,
  ],
  'method of an invitation': name => [
    'Content-Type: text/calendar',
    event(`METHOD:${name}\r\nBEGIN:VEVENT\r\nSUMMARY:x\r\n${name}:1`),
  ],
  'answer to an invitation': name => [
    'Content-Type: text/calendar',
    event(`METHOD:REPLY\r\nBEGIN:VEVENT\r\nATTENDEE;PARTSTAT=${name}:a`),
  ],
}

/** As long, and of the same kind of letters. */
const unheardOf = (name: string) => name.replace(/[a-z]/gi, 'q')

async function parsed(name: string, [header, body]: readonly [string, string]): Promise<string> {
  const fields = header.startsWith('Content-Type')
    ? header
    : `${header}\r\nContent-Type: text/plain; charset=iso-8859-1`
  const raw = Buffer.from(`From: a@example.com\r\n${fields}\r\n\r\n${body}`, 'latin1')
  const message = await parseMessage(raw)
  return JSON.stringify(message, (key, value) => (key === 'sha256' ? '' : value))
    .toLowerCase()
    .replaceAll(name.toLowerCase(), 'NAME')
}

test.each(Object.keys(mails))('a name that objects have of themselves is taken for nothing else as %s', async place => {
  const compose = mails[place] as (typeof mails)[string]
  for (const name of inherited) {
    const strange = unheardOf(name)
    expect(await parsed(name, compose(name))).toBe(await parsed(strange, compose(strange)))
  }
})

test('a control word of rich text that objects have of themselves says nothing', () => {
  for (const name of inherited.filter(name => /^[a-z]+$/i.test(name)))
    expect(readRtf(`{\\rtf1 one\\${name} two}`).text).toBe(readRtf(`{\\rtf1 one\\${unheardOf(name)} two}`).text)
})

test('no charset, however it is called, stops a text', () => {
  for (const name of inherited) expect(decodeCharset(Buffer.from('caf\u00e9', 'latin1'), name)).toBe('caf\u00e9')
})

function kept(uid: number, source: Buffer, message: ArchivedMail['parsed']): ArchivedMail {
  const location = {
    batch: 'b',
    offset: 0,
    size: source.length,
    sha256: String(uid),
  } as unknown as ArchivedMail['location']
  return {
    mail: { uid, receivedAt: new Date(0), complete: true, source, size: source.length } as ArchivedMail['mail'],
    location,
    parsed: message,
    fault: null,
  }
}

test('a mail on which a rule breaks does not take the others of its batch along', async () => {
  const sources = ['one', 'two', 'three'].map(subject => rawMail({ subject, headers: ['X-Spam-Flag: no'] }))
  const mails = await Promise.all(sources.map(async (source, i) => kept(i + 1, source, await parseMessage(source))))
  const read = createHeaderReader()
  const policy: OutcomePolicy = {
    thread: { closed: 'reopen', opening: new Set(['human']), requester: 'sender', senderCheck: 'off' },
    hold: { ticketsPerHour: 0, sameSubject: 0 },
    rules: [{ name: 'spam', conditions: { header: { name: 'X-Spam-Flag', value: 'yes' } }, action: 'drop', tag: null }],
    header: (source, name) => {
      if (source === sources[1]) throw new TypeError('name.includes is not a function')
      return read(source, name)
    },
  }
  const known = {
    contents: new Map(),
    fingerprints: new Map(),
    threads: new Map(),
    awaited: new Map(),
    elsewhere: new Set<string>(),
    tokens: new Map(),
    trusted: null,
    own: new Set<string>(),
    histories: new Map(),
    canaries: new Set<string>(),
  }
  const ends = decideOutcomes(mails, known, { rereadBeforeUid: 0, startBeforeUid: 99, released: false }, policy)
  expect(ends.map(({ result, reason }) => (result === 'created' ? result : reason))).toEqual([
    'created',
    'unparseable',
    'created',
  ])
})
