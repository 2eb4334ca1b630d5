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
  plain,
  sharedLine,
  unquote,
} from './quotation-marks.ts'

/** Lines; what comes after is a quotation, or nobody's new words. */
const maxLines = 10_000
/** Letters that are looked at closely. */
const maxEffort = 400_000

/** A line of its own that stands where HTML says that a copy begins (quoted-html.ts). */
export const copyMark = '\ue0c0'

/** `text` is the whole plain text, perhaps with marks. `isForward`: the mail passes another one on, as its subject says. */
export function replyOf(text: string, isForward = false): string {
  const lines = text.split('\n', maxLines).map(line => (line.length > 2_000 ? line.slice(0, 2_000) : line))
  const own = withoutQuotations(lines, isForward)
  const reply = tidy(withoutSignature(withoutArmour(own)))
  const whole = text.replaceAll(copyMark, '')
  if (reply !== '') return reply.length === whole.trim().length ? whole : reply
  const unsigned = tidy(own)
  if (unsigned !== '') return unsigned
  return lines.every(line => isQuoted(line) || line.trim() === '') ? tidy(lines.map(unquote)) : whole
}

function withoutQuotations(lines: readonly string[], isForward: boolean): string[] {
  const own: string[] = []
  const effort: Effort = { left: maxEffort }
  let worded = false
  for (let i = 0; i < lines.length; ) {
    const line = lines[i] as string
    if (isQuoted(line) || isTorn(lines, i)) {
      i++
      continue
    }
    const shared = sharedLine(line)
    if (shared !== null) return [...own, shared]
    const introduced = introductionAt(lines, i, effort)
    if (introduced > 0) {
      if (!isQuotedNext(lines, i + introduced) && worded) return own
      i += introduced
      continue
    }
    // What is passed on is what the mail is about.
    if (isForwardLine(plain(line))) return [...own, ...lines.slice(i)]
    const isOriginal = isOriginalLine(plain(line))
    if (line.includes(copyMark) || isOriginal || beginsCopy(lines, i, effort)) {
      if (isForward) return [...own, ...lines.slice(i)]
      if (worded) return own
      // A mail that is passed on with no word of its own is shown whole.
      if (isOriginal) return [...lines]
    }
    own.push(line)
    worded ||= hasWords(line)
    i++
  }
  return own
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
    if (worded && (signature.test(line) || isMobileFooter(plain(line)))) {
      cut = i
      break
    }
    worded ||= hasWords(line)
  }
  const kept = lines.slice(0, cut)
  // Rulers, and the dot of a program that follows its mails.
  while (kept.length > 0 && /^[\s\-_=*~#ᐧ]*$/.test(kept.at(-1) as string)) kept.pop()
  return kept
}

function tidy(lines: readonly string[]): string {
  return lines
    .join('\n')
    .replaceAll(copyMark, '')
    .replace(/\n{3,}/g, '\n\n')
    .trim()
}
