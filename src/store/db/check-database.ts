// Whether the database server is one that we work on, and its schema one that this program understands.
import type { Knex } from 'knex'
import { schemaVersion } from '../../../migrations/all.ts'
import { DatabaseError } from './database-error.ts'

/** Is there while a backup is being loaded. */
export const restoringTable = 'restore_in_progress'

/** Throws unless the server is one that we work on and its schema fits this program. */
export async function checkDatabase(db: Knex): Promise<void> {
  await checkServer(db)
  const [restoring] = (await db.raw(`SHOW TABLES LIKE '${restoringTable}'`)) as [unknown[]]
  if (restoring.length > 0) throw new DatabaseError('db.failed', { reason: 'restoring' }, { temporary: true, errno: 0 })
  const found = await readSchemaVersion(db)
  if (found === undefined || found.version < schemaVersion.version) {
    const version = found === undefined ? {} : { found: found.version }
    throw new DatabaseError('db.schema_old', { ...version, needed: schemaVersion.version }, permanent)
  }
  if (found.compatibleFrom > schemaVersion.version) {
    const { version, compatibleFrom: worksFrom } = found
    throw new DatabaseError('db.schema_new', { found: version, worksFrom, needed: schemaVersion.version }, permanent)
  }
}

const permanent = { temporary: false, errno: 0 }

/** Throws `db.unsupported` for MySQL before 8.0.16 or MariaDB before 10.6: they ignore checks or lack SKIP LOCKED. */
export async function checkServer(db: Knex): Promise<void> {
  const [[row]] = (await db.raw('SELECT VERSION() AS version')) as [[{ version: string }]]
  const [major = 0, minor = 0, patch = 0] = (/(\d+)\.(\d+)\.(\d+)/.exec(row.version) ?? []).slice(1).map(Number)
  const number = major * 1e6 + minor * 1e3 + patch
  if (number >= (row.version.includes('MariaDB') ? 10_006_000 : 8_000_016)) return await checkBinaryLog(db)
  throw new DatabaseError('db.unsupported', { version: row.version }, permanent)
}

/** Throws `db.unsupported` where the server cannot log what is written at READ COMMITTED, and so refuses it. */
async function checkBinaryLog(db: Knex): Promise<void> {
  const [rows] = (await db.raw(
    "SHOW SESSION VARIABLES WHERE Variable_name IN ('log_bin', 'sql_log_bin', 'binlog_format')",
  )) as [{ Variable_name: string; Value: string }[]]
  const variables = new Map(rows.map(row => [row.Variable_name, row.Value.toUpperCase()]))
  const isLogging = variables.get('log_bin') === 'ON' && variables.get('sql_log_bin') !== 'OFF'
  if (!isLogging || variables.get('binlog_format') !== 'STATEMENT') return
  // A session keeps the format that it began with: the next check is to begin another.
  await db.raw('KILL CONNECTION CONNECTION_ID()').catch(() => undefined)
  throw new DatabaseError('db.unsupported', { reason: 'logs_statements' }, { temporary: true, errno: 0 })
}

/** The schema's version, or undefined where there is none. */
export async function readSchemaVersion(db: Knex): Promise<{ version: number; compatibleFrom: number } | undefined> {
  const [tables] = (await db.raw("SHOW TABLES LIKE 'schema_version'")) as [unknown[]]
  if (tables.length === 0) return undefined
  const row = await db('schema_version').first('version', 'compatible_from')
  return row === undefined ? undefined : { version: row.version, compatibleFrom: row.compatible_from }
}
