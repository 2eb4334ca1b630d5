// Keeps what this worker owns and what its queue schedules as MySQL says: the heartbeat, a fair share of the accounts, one job
// scheduler for each. Everything is compared and repaired every few seconds, so that a flushed Redis, an account that somebody
// wrote with SQL, or a worker that died are mended by the same step.

import type { Redis } from 'ioredis'
import type { Knex } from 'knex'
import { findOwnedAccounts } from '../store/polled-account.ts'
import {
  beatWorker,
  countPolledAccounts,
  findDeadWorkers,
  findLiveWorkers,
  releaseAccounts,
  removeWorker,
  takeAccounts,
  type WorkerIdentity,
} from '../store/workers.ts'
import {
  accountOf,
  addPoll,
  jobName,
  jobOptions,
  openQueue,
  type PollQueue,
  schedulerId,
  slotOffsetMs,
} from './queue.ts'

export interface SchedulerDeps {
  db: Knex
  queue: PollQueue
  redis: Redis
  prefix: string
  worker: WorkerIdentity
  leaseSeconds: number
  /** Accounts that are being polled now: they are not given up. */
  isRunning(accountId: number): boolean
}

/** Renews the lease and evens out who owns what; returns how many accounts are this worker's. Only MySQL is asked. */
export async function claimAccounts(deps: SchedulerDeps): Promise<number> {
  const { db, worker } = deps
  await beatWorker(db, worker, deps.leaseSeconds)
  const live = await findLiveWorkers(db)
  const share = Math.ceil((await countPolledAccounts(db)) / Math.max(1, live.length))
  const owned = await findOwnedAccounts(db, worker.id)
  const taken = owned.length < share ? await takeAccounts(db, worker.id, share - owned.length) : 0
  const surplus = owned
    .filter(account => !deps.isRunning(account.id))
    .slice(0, Math.max(0, owned.length - share))
    .map(account => account.id)
  if (surplus.length > 0) await releaseAccounts(db, worker.id, surplus)
  return owned.length + taken - surplus.length
}

/** Makes the queue's schedule what MySQL says. */
export async function repairSchedule(deps: SchedulerDeps): Promise<void> {
  const { db, queue, worker } = deps
  const owned = new Map((await findOwnedAccounts(db, worker.id)).map(account => [account.id, account]))
  const scheduled = new Map((await queue.getJobSchedulers(0, -1)).map(found => [accountOf(found.key), found]))
  for (const [id, found] of scheduled) {
    if (id === undefined || !owned.has(id)) await queue.removeJobScheduler(found.key)
  }
  for (const account of owned.values()) {
    const everyMs = account.pollEveryS * 1000
    const found = scheduled.get(account.id)
    const sound = found !== undefined && Number(found.every) === everyMs && (found.next ?? 0) > Date.now() - 2 * everyMs
    if (!sound) await schedule(queue, account.id, everyMs)
    if ((found === undefined && account.neverPolled) || account.retryDue) await addPoll(queue, account.id)
  }
}

async function schedule(queue: PollQueue, accountId: number, everyMs: number): Promise<void> {
  const offset = slotOffsetMs(accountId, everyMs)
  await queue.upsertJobScheduler(
    schedulerId(accountId),
    { every: everyMs, offset },
    { name: jobName, data: { accountId }, opts: jobOptions },
  )
}

/** Removes the queues of workers that died long ago; their accounts have new owners by then. */
export async function buryDeadWorkers(deps: SchedulerDeps): Promise<void> {
  for (const id of await findDeadWorkers(deps.db, deps.leaseSeconds * 2)) {
    await removeQueue(deps.redis, deps.prefix, id)
    await removeWorker(deps.db, id)
  }
}

/** Removes a worker's queue from Redis. */
export async function removeQueue(redis: Redis, prefix: string, workerId: string): Promise<void> {
  const queue = openQueue(redis, prefix, workerId)
  try {
    await queue.obliterate({ force: true })
  } finally {
    await queue.close()
  }
}
