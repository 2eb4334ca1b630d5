// PURE. What a failed poll costs. An unknown error is presumed temporary: repeating work is cheaper than losing mail.

import { AccountError, IngestError } from '../errors/errors.ts'
import { sentencesForCommand } from '../errors/hints.ts'
import type { PartialVerdict, PollVerdict } from '../model/poll.ts'

const firstWaitMs = 5_000
const longestWaitMs = 15 * 60_000
const suspendMs = 60 * 60_000
/** What servers ask for is done within these bounds: no mailbox is given up because a server spoke of days. */
const leastAskedMs = 1_000
const maxAskedMs = 60 * 60_000

/** `attempt` counts from 1; `random` is in [0, 1). */
export function verdictOf(error: unknown, attempt: number, random = Math.random()): PollVerdict {
  if (!(error instanceof IngestError)) {
    const internal = { code: 'internal', params: {} } as const
    return { kind: 'retry', ...internal, hint: sentencesForCommand(internal), afterMs: waitMs(attempt, random) }
  }
  const { code, params } = error
  const told = { code, params, hint: sentencesForCommand(error, { account: params.account }) }
  if (code === 'account.password_missing' || code.startsWith('vault.')) return { kind: 'wait', ...told }
  if (error instanceof AccountError && !error.temporary) return { kind: 'suspend', ...told, afterMs: suspendMs }
  return { kind: 'retry', ...told, afterMs: askedMs(error.retryAfterMs) ?? waitMs(attempt, random) }
}

/** `everyMs`: from slot to slot. */
export function partialVerdictOf(
  failure: IngestError,
  attempt: number,
  everyMs: number,
  random = Math.random(),
): PartialVerdict {
  const outcome = verdictOf(failure, attempt, random)
  const { code, params, hint } = outcome
  const told = { code, params, hint }
  if (code === 'imap.mailbox_missing' || code === 'imap.uids_reused') return { ...told, afterMs: null, worked: true }
  const soon = outcome.kind === 'retry' && outcome.afterMs < everyMs
  return { ...told, afterMs: soon ? outcome.afterMs : null, worked: false }
}

function askedMs(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(Math.min(maxAskedMs, Math.max(leastAskedMs, ms)))
}

/** Exponential, 5 s to 15 min, between half and the whole of it so that accounts of one server do not come back together. */
export function waitMs(attempt: number, random: number): number {
  const whole = Math.min(longestWaitMs, firstWaitMs * 2 ** Math.min(attempt - 1, 20))
  return Math.round(whole * (0.5 + random / 2))
}
