// Brings the schema up to date. A named lock of the server keeps two hosts from migrating at once and goes with its
// connection, so that a crash leaves nothing locked; each migration can be run again, so that a crash half-way is finished
// by the next run.
import type { Knex } from 'knex'
import { type Migration, migrations, schemaVersion } from '../../../migrations/all.ts'
import { ServiceError } from '../../errors/errors.ts'
import { checkServer } from './check-database.ts'
import { silentSessionSeconds } from './database.ts'

export interface MigrationStatus {
  name: string
  appliedAt: Date | null
}

/** What is applied and what is not, in order. Changes nothing. */
export async function findMigrations(db: Knex): Promise<MigrationStatus[]> {
  const [tables] = (await db.raw("SHOW TABLES LIKE 'schema_migrations'")) as [unknown[]]
  const rows: { name: string; applied_at: Date }[] =
    tables.length === 0 ? [] : await db('schema_migrations').select('name', 'applied_at')
  const applied = new Map(rows.map(row => [row.name, row.applied_at]))
  return migrations.map(({ name }) => ({ name, appliedAt: applied.get(name) ?? null }))
}

/** Applies what is missing; returns the names. Waits up to a minute for another host that migrates. */
export async function migrate(db: Knex, progress: (name: string) => void = () => {}): Promise<string[]> {
  await checkServer(db)
  return await withMigrationLock(db, async () => {
    await createBookkeeping(db)
    const pending = (await findMigrations(db)).filter(({ appliedAt }) => appliedAt === null)
    for (const { name } of pending) {
      progress(name)
      await apply(db, migrations.find(migration => migration.name === name) as Migration)
    }
    await db.raw(
      'INSERT INTO schema_version (id, version, compatible_from) VALUES (1, :version, :compatibleFrom) ' +
        'ON DUPLICATE KEY UPDATE version = GREATEST(version, :version), compatible_from = GREATEST(compatible_from, :compatibleFrom)',
      schemaVersion,
    )
    return pending.map(({ name }) => name)
  })
}

async function apply(db: Knex, migration: Migration): Promise<void> {
  await migration.up(db)
  await db('schema_migrations').insert({ name: migration.name })
}

async function createBookkeeping(db: Knex): Promise<void> {
  await db.raw(`
    CREATE TABLE IF NOT EXISTS schema_migrations (
      name VARCHAR(100) NOT NULL,
      applied_at DATETIME(3) NOT NULL DEFAULT (UTC_TIMESTAMP(3)),
      PRIMARY KEY (name)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='what of migrations/ was applied'`)
  await db.raw(`
    CREATE TABLE IF NOT EXISTS schema_version (
      id TINYINT NOT NULL,
      version INT NOT NULL,
      compatible_from INT NOT NULL COMMENT 'the oldest program that works on this schema',
      PRIMARY KEY (id)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci`)
}

/** Holds the lock on a connection of its own while `work` uses others. */
async function withMigrationLock<T>(db: Knex, work: () => Promise<T>): Promise<T> {
  const connection = await db.client.acquireConnection()
  const lock = "CONCAT('letterlock-migrate-', LEFT(SHA2(DATABASE(), 256), 16))"
  try {
    const [[row]] = (await db.raw(`SELECT GET_LOCK(${lock}, 60) AS locked`).connection(connection)) as [
      [{ locked: number | null }],
    ]
    if (row.locked !== 1) {
      throw new ServiceError('db.failed', { reason: 'migrating' }, { temporary: true })
    }
    // It asks nothing while the others work.
    await db.raw('SET wait_timeout = 86400').connection(connection)
    return await work()
  } finally {
    await db
      .raw(`SET wait_timeout = ${silentSessionSeconds}`)
      .connection(connection)
      .catch(() => undefined)
    await db
      .raw(`DO RELEASE_LOCK(${lock})`)
      .connection(connection)
      .catch(() => undefined)
    await db.client.releaseConnection(connection)
  }
}
