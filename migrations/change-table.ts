// Changes of a table that can be run again: MySQL has no IF NOT EXISTS for columns and indexes.
import type { Knex } from 'knex'

/** `definition` may go on with further clauses of the same ALTER TABLE. */
export async function addColumn(db: Knex, table: string, column: string, definition: string): Promise<void> {
  const [found] = (await db.raw(
    'SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ? AND column_name = ?',
    [table, column],
  )) as [unknown[]]
  if (found.length === 0) await db.raw(`ALTER TABLE ${table} ADD COLUMN ${column} ${definition}`)
}

export async function addIndex(db: Knex, table: string, name: string, columns: string): Promise<void> {
  const [found] = (await db.raw(
    'SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = ? AND index_name = ? LIMIT 1',
    [table, name],
  )) as [unknown[]]
  if (found.length === 0) await db.raw(`ALTER TABLE ${table} ADD KEY ${name} ${columns}`)
}
