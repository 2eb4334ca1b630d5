// Names, job data, ids and options of the queue: the only place that spells them. Each worker has a queue of its own with one
// job scheduler for every account that it owns; a job's data is the account's id and nothing else.
import { createHash } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { type JobsOptions, Queue, type Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import { z } from 'zod'

const pollJob = z.strictObject({ accountId: z.int().positive() })

export type PollJob = z.infer<typeof pollJob>

/** What a job or a scheduler asks for; undefined where it is none of ours: whoever reaches Redis can write anything there. */
export function readPollJob(data: unknown): PollJob | undefined {
  return pollJob.safeParse(data).data
}

export type PollQueue = Queue<PollJob>

/** Nothing: what there is to seal is in MySQL, and nothing of it belongs here. */
export type SealingJob = Record<string, never>

export type SealingQueue = Queue<SealingJob>

/** The queue of one worker. */
export function openQueue(redis: Redis, prefix: string, workerId: string): PollQueue {
  const queue: PollQueue = new Queue(queueName(workerId), { connection: redis, prefix, skipMetasUpdate: true })
  queue.on('error', () => {})
  return queue
}

export function queueName(workerId: string): string {
  return `poll-${workerId}`
}

/** The queue of one worker's sealing. */
export function openSealingQueue(redis: Redis, prefix: string, workerId: string): SealingQueue {
  const name = sealingQueueName(workerId)
  const queue: SealingQueue = new Queue(name, { connection: redis, prefix, skipMetasUpdate: true })
  queue.on('error', () => {})
  return queue
}

export function sealingQueueName(workerId: string): string {
  return `sealing-${workerId}`
}

/**
 * Keeps a worker (made with `autorun: false`) at its queue until it is stopped. The library's own start gives up for good where Redis breaks
 * at that very moment.
 */
export async function keepRunning(
  worker: Worker,
  signal: AbortSignal,
  failed: (error: unknown) => void,
): Promise<void> {
  while (!signal.aborted) {
    await worker.run().catch(failed)
    await wait(1_000, undefined, { signal }).catch(() => {})
  }
}

const sealingJobName = 'seal'
const sealingScheduler = 'sweep'
const sweepEveryMs = 5_000

/** Keeps the sweep that looks for what is to be sealed; its schedule is made again where Redis has lost it. */
export async function repairSweep(queue: SealingQueue): Promise<void> {
  const found = await queue.getJobScheduler(sealingScheduler)
  if ((found?.next ?? 0) > Date.now() - 2 * sweepEveryMs) return
  await queue.upsertJobScheduler(
    sealingScheduler,
    { every: sweepEveryMs },
    { name: sealingJobName, data: {}, opts: jobOptions },
  )
}

/** The job of a sweep that was asked for. */
export const requestedSweep = 'now'

/** Asks for a sweep at once. */
export async function addSweep(queue: SealingQueue): Promise<void> {
  await queue.add(sealingJobName, {}, { ...jobOptions, jobId: requestedSweep })
}

export const jobName = 'poll'

/** What a job leaves behind is nothing: the end of a poll is written to MySQL. */
export const jobOptions: JobsOptions = { removeOnComplete: true, removeOnFail: true, attempts: 1 }

export function schedulerId(accountId: number): string {
  return `account-${accountId}`
}

/** The account of a scheduler, or undefined for an id that is not ours. */
export function accountOf(id: string): number | undefined {
  const [, number] = /^account-([1-9]\d{0,14})$/.exec(id) ?? []
  return number === undefined ? undefined : Number(number)
}

/** When a scheduler's job was due (unix time in milliseconds), by its id; undefined for a poll that was asked for. */
export function slotOf(jobId: string | undefined): number | undefined {
  const [, slot] = /^repeat:.*:(\d+)$/.exec(jobId ?? '') ?? []
  return slot === undefined ? undefined : Number(slot)
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
