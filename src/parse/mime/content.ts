// What a mail holds, from its tree of parts: the body and the attachments, also those that stand in a text or in a winmail.dat. Strictly
// where the structure holds; else as mailparser reads it; what that gives up is shown as text.
import { createHash } from 'node:crypto'
import { findAttachments } from './attachments.ts'
import { type Body, readBody, readText, textOfHtml, toBody } from './body.ts'
import { decodeBody, isBodyText, leavesOf, type Part, partsOf } from './boundary-scan.ts'
import { describeCalendar } from './calendar.ts'
import { decodeCharset } from './charset.ts'
import { type Enclosed, type Found, openLeaf } from './enclosed.ts'
import { protectionOf } from './protection.ts'

export interface Content {
  body: Body
  attachments: Found[]
  /** What had to be mended or cut, and what is signed or encrypted. */
  reasons: string[]
}

/** `offset`: where `source` begins in the mail as it came. */
export async function readContent(source: Buffer, root: Part, offset: number): Promise<Content> {
  const parts = partsOf(root)
  const { body, findFiles } = await readHolding(source, root)
  const { found, cut } = findFiles()
  const reasons = [
    ...(!isSound(root) || parts.some(part => part.mended) ? ['malformed-mime'] : []),
    ...(parts.some(part => part.cut) || cut ? ['too-many-parts'] : []),
    ...protectionOf(parts, body.text),
  ]
  return { body, attachments: found.map(one => moved(one, offset)), reasons }
}

/** The body of a mail whose attachments nobody asks for: they are not decoded. */
export async function readBodyAlone(source: Buffer, root: Part): Promise<Body> {
  return (await readHolding(source, root)).body
}

interface Files {
  found: Found[]
  /** There are more. */
  cut: boolean
}

interface Holding {
  body: Body
  findFiles(): Files
}

async function readHolding(source: Buffer, root: Part): Promise<Holding> {
  return isSound(root) ? readStrictly(source, root) : await readOtherwise(source, root)
}

/** Every multipart has parts; where the bounds ended the search, there is nothing to mend. */
function isSound(part: Part): boolean {
  if (part.children.length > 0) return part.children.every(isSound)
  return part.cut || !part.type.value.startsWith('multipart/')
}

async function readOtherwise(source: Buffer, root: Part): Promise<Holding> {
  const lenient = await readLeniently(source).catch(() => undefined)
  if (lenient !== undefined && (lenient.body.text.trim() !== '' || lenient.findFiles().found.length > 0)) return lenient
  return readStrictly(source, asText(root))
}

/** Multiparts without parts as text. */
function asText(part: Part): Part {
  if (part.children.length > 0) return { ...part, children: part.children.map(asText) }
  return part.type.value.startsWith('multipart/') ? { ...part, type: { value: 'text/plain', params: new Map() } } : part
}

function readStrictly(source: Buffer, root: Part): Holding {
  const leaves = leavesOf(root)
  const opened = new Map<Part, Enclosed>()
  for (const leaf of leaves) {
    const enclosed = openLeaf(source, leaf)
    if (enclosed !== null) opened.set(leaf, enclosed)
  }
  const own = readBody(source, root, isBodyText, leaf => opened.get(leaf)?.text ?? null)
  const body = withCalendar(withInner(own, opened.values()), source, leaves)
  const unlabelled = isSilent(body) ? leaves.find(leaf => isUnlabelledText(source, leaf)) : undefined
  if (unlabelled !== undefined) return readStrictly(source, withTextAt(root, unlabelled, source))
  return { body, findFiles: () => findAttachments(source, root, body.rawHtml, leaf => opened.get(leaf) ?? null) }
}

/** With the body of a winmail.dat: instead of none, as the HTML of the same words, or behind other words (of a list, of a scanner). */
function withInner(own: Body, opened: Iterable<Enclosed>): Body {
  const inner = [...opened].find(({ body }) => body !== null)?.body
  if (!inner || (inner.text === null && inner.html === null)) return own
  const text = inner.text ?? textOfHtml(inner.html ?? '')
  if (isSilent(own)) return toBody(text, inner.html)
  if (!says(own.text, text)) return toBody(`${own.text}\n\n${text}`, own.rawHtml)
  return own.rawHtml === null && says(text, own.text) ? toBody(own.text, inner.html) : own
}

/** Only HTML without a word is looked at: a picture may be all that it shows. */
function isSilent({ text, safeHtml }: Body): boolean {
  return text.trim() === '' && (safeHtml()?.html ?? '').trim() === ''
}

/** Types that are text without being words for people; those of other media say by themselves that they are none. */
const noWords =
  /^(?:(?:image|audio|video|message|font|model|multipart)\/|text\/(?:calendar|rfc822-headers|x-amp-html|rtf|css|javascript|x-?vcard|vcard|directory|csv|xml)$|application\/(?!(?:octet-stream|x-?text|text|plain|x?html|xhtml\+xml)$))/
const maxSample = 4_096

/** Of a mail without text: a nameless part of a type that nobody knows, whose bytes are words. */
function isUnlabelledText(source: Buffer, leaf: Part): boolean {
  const { type, disposition, headers } = leaf
  const isNamed = disposition.params.has('filename') || type.params.has('name') || headers.first('content-id') !== ''
  if (isNamed || disposition.value === 'attachment' || isBodyText(leaf) || noWords.test(type.value)) return false
  const sample = sampleOf(source, leaf)
  return /\p{L}/u.test(sample) && !/[^\P{Cc}\t\n\r\f]/u.test(sample) && !sample.includes('\ufffd')
}

function sampleOf(source: Buffer, { start, end, encoding }: Part): string {
  const bytes = decodeBody(source.subarray(start, Math.min(end, start + maxSample)), encoding)
  return decodeCharset(bytes, '').slice(0, maxSample).replaceAll('\u001b', '')
}

function withTextAt(part: Part, leaf: Part, source: Buffer): Part {
  if (part !== leaf) return { ...part, children: part.children.map(child => withTextAt(child, leaf, source)) }
  const isHtml = /<(?:!doctype|html|body|div|p|br|table)\b/i.test(sampleOf(source, leaf))
  return { ...leaf, type: { value: isHtml ? 'text/html' : 'text/plain', params: leaf.type.params } }
}

/** White space aside; a long beginning is enough. */
function says(text: string, words: string): boolean {
  const bare = (long: string) => long.replace(/\s+/g, '')
  return bare(text).includes(bare(words.slice(0, 3_000)).slice(0, 1_000))
}

/** Of a mail without text: what its invitation says. */
function withCalendar(own: Body, source: Buffer, leaves: readonly Part[]): Body {
  const calendar = isSilent(own) ? leaves.find(leaf => leaf.type.value === 'text/calendar') : undefined
  const words = calendar === undefined ? null : describeCalendar(readText(source, calendar))
  return words === null ? own : toBody(words, null)
}

/** Places are those in the mail as it came, before which there may be an envelope line. */
function moved(found: Found, offset: number): Found {
  const { attachment } = found
  if (offset === 0 || attachment.part === null) return found
  return {
    ...found,
    attachment: { ...attachment, part: { ...attachment.part, offset: attachment.part.offset + offset } },
  }
}

async function readLeniently(source: Buffer): Promise<Holding> {
  // Loaded only then: it is large, and few mails need it.
  const { simpleParser } = await import('mailparser')
  const mail = await simpleParser(source, {
    skipHtmlToText: true,
    skipTextToHtml: true,
    skipTextLinks: true,
    skipImageLinks: true,
    keepCidLinks: true,
  })
  const body = toBody(mail.text?.replaceAll('\0', '') ?? null, typeof mail.html === 'string' ? mail.html : null)
  const found = mail.attachments.map(found => ({
    bytes: found.content,
    attachment: {
      filename: found.filename ?? null,
      contentType: found.contentType,
      size: found.content.length,
      sha256: createHash('sha256').update(found.content).digest('hex'),
      contentId: found.cid ?? null,
      inline: found.related === true,
      part: null,
    },
  }))
  return { body, findFiles: () => ({ found, cut: false }) }
}
