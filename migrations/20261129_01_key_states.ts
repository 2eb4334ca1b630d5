// States of keys are signed: each row carries a MAC under its own key and an epoch that only grows, so that whoever may only write to
// the database can neither make a state up nor bring an old one back. That turning encryption off was asked for is part of it.
import type { Knex } from 'knex'
import { addColumn } from './change-table.ts'

export async function up(db: Knex): Promise<void> {
  await addColumn(
    db,
    'encryption_keys',
    'epoch',
    `BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'grows with every change of the row; 0: never signed',
     ADD COLUMN unsealing_at DATETIME(3) NULL COMMENT 'when encryption disable was asked for',
     ADD COLUMN state_mac VARBINARY(32) NULL COMMENT 'HMAC-SHA-256 of the row under a sub-key of its key'`,
  )
}
