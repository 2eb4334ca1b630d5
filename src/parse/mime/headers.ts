// PURE. Header fields of a mail (RFC 5322 §2.2), read from the bytes: unfolded, in their order, with RFC 2047 encoded-words and RFC 2231
// parameters decoded. Tolerates what is sent: raw 8-bit bytes, missing colons, encoded-words with 8-bit bytes or spaces inside,
// letters that are split between two encoded-words.
import { isUtf8 } from 'node:buffer'
import { decodeCharset, guess } from './charset.ts'

export interface Field {
  /** Lower case. */
  name: string
  /** Unfolded, bytes as latin1. */
  raw: string
}

export interface Headers {
  fields: readonly Field[]
  /** Raw value of the first field with that name, or ''. */
  first(name: string): string
  /** Raw values, in order. */
  all(name: string): string[]
}

/** A mail's header may hold many fields; what comes after is ignored. */
const maxFields = 2_000

/** Reads the fields of `block`, which ends before the empty line. */
export function parseHeaders(block: Buffer): Headers {
  const fields: Field[] = []
  for (const line of linesOf(block.toString('latin1'))) {
    const last = fields.at(-1)
    if ((line.startsWith(' ') || line.startsWith('\t')) && last !== undefined) {
      last.raw += ` ${trimBlanks(line)}`
      continue
    }
    const colon = line.indexOf(':')
    if (colon <= 0 || fields.length >= maxFields) continue
    const name = trimBlanks(line.slice(0, colon)).toLowerCase()
    if (/^[!-9;-~]+$/.test(name)) fields.push({ name, raw: trimBlanks(line.slice(colon + 1)) })
  }
  const byName = Map.groupBy(fields, field => field.name)
  return {
    fields,
    first: name => byName.get(name)?.[0]?.raw ?? '',
    all: name => byName.get(name)?.map(field => field.raw) ?? [],
  }
}

/** Some gateways double the carriage return, others leave out the line feed. */
function linesOf(text: string): string[] {
  const lines = text.replaceAll('\r\n', '\n')
  return lines.includes('\r') ? text.split(/\r{0,9}\n|\r/) : lines.split('\n')
}

/** Of raw bytes: 0xA0 is a blank to `trim()`, and half of a letter (à, И) in a field that is not ASCII. */
export function trimBlanks(raw: string): string {
  let [start, end] = [0, raw.length]
  while (start < end && raw.charCodeAt(start) <= 0x20) start++
  while (start < end && raw.charCodeAt(end - 1) <= 0x20) end--
  return raw.slice(start, end)
}

const encodedWord = /=\?([^?*\s]+)(?:\*[^?]*)?\?([bq])\?([^?]*(?:\?(?!=)[^?]*)*)\?=/gi

/** A field's text is read as far as this. */
const maxText = 40_000

/** Unstructured text of a field: encoded-words and raw bytes decoded. `charset` is a hint for raw bytes. */
export function decodeText(whole: string, charset = ''): string {
  const { text, shown } = hideWords(whole.slice(0, maxText), charset)
  return shown(text)
}

/** A field's text, raw bytes decoded, in which a sign stands for each encoded-word: what is written in one is never punctuation. */
export interface HiddenWords {
  text: string
  /** Puts the words that stand in a piece of the text into their places. */
  shown(piece: string): string
}

const sign = /\ue000(\d{1,6})\ue001/g

/** `charset` is a hint for raw bytes. */
export function hideWords(raw: string, charset = ''): HiddenWords {
  if (!raw.includes('=?')) return { text: decodeRaw(raw, charset), shown: piece => piece }
  const joined = raw.replace(/(\?=)[ \t\r\n]+(?==\?)/g, '$1')
  const words: { charset: string; pieces: Buffer[] }[] = []
  let [text, at] = ['', 0]
  for (const match of joined.matchAll(encodedWord)) {
    const [whole, label = '', encoding = '', data = ''] = match
    const bytes = encoding.toLowerCase() === 'b' ? fromBase64(data) : fromQ(data)
    const last = words.at(-1)
    // A letter may be split between two words: bytes of one charset are joined before they are decoded.
    if (last !== undefined && last.charset === label.toLowerCase() && match.index === at) last.pieces.push(bytes)
    else {
      text += `${decodeRaw(joined.slice(at, match.index), charset)}\ue000${words.length}\ue001`
      words.push({ charset: label.toLowerCase(), pieces: [bytes] })
    }
    at = match.index + whole.length
  }
  text += decodeRaw(joined.slice(at), charset)
  const shown = words.map(({ charset: label, pieces }) => decodeCharset(Buffer.concat(pieces), label))
  return { text, shown: piece => piece.replace(sign, (_, index: string) => shown[Number(index)] ?? '') }
}

/** `raw` holds bytes as latin1; text with other letters is decoded already. */
function decodeRaw(raw: string, charset: string): string {
  if (/[\u0100-\uffff]/.test(raw)) return raw
  const isShifted = raw.includes('\u001b$')
  if (!isShifted && !/[\x80-\xff]/.test(raw)) return raw
  const bytes = Buffer.from(raw, 'latin1')
  if (isShifted) return decodeCharset(bytes, 'iso-2022-jp')
  // RFC 6532: raw letters of a header are UTF-8, whatever the text below is written in.
  return saysLittle.test(charset) || isUtf8(bytes) ? guess(bytes) : decodeCharset(bytes, charset)
}

/** Labels that programs write without looking. */
const saysLittle = /^(|us-ascii|utf-?8|iso-8859-1|windows-1252)$/i

function fromBase64(data: string): Buffer {
  return Buffer.from(data.replace(/[^A-Za-z0-9+/]/g, ''), 'base64')
}

function fromQ(data: string): Buffer {
  const plain = data
    .replace(/_/g, ' ')
    .replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(plain, 'latin1')
}

export interface StructuredValue {
  /** Lower case, before the first `;`. */
  value: string
  /** Names in lower case; values decoded (RFC 2231, and RFC 2047 where it should not be). */
  params: ReadonlyMap<string, string>
}

/** A field like Content-Type: a value and parameters. */
export function parseStructured(whole: string): StructuredValue {
  const raw = whole.slice(0, maxText)
  const [value = '', ...rest] = splitOutsideQuotes(raw.replace(/^(\s*[\w-]+\/[\w.+-]+)\s+(?=[\w-]+\s*=)/, '$1;'), ';')
  const plain = new Map<string, string>()
  const pieces = new Map<string, { index: number; coded: boolean; text: string }[]>()
  for (const part of rest) {
    const equals = part.indexOf('=')
    if (equals <= 0) continue
    const [, name = '', index, star] =
      /^([^*]*)(?:\*(\d{1,3}))?(\*)?$/.exec(trimBlanks(part.slice(0, equals)).toLowerCase()) ?? []
    const text = unquote(trimBlanks(part.slice(equals + 1)))
    if (name === '') continue
    if (index === undefined && star === undefined) plain.set(name, plain.get(name) ?? decodeText(text))
    else {
      const list = pieces.get(name) ?? []
      list.push({ index: Number(index ?? 0), coded: star !== undefined, text })
      pieces.set(name, list)
    }
  }
  for (const [name, list] of pieces) plain.set(name, decodePieces(list.sort((a, b) => a.index - b.index)))
  // Some forget the semicolon: `text/plain charset=utf-8`.
  return { value: value.trim().toLowerCase().split(/\s/)[0] ?? '', params: plain }
}

/** RFC 2231: `charset'language'percent-encoded`, in numbered pieces of which each may be coded or not. */
function decodePieces(pieces: readonly { coded: boolean; text: string }[]): string {
  const [, charset = ''] = (pieces[0]?.coded && /^([^']*)'[^']*'/.exec(pieces[0].text)) || []
  const texts = pieces.map((piece, i) => {
    const text = i === 0 && piece.coded ? piece.text.replace(/^[^']*'[^']*'/, '') : piece.text
    return piece.coded
      ? text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
      : text
  })
  return decodeCharset(Buffer.from(texts.join(''), 'latin1'), charset)
}

function splitOutsideQuotes(raw: string, separator: string): string[] {
  const parts: string[] = []
  let [start, quoted] = [0, false]
  for (let i = 0; i < raw.length; i++) {
    if (quoted && raw[i] === '\\') i++
    else if (raw[i] === '"') quoted = !quoted
    else if (raw[i] === separator && !quoted) {
      parts.push(raw.slice(start, i))
      start = i + 1
    }
  }
  return [...parts, raw.slice(start)]
}

function unquote(text: string): string {
  if (!text.startsWith('"')) return text.replace(/[ \t]{0,99}\([^()]{0,999}\)$/, '')
  const end = /^"((?:\\.|[^"\\])*)"?/.exec(text)?.[1] ?? ''
  return end.replace(/\\(.)/g, '$1')
}
