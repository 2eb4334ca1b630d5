// What one poll of one account works with: its account, its session and what it shares with other polls.
import type { Knex } from 'knex'
import type { ImapSession } from '../fetch/mailbox.ts'
import type { PollReport } from '../model/poll.ts'
import type { InFlight } from '../store/accounts/mailboxes.ts'
import type { PolledAccount } from '../store/accounts/polled-account.ts'
import type { ByteBudget } from './batch/byte-budget.ts'
import type { BatchLimits } from './batch/plan-batches.ts'
import type { IngestDeps } from './ingest/ingest-batch.ts'

export interface PollDeps extends IngestDeps {
  db: Knex
  limits: BatchLimits
  budget: ByteBudget
  /** In-flight marks that could not be corrected because the database was down, by mailboxes.id. */
  withdrawn?: Map<number, InFlight>
  /** True while other accounts wait: a backlog then stops after its slice. */
  isCrowded(): boolean
  /** How long a poll may go on while others wait; then it stops after the batch that is on the wire. */
  sliceMs: number
  openSession(account: PolledAccount, signal: AbortSignal): Promise<PolledSession>
}

/** A connection that is logged in. Disposing closes it or releases it into the pool. */
export interface PolledSession extends ImapSession {
  /** Lets it wait for mail in these mailboxes once it is back in the pool. */
  waitFor(mailboxes: readonly string[]): void
}

/** What one poll of one account works with. */
export interface Poll {
  account: PolledAccount
  deps: PollDeps
  signal: AbortSignal
  report: PollReport
  /** Closes the connection at once. */
  hangUp(): void
}
