// PURE. Which ticket a message belongs to, with the reason. A reference proves that the sender has seen a mail of the ticket,
// not that he takes part in it: only a participant's reply is appended; a stranger's opens a ticket that links to it.
// Numbers in a subject prove nothing and are not looked at.
import type { Kind, ParsedMessage } from '../parse/parsed-message.ts'

/** A ticket that one of the message's references leads to. `T` is whatever stands for a ticket at the caller's. */
export interface Candidate<T> {
  ticket: T
  /** Addresses in lower case. */
  participants: ReadonlySet<string>
}

export type ThreadDecision<T> =
  | { kind: 'append'; ticket: T; reason: string; reopens: boolean }
  | { kind: 'open'; linked: T | null; reason: string }
  | { kind: 'ignore'; reason: string }

/** Kinds that answer something and by themselves are no request. */
const answers: ReadonlySet<Kind> = new Set(['auto-reply', 'bounce', 'feedback-report', 'loop'])

/** Ids that may lead to a ticket, the most telling first: In-Reply-To, then References from the newest (RFC 5256 §"REFERENCES"). */
export function threadIds(message: Pick<ParsedMessage, 'inReplyTo' | 'references' | 'messageId'>): string[] {
  const ids = [message.inReplyTo, ...message.references.toReversed()]
  return [...new Set(ids)].filter(id => id !== '' && id !== message.messageId).slice(0, maxIds)
}

/** A mail may name thousands; the newest decide. */
const maxIds = 50

/** Decides from the candidates, which are in the order of `threadIds`. */
export function threadMessage<T>(message: ParsedMessage, candidates: readonly Candidate<T>[]): ThreadDecision<T> {
  const [first] = candidates
  if (answers.has(message.kind)) {
    return first === undefined
      ? { kind: 'ignore', reason: message.kind }
      : { kind: 'append', ticket: first.ticket, reason: message.kind, reopens: false }
  }
  const sender = message.from?.address.toLowerCase() ?? ''
  const own = candidates.find(candidate => candidate.participants.has(sender))
  if (own !== undefined) return { kind: 'append', ticket: own.ticket, reason: 'reference', reopens: true }
  if (first !== undefined) return { kind: 'open', linked: first.ticket, reason: 'stranger-reference' }
  return { kind: 'open', linked: null, reason: 'new' }
}

/** Everybody who takes part through this message: From, Reply-To, To, Cc; lower case. */
export function participantsOf(message: Pick<ParsedMessage, 'from' | 'replyTo' | 'to' | 'cc'>): string[] {
  const people = [message.from, ...message.replyTo, ...message.to, ...message.cc]
  return [...new Set(people.map(person => person?.address.toLowerCase() ?? ''))].filter(address => address !== '')
}
