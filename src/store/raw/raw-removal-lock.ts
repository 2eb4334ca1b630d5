// One at a time removes raw mail, or relies on none being removed: the nightly job, `source prune`, a backup that copies what its dump names.
import type { Knex } from 'knex'
import { withLongLock } from '../db/named-lock.ts'

/** Undefined, without `work`, where another host or process is at it for all of `waitSeconds`. */
export async function withRemovalLock<T>(
  db: Knex,
  waitSeconds: number,
  work: () => Promise<T>,
): Promise<T | undefined> {
  return await withLongLock(db, 'nightly', waitSeconds, work)
}
