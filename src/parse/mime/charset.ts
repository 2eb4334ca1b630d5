// PURE. Bytes of some charset → text. Labels as in mail (charset-names.ts); the WHATWG decoders of the platform first, iconv-lite for what they
// lack, small ones for what both lack. The label wins unless the text is impossible under it: one broken byte, or a letter that was cut, costs
// that letter only. What has no label, or one that cannot be, is guessed (guess-charset.ts).
import { isAscii } from 'node:buffer'
import iconv from 'iconv-lite'
import { charsetOf, saysNothing } from './charset-names.ts'
import { guessCharset, mostlyUtf8, utf16Order } from './guess-charset.ts'

/** Never throws. `label` may be empty. */
export function decodeCharset(bytes: Uint8Array, label: string): string {
  const name = charsetOf(label)
  if (isAscii(bytes) && !shifting.has(name)) return fromSevenBits(bytes)
  if (saysNothing(name)) return guess(bytes)
  const text = decodeAs(bytes, name)
  if (text === undefined) return guess(bytes)
  return text.includes('\ufffd') && isImpossible(bytes, text, name) ? better(text, guess(bytes)) : text
}

/** What bytes without a true label are. */
export function guess(bytes: Uint8Array): string {
  return decodeAs(bytes, guessCharset(bytes)) ?? latin1(bytes)
}

/** Undefined for a charset that is not known. */
function decodeAs(bytes: Uint8Array, name: string): string | undefined {
  switch (name) {
    case 'utf-8':
      return decodeUtf8(bytes)
    case 'hz-gb-2312':
      return fromHz(bytes)
    case 'iso-2022-kr':
      return fromShifted(bytes, 'euc-kr')
    case 'iso-2022-cn':
      return fromShifted(bytes, 'gb18030')
    case 'iso-2022-jp':
      return latin1(bytes).includes(esc) || isAscii(bytes) ? fromIso2022Jp(bytes) : undefined
    case 'utf-16':
      return decodeWith(bytes, utf16Mark(bytes) ?? utf16Order(bytes) ?? 'utf-16be')
    default:
      return decodeWith(bytes, name)
  }
}

/** RFC 2781 §4.3: without a mark the first byte is the higher one; most programs write the lower one first, which its zeroes show. */
function utf16Mark(bytes: Uint8Array): string | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le'
  return bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : undefined
}

/** More letters are broken than whole; a text that only ends in the middle of a letter is possible. */
function isImpossible(bytes: Uint8Array, text: string, name: string): boolean {
  if (name === 'utf-8' && mostlyUtf8(text)) return false
  const broken = text.split('\ufffd').length - 1
  const whole = text.match(/[^\p{ASCII}\ufffd]/gu)?.length ?? 0
  if (whole > 0 && whole >= broken) return false
  return !(name === 'utf-8' && broken === 1 && /\ufffd$/.test(text) && endsInUtf8(bytes))
}

/** The last bytes begin a letter of UTF-8 that words of Western languages do not end in: a lone é or à is no such beginning. */
function endsInUtf8(bytes: Uint8Array): boolean {
  const [second = 0, last = 0] = bytes.subarray(-2)
  return (last >= 0xc2 && last <= 0xdf) || last >= 0xf0 || (second >= 0xe0 && last < 0xc0)
}

const [esc, so, si] = ['\u001b', '\u000e', '\u000f']
const japanese = new RegExp(`${esc}(?:\\$[@AB]|\\$\\([@A-DOQ]|\\([IJ])`)

/** ASCII, unless it shifts to other letters, as nothing else does that has an escape in it, or has a zero beside every letter. */
function fromSevenBits(bytes: Uint8Array): string {
  const order = utf16Order(bytes)
  if (order !== null) return decodeWith(bytes, order) ?? latin1(bytes)
  const text = latin1(bytes)
  if (!text.includes(esc)) return text
  if (text.includes(`${esc}$)C`)) return fromShifted(bytes, 'euc-kr')
  if (text.includes(`${esc}$)A`)) return fromShifted(bytes, 'gb18030')
  return japanese.test(text) ? fromIso2022Jp(bytes) : text
}

/** The charset of a code page, as Windows counts them. */
export function codePageName(page: number): string {
  const names: Readonly<Record<number, string>> = {
    65001: 'utf-8',
    20127: 'us-ascii',
    20866: 'koi8-r',
    21866: 'koi8-u',
    866: 'ibm866',
    10000: 'macintosh',
    10007: 'x-mac-cyrillic',
    51932: 'euc-jp',
    51949: 'euc-kr',
    54936: 'gb18030',
    932: 'shift_jis',
    936: 'gb18030',
    949: 'euc-kr',
    950: 'big5',
    50220: 'iso-2022-jp',
    50221: 'iso-2022-jp',
    50222: 'iso-2022-jp',
  }
  if (page >= 28591 && page <= 28605) return `iso-8859-${page - 28590}`
  return names[page] ?? `windows-${page}`
}

/** Charsets that write other letters with ASCII bytes. */
const shifting: ReadonlySet<string> = new Set([
  'iso-2022-jp',
  'iso-2022-kr',
  'iso-2022-cn',
  'hz-gb-2312',
  'utf-7',
  'utf-16',
  'utf-16le',
  'utf-16be',
  'utf-32',
  'utf-32le',
  'utf-32be',
])

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

type Decoder = InstanceType<typeof TextDecoder>

const decoders = new Map<string, Decoder | null>()

function decodeWith(bytes: Uint8Array, name: string): string | undefined {
  // In mail it is always UHC (Windows 949), which the platform's decoder leaves out.
  if (name === 'euc-kr') return iconv.decode(Buffer.from(bytes), 'cp949')
  if (!decoders.has(name)) decoders.set(name, openDecoder(name))
  const decoder = decoders.get(name)
  if (decoder) return decoder.decode(bytes)
  return iconv.encodingExists(name) ? iconv.decode(Buffer.from(bytes), name) : undefined
}

function openDecoder(name: string): Decoder | null {
  try {
    return new TextDecoder(name)
  } catch {
    return null
  }
}

/** Without the byte order mark. */
function decodeUtf8(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')
  return text.startsWith('\ufeff') ? text.slice(1) : text
}

function better(labelled: string, guessed: string): string {
  const broken = (text: string) => text.split('\ufffd').length
  return broken(guessed) < broken(labelled) ? guessed : labelled
}

/** What an escape of ISO-2022-JP and its extensions (RFC 1468, RFC 1554, JIS X 0213) shifts to. */
const shifts: ReadonlyMap<string, 'ascii' | 'kana' | 'kanji' | 'more-kanji' | 'chinese' | 'korean'> = new Map([
  ['(I', 'kana'],
  ['$@', 'kanji'],
  ['$B', 'kanji'],
  ['$(@', 'kanji'],
  ['$(B', 'kanji'],
  ['$(O', 'kanji'],
  ['$(Q', 'kanji'],
  ['$(D', 'more-kanji'],
  ['$A', 'chinese'],
  ['$(A', 'chinese'],
  ['$(C', 'korean'],
])

const shiftOrBreak = new RegExp(`(${esc}(?:\\$\\([@A-Z]|\\$[@AB]|\\([@A-Z]|&@)|[\\r\\n]+)`)
const kana = new RegExp(`${so}([^${si}]*)${si}?|([\\xa1-\\xdf]+)`, 'g')
const shifted = new RegExp(`${so}([^${si}\\n]*)${si}?`, 'g')
const designation = new RegExp(`${esc}\\$[)*+][A-Z]`, 'g')

/** Ends of lines end a shift, too, as RFC 1468 wants it. */
function fromIso2022Jp(bytes: Uint8Array): string {
  const pieces = latin1(bytes).split(shiftOrBreak)
  let set = 'ascii'
  const out = pieces.map((piece, at) => {
    if (at % 2 === 0) return inSet(piece, set)
    const isBreak = !piece.startsWith(esc)
    set = isBreak ? 'ascii' : (shifts.get(piece.slice(1)) ?? 'ascii')
    return isBreak ? piece : ''
  })
  return out.join('')
}

function inSet(run: string, set: string): string {
  if (run === '') return ''
  if (set === 'kana') return halfWidth(run)
  if (set === 'kanji') return fromKanji(run)
  if (set === 'more-kanji')
    return new TextDecoder('euc-jp').decode(
      Buffer.from(
        run.replace(/[!-~]{2}/g, pair => `\x8f${high(pair)}`),
        'latin1',
      ),
    )
  if (set === 'chinese') return eightBit(run, 'gb18030')
  if (set === 'korean') return eightBit(run, 'euc-kr')
  // Half-width kana stand in eight bits, or between SO and SI (CP50222).
  return run.replace(kana, (_, between?: string, plain?: string) => halfWidth(between ?? plain ?? ''))
}

function high(run: string): string {
  return run.replace(/[!-~]/g, letter => String.fromCharCode(letter.charCodeAt(0) | 0x80))
}

function halfWidth(run: string): string {
  return iconv.decode(Buffer.from(high(run), 'latin1'), 'shift_jis')
}

/** Blanks and controls may stand among the pairs. */
function fromKanji(run: string): string {
  return new TextDecoder('euc-jp').decode(Buffer.from(high(run), 'latin1'))
}

/** RFC 1843: `~{` begins GB 2312 in seven bits, `~}` ends it. */
function fromHz(bytes: Uint8Array): string {
  return latin1(bytes)
    .replace(/~\r?\n/g, '')
    .replace(/~\{([\s\S]*?)(~\}|$)/g, (_, run: string) => eightBit(run, 'gb18030'))
    .replace(/~~/g, '~')
}

/** RFC 1557, RFC 1922: SO begins letters of two bytes in seven bits, SI ends them. */
function fromShifted(bytes: Uint8Array, charset: string): string {
  return latin1(bytes)
    .replace(designation, '')
    .replace(shifted, (_, run: string) => eightBit(run, charset))
}

function eightBit(run: string, charset: string): string {
  const bytes = Buffer.from(run, 'latin1').map(byte => (byte > 0x20 ? byte | 0x80 : byte))
  return decodeWith(bytes, charset) ?? run
}
