// Since when raw batches have had no rows: they are removed some weeks after that was first noticed, not after they were written, so that a
// restored database, which is older than its raw mail, leaves as much time to recover the mail.
import type { Knex } from 'knex'
import { addIndex } from './change-table.ts'

export async function up(db: Knex): Promise<void> {
  await db.raw(`
    CREATE TABLE IF NOT EXISTS raw_without_rows (
      batch VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'raw batch that no row of sources names',
      first_seen_at DATETIME(3) NOT NULL COMMENT 'the first of the nights, without a gap, that found it so',
      last_seen_at DATETIME(3) NOT NULL,
      PRIMARY KEY (batch)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='since when raw batches have had no rows'`)
  await addIndex(db, 'audit_log', 'audit_log_action', '(action, id)')
}
