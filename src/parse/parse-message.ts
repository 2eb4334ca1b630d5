// Raw mail → ParsedMessage. The parts are found in the bytes (skeleton.ts) and read where they are well-formed; a mail whose structure
// does not hold together is given to mailparser, which reads on where a strict reader stops. Headers are always read here, because
// ids, dates, addresses and raw 8-bit text are where mail is most often wrong. Never throws for what a mail says.
import { createHash } from 'node:crypto'
import { simpleParser } from 'mailparser'
import { MessageError } from '../errors.ts'
import { parseAddresses } from './addresses.ts'
import { findAttachments, isBodyText, readPlace } from './attachments.ts'
import { type Body, readBody, toBody } from './body.ts'
import { readBounce } from './bounce.ts'
import { classify } from './classify.ts'
import { decodeText, type Headers, parseDate, parseMessageIds } from './headers.ts'
import { readOriginal } from './original.ts'
import type { Address, Attachment, ParsedMessage } from './parsed-message.ts'
import { replyOf } from './reply.ts'
import { findParts, leavesOf, type Part } from './skeleton.ts'

const maxReferences = 1_000

/** Parses a mail; what is malformed comes out as far as it can be read. */
export async function parseMessage(raw: Buffer): Promise<ParsedMessage> {
  const { source, sender, offset } = withoutEnvelope(raw)
  const root = findParts(source)
  const { body, attachments, reasons } = await readContent(source, root, offset)
  const { headers } = root
  const charset = charsetHint(root)
  const from = senderOf(headers, sender, charset)
  const subject = clean(decodeText(headers.first('subject'), charset))
  const { kind, reasons: why } = classify({
    headers,
    contentType: root.type.value,
    reportType: root.type.params.get('report-type')?.toLowerCase() ?? '',
    partTypes: leavesOf(root).map(leaf => leaf.type.value),
    from,
    subject,
    text: body.text,
  })
  const date = dateOf(headers)
  return {
    kind,
    reasons: [...why, ...reasons],
    from,
    to: people(headers, ['to'], charset),
    cc: people(headers, ['cc'], charset),
    replyTo: people(headers, ['reply-to'], charset),
    subject,
    messageId: parseMessageIds(headers.first('message-id'))[0] ?? '',
    inReplyTo: parseMessageIds(headers.first('in-reply-to'))[0] ?? '',
    references: parseMessageIds(headers.all('references').join(' ')).slice(-maxReferences),
    date,
    text: body.text,
    html: body.html,
    reply: replyOf(body.text),
    attachments,
    bounce: kind === 'bounce' ? readBounce(source, root, body.text) : null,
    original: readOriginal(kind, source, root, body.text),
  }
}

/** Decoded bytes of one attachment of the mail, checked against its hash. Throws MessageError `message.unparseable`. */
export async function attachmentBytes(raw: Buffer, attachment: Pick<Attachment, 'part' | 'sha256'>): Promise<Buffer> {
  const { source, offset } = withoutEnvelope(raw)
  const bytes =
    attachment.part === null
      ? (await readLeniently(source)).attachments.find(found => found.attachment.sha256 === attachment.sha256)?.bytes
      : readPlace(source, { ...attachment.part, offset: attachment.part.offset - offset })
  if (bytes !== undefined && createHash('sha256').update(bytes).digest('hex') === attachment.sha256) return bytes
  throw new MessageError('message.unparseable', 'the attachment’s bytes are not what they were when the mail came in', {
    hint: 'write the original with `letterlock ticket show ID --raw` and open it in a mail program',
  })
}

interface Unwrapped {
  source: Buffer
  /** Of the envelope; '' if unknown. */
  sender: string
  /** Where `source` begins in the mail as it came; its bytes stand as many places further there. */
  offset: number
}

/** Without the `From ` line of a mailbox file; line ends of old Macs as `\n`. */
function withoutEnvelope(raw: Buffer): Unwrapped {
  const head = raw.toString('latin1', 0, 2_048)
  const line = /^(?:\r?\n)*>?From ([^\s:]*)(?![^\s:]*:)[^\r\n]*(?:\r\n|\n|\r)/.exec(head)
  const offset = line === null ? (/^(?:\r?\n)+(?=[!-9;-~]+[ \t]*:)/.exec(head)?.[0].length ?? 0) : line[0].length
  const source = raw.subarray(offset)
  return { source: withLineFeeds(source), sender: line?.[1] ?? '', offset }
}

function withLineFeeds(source: Buffer): Buffer {
  const head = source.subarray(0, 65_536)
  if (!head.includes(0x0d) || head.includes(0x0a)) return source
  const copy = Buffer.from(source)
  for (let at = copy.indexOf(0x0d); at >= 0; at = copy.indexOf(0x0d, at + 1)) copy[at] = 0x0a
  return copy
}

interface Content {
  body: Body
  attachments: Attachment[]
  reasons: string[]
}

/** Strictly where the structure holds; else as mailparser reads it; what that gives up is shown as text. */
async function readContent(source: Buffer, root: Part, offset: number): Promise<Content> {
  const reasons = isMended(root) ? ['malformed-mime'] : []
  if (isSound(root)) return { ...readStrictly(source, root, offset), reasons }
  const lenient = await readLeniently(source).catch(() => undefined)
  if (lenient !== undefined && (lenient.body.text.trim() !== '' || lenient.attachments.length > 0))
    return {
      body: lenient.body,
      attachments: lenient.attachments.map(({ attachment }) => attachment),
      reasons: ['malformed-mime'],
    }
  return { ...readStrictly(source, asText(root), offset), reasons: ['malformed-mime'] }
}

function readStrictly(source: Buffer, root: Part, offset: number): Omit<Content, 'reasons'> {
  const body = readBody(source, root, isBodyText)
  return { body, attachments: findAttachments(source, root, body.rawHtml).map(found => moved(found, offset)) }
}

/** Every multipart has parts. */
function isSound(part: Part): boolean {
  if (part.children.length > 0) return part.children.every(isSound)
  return !part.type.value.startsWith('multipart/')
}

function isMended(part: Part): boolean {
  return part.mended || part.children.some(isMended)
}

/** Multiparts without parts as text. */
function asText(part: Part): Part {
  if (part.children.length > 0) return { ...part, children: part.children.map(asText) }
  return part.type.value.startsWith('multipart/') ? { ...part, type: { value: 'text/plain', params: new Map() } } : part
}

/** Places are those in the mail as it came, before which there may be an envelope line. */
function moved(attachment: Attachment, offset: number): Attachment {
  if (offset === 0 || attachment.part === null) return attachment
  return { ...attachment, part: { ...attachment.part, offset: attachment.part.offset + offset } }
}

async function readLeniently(
  source: Buffer,
): Promise<{ body: Body; attachments: { attachment: Attachment; bytes: Buffer }[] }> {
  const mail = await simpleParser(source, {
    skipHtmlToText: true,
    skipTextToHtml: true,
    skipTextLinks: true,
    skipImageLinks: true,
    keepCidLinks: true,
  })
  const body = toBody(mail.text?.replaceAll('\0', '') ?? null, typeof mail.html === 'string' ? mail.html : null)
  const attachments = mail.attachments.map(found => ({
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
  return { body, attachments }
}

/** The charset of the first text part: what raw 8-bit headers are likely to be written in. */
function charsetHint(root: Part): string {
  return (
    leavesOf(root)
      .find(leaf => leaf.type.params.has('charset'))
      ?.type.params.get('charset') ?? ''
  )
}

/** From; where that is missing or empty, Sender, Reply-To, Return-Path, or the envelope sender of a mailbox file. */
function senderOf(headers: Headers, envelope: string, charset: string): Address | null {
  for (const name of ['from', 'sender', 'reply-to', 'return-path']) {
    const found = headers.all(name).flatMap(raw => parseAddresses(raw, charset))
    const whole = found.find(address => address.address.includes('@')) ?? (name === 'from' ? found[0] : undefined)
    if (whole !== undefined && whole.address !== '') return whole
  }
  if (envelope !== '') return { name: '', address: envelope }
  return parseAddresses(headers.first('from'), charset)[0] ?? null
}

function people(headers: Headers, names: readonly string[], charset: string): Address[] {
  return names.flatMap(name => headers.all(name)).flatMap(raw => parseAddresses(raw, charset))
}

function dateOf(headers: Headers): string | null {
  const time = parseDate(headers.first('date'))
  return time === null ? null : new Date(time).toISOString()
}

function clean(text: string): string {
  return text
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, 10_000)
}
