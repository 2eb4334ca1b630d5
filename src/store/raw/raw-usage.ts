// How much raw mail there is, and how many batches have no rows. Looking at all of it takes long, so it is done once a day by whichever worker
// comes first, and the result stands in `settings` for all of them.
import type { Knex } from 'knex'
import { withNamedLock } from '../db/named-lock.ts'
import { withoutRows } from './raw-leftovers.ts'
import type { RawStore } from './raw-store.ts'

export interface RawUsage {
  batches: number
  bytes: number
  /** Batches without rows; those of the last hour are not counted, because their rows may be on the way. */
  orphans: number
  at: Date
}

const setting = 'raw_usage'
const validMs = 24 * 3_600_000
const youngMs = 3_600_000

/** The last result, or undefined. */
export async function readRawUsage(db: Knex): Promise<RawUsage | undefined> {
  const row = await db('settings').where({ name: setting }).first('value')
  if (row === undefined) return undefined
  try {
    const { batches, bytes, orphans, at } = JSON.parse(row.value) as Record<string, unknown>
    const usage = { batches: Number(batches), bytes: Number(bytes), orphans: Number(orphans), at: new Date(String(at)) }
    return Object.values(usage).every(value => Number.isFinite(Number(value))) ? usage : undefined
  } catch {
    // Whoever wrote it, it tells nothing.
    return undefined
  }
}

/** Looks at all raw mail unless that was done within a day or another worker does it now. */
export async function refreshRawUsage(db: Knex, raw: RawStore, now: Date, signal: AbortSignal): Promise<void> {
  if (isFresh(await readRawUsage(db), now)) return
  await withNamedLock(db, 'raw usage', 0, async () => {
    if (isFresh(await readRawUsage(db), now)) return
    const value = JSON.stringify(await measure(db, raw, now, signal))
    await db('settings').insert({ name: setting, value }).onConflict().merge({ value })
  })
}

function isFresh(usage: RawUsage | undefined, now: Date): boolean {
  return usage !== undefined && now.getTime() - usage.at.getTime() < validMs
}

async function measure(db: Knex, raw: RawStore, now: Date, signal: AbortSignal): Promise<RawUsage> {
  const usage: RawUsage = { batches: 0, bytes: 0, orphans: 0, at: now }
  const young = nameAt(new Date(now.getTime() - youngMs))
  for await (const day of raw.days()) {
    const batches: string[] = []
    for await (const [batch, bytes] of raw.sizes(day)) {
      signal.throwIfAborted()
      usage.batches += 1
      usage.bytes += bytes
      if (batch < young) batches.push(batch)
    }
    usage.orphans += (await withoutRows(db, batches)).length
  }
  return usage
}

/** Batches that were begun earlier have smaller names: `2026-11-23/101112123-…`. */
function nameAt(date: Date): string {
  return date.toISOString().replace('T', '/').replace(/[:.Z]/g, '')
}
