// PURE. Which mail is passed on: sender, subject and date, as the program of whoever passes it on wrote them above its words, in a block of
// fields or in one sentence ("On … Anna wrote:"), or as the header of the attached mail says.

import type { Address, ForwardedMessage } from '../../model/parsed-message.ts'
import { parseAddresses } from '../mime/addresses.ts'
import { parseDate } from '../mime/dates.ts'
import { decodeText, type Headers } from '../mime/headers.ts'
import { fieldIn, plain } from './quotation-marks.ts'
import { withoutMarks } from './quoted-html.ts'

/** Lines of a block of fields, with its wrapped values. */
const maxBlock = 30
const maxValue = 2_000

/** `lines` as replyOf() gave them; null if they name nobody. */
export function forwardedIn(lines: readonly string[]): ForwardedMessage | null {
  const fields = blockOf(lines.slice(0, maxBlock).map(line => bare(line)))
  const from = fields.get('from')
  if (from !== undefined)
    return { from: personIn(from), subject: fields.get('subject') ?? '', date: isoOf(fields.get('date') ?? '') }
  const sentence = lines.slice(0, 7).map(bare).join(' ').slice(0, maxValue)
  const person = personIn(sentence)
  return person.address === '' ? null : { from: { ...person, name: lastName(person.name) }, subject: '', date: null }
}

/** Of a mail that is attached. */
export function forwardedHeaders(headers: Headers): ForwardedMessage | null {
  const [from] = parseAddresses(headers.first('from'))
  if (from === undefined) return null
  return {
    from,
    subject: decodeText(headers.first('subject')).slice(0, maxValue),
    date: isoOf(decodeText(headers.first('date'))),
  }
}

function bare(line: string): string {
  return plain(withoutMarks(line))
    .replace(/^(?:\s{0,9}[>|]){0,20}\s{0,99}/, '')
    .trimEnd()
}

/** Fields by their meaning, the first of each. A value may go on in the next lines; blank lines may stand between fields. */
function blockOf(lines: readonly string[]): Map<string, string> {
  const found = new Map<string, string>()
  let last = ''
  for (const [i, line] of lines.entries()) {
    const field = fieldIn(line)
    if (field !== null) {
      last = found.has(field.name) ? '' : field.name
      if (last !== '') found.set(last, field.value.slice(0, maxValue))
    } else if (line === '') {
      const next = lines.slice(i + 1, i + 4).find(text => text !== '')
      if (found.size > 0 && (next === undefined || fieldIn(next) === null)) return found
      last = ''
    } else if (found.size === 0) {
      if (i > 3) return found
    } else if (last !== '') found.set(last, `${found.get(last)} ${line}`.slice(0, maxValue))
  }
  return found
}

const address = /(?:<|\[|\(|^|[\s"':,])(?:mailto:)?([^\s<>()[\]"',;:]{1,64}@[^\s<>()[\]"',;:]{1,250})/i

/** `Anna <anna@example.org>`, in the brackets that programs use. */
function personIn(text: string): Address {
  const found = address.exec(text)
  if (found === null) return { name: cleanName(text), address: '' }
  const [local = '', domain = ''] = (found[1] ?? '').replace(/[.*_]+$/, '').split('@')
  return { name: cleanName(text.slice(0, found.index)), address: `${local}@${domain.toLowerCase()}` }
}

function cleanName(text: string): string {
  return text
    .replace(/^[\s"'*_<([]+|[\s"'*_<([:,]+$/g, '')
    .replace(/\s+/g, ' ')
    .slice(0, 300)
}

/** Of a sentence: the words before the address that are no date. */
function lastName(text: string): string {
  return /(?:^|[\d,;:"]\s*(?:(?:am|pm|uhr)\s+)?)([^\d,;:"]{1,100})$/iu.exec(text)?.[1]?.trim() ?? ''
}

function isoOf(text: string): string | null {
  const time = parseDate(text)
  return time === null ? null : new Date(time).toISOString()
}
