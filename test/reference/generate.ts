// `npm run generate`: writes all documents that are made of the code. The schema is read from a MariaDB that lives as long as this takes.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { toConfig } from '../../src/config/config.ts'
import { startEmbedded } from '../../src/embedded/servers.ts'
import { openDatabase } from '../../src/store/db/database.ts'
import { migrate } from '../../src/store/db/migrate.ts'
import { documents } from './documents.ts'

const root = path.resolve(import.meta.dirname, '../..')
const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-generate-'))
await using stack = new AsyncDisposableStack()
stack.defer(() => rmSync(directory, { recursive: true, force: true }))
const servers = stack.use(
  await startEmbedded({
    ...{ directory, mariadb: true, redis: false, durable: false },
    progress: () => {},
    signal: new AbortController().signal,
  }),
)
const { database } = toConfig({ file: undefined, toml: '', env: {}, directory: '/' })
const db = openDatabase(servers.databaseUrl, database)
stack.defer(() => db.destroy())
await migrate(db)
for (const [file, make] of Object.entries(documents)) {
  writeFileSync(path.join(root, file), await make(db))
  process.stdout.write(`${file}\n`)
}
