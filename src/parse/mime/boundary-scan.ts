// PURE. The parts of a mail, found by a scan for boundaries over the bytes (RFC 2046 §5.1): nothing is decoded or copied. Attachments are
// later cut out of the raw mail by these offsets. Bounded in depth and number: a mail that nests without end is read as far as that.
import { decodeBase64 } from './base64.ts'
import { type Headers, parseHeaders, parseStructured, type StructuredValue } from './headers.ts'
import { readEncoding, readType } from './part-type.ts'

export interface Part {
  headers: Headers
  type: StructuredValue
  disposition: StructuredValue
  /** Content-Transfer-Encoding, lower case. */
  encoding: string
  /** The body, from its first byte to the one after its last. */
  start: number
  end: number
  children: Part[]
  /** The boundary was not the one that the header names. */
  mended: boolean
  /** It has more parts, or deeper ones, than are looked for. */
  cut: boolean
}

const maxParts = 1_000
const maxDepth = 50
const maxHeaderBytes = 1_048_576

/** The mail as a tree. */
export function findParts(source: Buffer): Part {
  const budget = { parts: maxParts }
  return readPart(source, 0, source.length, 'text/plain', 0, budget)
}

/** Leaves of the tree, in the order of the mail. */
export function leavesOf(part: Part): Part[] {
  return part.children.length === 0 ? [part] : part.children.flatMap(leavesOf)
}

/** All parts of the tree, those above before those within. */
export function partsOf(part: Part): Part[] {
  return [part, ...part.children.flatMap(partsOf)]
}

function readPart(
  source: Buffer,
  start: number,
  end: number,
  defaultType: string,
  depth: number,
  budget: { parts: number },
): Part {
  const body = bodyStart(source, start, end)
  const headers = parseHeaders(source.subarray(start, Math.min(body, start + maxHeaderBytes)))
  const part: Part = {
    headers,
    type: readType(headers.first('content-type'), defaultType),
    disposition: parseStructured(headers.first('content-disposition')),
    encoding: readEncoding(headers.first('content-transfer-encoding')),
    start: body,
    end,
    children: [],
    mended: false,
    cut: false,
  }
  if (!part.type.value.startsWith('multipart/')) return part
  part.cut = depth >= maxDepth || budget.parts <= 0
  if (part.cut) return part
  const childType = part.type.value === 'multipart/digest' ? 'message/rfc822' : 'text/plain'
  for (const [from, to] of sectionsIn(source, part, budget.parts + 1)) {
    part.cut = budget.parts-- <= 0
    if (part.cut) break
    part.children.push(readPart(source, from, to, childType, depth + 1, budget))
  }
  return part
}

/** After the first empty line; a part that begins with one has no header. */
function bodyStart(whole: Buffer, start: number, end: number): number {
  const source = whole.subarray(0, end)
  let fields = start
  for (let line = start; line < end; ) {
    const feed = source.indexOf(0x0a, line)
    const next = feed < 0 ? end : feed + 1
    if (isBlank(source, line, feed)) return next
    // Looked for once: the field that was found stays ahead of all lines before it.
    if (!isField(source, line, next) && next > fields) fields = fieldAhead(source, next, end)
    if (fields < 0) return line
    line = next
  }
  return end
}

/** Nothing, or nothing but carriage returns: some gateways double them. */
function isBlank(source: Buffer, line: number, feed: number): boolean {
  for (let i = line; i < feed; i++) if (source[i] !== 0x0d) return false
  return feed >= 0
}

/** A name and a colon, a folded line, or a mailbox file's `From ` line. */
function isField(source: Buffer, line: number, next: number): boolean {
  const first = source[line] as number
  if (first === 0x20 || first === 0x09) return true
  for (let i = line; i < next; i++) {
    const byte = source[i] as number
    if (byte === 0x3a) return i > line
    if (byte <= 0x20 || byte >= 0x7f) break
  }
  const text = source.toString('latin1', line, Math.min(next, line + 200))
  return /^>?From /.test(text) || /^[!-9;-~]+[ \t]+:/.test(text)
}

/** A line that is no field begins the body, unless one of the fields that every mail has comes after it: where, or -1. */
function fieldAhead(source: Buffer, from: number, end: number): number {
  const rest = source.toString('latin1', from, Math.min(end, from + maxSearched))
  const block = rest.slice(0, /(?:^|\n)\r{0,9}\n/.exec(rest)?.index ?? rest.length)
  const at = block.search(
    /^(from|to|subject|date|message-id|received|mime-version|content-type|content-transfer-encoding|content-disposition)[ \t]{0,80}:/im,
  )
  return at < 0 ? -1 : from + at
}

/** By the boundary of the header; where that is missing or does not occur, by a line that looks like one. */
function sectionsIn(source: Buffer, part: Part, most: number): [number, number][] {
  const named = part.type.params.get('boundary') ?? ''
  const sections = named === '' ? [] : sectionsOf(source, part, named, most)
  if (sections.length > 0) return sections
  const likely = likelyBoundary(source, part)
  if (likely === undefined || likely === named) return []
  part.mended = true
  return sectionsOf(source, part, likely, most)
}

const maxSearched = 65_536

/** After `--`, in a line that is followed by a header field of MIME. */
function likelyBoundary(source: Buffer, part: Part): string | undefined {
  const head = source.toString('latin1', part.start, Math.min(part.end, part.start + maxSearched))
  return /(?:^|\n)--([^\r\n]{1,200}?)[ \t]*\r{0,9}\ncontent-[a-z-]+:/i.exec(head)?.[1]
}

/** From the end of each boundary line to the line break before the next one. */
function sectionsOf(whole: Buffer, { start, end }: Part, boundary: string, most: number): [number, number][] {
  const source = whole.subarray(0, end)
  const mark = Buffer.from(`--${boundary}`, 'latin1')
  const sections: [number, number][] = []
  let open = -1
  for (let at = source.indexOf(mark, start); at >= 0; at = source.indexOf(mark, at + mark.length)) {
    if (at > start && source[at - 1] !== 0x0a) continue
    const after = at + mark.length
    const closing = source[after] === 0x2d && source[after + 1] === 0x2d
    const feed = source.indexOf(0x0a, after)
    const lineEnd = feed < 0 ? end : feed
    const rest = source.toString('latin1', after + (closing ? 2 : 0), lineEnd)
    if (rest.trim() !== '') continue
    if (open >= 0) sections.push([open, beforeBreak(source, open, at)])
    open = closing ? -1 : Math.min(lineEnd + 1, end)
    if (closing || sections.length >= most) break
  }
  if (open >= 0 && open < end) sections.push([open, end])
  return sections
}

function beforeBreak(source: Buffer, from: number, at: number): number {
  let to = at
  if (to > from && source[to - 1] === 0x0a) to--
  while (to > from && source[to - 1] === 0x0d) to--
  return to
}

/** Decoded bytes of a body. Base64 and quoted-printable as tolerant as senders are careless (RFC 2045 §6). */
export function decodeBody(bytes: Buffer, encoding: string): Buffer {
  if (encoding === 'base64') return decodeBase64(bytes)
  if (encoding === 'quoted-printable') return fromQuotedPrintable(bytes)
  return bytes
}

function fromQuotedPrintable(bytes: Buffer): Buffer {
  const out = Buffer.allocUnsafe(bytes.length)
  let length = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number
    if (byte !== 0x3d) {
      out[length++] = byte
      continue
    }
    const high = hexValue(bytes[at + 1])
    const low = hexValue(bytes[at + 2])
    if (high >= 0 && low >= 0) {
      out[length++] = high * 16 + low
      at += 2
      continue
    }
    const lineEnd = softBreak(bytes, at + 1)
    if (lineEnd > 0) at = lineEnd
    else out[length++] = byte
  }
  return out.subarray(0, length)
}

function hexValue(byte: number | undefined): number {
  if (byte === undefined) return -1
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

/** The index of the line feed if only blanks stand before it, the end of the body likewise, else 0. */
function softBreak(bytes: Buffer, from: number): number {
  let i = from
  while (bytes[i] === 0x20 || bytes[i] === 0x09 || bytes[i] === 0x0d) i++
  return bytes[i] === 0x0a || i >= bytes.length ? i : 0
}

/** True for a leaf that is text to show; everything else is an attachment. */
export function isBodyText(leaf: Part): boolean {
  const { value } = leaf.type
  if (value === 'message/delivery-status' || value === 'message/global-delivery-status') return true
  if (!/^text\/(plain|html|enriched|richtext)$/.test(value)) return false
  if (leaf.disposition.value === 'attachment') return false
  return !hasFileName(leaf) || leaf.disposition.value === 'inline' || leaf.disposition.value === ''
}

/** True for a leaf that names a file. */
export function hasFileName(leaf: Part): boolean {
  return (leaf.disposition.params.get('filename') ?? leaf.type.params.get('name') ?? '') !== ''
}
