// PURE. What becomes of the mails of a batch, each with its reason: the only place where a mail gets its outcome. Mails are decided
// in the order given, because a mail may belong to a ticket that an earlier mail of the same batch opens.

import { createHash } from 'node:crypto'
import type { FetchedMessage } from '../../model/mail.ts'
import {
  type ArchivedMail,
  type BatchTicket,
  canaryReason,
  type MailOutcome,
  type Original,
} from '../../model/mail-outcome.ts'
import type { Kind, MessageFacts } from '../../model/parsed-message.ts'
import { personKey } from '../../model/person-key.ts'
import type { Rule, SenderHistory } from '../../model/rule.ts'
import type { SenderVerdict } from '../../model/sender-verdict.ts'
import { judgeSender } from '../../parse/authentication/judge-sender.ts'
import { emptyHistory, type HoldLimits, holdReason, noteMail } from '../../thread/hold.ts'
import { applyRules, type RuleVerdict } from '../../thread/rules.ts'
import {
  type Candidate,
  isAutomatic,
  type Leads,
  personOf,
  type ThreadDecision,
  type ThreadPolicy,
  threadIds,
  threadMessage,
} from '../../thread/thread-message.ts'
import { tokensIn, tokensOf } from '../../thread/token.ts'
import { join, openTicket } from './batch-ticket.ts'

/** What the database knows about the mails of a batch. */
export interface Known {
  /** By hex SHA-256 of the raw bytes. */
  contents: Map<string, Original>
  /** By hex fingerprint; only asked for mail that is read again. */
  fingerprints: Map<string, Original>
  /** By Message-ID, those that mails refer to and the mails' own. */
  threads: Map<string, BatchTicket[]>
  /** Tickets that wait for the mail with this Message-ID. */
  awaited: Map<string, BatchTicket[]>
  /** What the tokens in the mails prove: a ticket of this account, nothing (`forged`), or another account's ticket. */
  tokens: Map<string, BatchTicket | 'forged' | 'elsewhere'>
  /** Message-IDs of our own canaries that are under way. */
  canaries: ReadonlySet<string>
  /** Mail servers whose word on a sender the account believes; null: nobody said. */
  trusted: readonly string[] | null
  /** Addresses of our own accounts, as personKey() has them. */
  own: ReadonlySet<string>
  /** Message-IDs that mails of our other accounts refer to, and that those accounts hold. */
  elsewhere: ReadonlySet<string>
  /** By the sender's address in lower case. */
  histories: Map<string, SenderHistory>
}

/** What decides: threading, holds, rules. */
export interface OutcomePolicy {
  thread: ThreadPolicy
  hold: HoldLimits
  rules: readonly Rule[]
  /** Values of a header field of a raw mail, for rules that ask. */
  header(source: Buffer, name: string): readonly string[]
}

/** Where the mailbox stood before: mail below these UIDs is a backlog, or is read again. */
export interface OutcomeCursor {
  rereadBeforeUid: number
  startBeforeUid: number
  /** An operator released them: no rule, flood limit or loop check applies. */
  released: boolean
}

/** Decides the outcomes. `known` grows as the batch goes on. */
export function decideOutcomes(
  mails: readonly ArchivedMail[],
  known: Known,
  cursor: OutcomeCursor,
  policy: OutcomePolicy,
): MailOutcome[] {
  return mails.map(archived => {
    const outcome = decideOutcome(archived, known, cursor, policy)
    if (outcome.result !== 'duplicate' && archived.mail.complete) remember(known, outcome)
    return outcome
  })
}

function decideOutcome(
  archived: ArchivedMail,
  known: Known,
  cursor: OutcomeCursor,
  policy: OutcomePolicy,
): MailOutcome {
  const fingerprint = archived.parsed === null ? null : fingerprintOf(archived.parsed)
  const { parsed, signatures = null } = archived
  const sender = parsed === null ? null : judgeSender(parsed.senderEvidence, known.trusted, signatures)
  const none = { archived, sender, fingerprint, ticket: null, waiting: [], original: null }
  if (!archived.mail.complete) return { ...none, result: 'quarantined', reason: archived.fault ?? 'too_large' }
  const same = known.contents.get(archived.location.sha256)
  if (same !== undefined) return { ...none, result: 'duplicate', reason: 'content', original: same }
  const rewritten =
    fingerprint !== null && archived.mail.uid < cursor.rereadBeforeUid
      ? known.fingerprints.get(fingerprint.toString('hex'))
      : undefined
  if (rewritten !== undefined) return { ...none, result: 'duplicate', reason: 'rewritten', original: rewritten }
  if (archived.parsed === null || sender === null || archived.fault !== null)
    return { ...none, result: 'quarantined', reason: archived.fault ?? 'unparseable' }
  if (known.canaries.has(archived.parsed.messageId)) return { ...none, result: 'ignored', reason: canaryReason }
  return { ...none, ...triageMessage(archived.parsed, sender, archived, known, cursor, policy) }
}

type Triage = Pick<MailOutcome, 'result' | 'reason' | 'ticket' | 'waiting'>

/** Our own mail that came back, then the admin's rules, then floods and loops, then the ticket. */
function triageMessage(
  message: MessageFacts,
  sender: SenderVerdict,
  { mail, location }: ArchivedMail,
  known: Known,
  cursor: OutcomeCursor,
  policy: OutcomePolicy,
): Triage {
  const without = { ticket: null, waiting: [] }
  if (isOwnMail(message, known)) return { ...without, result: 'ignored', reason: 'own-mail' }
  if (isOwnNotification(message, known)) return { ...without, result: 'ignored', reason: 'own-notification' }
  const verdict = ruleVerdict(message, sender, mail, location.size, policy)
  if (verdict === undefined) return { ...without, result: 'quarantined', reason: 'unparseable' }
  const { decided, tags } = verdict
  if (decided !== null && !cursor.released) {
    const result = decided.action === 'drop' ? 'ignored' : 'quarantined'
    return { ...without, result, reason: `rule:${decided.name}` }
  }
  const decision = threadMessage(message, leadsOf(message, known), policy.thread, sender)
  if (decision.kind === 'ignore') return { ...without, result: 'ignored', reason: decision.reason }
  // What was there before the first poll is a backlog, and what is read again is no flood either.
  if (mail.uid >= Math.max(cursor.startBeforeUid, cursor.rereadBeforeUid) && !cursor.released) {
    const history = historyOf(message, known)
    const opens = decision.kind === 'open'
    const hold = holdReason(message, mail.receivedAt, opens, history, policy.hold)
    if (hold !== null) return { ...without, result: 'quarantined', reason: hold }
    noteMail(history, message, mail.receivedAt, opens)
  }
  const judgement = carryOut(decision, message, mail.receivedAt, known, policy.thread)
  for (const tag of tags) judgement.ticket?.tags.add(tag)
  return judgement
}

/** Undefined where a rule could not be applied: that is this mail's fault, and the others of its batch go on. */
function ruleVerdict(
  message: MessageFacts,
  sender: SenderVerdict,
  mail: FetchedMessage,
  size: number,
  { rules, header }: OutcomePolicy,
): RuleVerdict | undefined {
  try {
    return applyRules(rules, { message, sender, size, header: name => header(mail.source, name) })
  } catch {
    return undefined
  }
}

/**
 * A mail that the helpdesk has sent came back, by a copy or a forward: from one of our own addresses, and its Message-ID is known here or
 * bears a token.
 */
function isOwnMail(message: MessageFacts, known: Known): boolean {
  const { messageId } = message
  if (!known.own.has(senderOf(message)) || messageId === '') return false
  return known.threads.has(messageId) || tokensOf(messageId).some(token => isProven(known.tokens.get(token)))
}

/**
 * What a helpdesk of another of our accounts sends by itself about a mail of its own: were it to open or join a ticket here, both would go on
 * answering each other.
 */
function isOwnNotification(message: MessageFacts, known: Known): boolean {
  if (!known.own.has(senderOf(message)) || !isSentByProgram(message.kind)) return false
  const isOfOther = (token: string): boolean => known.tokens.get(token) === 'elsewhere'
  return threadIds(message).some(id => known.elsewhere.has(id)) || tokensIn(message).some(isOfOther)
}

/** True for what no person writes, whatever else becomes of it. */
export function isSentByProgram(kind: Kind): boolean {
  return isAutomatic(kind) || kind === 'auto-generated'
}

function isProven(proof: BatchTicket | 'forged' | 'elsewhere' | undefined): boolean {
  return proof !== undefined && proof !== 'forged'
}

function senderOf(message: MessageFacts): string {
  return personKey(message.from?.address ?? '')
}

function leadsOf(message: MessageFacts, known: Known): Leads<BatchTicket> {
  const proofs = tokensIn(message).flatMap(token => known.tokens.get(token) ?? [])
  const toCandidates = (tickets: readonly BatchTicket[]) => tickets.map(ticket => toCandidate(ticket, known.own))
  return {
    tokens: toCandidates(proofs.filter(proof => typeof proof === 'object')),
    forged: proofs.includes('forged'),
    references: toCandidates(threadIds(message).flatMap(id => known.threads.get(id) ?? [])),
    awaited: toCandidates(known.awaited.get(message.messageId) ?? []),
  }
}

function toCandidate(ticket: BatchTicket, own: ReadonlySet<string>): Candidate<BatchTicket> {
  const { participants, requester, closed, reopened } = ticket
  // Every mail is written to one of our own addresses: that one of them opened a ticket tells nothing.
  return { ticket, participants, requester: own.has(requester) ? '' : requester, closed: closed && !reopened }
}

function historyOf(message: MessageFacts, known: Known): SenderHistory {
  const sender = personOf(message)?.address.toLowerCase() ?? ''
  const found = known.histories.get(sender) ?? emptyHistory()
  known.histories.set(sender, found)
  return found
}

function carryOut(
  decision: Exclude<ThreadDecision<BatchTicket>, { kind: 'ignore' }>,
  message: MessageFacts,
  at: Date,
  known: Known,
  policy: ThreadPolicy,
): Triage {
  const { reason } = decision
  const opens = decision.kind === 'open'
  const ticket = opens ? openTicket(message, at, decision.linked, policy) : decision.ticket
  if (!opens) ticket.reopened ||= decision.reopens
  join(ticket, message, at)
  // Its own parent may be late as well.
  if (opens || reason === 'awaited') awaitParents(ticket, message, known)
  const waiting = (known.awaited.get(message.messageId) ?? []).filter(
    other => other !== ticket && other !== ticket.opened?.linked,
  )
  return { result: opens ? 'created' : 'appended', reason, ticket, waiting }
}

/** The ticket waits for what the message refers to and is not here yet. */
function awaitParents(ticket: BatchTicket, message: MessageFacts, known: Known): void {
  const absent = threadIds(message).filter(id => !known.threads.has(id))
  for (const id of absent.slice(0, maxAwaited)) {
    ticket.awaits.add(id)
    known.awaited.set(id, [...(known.awaited.get(id) ?? []), ticket])
  }
}

/** The newest references of a mail whose parent has not come. */
const maxAwaited = 5

function remember(known: Known, outcome: MailOutcome): void {
  const original: Original = { id: null, ticketId: null, outcome }
  known.contents.set(outcome.archived.location.sha256, original)
  if (outcome.fingerprint !== null) known.fingerprints.set(outcome.fingerprint.toString('hex'), original)
  const id = outcome.archived.parsed?.messageId ?? ''
  if (outcome.ticket !== null && id !== '') known.threads.set(id, [...(known.threads.get(id) ?? []), outcome.ticket])
}

/** SHA-256 of Message-ID, Date and From: what stays when a server rewrites other headers. Null without a Message-ID. */
export function fingerprintOf(message: Pick<MessageFacts, 'messageId' | 'date' | 'from'>): Buffer | null {
  if (message.messageId === '') return null
  const facts = [message.messageId, message.date ?? '', message.from?.address.toLowerCase() ?? '']
  return createHash('sha256').update(facts.join('\0')).digest()
}
