// The sealing job: a queue of this worker's own, whose only job lets the vault do what there is to do. The sweep comes every few seconds
// for ever, because a helpdesk goes on writing plaintexts; what a job ends in is in MySQL, so it is never tried again by the queue.
import { Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import { isAbort, ServiceError } from '../errors/errors.ts'
import type { Health } from '../observe/health.ts'
import type { Log } from '../observe/log.ts'
import type { Vault } from '../vault/vault.ts'
import { addSweep, keepRunning, openSealingQueue, repairSweep, type SealingJob, sealingQueueName } from './queue.ts'

export interface SealingDeps {
  vault: Pick<Vault, 'work'>
  redis: Redis
  /** A connection of its own: it blocks. */
  blocking: Redis
  prefix: string
  workerId: string
  health: Health
  log: Log
}

export interface Sealing extends AsyncDisposable {
  /** A sweep at once; where Redis is away, at the next beat. */
  request(): void
  /** Makes the schedule again where it was lost. */
  repair(): Promise<void>
}

const lockDurationMs = 60_000
const progressEveryMs = 500

export function startSealing(deps: SealingDeps): Sealing {
  const { redis, blocking, prefix, workerId } = deps
  const stop = new AbortController()
  const queue = openSealingQueue(redis, prefix, workerId)
  let running: Promise<void> = Promise.resolve()
  const worker = new Worker<SealingJob>(
    sealingQueueName(workerId),
    async job => {
      let toldAt = 0
      const progress = (changed: number): void => {
        if (Date.now() - toldAt < progressEveryMs) return
        toldAt = Date.now()
        job.updateProgress({ changed }).catch(() => {})
      }
      running = runJob(deps, stop.signal, progress)
      await running
    },
    {
      connection: blocking,
      prefix,
      concurrency: 1,
      lockDuration: lockDurationMs,
      stalledInterval: lockDurationMs,
      maxStalledCount: 3,
      autorun: false,
    },
  )
  // What is wrong with Redis is told by the polls' queue.
  worker.on('error', () => {})
  void keepRunning(worker, stop.signal, () => {})
  return {
    request: () => void addSweep(queue).catch(() => {}),
    repair: () => repairSweep(queue),
    async [Symbol.asyncDispose]() {
      stop.abort(new Error('the daemon stops'))
      await running
      await worker.close(true)
      await queue.close()
    },
  }
}

/** Never throws: what is thrown would be kept in Redis, stack and all. */
async function runJob(
  { vault, health, log }: SealingDeps,
  signal: AbortSignal,
  progress: (changed: number) => void,
): Promise<void> {
  try {
    if (!signal.aborted) await vault.work(signal, progress)
  } catch (error) {
    if (signal.aborted || isAbort(error, signal)) return
    if (error instanceof ServiceError && (error.code === 'db.unreachable' || error.code === 'db.read_only'))
      health.fail('database', error)
    else log.error({ event: 'encryption', error }, 'sealing failed')
  }
}
