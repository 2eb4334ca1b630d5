// What sealing needs: which key an envelope is under, so that what is not under the active one is found without reading all rows, and
// when a key first had sealed everything.
import type { Knex } from 'knex'
import { addColumn } from './change-table.ts'

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
