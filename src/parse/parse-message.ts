// Raw mail → ParsedMessage. The parts are found in the bytes (skeleton.ts) and read where they are well-formed; a mail whose structure
// does not hold together is given to mailparser, which reads on where a strict reader stops. Headers are always read here, because
// ids, dates, addresses and raw 8-bit text are where mail is most often wrong. Never throws for what a mail says.
import { createHash } from 'node:crypto'
import { simpleParser } from 'mailparser'
import { MessageError } from '../errors.ts'
import { parseAddresses } from './addresses.ts'
import { findAttachments, isBodyText, readPlace } from './attachments.ts'
import { type Body, readBody, sanitise, textOfHtml } from './body.ts'
import { readBounce } from './bounce.ts'
import { classify } from './classify.ts'
import { decodeText, type Headers, parseDate, parseMessageIds } from './headers.ts'
import type { Address, Attachment, ParsedMessage } from './parsed-message.ts'
import { replyOf } from './reply.ts'
import { findParts, leavesOf, type Part } from './skeleton.ts'

const maxReferences = 1_000

/** Parses a mail; what is malformed comes out as far as it can be read. */
export async function parseMessage(raw: Buffer): Promise<ParsedMessage> {
  const { source, sender } = withoutEnvelope(raw)
  const root = findParts(source)
  const { body, attachments, reasons } = await readContent(source, root, source === raw)
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
  }
}

/** Decoded bytes of one attachment of the mail, checked against its hash. Throws MessageError `message.unparseable`. */
export async function attachmentBytes(raw: Buffer, attachment: Pick<Attachment, 'part' | 'sha256'>): Promise<Buffer> {
  const { source } = withoutEnvelope(raw)
  const bytes =
    attachment.part === null ? await findBySha256(source, attachment.sha256) : readPlace(raw, attachment.part)
  if (bytes !== undefined && createHash('sha256').update(bytes).digest('hex') === attachment.sha256) return bytes
  throw new MessageError('message.unparseable', 'the attachment’s bytes are not what they were when the mail came in', {
    hint: 'write the original with `letterlock ticket show ID --raw` and open it in a mail program',
  })
}

async function findBySha256(source: Buffer, sha256: string): Promise<Buffer | undefined> {
  const { attachments } = await readLeniently(source)
  return attachments.find(({ attachment }) => attachment.sha256 === sha256)?.bytes
}

/** Without the `From ` line of a mailbox file; line ends of old Macs as `\n`. */
function withoutEnvelope(raw: Buffer): { source: Buffer; sender: string } {
  const line = /^(?:>?From |\r?\n)+([^\s]*)[^\r\n]*(?:\r\n|\n|\r)/.exec(raw.toString('latin1', 0, 1024))
  const isMbox = raw.toString('latin1', 0, 6).replace(/^>/, '').startsWith('From ')
  const body = isMbox && line !== null ? raw.subarray(line[0].length) : raw
  const head = body.subarray(0, 65_536)
  const macintosh = head.includes(0x0d) && !head.includes(0x0a)
  const source = macintosh ? Buffer.from(body.toString('latin1').replace(/\r/g, '\n'), 'latin1') : body
  return { source, sender: isMbox ? (line?.[1] ?? '') : '' }
}

interface Content {
  body: Body
  attachments: Attachment[]
  reasons: string[]
}

async function readContent(source: Buffer, root: Part, placesHold: boolean): Promise<Content> {
  if (isSound(root)) {
    const body = readBody(source, root, isBodyText)
    const attachments = findAttachments(source, root, body.rawHtml)
    return { body, attachments: placesHold ? attachments : attachments.map(withoutPlace), reasons: [] }
  }
  try {
    const { body, attachments } = await readLeniently(source)
    return { body, attachments: attachments.map(({ attachment }) => attachment), reasons: ['malformed-mime'] }
  } catch {
    const body = readBody(source, root, isBodyText)
    return {
      body,
      attachments: findAttachments(source, root, body.rawHtml).map(withoutPlace),
      reasons: ['malformed-mime'],
    }
  }
}

/** Every multipart has its boundary and parts. */
function isSound(part: Part): boolean {
  if (part.children.length > 0) return part.children.every(isSound)
  return !part.type.value.startsWith('multipart/')
}

function withoutPlace(attachment: Attachment): Attachment {
  return { ...attachment, part: null }
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
  const rawHtml = typeof mail.html === 'string' ? mail.html : null
  const html = rawHtml === null ? null : sanitise(rawHtml)
  const text = mail.text ?? (rawHtml === null ? '' : textOfHtml(rawHtml))
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
  return { body: { text: text.replaceAll('\0', ''), html, rawHtml }, attachments }
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
