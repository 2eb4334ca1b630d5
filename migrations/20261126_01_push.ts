// Whether an account's kept connection waits for mail (IDLE) between polls.
import type { Knex } from 'knex'
import { addColumn } from './change-table.ts'

export async function up(db: Knex): Promise<void> {
  await addColumn(db, 'accounts', 'push', "TINYINT(1) NOT NULL DEFAULT 1 COMMENT '1: IDLE between polls'")
}
