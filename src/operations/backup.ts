// A backup of the database and the raw mail. Verifying and restoring one need no installation, so they are no operations.
import { z } from 'zod'
import { OperationError } from '../errors/errors.ts'
import type { Manifest } from '../store/backup/backup-directory.ts'
import { createBackup as create } from '../store/backup/create-backup.ts'
import { inTransaction } from '../store/db/database.ts'
import { withRemovalLock } from '../store/raw/raw-removal-lock.ts'
import { version } from '../version.ts'
import type { Deps } from './deps.ts'
import { defineOperation } from './operation.ts'

export const createBackup = defineOperation({
  name: 'backup.create',
  who: 'admin',
  summary: 'back up the database and the raw mail, never the key',
  input: z.strictObject({
    directory: z
      .string()
      .regex(/^\//, { error: 'must be an absolute path' })
      .describe('the directory of the backups; each run adds one and copies the raw mail that is new'),
  }),
  /** The audit row is written when the backup is complete, and so is not part of it. */
  async work(
    { db, raw, config, say }: Pick<Deps, 'db' | 'raw' | 'config' | 'say'>,
    { input: { directory }, audit },
  ): Promise<Manifest> {
    const store = await raw()
    const deps = { db, raw: store, config, version, say }
    const manifest = await withRemovalLock(db, 10, () => create(deps, directory, new Date()))
    if (manifest === undefined) throw new OperationError('raw.in_use', {})
    const { id, raw: copied, dump } = manifest
    const detail = {
      id,
      dumpBytes: dump.bytes,
      copied: copied.copied,
      batches: copied.batches,
      lost: copied.lost.length,
    }
    await inTransaction(db, trx => audit(trx, { detail }))
    return manifest
  },
})
