// `letterlock migrate`
import type { Knex } from 'knex'
import { schemaVersion } from '../../migrations/all.ts'
import { CommandError } from '../errors/errors.ts'
import { visible } from '../foreign-text.ts'
import { readSchemaVersion } from '../store/db/check-database.ts'
import { openDatabase } from '../store/db/database.ts'
import { findMigrations, migrate } from '../store/db/migrate.ts'
import { judgeServerSettings, readServerSettings } from '../store/db/server-settings.ts'
import { findServers, type GlobalOptions, loadConfig } from './connect.ts'
import { print, printJson, printTable, remark, time } from './terminal.ts'

interface MigrateOptions extends GlobalOptions {
  status?: boolean
  json?: boolean
  fits?: string
}

export async function migrateSchema(options: MigrateOptions): Promise<void> {
  const config = loadConfig(options)
  const { databaseUrl } = await findServers(config)
  const db = openDatabase(databaseUrl, config.database)
  try {
    if (options.fits !== undefined) return await checkFit(db, options.fits)
    if (options.status || options.json) {
      const found = await findMigrations(db)
      if (options.json) return await printJson(found)
      const version = await readSchemaVersion(db)
      await printTable(
        ['MIGRATION', 'APPLIED'],
        found.map(({ name, appliedAt }) => [name, appliedAt === null ? 'not yet' : time(appliedAt)]),
      )
      return await print(`schema ${version?.version ?? 'none'}, this program needs ${schemaVersion.version}`)
    }
    const { applied, waiting } = await migrate(db, name => remark(`applying ${name} …`))
    for (const { message, hint } of judgeServerSettings(await readServerSettings(db))) remark(`${message}\n→ ${hint}`)
    for (const { name, hosts } of waiting)
      remark(
        `${name} waits for older programs on ${hosts.map(visible).join(', ')}\n→ upgrade them, then run \`letterlock migrate\` again`,
      )
    await print(applied.length === 0 ? 'the schema is up to date' : `${applied.length} migrations applied`)
  } finally {
    await db.destroy()
  }
}

/** For the package before it goes back to an older program. Throws CommandError (exit code 2) where that could not work on the schema. */
async function checkFit(db: Knex, needed: string): Promise<void> {
  if (!/^\d{1,9}$/.test(needed)) throw new CommandError('--fits takes the number of a schema version', undefined, 2)
  const found = await readSchemaVersion(db)
  if (found === undefined || found.compatibleFrom <= Number(needed)) return await print('yes')
  throw new CommandError(
    `the schema is version ${found.version} and works with programs from ${found.compatibleFrom} on, not with one that needs ${needed}`,
    'restore a backup of the database from before the upgrade first',
    2,
  )
}
