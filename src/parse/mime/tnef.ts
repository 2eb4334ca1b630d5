// PURE. TNEF, which Outlook sends as `winmail.dat` (MS-OXTNEF): a stream of attributes, of which those of the message and of its
// attachments hold MAPI properties. Read are the attachments, the body and attached messages (theirs too, to a depth); all the rest is
// passed over. Every length is checked against what is there; a stream that breaks off gives what came before.
import { codePageName, decodeCharset } from './charset.ts'
import { decompressRtf, type RtfText, readRtf } from './rtf.ts'

export interface TnefFile {
  filename: string | null
  contentType: string
  contentId: string | null
  bytes: Buffer
}

export interface Tnef {
  text: string | null
  html: string | null
  files: TnefFile[]
}

const signature = 0x223e9f78
const maxDepth = 5
const maxFiles = 200

/** Null if it is no TNEF, or nothing comes out of it. */
export function readTnef(bytes: Buffer): Tnef | null {
  const tnef = readStream(bytes, 0)
  return tnef === null || (tnef.text === null && tnef.html === null && tnef.files.length === 0) ? null : tnef
}

const attribute = {
  title: 0x8010,
  data: 0x800f,
  body: 0x800c,
  renderData: 0x9002,
  messageProps: 0x9003,
  attachment: 0x9005,
  codePage: 0x9007,
}

interface Attached {
  title: string
  data: Buffer | null
  props: Properties
}

function readStream(bytes: Buffer, depth: number): Tnef | null {
  if (bytes.length < 6 || bytes.readUInt32LE(0) !== signature) return null
  let [codePage, body, props] = ['', null as Buffer | null, new Map() as Properties]
  const attached: Attached[] = []
  for (const { id, data } of attributesOf(bytes)) {
    const last = attached.at(-1)
    if (id === attribute.codePage && data.length >= 4) codePage = codePageName(data.readUInt32LE(0))
    else if (id === attribute.body) body = data
    else if (id === attribute.messageProps) props = readProperties(data)
    else if (id === attribute.renderData && attached.length < maxFiles)
      attached.push({ title: '', data: null, props: new Map() })
    else if (last === undefined) continue
    else if (id === attribute.title) last.title = toText(data, codePage)
    else if (id === attribute.data) last.data = data
    else if (id === attribute.attachment) last.props = readProperties(data)
  }
  const files = attached.flatMap(file => toFiles(file, codePage, depth)).slice(0, maxFiles)
  return { ...bodyOf(props, body, codePage), files }
}

function* attributesOf(bytes: Buffer): Generator<{ id: number; data: Buffer }> {
  for (let at = 6; at + 9 <= bytes.length; ) {
    const id = bytes.readUInt32LE(at + 1) & 0xffff
    const length = bytes.readUInt32LE(at + 5)
    if (at + 9 + length > bytes.length) return
    yield { id, data: bytes.subarray(at + 9, at + 9 + length) }
    at += length + 11
  }
}

/** By number: the first value of each, and whether it is written in UTF-16. */
type Properties = Map<number, { data: Buffer; wide: boolean }>

const wanted = {
  body: 0x1000,
  rtf: 0x1009,
  html: 0x1013,
  displayName: 0x3001,
  data: 0x3701,
  fileName: 0x3704,
  longFileName: 0x3707,
  mimeType: 0x370e,
  contentId: 0x3712,
  codePage: 0x3fde,
}

const fixedSizes: Readonly<Record<number, number>> = {
  1: 0,
  2: 4,
  3: 4,
  4: 4,
  5: 8,
  6: 8,
  7: 8,
  10: 4,
  11: 4,
  20: 8,
  64: 8,
  72: 16,
}
const variableTypes: ReadonlySet<number> = new Set([0x0d, 0x1e, 0x1f, 0x102])
const many = 0x1000

/** As far as they can be read. */
function readProperties(data: Buffer): Properties {
  const found: Properties = new Map()
  try {
    const count = data.readUInt32LE(0)
    let at = 4
    for (let i = 0; i < count && at + 4 <= data.length; i++) {
      const type = data.readUInt16LE(at)
      const id = data.readUInt16LE(at + 2)
      at = id >= 0x8000 ? afterName(data, at + 4) : at + 4
      const base = type & ~many
      const isVariable = variableTypes.has(base)
      const size = fixedSizes[base]
      if (!isVariable && size === undefined) break
      const values = isVariable || (type & many) !== 0 ? data.readUInt32LE(at) : 1
      if (isVariable || (type & many) !== 0) at += 4
      for (let value = 0; value < values && at < data.length; value++) {
        const length = isVariable ? data.readUInt32LE(at) : (size as number)
        if (isVariable) at += 4
        if (at + length > data.length) return found
        if (value === 0) found.set(id, { data: data.subarray(at, at + length), wide: base === 0x1f })
        at += Math.ceil(length / 4) * 4
        // Values without length would be counted without end.
        if (length === 0 && !isVariable) break
      }
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
  return found
}

/** A property with a name has that before its value. */
function afterName(data: Buffer, at: number): number {
  const isWord = data.readUInt32LE(at + 16) === 1
  return isWord ? at + 24 + Math.ceil(data.readUInt32LE(at + 20) / 4) * 4 : at + 24
}

function textOf(props: Properties, id: number, codePage: string): string {
  const value = props.get(id)
  return value === undefined ? '' : value.wide ? trimNul(value.data.toString('utf16le')) : toText(value.data, codePage)
}

function toText(data: Buffer, codePage: string): string {
  return trimNul(decodeCharset(data, codePage))
}

function trimNul(text: string): string {
  const end = text.indexOf('\0')
  return end < 0 ? text : text.slice(0, end)
}

function bodyOf(props: Properties, plain: Buffer | null, codePage: string): Pick<Tnef, 'text' | 'html'> {
  const pages = props.get(wanted.codePage)?.data
  const htmlPage = pages !== undefined && pages.length >= 4 ? codePageName(pages.readUInt32LE(0)) : codePage
  const text = textOf(props, wanted.body, codePage) || (plain === null ? '' : toText(plain, codePage))
  const html = textOf(props, wanted.html, htmlPage)
  const packed = text === '' && html === '' ? props.get(wanted.rtf)?.data : undefined
  const rich: RtfText | null = packed === undefined ? null : readRtf(decompressRtf(packed) ?? '')
  return { text: text || rich?.text || null, html: html || rich?.html || null }
}

function toFiles({ title, data, props }: Attached, codePage: string, depth: number): TnefFile[] {
  const name = textOf(props, wanted.longFileName, codePage) || title || textOf(props, wanted.fileName, codePage)
  const filename = name || textOf(props, wanted.displayName, codePage) || null
  const held = props.get(wanted.data)?.data
  // An object begins with the id of its interface; a message is a stream of its own.
  const inner = held === undefined || depth >= maxDepth ? null : readStream(held.subarray(16), depth + 1)
  if (inner !== null) return toAttachedMessage(inner, filename)
  const bytes = data ?? held
  if (bytes === undefined || bytes === null) return []
  const contentType = /^[\w.+-]{1,100}\/[\w.+-]{1,100}$/.exec(textOf(props, wanted.mimeType, codePage))?.[0]
  return [
    {
      filename,
      contentType: contentType?.toLowerCase() ?? 'application/octet-stream',
      contentId: textOf(props, wanted.contentId, codePage).replace(/^<|>$/g, '') || null,
      bytes,
    },
  ]
}

/** Its words as a file, and its files. */
function toAttachedMessage({ text, html, files }: Tnef, name: string | null): TnefFile[] {
  const words = html ?? text
  if (words === null) return files
  const [ending, contentType] = html === null ? ['.txt', 'text/plain'] : ['.html', 'text/html']
  return [
    { filename: `${name ?? 'message'}${ending}`, contentType, contentId: null, bytes: Buffer.from(words) },
    ...files,
  ]
}
