// PURE. What becomes of the mails of a batch, each with its reason: the only place where a mail gets its end. Mails are taken
// in the order given; a mail may belong to a ticket that an earlier mail of the same batch opens.
import { createHash } from 'node:crypto'
import type { FetchedMessage } from '../fetch/mailbox.ts'
import type { Address, ParsedMessage } from '../parse/parsed-message.ts'
import type { RawPlace } from '../store/raw-store.ts'
import { type Candidate, participantsOf, threadIds, threadMessage } from '../thread/thread-message.ts'

/** A mail whose bytes are kept: parsed, or with the reason why it could not be. */
export interface KeptMail {
  mail: FetchedMessage
  place: RawPlace
  parsed: ParsedMessage | null
  fault: string | null
}

/** A ticket that has mail in this batch. */
export interface BatchTicket {
  /** Null until it is inserted. */
  id: number | null
  participants: Set<string>
  /** Set for a ticket that the batch opens. */
  opened: { subject: string; requester: Address; at: Date; linked: BatchTicket | null } | null
  /** Messages that the batch adds. */
  added: number
  reopened: boolean
  lastAt: Date
  newParticipants: Set<string>
}

/** A source that a mail repeats: one of an earlier batch (`id`), or of this one (`end`). */
export interface Original {
  id: number | null
  ticketId: number | null
  end: MailEnd | null
}

export interface MailEnd {
  kept: KeptMail
  fingerprint: Buffer | null
  result: 'created' | 'appended' | 'ignored' | 'duplicate' | 'quarantined'
  reason: string
  ticket: BatchTicket | null
  original: Original | null
}

/** What the database knows about the mails of a batch. */
export interface Known {
  /** By hex SHA-256 of the raw bytes. */
  contents: Map<string, Original>
  /** By hex fingerprint; only asked for mail that is read again. */
  fingerprints: Map<string, Original>
  /** By Message-ID. */
  threads: Map<string, BatchTicket[]>
}

/** Decides the ends. `known` is added to as the batch goes on. `rereadBeforeUid`: mail below it was here before UIDVALIDITY changed. */
export function decideEnds(mails: readonly KeptMail[], known: Known, rereadBeforeUid: number): MailEnd[] {
  return mails.map(kept => {
    const end = decideEnd(kept, known, rereadBeforeUid)
    if (end.result !== 'duplicate' && kept.mail.complete) remember(known, end)
    return end
  })
}

function decideEnd(kept: KeptMail, known: Known, rereadBeforeUid: number): MailEnd {
  const fingerprint = kept.parsed === null ? null : fingerprintOf(kept.parsed)
  const none = { kept, fingerprint, ticket: null, original: null }
  if (!kept.mail.complete) return { ...none, result: 'quarantined', reason: kept.fault ?? 'too_large' }
  const same = known.contents.get(kept.place.sha256)
  if (same !== undefined) return { ...none, result: 'duplicate', reason: 'content', original: same }
  const rewritten =
    fingerprint !== null && kept.mail.uid < rereadBeforeUid
      ? known.fingerprints.get(fingerprint.toString('hex'))
      : undefined
  if (rewritten !== undefined) return { ...none, result: 'duplicate', reason: 'rewritten', original: rewritten }
  if (kept.parsed === null || kept.fault !== null)
    return { ...none, result: 'quarantined', reason: kept.fault ?? 'unparseable' }
  return { ...none, ...thread(kept.parsed, kept.mail.receivedAt, known) }
}

function thread(
  message: ParsedMessage,
  at: Date,
  known: Known,
): { result: 'created' | 'appended' | 'ignored'; reason: string; ticket: BatchTicket | null } {
  const found = threadIds(message).flatMap(id => known.threads.get(id) ?? [])
  const candidates: Candidate<BatchTicket>[] = found.map(ticket => ({ ticket, participants: ticket.participants }))
  const decision = threadMessage(message, candidates)
  if (decision.kind === 'ignore') return { result: 'ignored', reason: decision.reason, ticket: null }
  if (decision.kind === 'append') {
    const { ticket, reopens, reason } = decision
    ticket.reopened ||= reopens
    join(ticket, message, at)
    return { result: 'appended', reason, ticket }
  }
  const ticket = openTicket(message, at, decision.linked)
  join(ticket, message, at)
  return { result: 'created', reason: decision.reason, ticket }
}

function openTicket(message: ParsedMessage, at: Date, linked: BatchTicket | null): BatchTicket {
  const requester = message.from ?? { name: '', address: '' }
  return {
    ...untouchedTicket(null, new Set()),
    opened: { subject: message.subject, requester, at, linked },
    lastAt: at,
  }
}

/** A ticket as the batch finds it, nothing added yet. */
export function untouchedTicket(id: number | null, participants: Set<string>): BatchTicket {
  return {
    id,
    participants,
    opened: null,
    added: 0,
    reopened: false,
    lastAt: new Date(0),
    newParticipants: new Set(),
  }
}

function join(ticket: BatchTicket, message: ParsedMessage, at: Date): void {
  ticket.added += 1
  if (at > ticket.lastAt) ticket.lastAt = at
  for (const address of participantsOf(message).slice(0, maxParticipants)) {
    if (ticket.participants.has(address) || ticket.participants.size >= maxParticipants) continue
    ticket.participants.add(address)
    ticket.newParticipants.add(address)
  }
}

/** A mail to thousands does not make thousands of rows. */
const maxParticipants = 200

function remember(known: Known, end: MailEnd): void {
  const original: Original = { id: null, ticketId: null, end }
  known.contents.set(end.kept.place.sha256, original)
  if (end.fingerprint !== null) known.fingerprints.set(end.fingerprint.toString('hex'), original)
  const id = end.kept.parsed?.messageId ?? ''
  if (end.ticket !== null && id !== '') known.threads.set(id, [...(known.threads.get(id) ?? []), end.ticket])
}

/** SHA-256 of Message-ID, Date and From: what stays when a server rewrites other headers. Null without a Message-ID. */
export function fingerprintOf(message: Pick<ParsedMessage, 'messageId' | 'date' | 'from'>): Buffer | null {
  if (message.messageId === '') return null
  const facts = [message.messageId, message.date ?? '', message.from?.address.toLowerCase() ?? '']
  return createHash('sha256').update(facts.join('\0')).digest()
}
