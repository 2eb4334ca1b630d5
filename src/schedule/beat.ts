// The beat: the lease, the shares, the schedules, every few seconds, as soon as Redis is back, and when this host's keys change. It is the
// one step that mends whatever became of Redis, of another worker or of the accounts meanwhile.
import { setTimeout as wait } from 'node:timers/promises'
import { ServiceError } from '../errors.ts'
import type { Events } from '../events.ts'
import type { Health } from '../health.ts'
import { toRedisError } from './redis.ts'
import { buryDeadWorkers, claimAccounts, repairSchedule, type SchedulerDeps } from './scheduler.ts'
import type { Sealing } from './sealing.ts'

export interface BeatDeps extends SchedulerDeps {
  events: Events
  health: Health
  sealing: Pick<Sealing, 'repair' | 'request'>
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
    for (let published = ''; !stop.signal.aborted; ) {
      again.now = new AbortController()
      published = await beat(deps, published)
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

/** `published`: the keys that the others know of, as the answer of the beat before. */
async function beat(deps: BeatDeps, published: string): Promise<string> {
  const { events, health } = deps
  const keys = deps.keyIds().join()
  const changed = keys !== published
  let taken = 0
  try {
    const claim = await claimAccounts(deps)
    taken = claim.taken
    events.ownership(claim.owned)
    health.mend('database')
  } catch (error) {
    health.fail('database', error)
    return published
  }
  try {
    await repairSchedule(deps, changed || taken > 0)
    await deps.sealing.repair()
    await buryDeadWorkers(deps)
    health.mend('redis')
  } catch (error) {
    if (error instanceof ServiceError) health.fail('database', error)
    else health.fail('redis', toRedisError(error))
  }
  if (changed) deps.sealing.request()
  return keys
}
