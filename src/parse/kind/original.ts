// PURE. What mail a report or an automatic answer is about: the ids and the subject of the copy that comes with it, attached (RFC 3462,
// RFC 3464) or quoted in the text. Mail of people has none here: what they attach, they pass on.

import type { Kind, OriginalMessage } from '../../model/parsed-message.ts'
import { decodeBody, leavesOf, type Part } from '../mime/boundary-scan.ts'
import { decodeText, type Headers, parseHeaders } from '../mime/headers.ts'
import { parseMessageIds } from '../mime/message-ids.ts'

const reports: ReadonlySet<Kind> = new Set(['bounce', 'auto-reply', 'feedback-report'])
/** Parts that are the mail which a report is about, or its header. */
export const copies = /^(message\/(rfc822|global|rfc822-headers|global-headers)|text\/rfc822-headers)$/
const maxBytes = 65_536
const maxReferences = 50

/** `text` is the mail's text. */
export function readOriginal(kind: Kind, source: Buffer, root: Part, text: string): OriginalMessage | null {
  if (!reports.has(kind)) return null
  const copy = leavesOf(root).find(leaf => copies.test(leaf.type.value))
  const headers = copy === undefined ? quotedHeaders(text) : attachedHeaders(source, copy)
  const original = {
    messageId: parseMessageIds(headers.first('message-id'))[0] ?? '',
    inReplyTo: parseMessageIds(headers.first('in-reply-to'))[0] ?? '',
    references: parseMessageIds(headers.all('references').join(' ')).slice(-maxReferences),
    subject: decodeText(headers.first('subject')).slice(0, 2_000),
  }
  const isNamed = original.messageId !== '' || original.inReplyTo !== '' || original.references.length > 0
  return isNamed || original.subject !== '' ? original : null
}

/** Header of the mail that is attached; null without one. */
export function attachedMail(source: Buffer, root: Part): Headers | null {
  const mail = leavesOf(root).find(leaf => /^message\/(rfc822|global)$/.test(leaf.type.value))
  return mail === undefined ? null : attachedHeaders(source, mail)
}

function attachedHeaders(source: Buffer, { start, end, encoding }: Part): Headers {
  // What is not encoded is not copied whole for the sake of its header.
  const isPlain = !/^(base64|quoted-printable)$/.test(encoding)
  const bytes = decodeBody(source.subarray(start, isPlain ? Math.min(end, start + maxBytes) : end), encoding)
  return parseHeaders(headerOf(bytes.subarray(0, maxBytes)))
}

function headerOf(bytes: Buffer): Buffer {
  const [, blank = '', header = ''] =
    /^((?:\r{0,9}\n)*)([\s\S]*?)(?:\r{0,9}\n\r{0,9}\n|$)/.exec(bytes.toString('latin1')) ?? []
  return bytes.subarray(blank.length, blank.length + header.length)
}

/** Fields of a mail that stands in the text, one below the other. */
function quotedHeaders(text: string): Headers {
  const fields = text
    .slice(0, maxBytes)
    .matchAll(/^(?:message-id|in-reply-to|references|subject):[^\n]*(?:\n[ \t]+[^\n]*){0,50}/gim)
  return parseHeaders(Buffer.from([...fields].map(([field]) => field).join('\n'), 'utf8'))
}
