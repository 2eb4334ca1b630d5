// Polls accounts when it is their turn: a job of this worker's queue, a mail server that tells of new mail, or the end of a slice says
// so. A job is a call and nothing else: it is done as soon as it was heard, so that no poll hangs on Redis and none runs twice. The only
// place where a failed poll is caught: what it ended in is written to MySQL.

import { Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import type { Knex } from 'knex'
import pLimit from 'p-limit'
import { AccountError, isAbort, ServiceError } from '../errors/errors.ts'
import type { SessionPool } from '../fetch/session-pool.ts'
import type { PartialVerdict, PollReport, PollVerdict } from '../model/poll.ts'
import type { Events } from '../observe/events.ts'
import type { Health } from '../observe/health.ts'
import { probeStoring } from '../poll/ingest/probe-storing.ts'
import { pollAccount } from '../poll/poll-account.ts'
import type { PollDeps } from '../poll/poll-context.ts'
import { withServerWords } from '../server-words.ts'
import { findAnyMailbox } from '../store/accounts/mailboxes.ts'
import { openPollResults, type PollResult, type PollResults } from '../store/accounts/poll-results.ts'
import { findDueAccount, type PolledAccount } from '../store/accounts/polled-account.ts'
import { DatabaseError } from '../store/db/database-error.ts'
import { lookAgainMs, reconnectMs } from './early-poll.ts'
import { partialVerdictOf, verdictOf } from './poll-verdict.ts'
import { keepRunning, queueName, readPollJob, slotOf } from './queue.ts'
import { toRedisError } from './redis.ts'
import { createStalls, type Stalls } from './stalls.ts'

export interface WorkerDeps extends Omit<PollDeps, 'isCrowded' | 'withdrawn'> {
  db: Knex
  /** A connection of its own: it blocks. */
  redis: Redis
  prefix: string
  workerId: string
  concurrency: number
  events: Events
  health: Health
  sessions: Pick<SessionPool, 'isWaiting' | 'drop'>
}

export interface PollWorker extends AsyncDisposable {
  /** The account's server told of new mail: it is polled when it is its turn, and once more if it is being polled. */
  news(accountId: number): void
  /** The account's connection, that waited for mail, broke after so long. */
  lost(accountId: number, ageMs: number): void
  isRunning(accountId: number): boolean
  /** No job called for the account though its slot is long over: it is polled all the same. */
  overdue(accountId: number): void
  /** So many polls run at once from now on; those that run go on. */
  setConcurrency(polls: number): void
  /** Takes nothing new, breaks off what is on the wire and waits until what was fetched is committed or rolled back. */
  quiet(): Promise<void>
}

/** While the database is away a poll that is due looks for it so often. */
const databaseRestMs = 5_000
/** A job takes as long as hearing it. */
const lockDurationMs = 30_000
const jobConcurrency = 50

export function startWorker(deps: WorkerDeps): PollWorker {
  const stop = new AbortController()
  const { signal } = stop
  const turns = pLimit(deps.concurrency)
  const ends = openPollResults(deps.db, deps.workerId)
  const polling: PollDeps = { ...deps, isCrowded: () => turns.pendingCount > 0, withdrawn: new Map() }
  const stalls = createStalls(deps.health)
  const running = new Map<number, Promise<void>>()
  const again = new Set<number>()
  const later = new Map<number, NodeJS.Timeout>()
  const quiet = new Map<number, number>()

  const begin = (accountId: number, due: number | undefined): void => {
    if (signal.aborted || running.has(accountId)) return
    clearTimeout(later.get(accountId))
    later.delete(accountId)
    // The beat asks for the database, alone: a thousand polls would only knock at it.
    if (deps.health.isDown('database') || !stalls.lets(accountId, running))
      return void beginIn(accountId, databaseRestMs * (0.5 + Math.random()), () => true)
    const trusted = due !== undefined && deps.sessions.isWaiting(accountId)
    const done = turns(async () => {
      if (signal.aborted) return
      if (due !== undefined) deps.events.pollLate(Math.max(0, Date.now() - due))
      const ended = await runPoll(accountId, { ...deps, ends, stalls }, polling, signal)
      if (ended === 'stalled') beginIn(accountId, databaseRestMs * (0.5 + Math.random()), () => true)
      else if (ended !== undefined) goOn(accountId, ended, trusted)
    })
      .catch(() => {})
      .finally(() => {
        running.delete(accountId)
        if (again.delete(accountId)) begin(accountId, undefined)
      })
    running.set(accountId, done)
  }
  const request = (accountId: number): void => {
    if (running.has(accountId)) again.add(accountId)
    else begin(accountId, undefined)
  }
  const beginIn = (accountId: number, ms: number, isWanted: () => boolean): void => {
    if (signal.aborted || later.has(accountId)) return
    const timer = setTimeout(() => {
      later.delete(accountId)
      if (isWanted()) begin(accountId, undefined)
    }, ms)
    later.set(accountId, timer)
  }
  /** Unless its server is to tell of mail by then. */
  const lookIn = (accountId: number, ms: number | undefined): void => {
    if (ms !== undefined) beginIn(accountId, ms, () => !deps.sessions.isWaiting(accountId))
  }
  /** What a poll that worked asks for before the next slot. `trusted`: its server was to tell of mail, and did not. */
  const goOn = (accountId: number, { report, everyMs }: Ended, trusted: boolean): void => {
    if (report.more) return void again.add(accountId)
    const brought = report.bytes > 0
    if (brought && trusted) {
      deps.events.push('missed')
      deps.sessions.drop(accountId)
    }
    const polls = brought ? 0 : (quiet.get(accountId) ?? null)
    const ms = lookAgainMs(everyMs, polls)
    if (polls === null || ms === undefined) return void quiet.delete(accountId)
    quiet.set(accountId, polls + 1)
    lookIn(accountId, ms)
  }

  const worker = new Worker<unknown>(
    queueName(deps.workerId),
    async job => {
      const asked = readPollJob(job.data)
      if (asked === undefined) return deps.events.jobDropped()
      const slot = slotOf(job.id)
      if (slot === undefined) request(asked.accountId)
      else begin(asked.accountId, slot)
    },
    {
      connection: deps.redis,
      prefix: deps.prefix,
      concurrency: jobConcurrency,
      lockDuration: lockDurationMs,
      stalledInterval: lockDurationMs,
      maxStalledCount: 3,
      autorun: false,
    },
  )
  const failed = (error: unknown): void => deps.health.fail('redis', toQueueError(error))
  worker.on('error', failed)
  worker.on('ready', () => deps.health.mend('redis'))
  void keepRunning(worker, signal, failed)
  const endAll = async (): Promise<void> => {
    stop.abort(new Error('the daemon stops'))
    for (const timer of later.values()) clearTimeout(timer)
    await Promise.allSettled(running.values())
  }
  return {
    news(accountId) {
      deps.events.push('news')
      request(accountId)
    },
    lost(accountId, ageMs) {
      deps.events.push('lost')
      lookIn(accountId, reconnectMs(ageMs))
    },
    isRunning: accountId => running.has(accountId),
    overdue: accountId => begin(accountId, undefined),
    setConcurrency(polls) {
      turns.concurrency = polls
    },
    quiet: endAll,
    async [Symbol.asyncDispose]() {
      await endAll()
      await worker.close(true)
    },
  }
}

type RunDeps = WorkerDeps & { ends: PollResults; stalls: Stalls }

interface Ended {
  report: PollReport
  everyMs: number
}

/** Undefined for a poll that failed, or that was none of ours to make; `stalled` for one that the database kept from storing mail. */
async function runPoll(
  accountId: number,
  deps: RunDeps,
  polling: PollDeps,
  signal: AbortSignal,
): Promise<Ended | 'stalled' | undefined> {
  const startedAt = performance.now()
  let account: PolledAccount | undefined
  try {
    account = await findDueAccount(deps.db, accountId, deps.workerId)
    if (account === undefined) {
      deps.stalls.clear(accountId)
      return undefined
    }
    deps.events.pollStarted(accountId)
    const report = await pollAccount(account, polling, signal)
    const everyMs = account.pollEveryS * 1000
    const part = report.failure === null ? null : partialVerdictOf(report.failure, account.failures + 1, everyMs)
    deps.stalls.clear(accountId)
    await deps.ends.write(accountId, part === null ? { state: 'active' } : toPartialResult(part), account.code)
    deps.events.pollFinished(accountId, msSince(startedAt), report)
    if (part !== null) deps.events.pollPartlyFailed(accountId, part, report.failure, account.code)
    else if (account.code !== null) deps.events.accountRecovered(accountId, account.code)
    return { report, everyMs }
  } catch (error) {
    return await endFailed(accountId, account, error, deps, signal, startedAt)
  }
}

async function endFailed(
  accountId: number,
  account: PolledAccount | undefined,
  error: unknown,
  deps: RunDeps,
  signal: AbortSignal,
  startedAt: number,
): Promise<'stalled' | undefined> {
  if (signal.aborted || isAbort(error, signal) || isLeaseLost(error)) {
    deps.stalls.clear(accountId)
    deps.events.pollAborted(accountId, msSince(startedAt))
    return undefined
  }
  const outcome = verdictOf(error, (account?.failures ?? 0) + 1)
  const fault = await databaseFault(error, accountId, deps)
  if (fault !== undefined) {
    // Nothing is said of the account: it did nothing wrong.
    const known = deps.stalls.add(accountId, fault) ? (account?.code ?? null) : outcome.code
    deps.events.pollFailed(accountId, msSince(startedAt), outcome, error, known)
    return 'stalled'
  }
  deps.stalls.clear(accountId)
  if (isOfRawStore(error)) deps.health.fail('raw', error)
  if (error instanceof ServiceError && error.code === 'host.exhausted') deps.health.fail('host', error)
  await deps.ends
    .write(accountId, toResult(outcome, error), account?.code ?? null)
    .catch(failure => deps.health.fail('database', failure))
  deps.events.pollFailed(accountId, msSince(startedAt), outcome, error, account?.code ?? null)
  return undefined
}

/** What is wrong with the database for all accounts, or undefined where it takes mail of this account: then the failure is the account's own. */
async function databaseFault(error: unknown, accountId: number, { db, health }: RunDeps): Promise<unknown> {
  if (!(error instanceof DatabaseError) || error.blame === 'passing') return undefined
  if (error.blame === 'service' || health.isDown('database')) return error
  try {
    const mailbox = await findAnyMailbox(db, accountId)
    if (mailbox !== undefined) await probeStoring(db, mailbox)
    return undefined
  } catch (fault) {
    return fault
  }
}

/** A damaged batch is the matter of its account; the beat finds out when the store works again. */
function isOfRawStore(error: unknown): boolean {
  return error instanceof ServiceError && error.code.startsWith('raw.') && error.code !== 'raw.damaged'
}

function isLeaseLost(error: unknown): boolean {
  return error instanceof AccountError && error.code === 'lease.lost'
}

/** What the server said stands with the account alone; the verdict is logged. */
function toResult(verdict: PollVerdict, error: unknown): PollResult {
  const { code, params } = verdict
  const said = error instanceof AccountError ? error.said : undefined
  const told = { code, params, hint: withServerWords(verdict.hint, said), said }
  if (verdict.kind === 'wait') return { state: 'waiting', ...told, afterMs: null }
  return { state: 'failing', ...told, afterMs: verdict.afterMs }
}

function toPartialResult({ code, params, hint, afterMs, worked }: PartialVerdict): PollResult {
  return { state: 'failing', code, params, hint, afterMs, worked }
}

function msSince(startedAt: number): number {
  return Math.round(performance.now() - startedAt)
}

function toQueueError(cause: unknown): ServiceError {
  const error = toRedisError(cause)
  if (error.code === 'redis.unwritable') return error
  return new ServiceError('redis.unreachable', { reason: 'queue' }, { temporary: true, cause })
}
