// Takes the jobs of this worker's queue and polls. The only place where a failed poll is caught: what it ended in is written
// to MySQL and the job returns normally, because a job that is queued again with a delay piles up under its scheduler.
import { Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import type { Knex } from 'knex'
import { AccountError, isAbort, ServiceError } from '../errors.ts'
import type { Events } from '../events.ts'
import type { Health } from '../health.ts'
import { type PollDeps, pollAccount } from '../poll/poll-account.ts'
import { findDueAccount, type PollEnd, type PolledAccount, updatePollEnd } from '../store/polled-account.ts'
import { type Outcome, outcomeOf } from './outcome.ts'
import { type PollJob, queueName } from './queue.ts'

export interface WorkerDeps extends PollDeps {
  db: Knex
  /** A connection of its own: it blocks. */
  redis: Redis
  prefix: string
  workerId: string
  concurrency: number
  events: Events
  health: Health
}

export interface PollWorker extends AsyncDisposable {
  isRunning(accountId: number): boolean
  /** Takes nothing new, breaks off what is on the wire and waits until what was fetched is committed or rolled back. */
  quiet(): Promise<void>
}

/** A job that its worker does not renew for so long is taken for dead; polls renew at half of it. */
const lockDurationMs = 90_000

export function startWorker(deps: WorkerDeps): PollWorker {
  const stop = new AbortController()
  const running = new Map<number, Promise<void>>()
  const poll = async (accountId: number): Promise<void> => {
    if (running.has(accountId) || stop.signal.aborted) return
    const done = runPoll(accountId, deps, stop.signal)
    running.set(accountId, done)
    await done.finally(() => running.delete(accountId))
  }
  const worker = new Worker<PollJob>(queueName(deps.workerId), job => poll(job.data.accountId), {
    connection: deps.redis,
    prefix: deps.prefix,
    concurrency: deps.concurrency,
    lockDuration: lockDurationMs,
    stalledInterval: lockDurationMs,
    maxStalledCount: 3,
    skipVersionCheck: true,
  })
  worker.on('error', error => deps.health.fail('redis', toQueueError(error)))
  worker.on('ready', () => deps.health.mend('redis'))
  const quiet = async (): Promise<void> => {
    stop.abort(new Error('the daemon stops'))
    await Promise.allSettled(running.values())
  }
  return {
    isRunning: accountId => running.has(accountId),
    quiet,
    async [Symbol.asyncDispose]() {
      await quiet()
      await worker.close(true)
    },
  }
}

async function runPoll(accountId: number, deps: WorkerDeps, signal: AbortSignal): Promise<void> {
  const startedAt = performance.now()
  let account: PolledAccount | undefined
  try {
    account = await findDueAccount(deps.db, accountId, deps.workerId)
    if (account === undefined) return
    deps.events.pollStarted(accountId)
    const report = await pollAccount(account, deps, signal)
    await updatePollEnd(deps.db, accountId, deps.workerId, { state: 'active' })
    deps.events.pollFinished(accountId, msSince(startedAt), report)
    if (account.code !== null) deps.events.accountRecovered(accountId, account.code)
    deps.health.mend('raw')
  } catch (error) {
    await endFailed(accountId, account, error, deps, signal, startedAt)
  }
}

async function endFailed(
  accountId: number,
  account: PolledAccount | undefined,
  error: unknown,
  deps: WorkerDeps,
  signal: AbortSignal,
  startedAt: number,
): Promise<void> {
  if (signal.aborted || isAbort(error, signal) || isLeaseLost(error))
    return deps.events.pollAborted(accountId, msSince(startedAt))
  const outcome = outcomeOf(error, (account?.failures ?? 0) + 1)
  if (error instanceof ServiceError && error.code.startsWith('raw.')) deps.health.fail('raw', error)
  if (!(error instanceof ServiceError && error.code === 'db.unreachable')) {
    await updatePollEnd(deps.db, accountId, deps.workerId, toEnd(outcome)).catch(failure =>
      deps.health.fail('database', failure),
    )
  }
  deps.events.pollFailed(accountId, msSince(startedAt), outcome, error, account?.code ?? null)
}

function isLeaseLost(error: unknown): boolean {
  return error instanceof AccountError && error.code === 'lease.lost'
}

function toEnd(outcome: Outcome): PollEnd {
  const { code, hint } = outcome
  if (outcome.kind === 'wait') return { state: 'waiting', code, hint, afterMs: null }
  return { state: 'failing', code, hint, afterMs: outcome.afterMs }
}

function msSince(startedAt: number): number {
  return Math.round(performance.now() - startedAt)
}

function toQueueError(cause: unknown): ServiceError {
  return new ServiceError('redis.unreachable', 'the queue in Redis cannot be reached', {
    temporary: true,
    hint: 'check that Redis runs; polls go on once it is back',
    cause,
  })
}
