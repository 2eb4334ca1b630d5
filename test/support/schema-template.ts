// The migrated schema as one text of statements: a test's database is made from it in one call, instead of by all migrations in turn.
import { createConnection } from 'mysql2/promise'
import { toConfig } from '../../src/config/config.ts'
import { openDatabase } from '../../src/store/db/database.ts'
import { migrate } from '../../src/store/db/migrate.ts'

const templateName = 'letterlock_template'

/** Migrates a database of its own on the server; returns what makes another one equal to it, rows included. */
export async function createSchemaTemplate(serverUrl: string): Promise<string> {
  const { database } = toConfig({ file: undefined, toml: '', env: {}, directory: '/' })
  await runStatements(serverUrl, createDatabase(templateName))
  const db = openDatabase(serverUrl.replace('/letterlock?', `/${templateName}?`), database)
  try {
    await migrate(db)
    const tables: string[] = (await db.raw('SHOW TABLES'))[0].map((row: object) => Object.values(row)[0])
    const statements = ['SET foreign_key_checks = 0']
    for (const table of tables) {
      const [[row]] = await db.raw('SHOW CREATE TABLE ??', [table])
      statements.push(row['Create Table'], `INSERT INTO \`${table}\` SELECT * FROM ${templateName}.\`${table}\``)
    }
    return statements.join(';\n')
  } finally {
    await db.destroy()
  }
}

/** Creates a database of that name; `template`: what createSchemaTemplate returned. */
export async function createDatabaseFrom(serverUrl: string, name: string, template: string): Promise<void> {
  await runStatements(serverUrl, [createDatabase(name), `USE ${name}`, template].join(';\n'))
}

function createDatabase(name: string): string {
  return `CREATE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci`
}

async function runStatements(serverUrl: string, statements: string): Promise<void> {
  const socketPath = new URL(serverUrl).searchParams.get('socket') ?? ''
  const connection = await createConnection({ socketPath, user: 'root', multipleStatements: true })
  try {
    await connection.query(statements)
  } finally {
    await connection.end()
  }
}
