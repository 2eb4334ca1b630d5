// HTML is derived from the raw mail when somebody reads: a message only says whether there is any. Programs before this one leave that open;
// workers say which schema their program knows, so that what those programs use is taken away after the last of them.
import type { Knex } from 'knex'
import { addColumn } from './change-table.ts'

export async function up(db: Knex): Promise<void> {
  await addColumn(db, 'messages', 'has_html', "BOOLEAN NULL COMMENT 'there is HTML in its raw mail; NULL: look there'")
  await addColumn(
    db,
    'workers',
    'schema_version',
    "INT NULL COMMENT 'that its program knows; NULL: older than version 10'",
  )
}
