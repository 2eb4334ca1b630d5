// Changes of a table that can be run again: MySQL has no IF NOT EXISTS for columns and indexes.
import type { Knex } from 'knex'

/** `definition` may go on with further clauses of the same ALTER TABLE. */
export async function addColumn(db: Knex, table: string, column: string, definition: string): Promise<void> {
  if (!(await hasColumn(db, table, column))) await db.raw(`ALTER TABLE ${table} ADD COLUMN ${column} ${definition}`)
}

/**
 * Drops those that are still there. A server that cannot do that at once builds the table anew while others go on writing: `prepare` may make
 * that short.
 */
export async function dropColumns(
  db: Knex,
  table: string,
  columns: readonly string[],
  prepare: (db: Knex) => Promise<void>,
): Promise<void> {
  const found: string[] = []
  for (const column of columns) if (await hasColumn(db, table, column)) found.push(column)
  if (found.length === 0) return
  const change = `ALTER TABLE ${table} ${found.map(column => `DROP COLUMN ${column}`).join(', ')}`
  try {
    await db.raw(`${change}, ALGORITHM=INSTANT`)
  } catch (error) {
    if (!isUnsupported(error)) throw error
    await prepare(db)
    await db.raw(`${change}, ALGORITHM=INPLACE, LOCK=NONE`)
  }
}

/** ER_ALTER_OPERATION_NOT_SUPPORTED, and the same with a reason. */
function isUnsupported(error: unknown): boolean {
  return [1845, 1846].includes((error as { errno?: number }).errno ?? 0)
}

export async function hasColumn(db: Knex, table: string, column: string): Promise<boolean> {
  const [found] = (await db.raw(
    'SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ? AND column_name = ?',
    [table, column],
  )) as [unknown[]]
  return found.length > 0
}

export async function addIndex(db: Knex, table: string, name: string, columns: string): Promise<void> {
  const [found] = (await db.raw(
    'SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = ? AND index_name = ? LIMIT 1',
    [table, name],
  )) as [unknown[]]
  if (found.length === 0) await db.raw(`ALTER TABLE ${table} ADD KEY ${name} ${columns}`)
}
