// What was found in a mail's HTML: for support to see before they look at it.
import type { Knex } from 'knex'
import { addColumn } from './change-table.ts'

export async function up(db: Knex): Promise<void> {
  await addColumn(
    db,
    'messages',
    'html_notes_json',
    "VARCHAR(500) NULL COMMENT 'images and warnings; NULL: no HTML, or taken in before they were noted'",
  )
}
