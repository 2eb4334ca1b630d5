// PURE. The words of rich text: unpacked (MS-OXRTFCP), then read without its looks, or the HTML that was wrapped in it (MS-OXRTFEX). Read is
// what Outlook writes; tables, pictures and fields fall away. Bounded by what a mail's text may have.
import { codePageName, decodeCharset } from './charset.ts'

export interface RtfText {
  text: string | null
  html: string | null
}

const maxUnpacked = 4_000_000
const compressed = 0x75465a4c
const stored = 0x414c454d

/** What every dictionary begins with (MS-OXRTFCP §2.1.3.1.2). */
const initial =
  '{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArial' +
  'Times New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx'

/** The RTF as latin1, or null if it is none. */
export function decompressRtf(packed: Buffer): string | null {
  if (packed.length < 16) return null
  const kind = packed.readUInt32LE(8)
  const size = Math.min(packed.readUInt32LE(4), maxUnpacked)
  if (kind === stored) return packed.toString('latin1', 16, 16 + size)
  return kind === compressed ? unpack(packed, size) : null
}

/** LZ77 with a ring of 4,096 bytes; eight flags tell literals from references. */
function unpack(packed: Buffer, size: number): string {
  const ring = Buffer.alloc(4_096, 0x20)
  let place = ring.write(initial, 'latin1')
  const out = Buffer.alloc(size)
  let [length, at] = [0, 16]
  const put = (byte: number): void => {
    if (length < size) out[length++] = byte
    ring[place] = byte
    place = (place + 1) % 4_096
  }
  while (at < packed.length && length < size) {
    const flags = packed[at++] as number
    for (let bit = 0; bit < 8 && at < packed.length && length < size; bit++) {
      if ((flags & (1 << bit)) === 0) {
        put(packed[at++] as number)
        continue
      }
      const reference = ((packed[at] as number) << 8) | (packed[at + 1] ?? 0)
      at += 2
      const from = reference >> 4
      if (from === place) return out.toString('latin1', 0, length)
      for (let i = 0; i < (reference & 15) + 2; i++) put(ring[(from + i) % 4_096] as number)
    }
  }
  return out.toString('latin1', 0, length)
}

interface Group {
  /** What stands here is not text. */
  hidden: boolean
  /** Rich text only, not of the HTML within. */
  richOnly: boolean
  /** Letters to pass over after `\u`. */
  skip: number
}

const token = /\\([a-z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-f]{2})|\\([^a-z])|([{}])|([^\\{}\r\n]{1,4096})/gi
const destinations =
  /^(fonttbl|colortbl|stylesheet|info|pict|object|header|footer|headerl|headerr|footerl|footerr|themedata|listtable|listoverridetable|generator|latentstyles|datastore|rsidtbl|xmlnstbl|bkmkstart|bkmkend|fldinst)$/
const breaks: ReadonlyMap<string, string> = new Map(
  Object.entries({ par: '\n', line: '\n', row: '\n', tab: '\t', cell: '\t' }),
)
const signs: ReadonlyMap<string, string> = new Map(
  Object.entries({
    lquote: '‘',
    rquote: '’',
    ldblquote: '“',
    rdblquote: '”',
    bullet: '•',
    endash: '–',
    emdash: '—',
  }),
)
const maxNesting = 1_000

/** What an RTF says; nulls if it is none. */
export function readRtf(rtf: string): RtfText {
  if (!rtf.startsWith('{\\rtf')) return { text: null, html: null }
  const isHtml = /\\fromhtml1/.test(rtf.slice(0, 2_000))

  const charset = codePageName(Number(/\\ansicpg(\d{3,5})/.exec(rtf.slice(0, 2_000))?.[1] ?? 1252))
  const out: string[] = []
  let bytes: number[] = []
  let group: Group = { hidden: false, richOnly: false, skip: 1 }
  let [skipping, starred] = [0, false]
  const outer: Group[] = []
  const flush = (): void => {
    if (bytes.length > 0) out.push(decodeCharset(Uint8Array.from(bytes), charset))
    bytes = []
  }
  const say = (text: string): void => {
    flush()
    if (!group.hidden && !(isHtml && group.richOnly)) out.push(text)
  }
  for (const [, word, parameter, hex, symbol, brace, plain] of rtf.matchAll(token)) {
    if (brace === '{') {
      if (outer.length < maxNesting) outer.push({ ...group })
      starred = false
    } else if (brace === '}') {
      group = outer.pop() ?? group
    } else if (hex !== undefined) {
      if (skipping > 0) skipping--
      else if (!group.hidden && !(isHtml && group.richOnly)) bytes.push(Number.parseInt(hex, 16))
    } else if (symbol !== undefined) {
      if (symbol === '*') starred = true
      else if (symbol === '~') say('\u00a0')
      else if (/[\\{}]/.test(symbol)) say(symbol)
      else if (symbol === '\n' || symbol === '\r') say('\n')
    } else if (plain !== undefined) {
      const text = plain.slice(skipping)
      skipping = Math.max(0, skipping - plain.length)
      say(text)
    } else if (word !== undefined) {
      if (word === 'htmltag' || word === 'mhtmltag') group.hidden = !isHtml || word === 'mhtmltag'
      else if (starred || destinations.test(word)) group.hidden = true
      else if (word === 'htmlrtf') group.richOnly = parameter !== '0'
      else if (word === 'uc') group.skip = Math.min(Number(parameter ?? 1), 8)
      else if (word === 'u') {
        say(String.fromCharCode(Number(parameter ?? 63) & 0xffff))
        skipping = group.skip
      } else {
        const sign = breaks.get(word) ?? signs.get(word)
        if (sign !== undefined) say(sign)
      }
      starred = false
    }
  }
  flush()
  const said = out.join('').replaceAll('\0', '').trim()
  return isHtml ? { text: null, html: said || null } : { text: said || null, html: null }
}
