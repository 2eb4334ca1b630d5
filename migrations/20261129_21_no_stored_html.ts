// The HTML that programs before version 10 stored. Where the server can, the columns go at once, and the disk space when the table is built
// anew (OPTIMIZE TABLE); else they are emptied in batches first, so that the rebuild of the table copies little.
import type { Knex } from 'knex'
import { dropColumns, hasColumn } from './change-table.ts'

export async function up(db: Knex): Promise<void> {
  await dropColumns(db, 'messages', ['html', 'html_notes_json'], emptyHtml)
}

const batch = 200

/** By ranges of ids: run again, it passes over what is empty. `size`: of a range. */
export async function emptyHtml(db: Knex, size = batch): Promise<void> {
  // Whoever stopped half-way dropped both columns or none.
  if (!(await hasColumn(db, 'messages', 'html'))) return
  const [[{ last }]] = (await db.raw('SELECT COALESCE(MAX(id), 0) AS last FROM messages')) as [[{ last: number }]]
  for (let after = 0; after < last; after += size) {
    // In this order: a column that was set has its new value further on.
    await db.raw(
      `UPDATE messages SET has_html = (html IS NOT NULL), html = NULL, html_notes_json = NULL
         WHERE id > ? AND id <= ? AND (html IS NOT NULL OR html_notes_json IS NOT NULL)`,
      [after, after + size],
    )
  }
}
