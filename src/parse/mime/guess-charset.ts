// PURE. Which charset bytes are in when nobody says so, or says what cannot be: valid UTF-8 is UTF-8; else all that such mail is written in are
// tried, and the one is taken in which the bytes read like something that people write (letter-statistics.ts). Below the floor, and for a few
// letters, it is windows-1252: a Western letter among ASCII ones is by far the most frequent case, and wrong by one letter at worst.
import { isUtf8 } from 'node:buffer'
import iconv from 'iconv-lite'
import { commonnessOf, fluencyOf } from './letter-statistics.ts'

/** What is looked at. */
const maxSample = 4_096

/** The name of the charset that the bytes are most likely in. */
export function guessCharset(bytes: Uint8Array): string {
  if (isUtf8(bytes)) return 'utf-8'
  const wide = guessUtf16(bytes)
  if (wide !== null) return wide
  const sample = bytes.subarray(0, maxSample)
  if (mostlyUtf8(new TextDecoder().decode(sample))) return 'utf-8'
  const guesses = [
    ...alphabets.map(one => judgeAlphabet(sample, one)),
    ...(isPaired(sample) ? ideographs : []).map(one => judgeIdeographs(sample, one)),
  ]
  const western = guesses[0]?.score ?? 0
  const best = guesses.reduce((a, b) => (b.score > a.score ? b : a))
  return best.score >= floor && best.score > western + margin ? best.charset : 'windows-1252'
}

/** True if a text that was decoded as UTF-8 is it, but for letters that were cut or slipped in: a few in other charsets fit by chance. */
export function mostlyUtf8(text: string): boolean {
  const broken = text.split('\ufffd').length - 1
  const whole = text.match(/[^\p{ASCII}\ufffd]/gu)?.length ?? 0
  return whole > 0 && whole >= broken
}

/** Of 1: less reads like nothing. */
const floor = 0.28
/** By how much another must be better than a Western one. */
const margin = 0.15
/** Fewer pairs of letters prove nothing. */
const fewest = 4

interface Guess {
  charset: string
  score: number
}

/** The first is the one that stands if none is better; the more frequent go before the others. */
const alphabets: readonly { charset: string; language: string }[] = [
  { charset: 'windows-1252', language: 'western' },
  { charset: 'windows-1251', language: 'cyrillic' },
  { charset: 'koi8-u', language: 'cyrillic' },
  { charset: 'iso-8859-5', language: 'cyrillic' },
  { charset: 'ibm866', language: 'cyrillic' },
  { charset: 'windows-1250', language: 'central' },
  { charset: 'iso-8859-2', language: 'central' },
  { charset: 'windows-1253', language: 'greek' },
  { charset: 'windows-1254', language: 'turkish' },
  { charset: 'windows-1255', language: 'hebrew' },
  { charset: 'windows-1256', language: 'arabic' },
  { charset: 'windows-874', language: 'thai' },
  { charset: 'windows-1257', language: 'baltic' },
  { charset: 'cp850', language: 'western' },
]

const ideographs: readonly { charset: string; language: string; decoder: string }[] = [
  { charset: 'gb18030', language: 'chinese', decoder: 'gb18030' },
  { charset: 'shift_jis', language: 'japanese', decoder: 'shift_jis' },
  { charset: 'euc-jp', language: 'japanese', decoder: 'euc-jp' },
  { charset: 'euc-kr', language: 'korean', decoder: 'cp949' },
  { charset: 'big5', language: 'traditional', decoder: 'big5' },
]

function judgeAlphabet(bytes: Uint8Array, { charset, language }: { charset: string; language: string }): Guess {
  const { share, count } = fluencyOf(iconv.decode(Buffer.from(bytes), charset), language)
  return { charset, score: count < fewest ? 0 : share }
}

/** A charset that the bytes are impossible in has no chance; the end of a sample may cut a letter. */
function judgeIdeographs(bytes: Uint8Array, { charset, language, decoder }: (typeof ideographs)[number]): Guess {
  const text = iconv.decode(Buffer.from(bytes), decoder)
  const broken = text.split('\ufffd').length - 1
  const { share, count } = commonnessOf(text, language)
  return { charset, score: count < 2 || broken > count / 20 + 1 ? 0 : share }
}

/** East Asian letters of two bytes follow each other; letters of Western words stand alone between ASCII ones. */
function isPaired(bytes: Uint8Array): boolean {
  const runs =
    Buffer.from(bytes)
      .toString('latin1')
      .match(/[\x80-\xff](?:[\x40-\xff]?[\x80-\xff])*/g) ?? []
  const high = runs.reduce((sum, run) => sum + run.length, 0)
  const long = runs.filter(run => run.length >= 4).reduce((sum, run) => sum + run.length, 0)
  return long >= 0.6 * high
}

/** By its mark, or by the zeroes of ASCII letters. */
function guessUtf16(bytes: Uint8Array): string | null {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le'
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be'
  return utf16Order(bytes)
}

/** The order of the bytes of a text in UTF-16 that is mostly ASCII; null for what is none. */
export function utf16Order(bytes: Uint8Array): 'utf-16le' | 'utf-16be' | null {
  const sample = bytes.subarray(0, 1_000)
  if (sample.length < 8 || !sample.includes(0)) return null
  const zeroes = (first: number) => sample.filter((byte, at) => at % 2 === first && byte === 0).length
  const [even, odd] = [zeroes(0), zeroes(1)]
  const most = 0.35 * sample.length
  if (odd >= most && even <= odd / 10) return 'utf-16le'
  return even >= most && odd <= even / 10 ? 'utf-16be' : null
}
