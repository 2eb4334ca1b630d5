// What each expectation of a corpus means. Expectations without a judge here are not scored.
import type { Address, WholeMessage } from '../../src/model/parsed-message.ts'

export interface Expectation {
  attachmentsExact?: boolean
}

interface ExpectedAttachment {
  name?: string
  size?: number
}

type Judge = (expected: never, message: WholeMessage, all: Expectation) => boolean

const oneSpace = (text: string | undefined) => (text ?? '').replace(/\s+/g, ' ').trim()
const noSpace = (text: string) => text.replace(/\s+/g, '')
const bare = (id: string) => id.replace(/[<>]/g, '').trim()
const lower = (people: readonly Address[]) => sorted(people.map(({ address }) => address))
const sorted = (addresses: readonly string[]) =>
  addresses
    .map(address => address.toLowerCase())
    .sort()
    .join(' ')

function people(field: 'to' | 'cc' | 'replyTo'): Judge {
  return (expected: readonly string[], message) => lower(message[field]) === sorted(expected)
}

/** The words of HTML, roughly. */
function wordsOf(html: string): string {
  return html
    .replace(/<[^>]*>/g, '')
    .replace(/&nbsp;/g, ' ')
    .replace(/&quot;/g, '"')
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
    .replace(/&amp;/g, '&')
}

export const judges: Readonly<Record<string, Judge>> = {
  from: (expected: string, { from }) => (from?.address ?? '').toLowerCase() === expected.toLowerCase(),
  fromName: (expected: string, { from }) => oneSpace(from?.name) === oneSpace(expected),
  originalSender: (expected: string, { sender }) => (sender?.address ?? '').toLowerCase() === expected.toLowerCase(),
  to: people('to'),
  cc: people('cc'),
  replyTo: people('replyTo'),
  subject: (expected: string, { subject }) => oneSpace(subject) === oneSpace(expected),
  subjectIncludes: (expected: string, { subject }) => oneSpace(subject).includes(oneSpace(expected)),
  messageId: (expected: string, { messageId }) => messageId === expected,
  inReplyTo: (expected: string, { inReplyTo }) => inReplyTo === bare(expected),
  references: (expected: readonly string[], { references }) => references.join(' ') === expected.map(bare).join(' '),
  date: (expected: string, { date }) => (date ?? '').slice(0, 19) === expected.slice(0, 19),
  attachments: (expected: readonly ExpectedAttachment[], { attachments }, { attachmentsExact }) =>
    (attachmentsExact === false || attachments.length === expected.length) &&
    expected.every(({ name, size }) =>
      attachments.some(
        found => (!name || oneSpace(found.filename ?? '') === oneSpace(name)) && (size == null || found.size === size),
      ),
    ),
  textIncludes: (expected: readonly string[], { text, safeHtml }) => {
    const all = noSpace(`${text} ${wordsOf(safeHtml?.html ?? '')}`)
    return expected.every(part => all.includes(noSpace(part)))
  },
  reply: (expected: string, { reply }) => noSpace(reply) === noSpace(expected),
  bounce: (expected: boolean, { kind }) => (kind === 'bounce') === expected,
  // A bounce is an automatic answer, too.
  autoReply: (expected: boolean, { kind }) =>
    ['auto-reply', 'auto-generated', 'feedback-report', 'loop', ...(expected ? ['bounce'] : [])].includes(kind) ===
    expected,
  feedbackReport: (expected: boolean, { kind }) => (kind === 'feedback-report') === expected,
  // The addresses, or how many there are.
  bounceRecipients: (expected: number | readonly string[], { bounce }) => {
    const recipients = bounce?.recipients ?? []
    if (typeof expected === 'number') return recipients.length === expected
    return expected.every(address => recipients.includes(address.toLowerCase()))
  },
  bounceStatus: (expected: readonly string[], { bounce }) =>
    expected.every(status => bounce?.statuses.includes(status) ?? false),
}
