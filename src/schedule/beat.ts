// The beat: the lease, the shares, the schedules, every few seconds, as soon as Redis is back, and when this host's keys change. It is the
// one step that mends whatever became of Redis, of another worker or of the accounts meanwhile.
import { open } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { ServiceError } from '../errors/errors.ts'
import type { SessionPool } from '../fetch/session-pool.ts'
import type { Events } from '../observe/events.ts'
import type { Health } from '../observe/health.ts'
import { countUncovered } from '../store/accounts/uids-to-read.ts'
import type { RawStore } from '../store/raw/raw-store.ts'
import { toRedisError } from './redis.ts'
import { buryDeadWorkers, claimAccounts, repairSchedule, type ScheduleCheck, type SchedulerDeps } from './scheduler.ts'
import type { Sealing } from './sealing-job.ts'

export interface BeatDeps extends SchedulerDeps {
  events: Events
  health: Health
  sealing: Pick<Sealing, 'repair' | 'request'>
  sessions: Pick<SessionPool, 'retain' | 'counts'>
  /** Polls an account that no job called for in time, or whose owner is gone: whatever is wrong with Redis, mail comes in. */
  pollOverdue(accountId: number): void
  raw: Pick<RawStore, 'checkWritable'>
  /** Open connections to mail servers. */
  openConnections(): number
}

export interface Beat extends AsyncDisposable {
  /** The next one at once. */
  now(): void
}

export function startBeat(deps: BeatDeps): Beat {
  const everyMs = Math.min(5_000, (deps.leaseSeconds * 1000) / 4)
  const stop = new AbortController()
  const again = { now: new AbortController() }
  const now = (): void => again.now.abort()
  deps.redis.on('ready', now)
  const loop = async (): Promise<void> => {
    for (
      let last: Last = { keys: '', check: { dueAt: 0, known: new Map() }, clockMs: readClockMs() };
      !stop.signal.aborted;
    ) {
      again.now = new AbortController()
      last = await beat(deps, last)
      await wait(everyMs, undefined, { signal: AbortSignal.any([stop.signal, again.now.signal]) }).catch(() => {})
    }
  }
  const done = loop()
  return {
    now,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await done
    },
  }
}

/** What the beat before left. */
interface Last {
  /** The keys that the others know of. */
  keys: string
  check: ScheduleCheck
  /** How far the clock is ahead of the time that this process has run. */
  clockMs: number
}

const readClockMs = (): number => Date.now() - performance.now()
/** A clock that is adjusted a little harms no schedule. */
const clockSetMs = 2_000

async function beat(deps: BeatDeps, last: Last): Promise<Last> {
  const { events, health } = deps
  const keys = deps.keyIds().join()
  const changed = keys !== last.keys
  const clockMs = readClockMs()
  const setByMs = clockMs - last.clockMs
  let check = Math.abs(setByMs) < clockSetMs ? last.check : { ...last.check, dueAt: 0 }
  if (check !== last.check) events.clockSet(Math.round(setByMs / 1000))
  let claim: Awaited<ReturnType<typeof claimAccounts>>
  try {
    claim = await claimAccounts(deps)
    const owned = new Set(claim.owned.map(({ id }) => id))
    events.beat({ owned: owned.size, failing: claim.owned.filter(({ failing }) => failing).length })
    events.uncovered(await countUncovered(deps.db, deps.worker.id))
    deps.sessions.retain(owned)
    events.connections({ open: deps.openConnections(), ...deps.sessions.counts() })
    health.mend('database')
    for (const { id } of claim.owned.filter(account => account.overdue)) deps.pollOverdue(id)
    // The slot may have gone by while nobody owned the account, and no connection waits for its mail: the next slot is a whole interval away.
    // One that was never polled has its first job at once (repairSchedule).
    const taken = new Set(claim.taken)
    for (const { id, neverPolled } of claim.owned) if (taken.has(id) && !neverPolled) deps.pollOverdue(id)
  } catch (error) {
    events.beat(undefined)
    health.fail('database', error)
    return { ...last, check, clockMs }
  }
  try {
    check = await repairSchedule(deps, claim.owned, check, changed || claim.taken.length > 0)
    await deps.sealing.repair()
    for (const id of await buryDeadWorkers(deps)) events.workerLost(id)
    // What is only read works on a replica and on a full server, too.
    await deps.redis.set(`${deps.prefix}:beat`, deps.worker.id, 'EX', beatKeySeconds)
    health.mend('redis')
  } catch (error) {
    if (error instanceof ServiceError) health.fail('database', error)
    else health.fail('redis', toRedisError(error))
  }
  if (health.isDown('raw')) await mendRaw(deps)
  if (health.isDown('host') && (await canOpenFiles())) health.mend('host')
  if (changed) deps.sealing.request()
  return { keys, check, clockMs }
}

const beatKeySeconds = 3_600

/** Enough for some polls, not for the last of them alone. */
const filesToOpen = 32

async function canOpenFiles(): Promise<boolean> {
  const opened = await Promise.allSettled(Array.from({ length: filesToOpen }, () => open('/dev/null')))
  await Promise.all(opened.map(async file => file.status === 'fulfilled' && (await file.value.close())))
  return opened.every(file => file.status === 'fulfilled')
}

/** A poll that kept a small batch does not show that there is room for the one that failed. */
async function mendRaw({ raw, health }: BeatDeps): Promise<void> {
  try {
    await raw.checkWritable()
    health.mend('raw')
  } catch (error) {
    health.fail('raw', error)
  }
}
