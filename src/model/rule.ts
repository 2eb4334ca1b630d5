// An admin's rules, and what is known of a sender: the shapes that triage reads and the store looks up.
import type { Kind } from './parsed-message.ts'
import type { SenderVerdict } from './sender-verdict.ts'

export interface Conditions {
  /** The sender's address. */
  from?: string
  /** Some address in To or Cc. */
  to?: string
  /** No address in To or Cc: what was not written to us. */
  notTo?: string
  subject?: string
  /** A header field of this name with such a value. */
  header?: { name: string; value: string }
  kind?: Kind
  /** What mail servers say of the sender. */
  sender?: SenderVerdict['verdict']
  /** Bytes of the raw mail, at least. */
  minBytes?: number
}

export interface Rule {
  name: string
  conditions: Conditions
  action: 'drop' | 'hold' | 'tag'
  tag: string | null
}

/** How many at which times, in milliseconds. */
export type Tally = { at: number; count: number }[]

/** What a sender did around the time of his mails: grows with the mails of a batch. */
export interface SenderHistory {
  /** Tickets opened. */
  tickets: Tally
  /** Mails by their base subject. */
  subjects: Map<string, Tally>
}
