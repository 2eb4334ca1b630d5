// What sealing needs: which key an envelope is under, so that what is not under the active one is found without reading all rows, and
// when a key first had sealed everything.
import type { Knex } from 'knex'

export async function up(db: Knex): Promise<void> {
  await addColumn(
    db,
    'credentials',
    'sealed_key_id',
    "VARBINARY(8) GENERATED ALWAYS AS (SUBSTR(sealed, 2, 8)) STORED COMMENT 'encryption_keys.key_id of the envelope', ADD KEY credentials_sealed_key (sealed_key_id, id)",
  )
  await addColumn(
    db,
    'encryption_keys',
    'completed_at',
    "DATETIME(3) NULL COMMENT 'when nothing was left in plaintext or under another key'",
  )
}

/** MySQL has no ADD COLUMN IF NOT EXISTS. */
async function addColumn(db: Knex, table: string, column: string, definition: string): Promise<void> {
  const [found] = (await db.raw(
    'SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ? AND column_name = ?',
    [table, column],
  )) as [unknown[]]
  if (found.length === 0) await db.raw(`ALTER TABLE ${table} ADD COLUMN ${column} ${definition}`)
}
