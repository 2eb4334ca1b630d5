// What is done once a night for the whole database, by whichever host comes first: leftovers of raw mail are removed. A named lock keeps two hosts
// from doing it at once, and a row of `settings` says on which day it was done last.
import { setTimeout as wait } from 'node:timers/promises'
import type { Knex } from 'knex'
import type { Events } from '../observe/events.ts'
import { withNamedLock } from '../store/db/named-lock.ts'
import { type Pruned, pruneLeftovers } from '../store/raw/raw-leftovers.ts'
import type { RawStore } from '../store/raw/raw-store.ts'

export interface NightlyDeps {
  db: Knex
  raw: RawStore
  events: Pick<Events, 'nightlyDone' | 'nightlyFailed'>
}

const lookEveryMs = 60_000
/** In UTC. */
const firstHour = 2
const setting = 'nightly_done'
/** Rows of younger batches may be on the way. */
const youngMs = 3_600_000

/** Looks once a minute whether it is time. */
export function startNightly(deps: NightlyDeps): AsyncDisposable {
  const stop = new AbortController()
  const { signal } = stop
  const loop = async (): Promise<void> => {
    while (!signal.aborted) {
      await wait(lookEveryMs, undefined, { signal, ref: false }).catch(() => {})
      if (!signal.aborted) await runNightly(deps, new Date(), signal).catch(() => {})
    }
  }
  const done = loop()
  return {
    async [Symbol.asyncDispose]() {
      stop.abort(new Error('the daemon stops'))
      await done
    },
  }
}

/** Does the work of the night if nobody did it today; undefined where there was nothing to do. A failure is told, and tried again the next night. */
export async function runNightly(
  { db, raw, events }: NightlyDeps,
  now: Date,
  signal: AbortSignal,
): Promise<Pruned | undefined> {
  if (now.getUTCHours() < firstHour) return undefined
  const startedAt = performance.now()
  try {
    return await withNamedLock(db, 'nightly', 0, async () => {
      if (!(await beginDay(db, now.toISOString().slice(0, 10)))) return undefined
      const pruned = await pruneLeftovers(db, raw, { before: new Date(now.getTime() - youngMs), signal })
      events.nightlyDone(pruned, Math.round(performance.now() - startedAt))
      return pruned
    })
  } catch (error) {
    if (!signal.aborted) events.nightlyFailed(error)
    throw error
  }
}

/** False if the day was begun already. The first day of a database needs no work. */
async function beginDay(db: Knex, day: string): Promise<boolean> {
  const last: string | undefined = (await db('settings').where({ name: setting }).first('value'))?.value
  if (last === day) return false
  await db('settings').insert({ name: setting, value: day }).onConflict().merge({ value: day })
  return last !== undefined
}
