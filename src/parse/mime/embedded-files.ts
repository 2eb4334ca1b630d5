// PURE. Files that stand in the middle of a text, from before there was MIME: uuencode (POSIX, with its base64 form) and yEnc 1.3. A block
// is one only if all of it is well-formed and has its end; what looks like a beginning and is none stays text.
import { crc32 } from 'node:zlib'

export interface EmbeddedFile {
  filename: string
  bytes: Buffer
}

/** A text with more is read as far as this. */
const maxFiles = 100

/** The files in `text`, and what is left of it; null if there are none. Letters of a name are what `text` has, as latin1. */
export function cutEmbeddedFiles(text: Buffer): { text: Buffer; files: EmbeddedFile[] } | null {
  const files: EmbeddedFile[] = []
  const rest: Buffer[] = []
  let [from, kept] = [0, 0]
  const nextBeginning = beginningsOf(text)
  while (files.length < maxFiles) {
    const at = nextBeginning(from)
    if (at < 0) break
    const block = readUuencoded(text, at) ?? readUuBase64(text, at) ?? readYenc(text, at)
    if (block?.file == null) {
      from = block?.end ?? at + 1
      continue
    }
    files.push(block.file)
    rest.push(text.subarray(kept, at))
    from = block.end
    kept = block.end
  }
  return files.length === 0 ? null : { text: Buffer.concat([...rest, text.subarray(kept)]), files }
}

/** A block, or where to look on if it is none after all. */
interface Block {
  file: EmbeddedFile | null
  end: number
}

/** Answers where the next beginning is, for places that only go forward: what was found, or not, is not looked for again. */
function beginningsOf(text: Buffer): (from: number) => number {
  const known = new Map(['begin', '=ybegin '].map(word => [word, lineStart(text, word, 0)]))
  return from => {
    for (const [word, at] of known) if (at >= 0 && at < from) known.set(word, lineStart(text, word, from))
    const starts = [...known.values()].filter(at => at >= 0)
    return starts.length === 0 ? -1 : Math.min(...starts)
  }
}

/** Where a line begins with `word`; -1 if none does. */
function lineStart(text: Buffer, word: string, from: number): number {
  if (from === 0 && text.subarray(0, word.length).equals(Buffer.from(word))) return 0
  const at = text.indexOf(`\n${word}`, Math.max(0, from - 1))
  return at < 0 ? -1 : at + 1
}

/** The line at `at` without its end, and where the next one begins. Lines longer than any of these forms come back cut. */
function lineAt(text: Buffer, at: number): { line: string; next: number } {
  const feed = text.indexOf(0x0a, at)
  const next = feed < 0 ? text.length : feed + 1
  return { line: text.toString('latin1', at, Math.min(next, at + 1_000)).replace(/[\r\n]{1,2}$/, ''), next }
}

function readUuencoded(text: Buffer, at: number): Block | null {
  const first = lineAt(text, at)
  const [, filename] = /^begin [0-7]{3,4} ?(.{0,250})$/.exec(first.line) ?? []
  if (filename === undefined) return null
  const pieces: Buffer[] = []
  for (let next = first.next; next < text.length; ) {
    const line = lineAt(text, next)
    if (/^end\s{0,8}$/.test(line.line))
      return pieces.length === 0
        ? null
        : { file: { filename: filename.trim(), bytes: Buffer.concat(pieces) }, end: line.next }
    const bytes = fromUuLine(line.line)
    if (bytes === null) return null
    pieces.push(bytes)
    next = line.next
  }
  return null
}

/** What a line of uuencode stands for; null if it is none. Blanks at its end may have been lost, and a check letter may be added. */
function fromUuLine(line: string): Buffer | null {
  if (line === '') return Buffer.alloc(0)
  if (!/^[ -`]{1,90}$/.test(line)) return null
  const length = (line.charCodeAt(0) - 32) & 63
  const needed = Math.ceil(length / 3) * 4
  const letters = line.length - 1
  if (letters > needed + 2 || letters < Math.ceil((length * 4) / 3) - trailingBlanks) return null
  const out = Buffer.alloc((needed / 4) * 3)
  for (let i = 0; i < needed; i += 4) {
    const [a, b, c, d] = [1, 2, 3, 4].map(k => ((line.charCodeAt(i + k) || 32) - 32) & 63) as [
      number,
      number,
      number,
      number,
    ]
    out.writeUIntBE((a << 18) | (b << 12) | (c << 6) | d, (i / 4) * 3, 3)
  }
  return out.subarray(0, length)
}

/** Zeroes at the end of a line are written as blanks by some. */
const trailingBlanks = 8

function readUuBase64(text: Buffer, at: number): Block | null {
  const first = lineAt(text, at)
  const [, filename] = /^begin-base64 [0-7]{3,4} (\S.{0,250})$/.exec(first.line) ?? []
  if (filename === undefined) return null
  for (let next = first.next; next < text.length; ) {
    const line = lineAt(text, next)
    if (line.line.trim() === '====') {
      const bytes = Buffer.from(text.toString('latin1', first.next, next), 'base64')
      return { file: { filename: filename.trim(), bytes }, end: line.next }
    }
    if (!/^[A-Za-z0-9+/]{1,200}={0,2}\s?$/.test(line.line)) return null
    next = line.next
  }
  return null
}

function readYenc(text: Buffer, at: number): Block | null {
  const first = lineAt(text, at)
  const [, fields = '', filename] = /^=ybegin ([\w= ]{1,200}?) ?name=(.{1,250})$/.exec(first.line) ?? []
  if (filename === undefined) return null
  const end = lineStart(text, '=yend ', first.next)
  if (end < 0) return { file: null, end: text.length }
  const last = lineAt(text, end)
  const part = /\bpart=\d/.test(fields) ? lineAt(text, first.next) : null
  const isPart = part?.line.startsWith('=ypart ') ?? false
  const bytes = fromYenc(text.subarray(isPart && part !== null ? part.next : first.next, end))
  const size = Number(/\bsize=(\d{1,12})/.exec(last.line)?.[1])
  const sum = /\bp?crc32=([0-9a-f]{1,8})/i.exec(isPart ? last.line.replace(/ crc32=/, ' whole=') : last.line)?.[1]
  const whole = bytes.length === size && (sum === undefined || Number.parseInt(sum, 16) === crc32(bytes))
  return { file: whole ? { filename: filename.trim(), bytes } : null, end: last.next }
}

function fromYenc(coded: Buffer): Buffer {
  const out = Buffer.allocUnsafe(coded.length)
  let length = 0
  for (let i = 0; i < coded.length; i++) {
    let byte = coded[i] as number
    if (byte === 0x0a || byte === 0x0d) continue
    if (byte === 0x3d) byte = (coded[++i] ?? 0) - 64
    out[length++] = (byte - 42) & 0xff
  }
  return Buffer.from(out.subarray(0, length))
}

/** Bytes of a part whose transfer encoding is uuencode: of its first block, or null. */
export function decodeUuencoded(body: Buffer): Buffer | null {
  return cutEmbeddedFiles(body)?.files[0]?.bytes ?? null
}
