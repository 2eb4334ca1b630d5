// Raw batches that no row has named for a long time are removed. The time counts from the night that found them first: a batch that is older
// than its restored database has just lost its rows, however old it is. Where nights are missing, because the daemon did not run, the clock
// jumped or an older database was restored, the time begins anew.
import type { Knex } from 'knex'
import { ServiceError } from '../../errors/errors.ts'
import { timeOfBatch } from './raw-batch.ts'
import { examineUnused, findUnusedBatches, removeUnused } from './raw-leftovers.ts'
import type { RawStore } from './raw-store.ts'

export interface Expired {
  expiredBatches: number
  expiredBytes: number
  /** Batches without rows that are not due yet, or whose index cannot be read. */
  waitingBatches: number
}

export interface ExpireOptions {
  now: Date
  /** 0: they stay. */
  days: number
  /** Batches that were begun later are passed over: their rows may be on the way. */
  before: Date
  signal: AbortSignal
}

const dayMs = 86_400_000
/** Nights that may be missing. */
const maxGapMs = 3 * dayMs

/** Notes which batches have no rows, and removes those that have had none for so many days. */
export async function expireUnused(db: Knex, raw: RawStore, options: ExpireOptions): Promise<Expired> {
  const { now, days, before, signal } = options
  const expired: Expired = { expiredBatches: 0, expiredBytes: 0, waitingBatches: 0 }
  for await (const day of raw.days()) {
    signal.throwIfAborted()
    const unused = (await findUnusedBatches(db, raw, day)).filter(batch => timeOfBatch(batch) < before)
    const since = await noteUnused(db, unused, now)
    for (const batch of unused) {
      signal.throwIfAborted()
      const bytes = isDue(since.get(batch), now, days) ? await removeExpired(db, raw, batch) : undefined
      if (bytes === undefined) expired.waitingBatches += 1
      else {
        expired.expiredBatches += 1
        expired.expiredBytes += bytes
      }
    }
  }
  // What this night did not find has rows by now, or is gone.
  await db('raw_without_rows').where('last_seen_at', '<', now).delete()
  return expired
}

function isDue(since: Date | undefined, now: Date, days: number): boolean {
  return days > 0 && since !== undefined && now.getTime() - since.getTime() >= days * dayMs
}

const rowsAtOnce = 500

/** Returns since when each of them was found without rows, night after night. */
async function noteUnused(db: Knex, batches: readonly string[], now: Date): Promise<Map<string, Date>> {
  const since = new Map<string, Date>()
  for (let at = 0; at < batches.length; at += rowsAtOnce) {
    const part = batches.slice(at, at + rowsAtOnce)
    const known: { batch: string; first_seen_at: Date; last_seen_at: Date }[] = await db('raw_without_rows')
      .whereIn('batch', part)
      .select('batch', 'first_seen_at', 'last_seen_at')
    const unbroken = known.filter(row => Math.abs(now.getTime() - row.last_seen_at.getTime()) <= maxGapMs)
    for (const batch of part) since.set(batch, now)
    for (const row of unbroken) since.set(row.batch, row.first_seen_at)
    await db('raw_without_rows')
      .insert(part.map(batch => ({ batch, first_seen_at: since.get(batch), last_seen_at: now })))
      .onConflict()
      .merge(['first_seen_at', 'last_seen_at'])
  }
  return since
}

/** The bytes of a batch that was removed; undefined for one that stays, because a row names it by now or its index cannot be read. */
async function removeExpired(db: Knex, raw: RawStore, batch: string): Promise<number | undefined> {
  try {
    const found = await examineUnused(db, raw, batch)
    if (!(await removeUnused(db, raw, found, async () => true))) return undefined
    await db('raw_without_rows').where({ batch }).delete()
    return found.bytes
  } catch (error) {
    // Whose mails are in it nobody can say; doctor names it.
    if (error instanceof ServiceError && error.code === 'raw.damaged') return undefined
    throw error
  }
}

/** Since when the batch that has waited longest has had no rows; undefined where there is none. */
export async function findFirstUnused(db: Knex): Promise<Date | undefined> {
  const row = await db('raw_without_rows').min({ at: 'first_seen_at' }).first()
  return row?.at ?? undefined
}
