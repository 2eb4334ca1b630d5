// PURE. Address lists (RFC 5322 §3.4), tolerant: groups, comments, quotes, encoded-words in any place, commas in unquoted names,
// missing brackets, trailing dots. One broken address does not take the others along.

import type { Address } from '../../model/parsed-message.ts'
import { type HiddenWords, hideWords } from './headers.ts'

type Shown = HiddenWords['shown']

/** A mail may name thousands; more than this many are cut. */
const maxAddresses = 5_000
/** Characters of a field. */
const maxField = 250_000
/** Characters of one address with its name. */
const maxLength = 1_000

/** Addresses of a field's raw value, each once, in their order. */
export function parseAddresses(raw: string, charset = ''): Address[] {
  const people: Address[] = []
  const { text, shown } = hideWords(raw.slice(0, maxField), charset)
  for (const piece of mendNames(splitList(text), shown)) {
    if (people.length >= maxAddresses) break
    const person = parseOne(piece.slice(0, maxLength), shown)
    if (person !== null) people.push(person)
  }
  return people
}

/** Cuts at commas and semicolons outside of quotes, comments and angle brackets; group names (`name:`) fall away. */
function splitList(raw: string): string[] {
  const pieces: string[] = []
  let [start, depth, quoted, angle, hasAt] = [0, 0, false, false, false]
  for (let i = 0; i < raw.length; i++) {
    const char = raw[i] as string
    if (char === '\\' && (quoted || depth > 0)) {
      i++
      continue
    }
    if (char === '@') hasAt = true
    if (char === '"' && depth === 0) quoted = !quoted
    else if (!quoted && char === '(') depth++
    else if (!quoted && char === ')' && depth > 0) depth--
    else if (!quoted && depth === 0 && char === '<') angle = true
    else if (!quoted && depth === 0 && char === '>') angle = false
    const outside = !quoted && depth === 0 && !angle
    if (outside && (char === ',' || char === ';')) {
      pieces.push(raw.slice(start, i))
      start = i + 1
      hasAt = false
    } else if (outside && char === ':' && !hasAt) start = i + 1
  }
  return [...pieces, raw.slice(start)].map(text => text.trim()).filter(text => text !== '')
}

/** `Doe, John <j@x>` was cut in two: a piece without an address belongs to the next one that ends in brackets. */
function mendNames(pieces: readonly string[], shown: Shown): string[] {
  const mended: string[] = []
  let open = ''
  for (const piece of pieces) {
    if (!shown(piece).includes('@') && !piece.includes('<') && piece === piece.replace(/["()]/g, '')) {
      if (open !== '') mended.push(open)
      open = piece
      continue
    }
    if (open !== '' && /<[^<>]*>/.test(piece)) mended.push(`${open}, ${piece}`)
    else mended.push(...(open === '' ? [piece] : [open, piece]))
    open = ''
  }
  return open === '' ? mended : [...mended, open]
}

function parseOne(piece: string, shown: Shown): Address | null {
  const angle = /^([\s\S]*?)<\s*([^<>]*?)\s*>([\s\S]*)$/.exec(maskQuotes(piece))
  if (angle !== null) {
    const [before, inside] = cutAt(piece, (angle[1] ?? '').length, angle[2] ?? '')
    const name = nameOf(before === '' ? (comment(angle[3] ?? '') ?? '') : before, shown)
    const address = cleanAddress(inside, shown)
    if (address === '' && name.includes('@') && !/\s/.test(name))
      return { name: '', address: cleanAddress(name, shown) }
    return address === '' && name === '' ? null : { name, address }
  }
  const name = comment(piece)
  const bare = withoutComments(piece).trim()
  const decoded = shown(bare)
  const unquoted = decoded.replace(/^(["'])(.*)\1$/, '$2')
  if (/@/.test(unquoted) && /^[^\s"]+$/.test(unquoted))
    return { name: nameOf(name ?? '', shown), address: cleanAddress(unquoted, shown) }
  const found = /(?:^|[\s"'([<])([^\s"'<>()[\],;:]+@[^\s"'<>()[\],;:]+)/.exec(decoded)
  if (found !== null) {
    const rest = decoded
      .replace(found[1] as string, '')
      .replace(/["'<>]/g, '')
      .trim()
    return { name: nameOf(rest || (name ?? ''), shown), address: cleanAddress(found[1] as string, shown) }
  }
  if (/^"[^"]*"@\S+$/.test(bare)) return { name: '', address: cleanAddress(bare, shown) }
  return bare === '' ? null : bareWord(decoded)
}

/** `root`, or a name alone. */
function bareWord(text: string): Address {
  const word = text.replace(/^["']|["']$/g, '').trim()
  return /^[\w.+-]+$/.test(word) ? { name: '', address: word } : { name: word, address: '' }
}

/** Same length, with what stands in quotes blanked, so that brackets in a name are not taken for an address. */
function maskQuotes(text: string): string {
  return text.replace(/"(?:\\.|[^"\\])*"(?=[^@]*(<|$))/g, quoted =>
    /@[^<]*$/.test(quoted) && !text.includes('<') ? quoted : '_'.repeat(quoted.length),
  )
}

function cutAt(piece: string, length: number, masked: string): [string, string] {
  const start = piece.indexOf('<', length) + 1
  const end = piece.indexOf('>', start)
  const inside = end < 0 ? masked : piece.slice(start, end)
  return [piece.slice(0, length).trim(), inside]
}

function nameOf(raw: string, shown: Shown): string {
  const bare = unquoteName(raw)
  const name = shown(bare)
  // Quotes in an encoded-word are letters of the name, unless they stand around all of it.
  return tidy(name === bare ? name : name.trim().replace(/^(["'])([^"']*)\1$/, '$2'))
}

/** Without what nobody sees: controls, zero-width spaces, marks of direction. Joiners are parts of letters and stay. */
function tidy(name: string): string {
  return name
    .replace(unseen, '')
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .replace(/^[<\s]+$/, '')
    .trim()
    .slice(0, maxLength)
}

const unseen = /[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]/g

function unquoteName(text: string): string {
  const trimmed = text.trim()
  const quoted = /^"((?:\\.|[^"\\])*)"$/.exec(trimmed)
  if (quoted !== null) return (quoted[1] ?? '').replace(/\\(.)/g, '$1')
  if (/^'[^']*'$/.test(trimmed)) return trimmed.slice(1, -1)
  return trimmed.replace(/"((?:\\.|[^"\\])*)"/g, '$1').replace(/^"|"$/g, '')
}

function comment(text: string): string | null {
  return /\(((?:\\.|[^()\\])*)\)/.exec(text)?.[1]?.replace(/\\(.)/g, '$1') ?? null
}

function withoutComments(text: string): string {
  return text.replace(/\((?:\\.|[^()\\])*\)/g, ' ')
}

/** The addr-spec with its domain in lower case; `mailto:`, routes, spaces and trailing dots fall away. */
function cleanAddress(raw: string, shown: Shown): string {
  const text = shown(raw)
    .replace(unseen, '')
    .replace(/[\p{Cc}\u200c\u200d]+/gu, '')
    .trim()
    .replace(/^mailto:/i, '')
    .replace(/^@[^:]*:/, '')
    .replace(/\([^()]*\)/g, '')
  const at = text.lastIndexOf('@')
  if (at < 0) return text.trim().replace(/^["']+|["']+$/g, '')
  const local = text.slice(0, at).trim()
  const domain = text
    .slice(at + 1)
    .replace(/\s+/g, '')
    .replace(/[.>,;'"]+$/, '')
    .toLowerCase()
  const mailbox = /^".*"$/.test(local) ? simplify(local) : local.replace(/\s+/g, '').replace(/^'(?=[^']*$)/, '')
  return `${mailbox}@${domain}`
}

/** Quotes that are not needed. */
function simplify(local: string): string {
  const inner = local.slice(1, -1).replace(/\\(.)/g, '$1')
  return /^[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*$/.test(inner) ? inner : local
}
