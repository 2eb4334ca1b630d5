// Parsed messages and raw mails for tests.
import type { ParsedMessage } from '../../src/model/parsed-message.ts'

/** A parsed message of a human that says nothing in particular. */
export function message(changes: Partial<ParsedMessage> = {}): ParsedMessage {
  const { from = { name: '', address: 'customer@example.org' } } = changes
  return {
    kind: 'human',
    reasons: [],
    from,
    sender: from,
    senderEvidence: { fields: [], from: from?.address ?? null, signers: [], sealer: null, ownHops: 0 },
    to: [],
    cc: [],
    replyTo: [],
    subject: 'a question',
    messageId: '',
    inReplyTo: '',
    references: [],
    date: null,
    text: 'text',
    hasHtml: false,
    reply: 'text',
    attachments: [],
    bounce: null,
    forwarded: null,
    original: null,
    ...changes,
  }
}

export interface MailFacts {
  id?: string
  from?: string
  to?: string
  subject?: string
  inReplyTo?: string
  references?: readonly string[]
  headers?: readonly string[]
  body?: string
}

/** A raw mail (RFC 5322, CRLF). `id` and the others without angle brackets. */
export function rawMail(facts: MailFacts = {}): Buffer {
  const lines = [
    `From: ${facts.from ?? 'Anna <anna@example.org>'}`,
    `To: ${facts.to ?? 'support@example.com'}`,
    `Subject: ${facts.subject ?? 'a question'}`,
    'Date: Tue, 24 Nov 2026 10:00:00 +0000',
    ...(facts.id === undefined ? [] : [`Message-ID: <${facts.id}>`]),
    ...(facts.inReplyTo === undefined ? [] : [`In-Reply-To: <${facts.inReplyTo}>`]),
    ...(facts.references === undefined ? [] : [`References: ${facts.references.map(id => `<${id}>`).join(' ')}`]),
    ...(facts.headers ?? []),
    '',
    facts.body ?? 'Hello, where is my parcel?',
    '',
  ]
  return Buffer.from(lines.join('\r\n'))
}
