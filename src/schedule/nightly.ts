// What is done once a night for the whole database, by whichever host comes first: what is ours to delete goes (docs/retention.md), and
// retired key files that nothing needs are reported. A named lock keeps two hosts from doing it at once, and a row of `settings` says on
// which day it was done last. A crash in the middle leaves nothing half done: the next night goes on.
import { setTimeout as wait } from 'node:timers/promises'
import type { Knex } from 'knex'
import type { NightlyReport } from '../model/nightly-report.ts'
import type { Events } from '../observe/events.ts'
import { deleteAuditBefore, insertAudit } from '../store/people/audit.ts'
import { deleteEndedSessions } from '../store/people/sessions.ts'
import { pruneLeftovers } from '../store/raw/raw-leftovers.ts'
import { withRemovalLock } from '../store/raw/raw-removal-lock.ts'
import { expireUnused } from '../store/raw/raw-retention.ts'
import type { RawStore } from '../store/raw/raw-store.ts'
import { findIdleKeyFiles } from '../vault/keys/idle-key-files.ts'
import type { KeyPaths } from '../vault/keys/keyring.ts'

export interface NightlyDeps {
  db: Knex
  raw: RawStore
  keyPaths: KeyPaths
  /** In days, 0: for ever; and how long a session lasts without a request. */
  retention: { rawDays: number; auditDays: number; sessionIdleHours: number }
  /** Who the audit log says it was. */
  actor: string
  events: Pick<Events, 'nightlyDone' | 'nightlyFailed'>
}

const lookEveryMs = 60_000
/** In UTC. */
const firstHour = 2
const setting = 'nightly_done'
const dayMs = 86_400_000
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
  deps: NightlyDeps,
  now: Date,
  signal: AbortSignal,
): Promise<NightlyReport | undefined> {
  if (now.getUTCHours() < firstHour) return undefined
  const { db, events } = deps
  const startedAt = performance.now()
  try {
    return await withRemovalLock(db, 0, async () => {
      if (!(await beginDay(db, now.toISOString().slice(0, 10)))) return undefined
      const report = await cleanUp(deps, now, signal)
      await insertAudit(db, { actor: deps.actor, action: nightlyAction, detail: { ...report } })
      events.nightlyDone(report, Math.round(performance.now() - startedAt))
      return report
    })
  } catch (error) {
    if (!signal.aborted) events.nightlyFailed(error)
    throw error
  }
}

/** The action of the audit row with the report. */
export const nightlyAction = 'nightly'

/** Rows first: the raw store may be away. */
async function cleanUp(deps: NightlyDeps, now: Date, signal: AbortSignal): Promise<NightlyReport> {
  const { db, raw, keyPaths, retention } = deps
  const { rawDays: days, auditDays, sessionIdleHours: idleHours } = retention
  const before = new Date(now.getTime() - youngMs)
  return {
    sessions: await deleteEndedSessions(db, { idleHours }),
    auditRows: auditDays === 0 ? 0 : await deleteAuditBefore(db, new Date(now.getTime() - auditDays * dayMs)),
    idleKeyFiles: (await findIdleKeyFiles(db, keyPaths)).length,
    ...(await pruneLeftovers(db, raw, { before, signal })),
    ...(await expireUnused(db, raw, { now, days, before, signal })),
  }
}

/** False if the day was begun already. The first day of a database needs no work. */
async function beginDay(db: Knex, day: string): Promise<boolean> {
  const last: string | undefined = (await db('settings').where({ name: setting }).first('value'))?.value
  if (last === day) return false
  await db('settings').insert({ name: setting, value: day }).onConflict().merge({ value: day })
  return last !== undefined
}
