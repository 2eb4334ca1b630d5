// Raw mail → ParsedMessage. The parts are found in the bytes (boundary-scan.ts) and read where they are well-formed; a mail whose structure
// does not hold together is given to mailparser, which reads on where a strict reader stops. Headers are always read here, because
// ids, dates, addresses and raw 8-bit text are where mail is most often wrong.
import { createHash } from 'node:crypto'
import { MessageError } from '../errors/errors.ts'
import type {
  Address,
  Attachment,
  ForwardedMessage,
  Kind,
  ParsedMessage,
  SafeHtml,
  WholeMessage,
} from '../model/parsed-message.ts'
import { readSenderEvidence } from './authentication/authentication-results.ts'
import { outcomeOf, readBounce } from './kind/bounce.ts'
import { classify } from './kind/classify.ts'
import { attachedMail, readOriginal } from './kind/original.ts'
import { fromOf, senderOf } from './kind/sender.ts'
import { parseAddresses } from './mime/addresses.ts'
import { readPlace } from './mime/attachments.ts'
import type { Body } from './mime/body.ts'
import { findParts, leavesOf, type Part } from './mime/boundary-scan.ts'
import { readBodyAlone, readContent } from './mime/content.ts'
import { parseDate } from './mime/dates.ts'
import { decodeText, type Headers } from './mime/headers.ts'
import { parseMessageIds } from './mime/message-ids.ts'
import { forwardedHeaders, forwardedIn } from './reply/forwarded.ts'
import { type Role, replyOf } from './reply/reply.ts'
import { markOfSubject } from './reply/subject-marks.ts'

const maxReferences = 1_000

/**
 * Parses a mail; what is malformed comes out as far as it can be read. What nobody foresaw in it is this mail's fault alone:
 * MessageError `message.unparseable`.
 */
export async function parseMessage(raw: Buffer): Promise<ParsedMessage> {
  return await orUnparseable(async () => (await readMessage(raw)).message)
}

/** What parseMessage() makes of a mail, and its HTML. Throws as that does. */
export async function parseWhole(raw: Buffer): Promise<WholeMessage> {
  return await orUnparseable(async () => {
    const { message, body } = await readMessage(raw)
    return { ...message, safeHtml: body.safeHtml() }
  })
}

/** The mail's HTML as it may be shown, or null if it has none. Throws as parseMessage() does. */
export async function parseHtml(raw: Buffer): Promise<SafeHtml | null> {
  return await orUnparseable(async () => {
    const { source } = withoutEnvelope(raw)
    return (await readBodyAlone(source, findParts(source))).safeHtml()
  })
}

async function orUnparseable<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (cause) {
    throw new MessageError('message.unparseable', {}, { cause })
  }
}

async function readMessage(raw: Buffer): Promise<{ message: ParsedMessage; body: Body }> {
  const { source, envelope, offset } = withoutEnvelope(raw)
  const root = findParts(source)
  const { body, attachments, reasons } = await readContent(source, root, offset)
  const { headers } = root
  const charset = charsetHint(root)
  const from = fromOf(headers, envelope, charset)
  const subject = clean(decodeText(headers.first('subject'), charset))
  const outcome = outcomeOf(source, root)
  const { kind, reasons: why } = classify({
    headers,
    contentType: root.type.value,
    reportType: root.type.params.get('report-type')?.toLowerCase() ?? '',
    partTypes: leavesOf(root).map(leaf => leaf.type.value),
    from,
    subject,
    text: body.text,
    outcome,
  })
  const date = dateOf(headers, charset)
  const reply = replyOf(body.marked, roleOf(headers, subject, body.text))
  const message = {
    kind,
    reasons: [...why, ...reasons],
    from,
    sender: senderOf(headers, from, charset),
    senderEvidence: readSenderEvidence(headers, charset),
    to: people(headers, ['to'], charset),
    cc: people(headers, ['cc'], charset),
    replyTo: people(headers, ['reply-to'], charset),
    subject,
    messageId: parseMessageIds(headers.first('message-id'))[0] ?? '',
    inReplyTo: parseMessageIds(headers.first('in-reply-to'))[0] ?? '',
    references: parseMessageIds(headers.all('references').join(' ')).slice(-maxReferences),
    date,
    text: body.text,
    hasHtml: body.rawHtml !== null,
    reply: reply.words,
    attachments: attachments.map(({ attachment }) => attachment),
    bounce: kind === 'bounce' ? readBounce(source, root, body.text) : null,
    forwarded: forwardedIn(reply.passedOn) ?? forwardedAs(kind, source, root),
    original: readOriginal(kind, source, root, body.text),
  }
  return { message, body }
}

/** Decoded bytes of one attachment of the mail, checked against its hash. Throws MessageError `message.unparseable`. */
export async function attachmentBytes(raw: Buffer, attachment: Pick<Attachment, 'part' | 'sha256'>): Promise<Buffer> {
  const { source, offset } = withoutEnvelope(raw)
  const bytes =
    attachment.part === null
      ? (await readContent(source, findParts(source), offset)).attachments.find(
          found => found.bytes !== null && found.attachment.sha256 === attachment.sha256,
        )?.bytes
      : readPlace(source, { ...attachment.part, offset: attachment.part.offset - offset })
  if (bytes && createHash('sha256').update(bytes).digest('hex') === attachment.sha256) return bytes
  throw new MessageError('message.unparseable', { reason: 'attachment_changed' })
}

interface Unwrapped {
  source: Buffer
  /** Its sender; '' if unknown. */
  envelope: string
  /** Where `source` begins in the mail as it came; its bytes stand as many places further there. */
  offset: number
}

/** Without the `From ` line of a mailbox file; line ends of old Macs as `\n`. */
function withoutEnvelope(raw: Buffer): Unwrapped {
  const head = raw.toString('latin1', 0, 2_048)
  const line = /^(?:\r?\n)*>?From ([^\s:]*)(?![^\s:]*:)[^\r\n]*(?:\r\n|\n|\r)/.exec(head)
  const offset = line === null ? (/^(?:\r?\n)+(?=[!-9;-~]+[ \t]*:)/.exec(head)?.[0].length ?? 0) : line[0].length
  const source = raw.subarray(offset)
  return { source: withLineFeeds(source), envelope: line?.[1] ?? '', offset }
}

function withLineFeeds(source: Buffer): Buffer {
  const head = source.subarray(0, 65_536)
  if (!head.includes(0x0d) || head.includes(0x0a)) return source
  const copy = Buffer.from(source)
  for (let at = copy.indexOf(0x0d); at >= 0; at = copy.indexOf(0x0d, at + 1)) copy[at] = 0x0a
  return copy
}

/** The charset of the first text part: what raw 8-bit headers are likely to be written in. */
function charsetHint(root: Part): string {
  return (
    leavesOf(root)
      .find(leaf => leaf.type.params.has('charset'))
      ?.type.params.get('charset') ?? ''
  )
}

/** A mail that is passed on may well refer to the one that it came in. */
function roleOf(headers: Headers, subject: string, text: string): Role {
  const mark = markOfSubject(subject, text)
  const refers = headers.first('in-reply-to') !== '' || headers.first('references') !== ''
  return mark ?? (refers ? 'answer' : null)
}

/** The mail that a person attached. */
function forwardedAs(kind: Kind, source: Buffer, root: Part): ForwardedMessage | null {
  const attached = kind === 'human' ? attachedMail(source, root) : null
  return attached === null ? null : forwardedHeaders(attached)
}

function people(headers: Headers, names: readonly string[], charset: string): Address[] {
  return names.flatMap(name => headers.all(name)).flatMap(raw => parseAddresses(raw, charset))
}

function dateOf(headers: Headers, charset: string): string | null {
  const time = parseDate(decodeText(headers.first('date'), charset))
  return time === null ? null : new Date(time).toISOString()
}

function clean(text: string): string {
  return text
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, 10_000)
}
