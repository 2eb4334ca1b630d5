// PURE. The new words of a mail: without what it quotes, and without the signature. Answers below or between quoted lines are kept, what is
// passed on is kept whole. A mail that answers nothing quotes only what is surely a quotation: what looks like the header of another mail may
// be a form, a booking, a fax. Where nothing would be left, the whole text is: showing too much is better than hiding an answer.
import { isMobileFooter } from './mobile-footer.ts'
import {
  beginsCopy,
  type Effort,
  introductionAt,
  isForwardAt,
  isOriginalLine,
  isQuoted,
  isQuotedHead,
  isQuotedNext,
  isSurelyCopy,
  isUncertain,
  ordinaryLines,
  plain,
  sharedLine,
  unquote,
} from './quotation-marks.ts'
import { htmlMarks, withoutMarks } from './quoted-html.ts'
import type { SubjectMark } from './subject-marks.ts'

/** Lines; what comes after is a quotation, or nobody's new words. */
const maxLines = 10_000
/** Letters that are looked at closely. */
const maxEffort = 400_000

/** What the header says of the mail: it passes another one on, it answers one, or neither. */
export type Role = SubjectMark

export interface Reply {
  /** The new words, with what is passed on. */
  words: string
  /** Lines of a mail that is passed on, from what introduces it; none if nothing is. */
  passedOn: readonly string[]
}

/** `text` is the whole plain text, perhaps with the marks of quoted-html.ts. */
export function replyOf(text: string, role: Role): Reply {
  const lines = text.split('\n', maxLines).map(line => (line.length > 2_000 ? line.slice(0, 2_000) : line))
  const { own, passedOn } = split(lines, role)
  return { words: wordsOf(text, lines, withoutSignature(withoutArmour(own), role), own, passedOn), passedOn }
}

function wordsOf(
  text: string,
  lines: readonly string[],
  unsigned: readonly string[],
  own: readonly string[],
  passedOn: readonly string[],
): string {
  const reply = tidy([...unsigned, '', ...passedOn])
  const whole = withoutMarks(text)
  if (reply !== '') return reply.length === whole.trim().length ? whole : reply
  const signed = tidy(own)
  if (signed !== '') return signed
  return lines.every(line => isQuoted(line) || line.trim() === '') ? tidy(lines.map(unquote)) : whole
}

interface Split {
  own: string[]
  /** A mail that is passed on. */
  passedOn: string[]
}

function split(lines: readonly string[], role: Role): Split {
  const own: string[] = []
  const effort: Effort = { left: maxEffort }
  const last = lastBlock(lines)
  const isOrdinary = ordinaryLines(lines)
  const isForward = role === 'forward'
  let [worded, quoting] = [false, false]
  for (let i = 0; i < lines.length; ) {
    const line = lines[i] as string
    if (isOrdinary[i]) {
      own.push(line)
      worded ||= hasWords(line)
      i++
      continue
    }
    // What is passed on is what the mail is about; within the quotation of an answer it is a part of that.
    if (!(quoting && isQuoted(line)) && isForwardAt(lines, i))
      return { own, passedOn: isQuoted(line) ? lines.slice(i).map(unquote) : lines.slice(i) }
    if (isUncertain(line) && !quoting && i < last && !isIntroducedWithin(lines, i, effort)) {
      own.push(unquote(line))
      worded ||= hasWords(line)
      i++
      continue
    }
    if (isQuoted(line) || isTorn(lines, i)) {
      if (role === 'answer' && worded && !quoting && isQuotedHead(lines, i, effort)) return { own, passedOn: [] }
      if (isForward && hasWords(line)) return { own, passedOn: lines.slice(i).map(unquote) }
      quoting = true
      i++
      continue
    }
    const shared = sharedLine(line)
    if (shared !== null && role !== null) return { own: [...own, shared], passedOn: [] }
    const introduced = introductionAt(lines, i, effort) || markedIntroductionAt(lines, i)
    if (introduced > 0) {
      if (isForward) return { own, passedOn: lines.slice(i) }
      const isMarked = isQuotedNext(lines, i + introduced)
      if (isMarked || role === 'answer') {
        if (!isMarked && worded) return { own, passedOn: [] }
        quoting = true
        i += introduced
        continue
      }
    }
    const isOriginal = isOriginalLine(plain(line))
    if (line.includes(htmlMarks.copy) || isOriginal || beginsCopy(lines, i, effort)) {
      // A mail that is passed on with no word of its own is shown whole, too.
      if (isForward || (isOriginal && (!worded || role === null))) return { own, passedOn: lines.slice(i) }
      if (worded && (role === 'answer' || isSurelyCopy(lines, i))) return { own, passedOn: [] }
    }
    own.push(line)
    worded ||= hasWords(line)
    i++
  }
  return { own, passedOn: [] }
}

/** Where the last block begins of which HTML says nothing; Infinity without one. */
function lastBlock(lines: readonly string[]): number {
  let at = lines.findLastIndex(line => line.startsWith(htmlMarks.block))
  if (at < 0) return Number.POSITIVE_INFINITY
  while (at > 0 && (lines[at - 1] ?? '').startsWith(htmlMarks.block)) at--
  return at
}

/** The block's own first line introduces it. */
function isIntroducedWithin(lines: readonly string[], i: number, effort: Effort): boolean {
  return introductionAt(lines.slice(i, i + 8).map(unquote), 0, effort) > 0
}

/** By the mark of HTML, in words that nobody foresaw: to the quotation. */
function markedIntroductionAt(lines: readonly string[], i: number): number {
  if (!lines[i]?.includes(htmlMarks.introduction)) return 0
  const length = lines.slice(i, i + 8).findIndex(line => isQuoted(line) || line.trim() === '')
  return length < 0 ? 1 : length
}

/** The end of a quoted line that was wrapped without its mark. */
function isTorn(lines: readonly string[], i: number): boolean {
  const before = lines[i - 1] ?? ''
  const line = lines[i] as string
  if (!isQuoted(before) || line.length > 80 || line.trim() === '') return false
  const isOpen = before.length >= 60 && !/[.?!:;]\s{0,9}$/.test(before)
  if (isOpen && /^[^\s\p{Lu}\p{Lo}]/u.test(line)) return true
  // A link, or a word, between two quoted lines.
  return isQuoted(lines[i + 1] ?? '') && /^[^\s\p{Lu}\p{Lo}]\S{0,79}$/u.test(line) && before.length >= 30
}

function hasWords(line: string): boolean {
  return /[\p{L}\p{N}]/u.test(line)
}

/** The words of a signed text without the lines of PGP around them. */
function withoutArmour(lines: readonly string[]): string[] {
  const begin = lines.findIndex(
    line => line.startsWith('-----BEGIN') && /^-----BEGIN PGP SIGNED MESSAGE-----\s{0,9}$/.test(line),
  )
  if (begin < 0) return [...lines]
  const blank = lines.findIndex((line, i) => i > begin && line.trim() === '')
  const end = lines.findIndex(line => /^-----BEGIN PGP SIGNATURE-----\s{0,9}$/.test(line))
  if (blank < 0 || end < blank) return [...lines]
  const signed = lines.slice(blank + 1, end).map(line => line.replace(/^- (?=-)/, ''))
  const after = lines.findIndex((line, i) => i > end && /^-----END PGP SIGNATURE-----\s{0,9}$/.test(line))
  return [...lines.slice(0, begin), ...signed, ...(after < 0 ? [] : lines.slice(after + 1))]
}

/** RFC 3676 §4.3. */
const delimiter = '-- '
/** What else stands above signatures, and between other things. */
const ruler = /^\s{0,3}(?:--\s?|—\s?|––?\s?|_{2,}\s?)$/
/** Of a greeting. */
const fewWords = 2
/** Lines with words; what goes on longer is no signature. */
const maxSignature = 15

function withoutSignature(lines: readonly string[], role: Role): string[] {
  const cut = signatureAt(lines, role)
  const kept = lines.slice(0, cut)
  // Rulers, and the dot of a program that follows its mails.
  while (kept.length > 0 && /^[\s\-_=*~#+ᐧ]*$/.test(withoutMarks(kept.at(-1) as string))) kept.pop()
  return kept
}

/** Where the signature begins; the number of lines without one. Rulers between other words separate those. */
function signatureAt(lines: readonly string[], role: Role): number {
  const rulers = role === 'answer' ? lines.filter(line => ruler.test(line) && line !== delimiter).length : 0
  const last = lines.lastIndexOf(delimiter)
  let words = 0
  for (const [i, line] of lines.entries()) {
    if (words > 0 && line.includes(htmlMarks.signature)) return i
    const isDelimiter = line === delimiter || (role === 'answer' && rulers === 1 && ruler.test(line))
    // Below a mere greeting stands what the mail is about.
    if (isDelimiter && i >= last && words > (role === 'answer' ? 0 : fewWords) && isShort(lines, i + 1)) return i
    if (words > 0 && isMobileFooter(plain(line)) && (role === 'answer' || isEndBelow(lines, i + 1))) return i
    if (words <= fewWords) words += line.match(/[\p{L}\p{N}]+/gu)?.length ?? 0
  }
  return lines.length
}

function isShort(lines: readonly string[], from: number): boolean {
  return lines.slice(from).filter(hasWords).length <= maxSignature
}

/** Nothing but such lines. */
function isEndBelow(lines: readonly string[], from: number): boolean {
  return lines.slice(from, from + 12).every(line => !hasWords(line) || isMobileFooter(plain(line)))
}

function tidy(lines: readonly string[]): string {
  return withoutMarks(lines.join('\n'))
    .replace(/\n{3,}/g, '\n\n')
    .trim()
}
