// PURE. Which ticket a message belongs to, with the reason. In this order: a signed token of ours; a reference to a message of a ticket
// in which the sender takes part; a ticket that was opened by an answer to this very message, which came first. A reference alone proves
// that the sender has seen a mail of the ticket, not that he takes part in it: a stranger's opens a ticket that links to it. Numbers in
// a subject prove nothing and are not looked at. A sender that fails authentication only joins by a token: From and references are easy to
// forge. What programs answer by themselves joins by reference whoever sent it (a mail server
// takes part in nothing), but neither opens nor reopens a ticket unless told to, and nobody takes part through it.
import type { Address, Kind, MessageFacts } from '../model/parsed-message.ts'
import { personKey } from '../model/person-key.ts'
import type { SenderVerdict } from '../model/sender-verdict.ts'

/** A ticket that something in the message leads to. `T` is whatever stands for a ticket at the caller's. */
export interface Candidate<T> {
  ticket: T
  /** As personKey() has them. */
  participants: ReadonlySet<string>
  /** Who opened it, as personKey() has it; '' where that says nothing. */
  requester: string
  closed: boolean
}

/** What leads from a message to tickets. */
export interface Leads<T> {
  /** Tickets that signed tokens name. */
  tokens: readonly Candidate<T>[]
  /** The message bears a token that was not made here. */
  forged: boolean
  /** By references, in the order of `threadIds`. */
  references: readonly Candidate<T>[]
  /** Tickets with messages that refer to this one, which came before it. */
  awaited: readonly Candidate<T>[]
}

export interface ThreadPolicy {
  /** What an answer to a closed ticket does: open it again, or open a new one that links to it. */
  closed: 'reopen' | 'new'
  /** Kinds that open and reopen tickets. */
  opening: ReadonlySet<Kind>
  /** Whose ticket it is: the person who wrote (behind a list's rewritten From), From as it stands, or Reply-To where there is one. */
  requester: 'sender' | 'from' | 'reply-to'
  /**
   * What a sender that fails authentication may still do: everything (`off`); join by references where the owner of the domain asks for
   * nothing (`warn`); nothing but open a ticket, or join one by a token (`strict`).
   */
  senderCheck: 'off' | 'warn' | 'strict'
}

export type ThreadDecision<T> =
  | { kind: 'append'; ticket: T; reason: string; reopens: boolean }
  | { kind: 'open'; linked: T | null; reason: string }
  | { kind: 'ignore'; reason: string }

type Answering = Pick<MessageFacts, 'messageId' | 'inReplyTo' | 'references' | 'original'>

/**
 * Ids that may lead to a ticket, the most telling first: In-Reply-To, then References from the newest (RFC 5256 §"REFERENCES"); then
 * those of the mail that a report is about.
 */
export function threadIds({ messageId, inReplyTo, references, original }: Answering): string[] {
  const ids = [inReplyTo, ...references.toReversed()]
  if (original !== null) ids.push(original.messageId, original.inReplyTo, ...original.references.toReversed())
  return [...new Set(ids)].filter(id => id !== '' && id !== messageId).slice(0, maxIds)
}

/** A mail may name thousands; the newest decide. */
const maxIds = 50

/** Kinds that programs send to whoever wrote last. */
const automatic: ReadonlySet<Kind> = new Set(['auto-reply', 'bounce', 'feedback-report', 'loop'])

/** True for what no person means: nobody takes part in a ticket through it. */
export function isAutomatic(kind: Kind): boolean {
  return automatic.has(kind)
}

/** True if only a token may lead the mail to a ticket. */
export function isBarred(sender: SenderVerdict, senderCheck: ThreadPolicy['senderCheck']): boolean {
  if (senderCheck === 'off' || sender.verdict !== 'fail') return false
  if (senderCheck === 'strict') return true
  // A server that tells of dmarc=fail found a policy, even where it does not say which.
  const asks = sender.policy ?? (sender.method === 'dmarc' ? 'unnamed' : 'none')
  return asks !== 'none'
}

/** `sender`: what mail servers and signatures say of it. */
export function threadMessage<T>(
  message: MessageFacts,
  leads: Leads<T>,
  policy: ThreadPolicy,
  sender: SenderVerdict,
): ThreadDecision<T> {
  const barred = isBarred(sender, policy.senderCheck)
  const opens = policy.opening.has(message.kind)
  const found = ticketsOf(message, barred ? { ...leads, references: [], awaited: [] } : leads)
  // Who goes on writing to a closed ticket has a newer one by then.
  const open = opens && policy.closed === 'new' ? found.find(({ at }) => !at.closed) : undefined
  const target = open ?? found[0]
  const [first] = leads.references
  if (target === undefined) {
    if (!opens) return { kind: 'ignore', reason: message.kind }
    const linked = first?.ticket ?? null
    const reason = barred
      ? 'sender-failed'
      : leads.forged
        ? 'forged-token'
        : linked === null
          ? 'new'
          : 'stranger-reference'
    return { kind: 'open', linked, reason }
  }
  const { ticket, closed } = target.at
  if (!opens) return { kind: 'append', ticket, reason: message.kind, reopens: false }
  if (closed && policy.closed === 'new') return { kind: 'open', linked: ticket, reason: 'closed' }
  return { kind: 'append', ticket, reason: target.reason, reopens: true }
}

/** Tickets that the message may join, the surest first. */
function ticketsOf<T>(message: MessageFacts, leads: Leads<T>): { at: Candidate<T>; reason: string }[] {
  const sender = personKey(personOf(message)?.address ?? '')
  const people = new Set(participantsOf(message))
  const takesPart = ({ participants }: Candidate<T>): boolean => participants.has(sender)
  // Had this one come first, whoever answered it would take part through it.
  const wasAnswered = ({ requester }: Candidate<T>): boolean => requester !== '' && people.has(requester)
  const references = isAutomatic(message.kind) ? leads.references : leads.references.filter(takesPart)
  return [
    ...leads.tokens.map(at => ({ at, reason: 'token' })),
    ...references.map(at => ({ at, reason: 'reference' })),
    ...leads.awaited.filter(at => takesPart(at) || wasAnswered(at)).map(at => ({ at, reason: 'awaited' })),
  ]
}

/** Who wrote it: the person behind a list or a forwarder, as far as it says. */
export function personOf({ sender, from }: Pick<MessageFacts, 'sender' | 'from'>): Address | null {
  return sender ?? from
}

/** Whose ticket a message opens. */
export function requesterOf(
  message: Pick<MessageFacts, 'sender' | 'from' | 'replyTo'>,
  { requester }: Pick<ThreadPolicy, 'requester'>,
): Address | null {
  if (requester === 'from') return message.from
  const [replyTo] = message.replyTo
  return (requester === 'reply-to' ? replyTo : undefined) ?? personOf(message)
}

/** Everybody who takes part through this message: who wrote it, From, Reply-To, To, Cc; as personKey() has them. */
export function participantsOf(message: Pick<MessageFacts, 'sender' | 'from' | 'replyTo' | 'to' | 'cc'>): string[] {
  const people = [message.sender, message.from, ...message.replyTo, ...message.to, ...message.cc]
  return [...new Set(people.map(person => personKey(person?.address ?? '')))].filter(address => address !== '')
}
