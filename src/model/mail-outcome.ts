// PURE. What becomes of a mail, and what it changes of its ticket: decided in poll/ingest, written by store/ingest.
import type { FetchedMessage, RawLocation } from './mail.ts'
import type { Address, Kind, StorableMessage } from './parsed-message.ts'
import type { SenderVerdict, SignatureCheck } from './sender-verdict.ts'

/** The reason of a canary: it is removed from the server, whatever becomes of other mail there. */
export const canaryReason = 'canary'

/** A mail whose bytes are archived: parsed, or with the reason why it could not be. */
export interface ArchivedMail {
  mail: FetchedMessage
  location: RawLocation
  parsed: StorableMessage | null
  fault: string | null
  /** What our own check of its signatures found; absent: there was none. */
  signatures?: SignatureCheck
}

/** A source that a mail repeats: one of an earlier batch (`id`), or of this one (`outcome`). */
export interface Original {
  id: number | null
  ticketId: number | null
  outcome: MailOutcome | null
}

export interface MailOutcome {
  archived: ArchivedMail
  /** Null for a mail that was not parsed. */
  sender: SenderVerdict | null
  fingerprint: Buffer | null
  result: 'created' | 'appended' | 'ignored' | 'duplicate' | 'quarantined'
  reason: string
  ticket: BatchTicket | null
  /** Other tickets that waited for this mail: what they refer to is in its ticket. */
  waiting: readonly BatchTicket[]
  original: Original | null
}

/** A ticket that has mail in this batch. */
export interface BatchTicket {
  /** Null until it is inserted. */
  id: number | null
  participants: Set<string>
  /** Who opened it, as personKey() has it. */
  requester: string
  closed: boolean
  /** Set for a ticket that the batch opens. */
  opened: { kind: Kind; subject: string; requester: Address; at: Date; linked: BatchTicket | null } | null
  /** Messages that the batch adds. */
  added: number
  reopened: boolean
  lastAt: Date
  newParticipants: Set<string>
  /** Tags that rules give it. */
  tags: Set<string>
  /** Addresses that a bounce says could not be reached, with the status. */
  bounced: Map<string, string>
  /** Message-IDs that its mails refer to and that are not here yet. */
  awaits: Set<string>
}
