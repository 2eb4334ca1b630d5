// Mails of any size, made of one run of letters again and again in one place of a mail, for every function that reads a mail. Of twice the letters
// the time must not triple: what goes back over what it has read shows itself there, on a slow machine as on a fast one.
import { expect } from 'vitest'
import { parseWhole } from '../../src/parse/parse-message.ts'
import { cpuMsOf } from './cpu-time.ts'

const from = 'From: anna@example.org\r\nIn-Reply-To: <1@example.org>\r\nSubject: Re: hi\r\n'
const oneLine = (text: string) => text.replace(/[\r\n]/g, ' ')
const unquoted = (text: string) => oneLine(text).replaceAll('"', "'")
const part = (type: string, body: string) => `--Q\r\nContent-Type: ${type}\r\n\r\n${body}\r\n--Q--`
const leaf = (type: string) => (text: string) => `${from}Content-Type: ${type}\r\n\r\nHello\n${text}`
const field = (name: string) => (text: string) =>
  `From: "a via b" <l@example.org>\r\nList-Post: <mailto:l@example.org>\r\n${name}: ${oneLine(text)}\r\n\r\nhi`

const fields = [
  ...[
    'From',
    'To',
    'Reply-To',
    'Subject',
    'Date',
    'Message-ID',
    'References',
    'In-Reply-To',
    'Content-Type',
    'Content-Disposition',
  ],
  ...[
    'Content-Transfer-Encoding',
    'Content-ID',
    'Return-Path',
    'List-Id',
    'Auto-Submitted',
    'Received',
    'X-Failed-Recipients',
  ],
]

const report = (type: string) => (text: string) =>
  `From: MAILER-DAEMON@example.org\r\nSubject: Undelivered Mail Returned to Sender\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=Q\r\n\r\n${part(type, text)}`

/** A mail in which `text` stands, by place. */
export const places: Readonly<Record<string, (text: string) => string>> = {
  ...Object.fromEntries(fields.map(name => [name, field(name)])),
  'file name': text => `${from}Content-Type: text/plain; name=${oneLine(text)}\r\n\r\nhi`,
  boundary: text => `${from}Content-Type: multipart/mixed; boundary="${unquoted(text)}"\r\n\r\nhi`,
  'folded field': text => `${from}X: ${text.replace(/\r?\n/g, '\r\n ')}\r\n\r\nhi`,
  header: text => `${from}${text}\r\n\r\nhi`,
  text: leaf('text/plain; charset=utf-8'),
  'flowed text': leaf('text/plain; format=flowed; delsp=yes'),
  HTML: leaf('text/html; charset=utf-8'),
  'deep quotation': text => `${from}Content-Type: text/html\r\n\r\n${'<blockquote>'.repeat(390)}${text}`,
  enriched: leaf('text/enriched'),
  unlabelled: leaf('words/plain'),
  calendar: text =>
    `${from}Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:${oneLine(text)}\n${text}`,
  base64: text => `${from}Content-Transfer-Encoding: base64\r\n\r\n${text}`,
  'quoted-printable': text => `${from}Content-Transfer-Encoding: quoted-printable\r\n\r\n${text}`,
  uuencode: text => `${from}Content-Transfer-Encoding: uuencode\r\n\r\nbegin 644 a\n${text}`,
  parts: text => `${from}Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\nx\n${text}`,
  alternatives: text =>
    `${from}Content-Type: multipart/alternative; boundary=Q\r\n\r\n--Q\r\n\r\n${text}\r\n${part('text/html', text)}`,
  'broken structure': text =>
    `${from}Content-Type: multipart/mixed; boundary=Q\r\n\r\n--Q\r\nContent-Type: multipart/related; boundary=R\r\n\r\n${part('text/plain', text)}`,
  'bounce in words': text =>
    `From: MAILER-DAEMON@example.org\r\nSubject: Undelivered Mail Returned to Sender\r\n\r\nHello\n${text}`,
  'delivery status': report('message/delivery-status'),
  'returned mail': report('message/rfc822'),
  'automatic answer': text => `${from}Auto-Submitted: auto-replied\r\n\r\nOut of office\n${text}`,
}

/** Runs that patterns have gone back over, or that open something without end. */
export const hardRuns: readonly string[] = [
  ...['(', '(a', '"', '<', ' ', '\r', '=?utf-8?q?a?= ', ';', 'a@b.c, ', 'a: ', '\u001b(B'],
  ...['a \n', '> ', '>a \n', '-- \n', '--\n', '--a\n', '<blockquote>x<br>', '<b>x', 'From: a@b.c\n', 'begin 644 a\n'],
  ...['On 1/1/2026 a <a@b.c> wrote:\n', 'Sent from my iPhone\n', 'x<br>\n', 'QQ==\n', '550 5.1.1 a@b.c\n', '<bold>'],
]

/** Below that no mail is slow, and noise is a large part. */
const noiseMs = 800

const cpuMs = (raw: Buffer): Promise<number> => cpuMsOf(() => parseWhole(raw))

/** The least of a few tries: whatever else the machine does only adds. */
async function leastMs(raw: Buffer): Promise<number> {
  return Math.min(await cpuMs(raw), await cpuMs(raw), await cpuMs(raw))
}

/** Twice `bytes` of `run` in `place` do not take three times as long. */
export async function expectLinear(place: string, run: string, bytes: number): Promise<void> {
  const compose = places[place] as (text: string) => string
  const raw = (size: number) => Buffer.from(compose(run.repeat(Math.ceil(size / run.length)).slice(0, size)))
  const whole = raw(2 * bytes)
  if ((await cpuMs(whole)) <= noiseMs) return
  const [half, twice] = [await leastMs(raw(bytes)), await leastMs(whole)]
  const grows = twice > noiseMs && twice > 3 * half
  expect(grows, `${place}, ${JSON.stringify(run)}: ${half} ms, twice as much: ${twice} ms`).toBe(false)
}
