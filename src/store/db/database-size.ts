// How much room the tables take, as the database server estimates it.
import type { Knex } from 'knex'

/** Bytes of all tables and indexes of the database. */
export async function readDatabaseBytes(db: Knex): Promise<number> {
  const [[row]] = (await db.raw(
    `SELECT SUM(data_length + index_length) AS bytes FROM information_schema.tables
       WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'`,
  )) as [[{ bytes: string | number | null }]]
  return Number(row.bytes ?? 0)
}
