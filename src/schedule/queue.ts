// Names, job data, ids and options of the queue: the only place that spells them. Each worker has a queue of its own with one
// job scheduler for every account that it owns; a job's data is the account's id and nothing else.
import { createHash } from 'node:crypto'
import { type JobsOptions, Queue } from 'bullmq'
import type { Redis } from 'ioredis'

export interface PollJob {
  accountId: number
}

export type PollQueue = Queue<PollJob>

/** The queue of one worker. */
export function openQueue(redis: Redis, prefix: string, workerId: string): PollQueue {
  const queue: PollQueue = new Queue(queueName(workerId), { connection: redis, prefix, skipMetasUpdate: true })
  queue.on('error', () => {})
  return queue
}

export function queueName(workerId: string): string {
  return `poll-${workerId}`
}

export const jobName = 'poll'

/** What a job leaves behind is nothing: the end of a poll is written to MySQL. */
export const jobOptions: JobsOptions = { removeOnComplete: true, removeOnFail: true, attempts: 1 }

const schedulerPrefix = 'account-'

export function schedulerId(accountId: number): string {
  return `${schedulerPrefix}${accountId}`
}

/** The account of a scheduler, or undefined for an id that is not ours. */
export function accountOf(id: string): number | undefined {
  return id.startsWith(schedulerPrefix) ? Number(id.slice(schedulerPrefix.length)) : undefined
}

/** Where in its interval an account has its slot: by a hash of its id, so that restarts do not move it. 1 to `everyMs` − 1. */
export function slotOffsetMs(accountId: number, everyMs: number): number {
  const hash = createHash('sha256').update(String(accountId)).digest().readUInt32BE()
  return 1 + (hash % Math.max(1, everyMs - 1))
}

/** Asks for a poll at once, ahead of the schedule; asking twice before it begins is asking once. */
export async function addPoll(queue: PollQueue, accountId: number): Promise<void> {
  await queue.add(jobName, { accountId }, { ...jobOptions, jobId: `now-${accountId}` })
}

/** The same from another process: `owner` is the worker that owns the account. */
export async function requestPoll(redis: Redis, prefix: string, owner: string, accountId: number): Promise<void> {
  const queue = openQueue(redis, prefix, owner)
  try {
    await addPoll(queue, accountId)
  } finally {
    await queue.close()
  }
}
