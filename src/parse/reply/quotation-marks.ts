// PURE. What a quotation is known by in a text: its marks (`>`), the line that introduces it ("On … wrote:"), "Original Message" and the like,
// and a block of header fields. Words in quotation-words.ts. Every test takes time in proportion to its line: a mail may be made to be slow.

import {
  fieldNames,
  forwardStems,
  introducers,
  joinedWroteWords,
  monthWords,
  originalWords,
  quotingWords,
  wroteWords,
} from './quotation-words.ts'
import { htmlMarks, withoutMarks } from './quoted-html.ts'
import { markOfSubject } from './subject-marks.ts'

/** An introduction, with the lines that it is wrapped over; nothing longer is looked at. */
const maxIntroduction = 400
/** Lines of an introduction. */
const maxWrapped = 7

/** Marked, or indented in HTML. */
export function isQuoted(line: string): boolean {
  const text = isUncertain(line) ? line.slice(1) : line
  if (!/^\s{0,3}[>|]/.test(text)) return false
  if (/^\s{0,3}>/.test(text)) return true
  // Not a row of a table.
  return /^\s{0,3}\|(?:\s|$)/.test(text) && (text.trim() === '|' || !text.trimEnd().endsWith('|'))
}

/** Indented in HTML that does not say what that means. */
export function isUncertain(line: string): boolean {
  return line.startsWith(htmlMarks.indented) || line.startsWith(htmlMarks.block)
}

export function unquote(line: string): string {
  return withoutMarks(line).replace(/^\s{0,3}[>|] ?/, '')
}

const marks = /[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ue0c0-\ue0c8]|\u00a0|\u202f/

/** Without direction marks, which mail programs put between the figures of a date. */
export function plain(line: string): string {
  if (!marks.test(line)) return line
  return line.replace(/[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ue0c0-\ue0c8]/g, '').replace(/\u00a0|\u202f/g, ' ')
}

const word = (alternatives: string) => `(?<![\\p{L}])(?:${alternatives})(?![\\p{L}])`
const figure = '\\p{Nd}'
const dates = `(?:${figure}{4}|${figure}{1,2}[:.]${figure}{2}|${figure}{1,2}[./-]${figure}{1,2}|${figure}{1,2}\\.?\\s{1,3}${word(monthWords)}|${word(monthWords)}\\.?\\s{1,3}${figure}{1,2})`
const bracketed =
  '<\\s{0,3}(?:mailto:)?[^<>@]{0,200}@[^<>@]{0,250}(?:>|$)|\\([^()\\s@]{1,64}@[^()\\s@]{1,250}\\s?\\)|\\[mailto:[^\\]]{1,300}\\]'

const hasFigure = /[\p{Nd}@]/u
const rulerFirst = /^[\s*_]{0,9}-{2,}/
const startsAs = new RegExp(`^[\\s*_]{0,9}-{0,80}\\s{0,9}(?:${introducers})(?![\\p{L}])`, 'iu')
const hasDate = new RegExp(dates, 'iu')
const hasClock = new RegExp(`${figure}{1,2}[:.]${figure}{2}|(?<!${figure})(?:19|20)\\d\\d(?!${figure})`, 'u')
const hasAddress = new RegExp(bracketed, 'iu')
const wrote = `(?:${word(wroteWords)}|(?:${joinedWroteWords}))`
const hasWrote = new RegExp(wrote, 'iu')
const endsWrote = new RegExp(`${wrote}[^\\p{L}]{0,12}$`, 'iu')
const quotes = new RegExp(`^[\\s*_]{0,9}(?:${quotingWords})\\s`, 'iu')
/** Programs give the seconds, too. */
const hasSeconds = /\d{1,2}:\d{2}:\d{2}/
/** `Anna---24.11.2026 10:00:00---` and the first words, in Notes. */
const ofNotes = /^[^-]{1,80}-{3}\s?\d{1,2}[./]\d{1,2}[./]\d{2,4}\s\d{1,2}:\d{2}(?::\d{2})?(?:\s[ap]m)?\s?-{3}/i
/** `Anna <anna@example.org> 24.11.2026 10:00 >>>`, in GroupWise. */
const endsBrackets = />{3}\s{0,9}$/
const bareAddress = /(?:^|[\s(<[:"'])[^\s<>()[\]"',;:]{1,64}@[^\s<>()[\]"',;:]{3,250}/
const endsColon = /[:：][\s*_]{0,9}$/
const endsAddress = new RegExp(`(?:${bracketed})\\s{0,9}[:：]\\s{0,9}$`, 'iu')
const startsIso = /^[\s*_]{0,9}\d{4}[-/.]\d{1,2}[-/.]\d{1,2}/
const startsClock = /^.{0,60}\d{1,2}[:.]\d{2}/
const endsDashes = /\s{0,9}:?\s{0,9}-{2,80}[\s*]{0,9}$/
/** Somebody who tells what was written; programs write names. */
const personal = new RegExp(
  `(?<![\\p{L}])(?:i|you|we|they|he|she|it|ich|sie|wir|er|du|ihr|man|je|vous|nous|tu|il|elle|yo|usted|ustedes|él|ella|io|lei|lui|noi|voi|eu|você|vocês|nós|ele|ela|ik|u|wij|jij|hij|jullie|jag|ni|jeg|de|han|hun|ja|pan|pani|wy|my|vy|já|я|вы|мы|ты|он|она|ви|ми|minä|te|ön|siz|ben)(?:['’](?:ve|d|ai))?\\s{1,3}(?:[\\p{L}]{1,9}\\s{1,3}){0,2}(?:${wroteWords})(?![\\p{L}])`,
  'iu',
)

/** Letters that no digit, mark, blank or colon is among. */
const harmless =
  '\\u00a1-\\u02ff\\u0370-\\u05ff\\u1e00-\\u1fff\\u2010-\\u2027\\u2030-\\u205e\\u20a0-\\u20cf\\u3001-\\u9fff\\uac00-\\ud7a3'
/** Whatever is told by more than its first word has one of these. */
const sign = new RegExp(`[\\d@:>|]|---|[^\\x00-\\x7f${harmless}]`)
const startsOddly = /^\s*[-_=*~#—–<]/

/**
 * Which lines are nothing but words: whatever else is asked of one here, the answer is no. Most lines of most mails are, and asking costs much.
 */
export function ordinaryLines(lines: readonly string[]): boolean[] {
  const ordinary = lines.map(line => !sign.test(line) && !startsOddly.test(line) && !startsAs.test(line))
  // What a line is may show in those around it: the end of a quotation, an address in the next line, a field of a header below it.
  let field = Number.POSITIVE_INFINITY
  for (let i = lines.length - 1; i >= 0; i--) {
    const isPlain = ordinary[i]
    const next = lines[i + 1] ?? ''
    if (isPlain && (field - i <= 4 || /^\s{0,3}</.test(next) || isQuoted(lines[i - 1] ?? ''))) ordinary[i] = false
    if (!isPlain && /[:：]/.test(lines[i] as string)) field = i
  }
  return ordinary
}

/** What is looked at costs; a text made of nothing but beginnings is not looked at to its end. */
export interface Effort {
  left: number
}

/** How many lines from `i` on introduce a quotation; 0 if they do not. `quotedAfter`: whether marks of quotation follow. */
export function introductionAt(lines: readonly string[], i: number, effort: Effort): number {
  const first = plain(lines[i] as string)
  if (ofNotes.test(first)) return 1
  if (first.length > maxIntroduction || !mayBegin(first, lines[i + 1] ?? '')) return 0
  let joined = first
  for (let count = 1; count <= maxWrapped; count++) {
    if (mayEnd(joined)) {
      effort.left -= joined.length
      if (effort.left < 0) return 0
      if (isIntroduction(joined, () => isQuotedNext(lines, i + count))) return count
    }
    const next = plain(lines[i + count] ?? '').trim()
    // Only the pieces of an address may stand apart from the rest.
    if (
      next === '' &&
      !/^(<|mailto:|>:?$)/.test(plain(lines[i + count + 1] ?? '').trim()) &&
      !/<$/.test(joined.trimEnd())
    )
      return 0
    joined = `${joined} ${next}`.trimEnd()
    if (joined.length > maxIntroduction || i + count >= lines.length) return 0
  }
  return 0
}

/** Quick: a figure, an address (perhaps only in the next line), a ruler, or one of the words. */
function mayBegin(first: string, next: string): boolean {
  return (
    hasFigure.test(first) || rulerFirst.test(first) || startsAs.test(first) || /^\s{0,3}<[^<>@\s]{1,64}@/.test(next)
  )
}

/** Quick: how they all end. Read from the end, since words stand everywhere else. */
function mayEnd(text: string): boolean {
  endsQuick.lastIndex = text.length
  return endsQuick.test(text)
}

const endsQuick = new RegExp(`(?<=(?:[:：>)\\]*_-]|${wrote}[^\\p{L}]{0,12})\\s{0,9})$`, 'iuy')

function isIntroduction(line: string, isQuotedAfter: () => boolean): boolean {
  const end = line.slice(-160)
  // ---- Anna wrote ----
  if (rulerFirst.test(line) && hasWrote.test(line) && (endsDashes.test(end) || endsWrote.test(end))) return true
  // Zitat von Anna <anna@example.org>:
  if (quotes.test(line) && endsAddress.test(line.slice(-320))) return true
  if (endsBrackets.test(line) && hasDate.test(line)) return true
  // In words of whatever language: a date, a time and an address before a colon.
  if (endsColon.test(end) && hasDate.test(line) && hasTime.test(line) && bareAddress.test(line)) return true
  // 2026-11-24 10:00 GMT+01:00 Anna <anna@example.org>:
  if (startsIso.test(line) && (endsAddress.test(line.slice(-320)) || /[>)]\s{0,9}$/.test(end)) && hasAddress.test(line))
    return true
  // 24.11.2026, 10:00, "Anna" <anna@example.org>:
  if (endsAddress.test(line.slice(-320)) && (startsClock.test(line) || (startsAs.test(line) && hasDate.test(line))))
    return true
  if (isDated(line) && isQuotedAfter()) return true
  if (!hasWrote.test(line)) return false
  const isAddressed = hasAddress.test(line)
  // Anna <anna@example.org> wrote:
  if (isAddressed && hasWrote.test(end) && !startsAs.test(line) && (endsColon.test(end) || endsWrote.test(end)))
    return true
  // Anna wrote:
  if (line.length <= maxNamed && endsColon.test(end) && endsWrote.test(end) && !personal.test(line) && isQuotedAfter())
    return true
  if (!hasDate.test(line) || !(endsColon.test(end) || (startsAs.test(line) && endsWrote.test(end)))) return false
  // On Tue, Nov 24, 2026 at 10:00 AM Anna <anna@example.org> wrote:
  // Without an address it may be a sentence of the mail's own: "On 3 May you wrote:".
  if (isAddressed || isQuotedAfter()) return true
  return hasClock.test(line) && (!personal.test(line) || hasSeconds.test(line))
}

/** Letters of a name and what is said of it. */
const maxNamed = 100
const hasTime = new RegExp(`${figure}{1,2}[:.時시点]\\s?${figure}{2}`, 'u')
const startsDated = new RegExp(
  `^[\\s*_]{0,9}(?:\\p{L}{1,20},?\\s)?${figure}{1,4}[\\s./年-]{1,3}(?:${figure}{1,2}|\\p{L}{1,20})`,
  'u',
)

/** A date, a time and a name before a colon; only a ruler above it, or a quotation below, tells it from a heading. */
function isDated(line: string): boolean {
  return line.length <= 160 && startsDated.test(line) && hasTime.test(line) && endsColon.test(line)
}

export function isQuotedNext(lines: readonly string[], from: number): boolean {
  const next = lines.slice(from, from + 4).find(line => line.trim() !== '')
  return next !== undefined && isQuoted(next)
}

const originalLine = new RegExp(
  `^[\\s>*|]{0,20}[-_=]{2,80}\\s{0,9}\\*?\\s{0,9}(?:${originalWords})\\s{0,9}:?\\*?\\s{0,9}[-_=]{2,80}[\\s*]{0,9}$`,
  'iu',
)
const hasForward = new RegExp(`(?:${forwardStems})`, 'iu')
const betweenRulers = /^[\s*]{0,9}[-_=<]{2,80}.{1,200}[-_=>]{2,80}[\s*]{0,9}$/

/** "Original Message", between dashes. */
export function isOriginalLine(line: string): boolean {
  return line.length <= maxIntroduction && originalLine.test(line)
}

/** "Forwarded message", between rulers or above the fields of a header; `lines` may be quoted. */
export function isForwardAt(lines: readonly string[], i: number): boolean {
  const line = unquoteAll(lines[i] as string)
  if (line.length > maxForward || !hasForward.test(line)) return false
  if (betweenRulers.test(line)) return true
  const next = lines
    .slice(i + 1, i + 5)
    .map(unquoteAll)
    .find(text => text.trim() !== '')
  return next !== undefined && fieldIn(next) !== null
}

const maxForward = 200

/** Without any level of quotation. */
function unquoteAll(line: string): string {
  return plain(line).replace(/^(?:\s{0,9}[>|]){1,20}\s?/, '')
}

/** A line of strokes, perhaps with a few words between them. */
function isRuler(line: string): boolean {
  const core = line.replace(/[>|]/g, ' ').trim()
  if (/^[-_=*~#—–]{3,}$/.test(core)) return true
  return (
    core.length <= 200 &&
    /^[-_=*~#]{2}/.test(core) &&
    /[-_=*~#]{2}$/.test(core) &&
    core.replace(/[-_=*~#]+/g, '').length <= 60
  )
}

/** The header fields of a mail, perhaps below a ruler. */
export function beginsCopy(lines: readonly string[], i: number, effort: Effort): boolean {
  const line = plain(lines[i] as string)
  if (line.length > maxIntroduction || effort.left < 0) return false
  if (!isRuler(line)) return isHeaderBlock(lines, i, effort) || isNotesHead(lines, i)
  const below = lines.slice(i + 1, i + 5).findIndex(text => text.trim() !== '' && !isRuler(text))
  if (below < 0) return false
  const at = i + 1 + below
  return isHeaderBlock(lines, at, effort) || isDated(plain(lines[at] ?? '')) || introductionAt(lines, at, effort) > 0
}

/**
 * Quoted lines that only introduce what follows without a mark: a program marks its own words so. `> Message du … > De : …`, or
 * `>>> Anna <anna@example.org> 24.11.2026 10:00 >>>`.
 */
export function isQuotedHead(lines: readonly string[], i: number, effort: Effort): boolean {
  const length = lines.slice(i, i + maxHead + 1).findIndex(line => !isQuoted(line))
  if (length < 1 || !lines.slice(i + length, i + length + 4).some(line => line.trim() !== '')) return false
  if (isQuotedNext(lines, i + length)) return false
  const head = lines.slice(i, i + length).map(unquoteAll)
  if (introductionAt(head, 0, effort) === head.length) return true
  const fields = head.filter(line => fieldIn(line) !== null).length
  return fields >= 2 && head.every((line, k) => k === 0 || line.trim() === '' || fieldIn(line) !== null)
}

/** Lines. */
const maxHead = 8

const fields = Object.entries(fieldNames).map(
  ([field, names]) =>
    [field, new RegExp(`(?:^|\\s)[*_]{0,2}(?:${names})\\s{0,2}[*_]{0,2}(?::[*_]{0,2}(?=\\s|$)|：)`, 'iu')] as const,
)
const anyField = new RegExp(`^[\\s>*_]{0,20}(?:${Object.values(fieldNames).join('|')})\\s{0,2}[*_]{0,9}[:：]`, 'iu')

const leading = Object.entries(fieldNames).map(
  ([field, names]) =>
    [field, new RegExp(`^[\\s*_]{0,9}(?:${names})\\s{0,3}[*_]{0,2}[:：][*_]{0,2}\\s{0,99}(.*)$`, 'iu')] as const,
)

/** The field of a header that a line begins with, by its meaning, and its value. */
export function fieldIn(line: string): { name: string; value: string } | null {
  if (line.length > maxIntroduction * 5 || !anyField.test(line)) return null
  for (const [name, pattern] of leading) {
    const value = pattern.exec(line)?.[1]
    if (value !== undefined) return { name, value: value.trim() }
  }
  return null
}

/** From, date, recipient and subject in a row, with a sender as only Outlook writes it or a subject that answers: no form has that. */
export function isSurelyCopy(lines: readonly string[], i: number): boolean {
  const block = lines.slice(i, i + 6).flatMap(line => fieldIn(plain(line)) ?? [])
  const isComplete = ['from', 'date', 'to', 'subject'].every(name => block.some(field => field.name === name))
  const isOfMail = ({ name, value }: { name: string; value: string }) =>
    (name === 'from' && /\[mailto:[^\]]{3,300}\]/i.test(value)) ||
    (name === 'subject' && markOfSubject(value, '') !== null)
  return isComplete && block.some(isOfMail)
}

/** Sender and time above labels without colons, as old Notes set them. */
function isNotesHead(lines: readonly string[], i: number): boolean {
  const [sender = '', time = ''] = lines.slice(i, i + 2).map(line => plain(line).trim())
  return (
    hasAddress.test(sender) &&
    />$/.test(sender) &&
    /^\d{1,2}[./]\d{1,2}[./]\d{2,4}\s\d{1,2}:\d{2}(?::\d{2})?(?:\s[ap]m)?$/i.test(time)
  )
}

/** At least two fields of different meaning, one below the other, with an address, a time or a subject among them. */
function isHeaderBlock(lines: readonly string[], i: number, effort: Effort): boolean {
  if (!anyField.test(plain(lines[i] as string))) return false
  effort.left -= 400
  const block = lines
    .slice(i, i + 8)
    .map(line => plain(line.slice(0, maxIntroduction)))
    .filter(line => line.trim() !== '')
    .slice(0, 5)
  const found = new Set(
    block.flatMap(line => fields.filter(([, pattern]) => pattern.test(line)).map(([field]) => field)),
  )
  if (!found.has('from') && !(found.has('date') && found.size > 2)) return false
  // Two alone may be a trip from one place to another.
  if (found.size < 2 || (found.size < 3 && !block.some(line => line.includes('@')))) return false
  return found.has('subject') || /@|\d{1,2}[:.]\d{2}/.test(block.join(' '))
}

/** `answer--- On … wrote:` in one line: what stands before. */
export function sharedLine(line: string): string | null {
  if (line.length > 2 * maxIntroduction || !/wrote\s{0,3}:?\s{0,3}-{0,80}\s{0,3}$/i.test(line)) return null
  const at = /[^\s-]\s{0,9}-{3,80}\s{0,9}On\s/.exec(line)
  return at === null ? null : line.slice(0, at.index + 1)
}
