// Keeps what this worker owns and what its queue schedules as MySQL says: the heartbeat, a fair share of the accounts, one job
// scheduler for each. Everything is compared and repaired every few seconds, so that a flushed Redis, an account that somebody
// wrote with SQL, or a worker that died are mended by the same step.
import type { JobSchedulerJson } from 'bullmq'
import type { Redis } from 'ioredis'
import type { Knex } from 'knex'
import {
  beatWorker,
  countPolledAccounts,
  findDeadWorkers,
  findLiveWorkers,
  findOwnedSealed,
  type LiveWorker,
  releaseAccounts,
  removeWorker,
  takeAccounts,
  type WorkerIdentity,
} from '../store/accounts/leases.ts'
import { findOwnedAccounts, type OwnedAccount } from '../store/accounts/polled-account.ts'
import { findSealedKeyIds } from '../store/secrets/credential-rows.ts'
import {
  accountOf,
  addPoll,
  jobName,
  jobOptions,
  openQueue,
  openSealingQueue,
  type PollQueue,
  readPollJob,
  schedulerId,
  slotOffsetMs,
} from './queue.ts'

/** What it takes to own accounts: MySQL alone. */
export interface ClaimDeps {
  db: Knex
  worker: WorkerIdentity
  leaseSeconds: number
  /** Ids of the encryption keys that this worker holds, in hex. */
  keyIds(): readonly string[]
  /** Accounts that are being polled now: they are not given up. */
  isRunning(accountId: number): boolean
}

export interface SchedulerDeps extends ClaimDeps {
  queue: PollQueue
  redis: Redis
  prefix: string
}

/**
 * Renews the lease and evens out who owns what; returns what is this worker's then, and the ids of those that are new. Only MySQL is
 * asked. A worker that lacks the key leaves accounts with sealed passwords to those who hold it; if nobody does, they are shared as
 * ever: their open connections live on, and their state says what they wait for.
 */
export async function claimAccounts(deps: ClaimDeps): Promise<{ owned: OwnedAccount[]; taken: number[] }> {
  const { db, worker } = deps
  await beatWorker(db, worker, deps.leaseSeconds, deps.keyIds())
  const live = await findLiveWorkers(db)
  const { sharers, lacking } = sharing(live, worker.id, deps.keyIds(), await findSealedKeyIds(db))
  const share = shareOf(await countPolledAccounts(db), sharers, worker.id)
  const owned = await findOwnedAccounts(db, worker.id)
  const foreign = lacking.length === 0 ? new Set<number>() : await findOwnedSealed(db, worker.id, lacking)
  const taken = owned.length < share ? await takeAccounts(db, worker.id, share - owned.length, { lacking }) : 0
  const idle = owned.filter(account => !deps.isRunning(account.id)).map(account => account.id)
  const excess = Math.max(0, owned.length - foreign.size - share)
  const surplus = new Set([
    ...idle.filter(id => foreign.has(id)),
    ...idle.filter(id => !foreign.has(id)).slice(0, excess),
  ])
  if (surplus.size > 0) await releaseAccounts(db, worker.id, [...surplus])
  const kept = owned.filter(({ id }) => !surplus.has(id))
  if (taken === 0) return { owned: kept, taken: [] }
  const known = new Set(owned.map(({ id }) => id))
  const now = await findOwnedAccounts(db, worker.id)
  return { owned: now, taken: now.map(({ id }) => id).filter(id => !known.has(id)) }
}

/**
 * Among which workers the accounts are shared, and under which keys passwords are left to others. What envelopes name and some worker holds
 * decides, no row that says which key is the active one: whoever opens a password goes on polling with it.
 */
function sharing(
  live: readonly LiveWorker[],
  workerId: string,
  held: readonly string[],
  sealedUnder: readonly string[],
): { sharers: readonly LiveWorker[]; lacking: readonly string[] } {
  const needed = sealedUnder.filter(keyId => live.some(worker => worker.keyIds.includes(keyId)))
  const lacking = needed.filter(keyId => !held.includes(keyId))
  if (lacking.length > 0) return { sharers: live, lacking }
  const isCapable = (worker: LiveWorker): boolean =>
    worker.id === workerId || needed.every(keyId => worker.keyIds.includes(keyId))
  return { sharers: live.filter(isCapable), lacking }
}

/** The shares of all are as equal as can be and no more than there is: what does not divide goes to those who have run longest. */
function shareOf(accounts: number, sharers: readonly LiveWorker[], workerId: string): number {
  const each = Math.floor(accounts / Math.max(1, sharers.length))
  const rank = sharers.findIndex(({ id }) => id === workerId)
  return rank < accounts - each * sharers.length ? each + 1 : each
}

/** What the schedule was when it was last compared as a whole. */
export interface ScheduleCheck {
  /** When it is compared again, however sound it looks (performance.now). */
  dueAt: number
  /** Interval in milliseconds by account. */
  known: ReadonlyMap<number, number>
}

const checkEveryMs = 20_000
/** Commands that are on their way to Redis at once. */
const atOnce = 100

/**
 * Makes the queue's schedule what MySQL says. `wake`: accounts that wait for a key are looked at now, for there may be another. To read
 * ten thousand schedules costs a third of a second, so they are only counted while nothing has changed and no check is due.
 */
export async function repairSchedule(
  { queue }: Pick<SchedulerDeps, 'queue'>,
  owned: readonly OwnedAccount[],
  last: ScheduleCheck,
  wake: boolean,
): Promise<ScheduleCheck> {
  const wanted = new Map(owned.map(({ id, pollEveryS }) => [id, pollEveryS * 1000]))
  const isSound =
    performance.now() < last.dueAt &&
    isSame(wanted, last.known) &&
    (await queue.getJobSchedulersCount()) === wanted.size
  const unpolled = isSound ? [] : await compareAll(queue, owned)
  const due = owned.filter(account => account.retryDue || (wake && account.awaitsKey)).map(({ id }) => id)
  await inGroups([...new Set([...unpolled, ...due])], id => addPoll(queue, id))
  return isSound ? last : { dueAt: performance.now() + checkEveryMs, known: wanted }
}

function isSame(a: ReadonlyMap<number, number>, b: ReadonlyMap<number, number>): boolean {
  return a.size === b.size && [...a].every(([id, everyMs]) => b.get(id) === everyMs)
}

/** Mends every schedule that is missing, dead or other than wanted; returns the accounts that are new and were never polled. */
async function compareAll(queue: PollQueue, owned: readonly OwnedAccount[]): Promise<number[]> {
  const ids = new Set(owned.map(({ id }) => id))
  const scheduled = new Map((await readSchedules(queue)).map(found => [accountOf(found.key), found]))
  const foreign = [...scheduled].filter(([id]) => id === undefined || !ids.has(id))
  await inGroups(foreign, ([, found]) => queue.removeJobScheduler(found.key))
  const unsound = owned.filter(({ id, pollEveryS }) => {
    const everyMs = pollEveryS * 1000
    const found = scheduled.get(id)
    // Far behind it is dead, far ahead it was made by a clock that has been set back since.
    return (
      found === undefined ||
      readPollJob(found.template?.data)?.accountId !== id ||
      Number(found.every) !== everyMs ||
      Math.abs((found.next ?? 0) - Date.now()) >= 2 * everyMs
    )
  })
  await inGroups(unsound, ({ id, pollEveryS }) => schedule(queue, id, pollEveryS * 1000))
  return unsound.filter(account => !scheduled.has(account.id) && account.neverPolled).map(({ id }) => id)
}

/** A queue with data that is not even JSON was written by somebody else: it is made again as a whole. */
async function readSchedules(queue: PollQueue): Promise<JobSchedulerJson[]> {
  try {
    return await queue.getJobSchedulers(0, -1)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    await queue.obliterate({ force: true })
    return []
  }
}

async function inGroups<T>(items: readonly T[], act: (item: T) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < items.length; i += atOnce) await Promise.all(items.slice(i, i + atOnce).map(act))
}

async function schedule(queue: PollQueue, accountId: number, everyMs: number): Promise<void> {
  const offset = slotOffsetMs(accountId, everyMs)
  await queue.upsertJobScheduler(
    schedulerId(accountId),
    { every: everyMs, offset },
    { name: jobName, data: { accountId }, opts: jobOptions },
  )
}

/** Removes the queues of workers that died long ago; their accounts have new owners by then. Returns those that nobody else buried. */
export async function buryDeadWorkers(deps: SchedulerDeps): Promise<string[]> {
  const buried: string[] = []
  for (const id of await findDeadWorkers(deps.db, deps.leaseSeconds * 2)) {
    await removeQueues(deps.redis, deps.prefix, id)
    if (await removeWorker(deps.db, id)) buried.push(id)
  }
  return buried
}

/** Removes a worker's queues from Redis. */
export async function removeQueues(redis: Redis, prefix: string, workerId: string): Promise<void> {
  for (const queue of [openQueue(redis, prefix, workerId), openSealingQueue(redis, prefix, workerId)]) {
    try {
      await queue.obliterate({ force: true })
    } finally {
      await queue.close()
    }
  }
}
