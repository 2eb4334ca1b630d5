// Puts a backup into an empty database and its raw store: the raw batches first, so that no row is ever without its mail, then the dump. A table
// marks a restore that has begun: one that broke off is begun again, and nothing else takes the half of a database for a whole one.
import { createReadStream } from 'node:fs'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import type { Knex } from 'knex'
import type { Config } from '../../config/config.ts'
import { OperationError } from '../../errors/errors.ts'
import { restoringTable } from '../db/check-database.ts'
import type { RawStore } from '../raw/raw-store.ts'
import { findCopiedDays, type Manifest, readCopied, readHashes, sha256Of } from './backup-directory.ts'
import { dumpAccessOf, type Tool, withLoad } from './dump-tool.ts'
import { withoutSandboxLine } from './read-dump.ts'

export interface RestoreDeps {
  db: Knex
  raw: RawStore
  config: Pick<Config, 'database'>
  tool: Tool
  say(line: string): void
}

/** `begun`: a restore broke off. */
export async function databaseContent(db: Knex): Promise<'empty' | 'begun' | 'full'> {
  const [tables] = (await db.raw('SHOW TABLES')) as [object[]]
  const names = tables.flatMap(row => Object.values(row).map(String))
  if (names.length === 0) return 'empty'
  return names.includes(restoringTable) ? 'begun' : 'full'
}

/** Throws OperationError `backup.damaged` for a batch that is not what was copied. `paused`: no account is polled until it is resumed. */
export async function restoreBackup(
  { db, raw, config, tool, say }: RestoreDeps,
  directory: string,
  manifest: Manifest,
  { paused }: { paused: boolean },
): Promise<{ batches: number; rows: number }> {
  await db.raw(`CREATE TABLE IF NOT EXISTS ${restoringTable} (id TINYINT NOT NULL, PRIMARY KEY (id)) ENGINE=InnoDB`)
  const batches = await putRaw(raw, directory, manifest, say)
  say('loading the dump …')
  await withLoad(tool, dumpAccessOf(db, config.database), async sql => {
    const dump = createReadStream(path.join(directory, manifest.id, manifest.dump.file))
    await pipeline(dump, createGunzip(), withoutSandboxLine(), sql)
  })
  // The time of batches without rows begins anew (raw-retention.ts): a dump of an older version has no such table.
  if (await db.schema.hasTable('raw_without_rows')) await db('raw_without_rows').delete()
  if (paused) await db('accounts').update({ enabled: false })
  await db.raw(`DROP TABLE ${restoringTable}`)
  return { batches, rows: Object.values(manifest.rows).reduce((sum, count) => sum + count, 0) }
}

/** Puts the batches where there are none of their names: a name is never used twice. Returns how many. */
async function putRaw(
  raw: RawStore,
  directory: string,
  { raw: { storeId } }: Manifest,
  say: RestoreDeps['say'],
): Promise<number> {
  let put = 0
  for (const day of await findCopiedDays(directory)) {
    const there = new Set(await Array.fromAsync(raw.batches(day)))
    const before = put
    for (const [batch, sha256] of await readHashes(directory, day)) {
      if (there.has(batch)) continue
      const bytes = await readCopied(directory, batch)
      if (sha256Of(bytes) !== sha256) throw new OperationError('backup.damaged', { directory, batch })
      await raw.writeBatch(batch, bytes)
      put += 1
    }
    if (put > before) say(`restored ${put - before} raw batches of ${day}`)
  }
  await raw.writeId(storeId)
  return put
}
