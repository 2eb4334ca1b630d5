// PURE. The new words of a mail: without what it quotes, and without the signature. Answers below or between quoted lines are kept, what is
// passed on is kept whole. Where nothing would be left, the whole text is: showing too much is better than hiding an answer.
import { isMobileFooter } from './mobile-footer.ts'
import {
  beginsCopy,
  type Effort,
  introductionAt,
  isForwardLine,
  isOriginalLine,
  isQuoted,
  isQuotedNext,
  isUncertain,
  plain,
  sharedLine,
  unquote,
} from './quotation-marks.ts'
import { htmlMarks, withoutMarks } from './quoted-html.ts'

/** Lines; what comes after is a quotation, or nobody's new words. */
const maxLines = 10_000
/** Letters that are looked at closely. */
const maxEffort = 400_000

/** `text` is the whole plain text, perhaps with the marks of quoted-html.ts. `isForward`: the mail passes another one on, as its subject says. */
export function replyOf(text: string, isForward = false): string {
  const lines = text.split('\n', maxLines).map(line => (line.length > 2_000 ? line.slice(0, 2_000) : line))
  const { own, passedOn } = split(lines, isForward)
  const reply = tidy([...withoutSignature(withoutArmour(own)), '', ...passedOn])
  const whole = withoutMarks(text)
  if (reply !== '') return reply.length === whole.trim().length ? whole : reply
  const unsigned = tidy(own)
  if (unsigned !== '') return unsigned
  return lines.every(line => isQuoted(line) || line.trim() === '') ? tidy(lines.map(unquote)) : whole
}

interface Split {
  own: string[]
  /** A mail that is passed on. */
  passedOn: string[]
}

function split(lines: readonly string[], isForward: boolean): Split {
  const own: string[] = []
  const effort: Effort = { left: maxEffort }
  const last = lastBlock(lines)
  let [worded, quoting] = [false, false]
  for (let i = 0; i < lines.length; ) {
    const line = lines[i] as string
    if (isUncertain(line) && !quoting && i < last && !isIntroducedWithin(lines, i, effort)) {
      own.push(unquote(line))
      worded ||= hasWords(line)
      i++
      continue
    }
    if (isQuoted(line) || isTorn(lines, i)) {
      quoting = true
      i++
      continue
    }
    const shared = sharedLine(line)
    if (shared !== null) return { own: [...own, shared], passedOn: [] }
    // What is passed on is what the mail is about.
    if (isForwardLine(plain(line))) return { own, passedOn: lines.slice(i) }
    const introduced = isForward ? 0 : introductionAt(lines, i, effort) || markedIntroductionAt(lines, i)
    if (introduced > 0) {
      if (!isQuotedNext(lines, i + introduced) && worded) return { own, passedOn: [] }
      quoting = true
      i += introduced
      continue
    }
    const isOriginal = isOriginalLine(plain(line))
    if (line.includes(htmlMarks.copy) || isOriginal || beginsCopy(lines, i, effort)) {
      // A mail that is passed on with no word of its own is shown whole, too.
      if (isForward || (isOriginal && !worded)) return { own, passedOn: lines.slice(i) }
      if (worded) return { own, passedOn: [] }
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
  const begin = lines.findIndex(line => /^-----BEGIN PGP SIGNED MESSAGE-----\s{0,9}$/.test(line))
  if (begin < 0) return [...lines]
  const blank = lines.findIndex((line, i) => i > begin && line.trim() === '')
  const end = lines.findIndex(line => /^-----BEGIN PGP SIGNATURE-----\s{0,9}$/.test(line))
  if (blank < 0 || end < blank) return [...lines]
  const signed = lines.slice(blank + 1, end).map(line => line.replace(/^- (?=-)/, ''))
  const after = lines.findIndex((line, i) => i > end && /^-----END PGP SIGNATURE-----\s{0,9}$/.test(line))
  return [...lines.slice(0, begin), ...signed, ...(after < 0 ? [] : lines.slice(after + 1))]
}

const signature = /^\s{0,3}(?:--\s?|—\s?|––?\s?|_{2,}\s?)$/

function withoutSignature(lines: readonly string[]): string[] {
  let [cut, worded] = [lines.length, false]
  for (const [i, line] of lines.entries()) {
    if (worded && (signature.test(line) || line.includes(htmlMarks.signature) || isMobileFooter(plain(line)))) {
      cut = i
      break
    }
    worded ||= hasWords(line)
  }
  const kept = lines.slice(0, cut)
  // Rulers, and the dot of a program that follows its mails.
  while (kept.length > 0 && /^[\s\-_=*~#ᐧ]*$/.test(withoutMarks(kept.at(-1) as string))) kept.pop()
  return kept
}

function tidy(lines: readonly string[]): string {
  return withoutMarks(lines.join('\n'))
    .replace(/\n{3,}/g, '\n\n')
    .trim()
}
