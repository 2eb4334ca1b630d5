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

export interface Migrated {
  /** Their names. */
  applied: string[]
  /** What has to wait for hosts that still run an older program. */
  waiting: { name: string; hosts: string[] }[]
}

/** Applies what is missing. Waits up to a minute for another host that migrates. */
export async function migrate(db: Knex, progress: (name: string) => void = () => {}): Promise<Migrated> {
  await checkServer(db)
  return await withMigrationLock(db, async () => {
    await createBookkeeping(db)
    const done = new Set(
      (await findMigrations(db)).filter(({ appliedAt }) => appliedAt !== null).map(({ name }) => name),
    )
    const result: Migrated = { applied: [], waiting: [] }
    for (const migration of migrations.filter(({ name }) => !done.has(name))) {
      const { name, awaits = 0 } = migration
      const hosts = awaits === 0 ? [] : await findOlderHosts(db, awaits)
      if (hosts.length > 0) {
        result.waiting.push({ name, hosts })
        continue
      }
      progress(name)
      await apply(db, migration)
      result.applied.push(name)
    }
    await raiseVersion(db, schemaVersion)
    return result
  })
}

/** Where programs run that do not know this version of the schema. */
async function findOlderHosts(db: Knex, version: number): Promise<string[]> {
  return await db('workers')
    .whereRaw('lease_until > UTC_TIMESTAMP(3) AND COALESCE(schema_version, 0) < ?', [version])
    .distinct('host')
    .orderBy('host')
    .pluck('host')
}

async function raiseVersion(db: Knex, versions: { version: number; compatibleFrom: number }): Promise<void> {
  await db.raw(
    'INSERT INTO schema_version (id, version, compatible_from) VALUES (1, :version, :compatibleFrom) ' +
      'ON DUPLICATE KEY UPDATE version = GREATEST(version, :version), compatible_from = GREATEST(compatible_from, :compatibleFrom)',
    versions,
  )
}

async function apply(db: Knex, { name, awaits, up }: Migration): Promise<void> {
  // Before it begins, so that none of them starts in the middle of it. Everything before it is there by now.
  if (awaits !== undefined) await raiseVersion(db, { version: awaits, compatibleFrom: awaits })
  await up(db)
  await db('schema_migrations').insert({ name })
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
