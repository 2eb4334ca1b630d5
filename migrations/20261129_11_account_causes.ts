// Beside the hint, which is written for a terminal, the values of the code: pages say in their own words why no mail comes in.
import type { Knex } from 'knex'
import { addColumn } from './change-table.ts'

export async function up(db: Knex): Promise<void> {
  await addColumn(
    db,
    'accounts',
    'cause_json',
    "TEXT NULL COMMENT 'code, its values and what the mail server said, as JSON; of another code than the row has, or null: an older version wrote the row'",
  )
}
