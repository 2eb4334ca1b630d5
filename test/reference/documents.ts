// The documents that are made of the code, by their paths. `npm run generate` writes them, and reference.test.ts compares.
import type { Knex } from 'knex'
import { commandsPage } from './commands.ts'
import { errorsPage } from './errors.ts'
import { metricsPage } from './metrics.ts'
import { schemaPicture } from './schema-picture.ts'
import { settingsPage } from './settings.ts'

/** `db`: a migrated database. */
export const documents: Readonly<Record<string, (db: Knex) => string | Promise<string>>> = {
  'docs/reference/commands.md': commandsPage,
  'docs/reference/settings.md': settingsPage,
  'docs/reference/metrics.md': metricsPage,
  'docs/errors.md': errorsPage,
  'migrations/schema.sql': schemaPicture,
}
