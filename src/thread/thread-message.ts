// PURE. Which ticket a message belongs to, with the reason. In this order: a signed token of ours; a reference to a message of a ticket
// in which the sender takes part; a ticket that was opened by an answer to this very message, which came first. A reference alone proves
// that the sender has seen a mail of the ticket, not that he takes part in it: a stranger's opens a ticket that links to it. Numbers in
// a subject prove nothing and are not looked at.
import type { Kind, ParsedMessage } from '../parse/parsed-message.ts'

/** A ticket that something in the message leads to. `T` is whatever stands for a ticket at the caller's. */
export interface Candidate<T> {
  ticket: T
  /** Addresses in lower case. */
  participants: ReadonlySet<string>
  closed: boolean
}

/** What leads from a message to tickets. */
export interface Leads<T> {
  /** The ticket that a signed token names. */
  token: Candidate<T> | null
  /** The message bears a token that was not made here. */
  forged: boolean
  /** By references, in the order of `threadIds`. */
  references: readonly Candidate<T>[]
  /** Tickets that were opened by messages that refer to this one. */
  awaited: readonly Candidate<T>[]
}

export interface ThreadPolicy {
  /** What an answer to a closed ticket does: open it again, or open a new one that links to it. */
  closed: 'reopen' | 'new'
  /** Kinds that open and reopen tickets although they answer something by themselves; and `auto-generated`, which does unless left out. */
  opening: ReadonlySet<Kind>
}

export type ThreadDecision<T> =
  | { kind: 'append'; ticket: T; reason: string; reopens: boolean }
  | { kind: 'open'; linked: T | null; reason: string }
  | { kind: 'ignore'; reason: string }

/** Ids that may lead to a ticket, the most telling first: In-Reply-To, then References from the newest (RFC 5256 §"REFERENCES"). */
export function threadIds(message: Pick<ParsedMessage, 'inReplyTo' | 'references' | 'messageId'>): string[] {
  const ids = [message.inReplyTo, ...message.references.toReversed()]
  return [...new Set(ids)].filter(id => id !== '' && id !== message.messageId).slice(0, maxIds)
}

/** A mail may name thousands; the newest decide. */
const maxIds = 50

export function threadMessage<T>(message: ParsedMessage, leads: Leads<T>, policy: ThreadPolicy): ThreadDecision<T> {
  const opens = policy.opening.has(message.kind)
  const [first] = leads.references
  if (!opens) {
    const ticket = leads.token ?? first
    return ticket === undefined
      ? { kind: 'ignore', reason: message.kind }
      : { kind: 'append', ticket: ticket.ticket, reason: message.kind, reopens: false }
  }
  if (leads.token !== null) return join(leads.token, 'token', policy)
  const sender = message.from?.address.toLowerCase() ?? ''
  const takesPart = ({ participants }: Candidate<T>): boolean => participants.has(sender)
  const own = leads.references.find(takesPart)
  if (own !== undefined) return join(own, 'reference', policy)
  const awaited = leads.awaited.find(takesPart)
  if (awaited !== undefined) return join(awaited, 'awaited', policy)
  if (leads.forged) return { kind: 'open', linked: null, reason: 'forged-token' }
  if (first !== undefined) return { kind: 'open', linked: first.ticket, reason: 'stranger-reference' }
  return { kind: 'open', linked: null, reason: 'new' }
}

function join<T>({ ticket, closed }: Candidate<T>, reason: string, policy: ThreadPolicy): ThreadDecision<T> {
  if (closed && policy.closed === 'new') return { kind: 'open', linked: ticket, reason: 'closed' }
  return { kind: 'append', ticket, reason, reopens: true }
}

/** Everybody who takes part through this message: From, Reply-To, To, Cc; lower case. */
export function participantsOf(message: Pick<ParsedMessage, 'from' | 'replyTo' | 'to' | 'cc'>): string[] {
  const people = [message.from, ...message.replyTo, ...message.to, ...message.cc]
  return [...new Set(people.map(person => person?.address.toLowerCase() ?? ''))].filter(address => address !== '')
}
