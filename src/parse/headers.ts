// Header fields of a mail (RFC 5322 §2.2), read from the bytes: unfolded, in their order, with RFC 2047 encoded-words and RFC 2231
// parameters decoded. Tolerates what is sent: raw 8-bit bytes, missing colons, encoded-words with 8-bit bytes or spaces inside,
// letters that are split between two encoded-words.
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
  for (const line of block.toString('latin1').split(/\r{0,9}\n|\r/)) {
    const last = fields.at(-1)
    if (/^[ \t]/.test(line) && last !== undefined) {
      last.raw += ` ${line.trim()}`
      continue
    }
    const colon = line.indexOf(':')
    if (colon <= 0 || fields.length >= maxFields) continue
    const name = line.slice(0, colon).trim().toLowerCase()
    if (/^[!-9;-~]+$/.test(name)) fields.push({ name, raw: line.slice(colon + 1).trim() })
  }
  const byName = Map.groupBy(fields, field => field.name)
  return {
    fields,
    first: name => byName.get(name)?.[0]?.raw ?? '',
    all: name => byName.get(name)?.map(field => field.raw) ?? [],
  }
}

const encodedWord = /=\?([^?*\s]+)(?:\*[^?]*)?\?([bq])\?([^?]*(?:\?(?!=)[^?]*)*)\?=/gi

/** A field's text is read as far as this. */
const maxText = 40_000

/** Unstructured text of a field: encoded-words and raw bytes decoded. `charset` is a hint for raw bytes. */
export function decodeText(whole: string, charset = ''): string {
  const raw = whole.slice(0, maxText)
  if (!raw.includes('=?')) return decodeRaw(raw, charset)
  const joined = raw.replace(/(\?=)\s+(?==\?)/g, '$1')
  const pieces: { charset: string; bytes: Buffer }[] = []
  let at = 0
  for (const match of joined.matchAll(encodedWord)) {
    const [whole, label = '', encoding = '', data = ''] = match
    if (match.index > at) pieces.push({ charset: '', bytes: Buffer.from(joined.slice(at, match.index), 'latin1') })
    const bytes = encoding.toLowerCase() === 'b' ? fromBase64(data) : fromQ(data)
    const last = pieces.at(-1)
    // A letter may be split between two words: bytes of one charset are joined before they are decoded.
    if (last !== undefined && last.charset === label.toLowerCase() && match.index === at)
      last.bytes = Buffer.concat([last.bytes, bytes])
    else pieces.push({ charset: label.toLowerCase(), bytes })
    at = match.index + whole.length
  }
  if (at < joined.length) pieces.push({ charset: '', bytes: Buffer.from(joined.slice(at), 'latin1') })
  return pieces.map(piece => decodeCharset(piece.bytes, piece.charset === '' ? charset : piece.charset)).join('')
}

/** `raw` holds bytes as latin1; text with other letters is decoded already. */
function decodeRaw(raw: string, charset: string): string {
  if (/[\u0100-\uffff]/.test(raw)) return raw
  const bytes = Buffer.from(raw, 'latin1')
  if (raw.includes('\u001b$')) return decodeCharset(bytes, 'iso-2022-jp')
  if (!/[\x80-\xff]/.test(raw)) return raw
  return saysLittle.test(charset) ? guess(bytes) : decodeCharset(bytes, charset)
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
      /^([^*]*)(?:\*(\d{1,3}))?(\*)?$/.exec(part.slice(0, equals).trim().toLowerCase()) ?? []
    const text = unquote(part.slice(equals + 1).trim())
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
  if (!text.startsWith('"')) return text.replace(/\s{0,99}\([^()]{0,999}\)$/, '')
  const end = /^"((?:\\.|[^"\\])*)"?/.exec(text)?.[1] ?? ''
  return end.replace(/\\(.)/g, '$1')
}

/** Ids in angle brackets, in their order and once each (RFC 5322 §3.6.4); junk around them is passed over. */
export function parseMessageIds(raw: string): string[] {
  const bracketed = [...raw.matchAll(/<([^<>]*)>/g)].map(([, id = '']) => id.replace(/\s+/g, ''))
  const ids = bracketed.length > 0 ? bracketed : raw.split(/[\s,]+/).filter(word => word.includes('@'))
  return [...new Set(ids.filter(id => id !== ''))].map(id => decodeRaw(id, '').slice(0, 998))
}

/** Letters of a Date field; its comments may be long. */
const maxDate = 1_000

/** Milliseconds since 1970 of a Date field, or null if it says nothing sensible (RFC 5322 §3.3 and what is sent instead). */
export function parseDate(raw: string): number | null {
  const text = raw
    .slice(0, maxDate)
    .replace(/\((?:[^()]|\([^()]*\))*\)/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
  const found =
    /(\d{1,2})[ -]([A-Za-z]{3})[a-z]*[ -](\d{2,4})[ ,T]+(\d{1,2})[:.](\d{1,2})(?:[:.](\d{1,2}))?(?:[.,]\d+)?\s*(AM|PM)?\s*([A-Za-z]{1,5}|[+-]\s?\d{1,2}:?\d{2})?/i.exec(
      text,
    )
  if (found === null) return parseOther(text)
  const [, day, month = '', year = '', hour, minute, second = '0', half, zone = ''] = found
  const monthIndex = months.indexOf(month.toLowerCase())
  if (monthIndex < 0) return parseOther(text)
  const hours = (Number(hour) % (half ? 12 : 24)) + (half?.toUpperCase() === 'PM' ? 12 : 0)
  const utc = Date.UTC(fullYear(year), monthIndex, Number(day), hours, Number(minute), Number(second))
  return inRange(utc - zoneMs(zone))
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

/** RFC 5322 §4.3. */
function fullYear(year: string): number {
  const number = Number(year)
  if (year.length >= 4) return number
  return number + (year.length === 3 || number >= 50 ? 1900 : 2000)
}

const zones: ReadonlyMap<string, number> = new Map(
  Object.entries({
    ut: 0,
    gmt: 0,
    utc: 0,
    z: 0,
    est: -5,
    edt: -4,
    cst: -6,
    cdt: -5,
    mst: -7,
    mdt: -6,
    pst: -8,
    pdt: -7,
    cet: 1,
    cest: 2,
    met: 1,
    mest: 2,
    bst: 1,
    wet: 0,
    west: 1,
    eet: 2,
    eest: 3,
    msk: 3,
    jst: 9,
    kst: 9,
    hst: -10,
    akst: -9,
    akdt: -8,
  }),
)

function zoneMs(zone: string): number {
  const numeric = /^([+-])\s?(\d{1,2}):?(\d{2})$/.exec(zone)
  if (numeric === null) return (zones.get(zone.toLowerCase()) ?? 0) * 3_600_000
  const [, sign, hours, minutes] = numeric
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000
}

/** ISO 8601 and the C library's asctime. */
function parseOther(text: string): number | null {
  const asctime =
    /^(?:[A-Za-z]{3,9},? )?([A-Za-z]{3})[a-z]* +(\d{1,2}),? (\d{1,2}:\d{2}(?::\d{2})?) ?([A-Za-z]{3,4}|[+-]\d{4})? (\d{4})(?: ([+-]\d{4}|[A-Z]{2,4}))?/.exec(
      text,
    )
  if (asctime !== null) {
    const [, month, day, time, zone = '', year, later = ''] = asctime
    return parseDate(`${day} ${month} ${year} ${time} ${zone || later}`)
  }
  if (!/^\d{4}-\d{2}-\d{2}/.test(text)) return null
  const iso = Date.parse(/[zZ]|[+-]\d{2}:?\d{2}$/.test(text) ? text : `${text.replace(' ', 'T')}Z`)
  return inRange(iso)
}

/** What DATETIME can hold, and a clock may have said. */
function inRange(time: number): number | null {
  return Number.isFinite(time) && time >= Date.UTC(1900, 0, 1) && time < Date.UTC(2100, 0, 1) ? time : null
}
