// What a poll came to, and what it costs the account.
import type { Params } from '../errors/entry.ts'
import type { ErrorCode, IngestError } from '../errors/errors.ts'
import type { MailOutcome } from './mail-outcome.ts'
import type { SenderVerdict } from './sender-verdict.ts'

export type SenderCount = `${SenderVerdict['verdict']} ${NonNullable<SenderVerdict['method']> | 'none'}`

/** How many mails had which outcome. */
export type PollReport = Record<MailOutcome['result'], number> & {
  bytes: number
  /** Mails by the verdict on their senders and its method, as `pass dkim`. */
  senders: Partial<Record<SenderCount, number>>
  /** There is more: it comes at the account's next turn. */
  more: boolean
  /** Why a mailbox could not be read, or mail not be settled, while the rest worked. */
  failure: IngestError | null
}

/** Why: the code with its values, and both in words for a terminal. */
interface Told {
  code: ErrorCode | 'internal'
  params: Params
  hint: string
}

/** What a failed poll costs its account. */
export type PollVerdict =
  /** Try again after this time. */
  | (Told & { kind: 'retry'; afterMs: number })
  /** Waiting does not cure it: an operator must act. Looked at again after this time, never given up. */
  | (Told & { kind: 'suspend'; afterMs: number })
  /** Something of ours is missing; the next slot looks again, without a connection. */
  | (Told & { kind: 'wait' })

/** What a poll costs of which a part worked: its account does not wait for the rest. */
export interface PartialVerdict extends Told {
  /** Null: at the next slot. */
  afterMs: number | null
  /** True if there is nothing that comes late: a mailbox that does not exist has no mail. */
  worked: boolean
}
