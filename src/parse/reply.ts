// PURE. The new words of a mail: without what it quotes, and without the signature. A quotation is known by its marks (`>`), by the line
// that introduces it ("On … wrote:"), by a line such as "Original Message", or by a block of header fields; words in quotation-words.ts.
// Answers below or between quoted lines are kept. Where nothing would be left, the whole text is: showing too much is better than
// hiding an answer.
import {
  devices,
  fieldNames,
  forwardWords,
  introducers,
  monthWords,
  originalWords,
  sentWords,
  wroteWords,
} from './quotation-words.ts'

/** Lines; what comes after is a quotation, or nobody's new words. */
const maxLines = 10_000
/** An introduction, with the lines that it is wrapped over. */
const maxIntroduction = 400

/** `text` is the whole plain text. */
export function replyOf(text: string): string {
  const lines = text.split('\n', maxLines).map(line => (line.length > 2_000 ? line.slice(0, 2_000) : line))
  const own = withoutQuotations(lines)
  const reply = tidy(withoutSignature(own))
  if (reply !== '') return reply.length === text.trim().length ? text : reply
  const unsigned = tidy(own)
  if (unsigned !== '') return unsigned
  return lines.every(line => isQuoted(line) || line.trim() === '') ? tidy(lines.map(unquote)) : text
}

function withoutQuotations(lines: readonly string[]): string[] {
  const own: string[] = []
  for (let i = 0; i < lines.length; ) {
    const line = lines[i] as string
    if (isQuoted(line) || isTorn(lines, i)) {
      i++
      continue
    }
    const shared = sharedLine(line)
    if (shared !== null) return [...own, shared]
    const introduced = introductionAt(lines, i)
    if (introduced > 0) {
      if (!isQuotedNext(lines, i + introduced) && hasWords(own)) return own
      i += introduced
      continue
    }
    if (beginsCopy(lines, i)) {
      if (hasWords(own)) return own
      // A mail that is passed on with no word of its own is shown whole.
      if (isSeparator(line)) return [...lines]
    }
    own.push(line)
    i++
  }
  return own
}

function isQuoted(line: string): boolean {
  return /^\s{0,3}>|^\s{0,3}\|(?:\s*$|\s.*[^|\s]\s*$)/.test(line)
}

function unquote(line: string): string {
  return line.replace(/^\s{0,3}[>|] ?/, '')
}

/** The end of a quoted line that was wrapped without its mark. */
function isTorn(lines: readonly string[], i: number): boolean {
  const before = lines[i - 1] ?? ''
  if (!isQuoted(before) || before.length < 60 || /[.?!:;]\s*$/.test(before)) return false
  return /^[^\s\p{Lu}\p{Lo}].{0,60}$/u.test(lines[i] as string)
}

function hasWords(lines: readonly string[]): boolean {
  return lines.some(line => /[\p{L}\p{N}]/u.test(line))
}

function isQuotedNext(lines: readonly string[], from: number): boolean {
  const next = lines.slice(from, from + 4).find(line => line.trim() !== '')
  return next !== undefined && isQuoted(next)
}

/** How many lines from `i` on introduce a quotation; 0 if they do not. */
function introductionAt(lines: readonly string[], i: number): number {
  const first = plain(lines[i] as string)
  if (first.length > maxIntroduction || !mayIntroduce.test(first)) return 0
  let joined = first
  for (let count = 1; count <= 7; count++) {
    if (isIntroduction(joined)) return count
    const next = plain(lines[i + count] ?? '').trim()
    // Only the pieces of an address may stand apart from the rest.
    if (next === '' && !/^(<|mailto:|>:?$)/.test(plain(lines[i + count + 1] ?? '').trim()) && !/<$/.test(joined.trim()))
      return 0
    joined = `${joined} ${next}`.trimEnd()
    if (joined.length > maxIntroduction || i + count >= lines.length) return 0
  }
  return 0
}

const marks = /[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]|\u00a0|\u202f/

/** Without direction marks, which mail programs put between the figures of a date. */
function plain(line: string): string {
  if (!marks.test(line)) return line
  return line.replace(/[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g, '').replace(/\u00a0|\u202f/g, ' ')
}

const word = (alternatives: string) => `(?<![\\p{L}])(?:${alternatives})(?![\\p{L}])`
const date = `(?:\\d{4}|\\d{1,2}[:.]\\d{2}|\\d{1,2}[./-]\\d{1,2}|\\d{1,2}\\.?\\s+${word(monthWords)}|${word(monthWords)}\\.?\\s+\\d{1,2})`
const bracketed = '<\\s*(?:mailto:)?[^<>]*@[^<>]*>?\\s*>?|\\([^()\\s]+@[^()\\s]+\\s*\\)|\\[mailto:[^\\]]*\\]'

/** Quick: has a figure or an address in it, or one of the words at its beginning. */
const mayIntroduce = new RegExp(`\\d|@|^[\\s*_]*-{2,}|^\\s*(?:${introducers})(?![\\p{L}])`, 'iu')

const introductions: readonly RegExp[] = [
  // On Tue, Nov 24, 2026 at 10:00 AM Anna <anna@example.org> wrote:
  new RegExp(`^[\\s*_]*-*\\s*(?:${introducers})(?![\\p{L}]).{2,}${date}.*${word(wroteWords)}[^\\p{L}]{0,12}$`, 'iu'),
  new RegExp(
    `^[\\s*_]*-*\\s*(?:${introducers})(?![\\p{L}]).{0,40}${date}.*${word(wroteWords)}.{0,120}[:：]\\s*$`,
    'iu',
  ),
  // Anna <anna@example.org> schrieb am Di., 24. Nov. 2026 um 10:00 Uhr:
  new RegExp(`^(?=.*${date}).{0,200}${word(wroteWords)}.{0,160}[:：]\\s*[*_]*$`, 'iu'),
  new RegExp(`^.{1,120}(?:${bracketed}).{0,40}${word(wroteWords)}.{0,40}[:：]?\\s*$`, 'iu'),
  // 2026-11-24 10:00 GMT+01:00 Anna <anna@example.org>:
  new RegExp(`^[\\s*_]*\\d{4}[-/.]\\d{1,2}[-/.]\\d{1,2}.{0,120}(?:${bracketed})\\s*[:：]?\\s*$`, 'iu'),
  new RegExp(`^[\\s*_]*(?:${introducers})(?![\\p{L}]).{0,20}${date}.{0,160}(?:${bracketed})\\s*[:：]\\s*$`, 'iu'),
  // 24.11.2026, 10:00, "Anna" <anna@example.org>:
  new RegExp(`^(?=.{0,60}\\d{1,2}[:.]\\d{2}).{8,160}(?:${bracketed})\\s*[:：]\\s*$`, 'iu'),
  // ---- Anna wrote ----
  new RegExp(`^[\\s*]*-{2,}.{0,200}${word(wroteWords)}\\s*:?\\s*-*[\\s*]*$`, 'iu'),
]

/** Quick: how they all end. */
const mayEnd = new RegExp(`(?:[:：>)\\]*_-]|${word(wroteWords)}[^\\p{L}]{0,12})\\s*$`, 'iu')

function isIntroduction(line: string): boolean {
  return mayEnd.test(line.slice(-40)) && introductions.some(pattern => pattern.test(line))
}

const originalLine = new RegExp(
  `^[\\s>*|]*[-_=]{2,}\\s*\\*?\\s*(?:${originalWords}|${forwardWords})\\s*:?\\*?\\s*[-_=]{2,}[\\s*]*$`,
  'iu',
)
const forwardLine = new RegExp(`^\\s*(?:begin )?(?:${forwardWords})\\s*[:：]\\s*$`, 'iu')
const ruler = /^[\s>*|]*(?:[-_=*~#—–]{3,}|[-_=*~#]{2,}.{0,60}[-_=*~#]{2,})[\s*|]*$/

/** "Original Message", or the header fields of a mail, perhaps below a ruler. */
function beginsCopy(lines: readonly string[], i: number): boolean {
  const line = plain(lines[i] as string)
  if (line.length > maxIntroduction) return false
  if (isSeparator(line)) return true
  if (!ruler.test(line)) return isHeaderBlock(lines, i)
  const below = lines.slice(i + 1, i + 5).findIndex(text => text.trim() !== '' && !ruler.test(text))
  return below >= 0 && (isHeaderBlock(lines, i + 1 + below) || introductionAt(lines, i + 1 + below) > 0)
}

function isSeparator(line: string): boolean {
  return originalLine.test(line) || forwardLine.test(line)
}

const fields = Object.entries(fieldNames).map(
  ([field, names]) =>
    [field, new RegExp(`(?:^|\\s)[*_]{0,2}(?:${names})\\s{0,2}[*_]{0,2}[:：][*_]{0,2}(?=\\s|$)`, 'iu')] as const,
)
const anyField = new RegExp(`^[\\s>*_]*(?:${Object.values(fieldNames).join('|')})\\s{0,2}[*_]*[:：]`, 'iu')

/** At least two fields of different meaning, one below the other, with an address, a time or a subject among them. */
function isHeaderBlock(lines: readonly string[], i: number): boolean {
  if (!anyField.test(plain(lines[i] as string))) return false
  const block = lines
    .slice(i, i + 8)
    .map(plain)
    .filter(line => line.trim() !== '')
    .slice(0, 5)
  const found = new Set(
    block.flatMap(line => fields.filter(([, pattern]) => pattern.test(line)).map(([field]) => field)),
  )
  if (!found.has('from') && !(found.has('date') && found.size > 1)) return false
  return found.size >= 2 && (found.has('subject') || /@|\d{1,2}[:.]\d{2}/.test(block.join(' ')))
}

/** `answer--- On … wrote:` in one line: what stands before. */
function sharedLine(line: string): string | null {
  const at = line.search(/\S\s*-{3,}\s*On\s/)
  return at < 0 || !/wrote\s*:?\s*-*\s*$/i.test(line) ? null : line.slice(0, at + 1)
}

const signature = /^\s{0,3}(--\s?|—\s?|––?\s?|__+\s?)$/
const sentFrom = new RegExp(
  `^\\W{0,3}(?:(?:${sentWords})\\s?.{0,60}?(?:${devices})[\\p{L}]*(?:[ -]?(?:\\d+[\\w.]*|pro|plus|mini|app|mail|phone|mobile|device|smartphone|tablet|work|gesendet|geschickt|verzonden|verstuurd|傳送|发送|(?:for|on|für|pour|para|per|voor|auf|via|with) [\\p{L}\\d .-]{1,24}))*|sent from my .{2,60})\\W{0,4}$`,
  'iu',
)

/** Written by the program of a telephone; below it stands only what is quoted. */
function isSentFrom(line: string): boolean {
  if (line.length > 250) return false
  const words = plain(line)
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/<?\s*https?:\S*\s*>?/g, '')
  return sentFrom.test(words.trim())
}

function withoutSignature(lines: readonly string[]): string[] {
  const cut = lines.findIndex((line, i) => (signature.test(line) || isSentFrom(line)) && hasWords(lines.slice(0, i)))
  const kept = cut < 0 ? [...lines] : lines.slice(0, cut)
  // Rulers, and the dot of a program that follows its mails.
  while (kept.length > 0 && /^[\s\-_=*~#ᐧ]*$/.test(kept.at(-1) as string)) kept.pop()
  return kept
}

function tidy(lines: readonly string[]): string {
  return lines
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim()
}
