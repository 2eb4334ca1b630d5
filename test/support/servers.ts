// What a test gets of the servers that run for all tests: a database of its own with the schema in it, a prefix in Redis.

import { randomBytes } from 'node:crypto'
import type { Knex } from 'knex'
import { inject } from 'vitest'
import { toConfig } from '../../src/config/config.ts'
import type { WriteSecret } from '../../src/model/secret.ts'
import { openDatabase } from '../../src/store/db/database.ts'
import { migrate } from '../../src/store/db/migrate.ts'
import { keyPathsOf } from '../../src/vault/keys/keyring.ts'
import { createSecretWriter } from '../../src/vault/secrets/write-secret.ts'
import { createDatabaseFrom } from './schema-template.ts'

export interface TestDatabase extends AsyncDisposable {
  url: string
  db: Knex
}

/** The defaults; tests add what they need. */
export const defaults = toConfig({ file: undefined, toml: '', env: {}, directory: '/' })

/** A fresh database, migrated unless told otherwise; dropped when it is disposed. `server`: the URL of another server than the one of all tests. */
export async function createTestDatabase(
  options: { migrated: boolean; server?: string } = { migrated: true },
): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`
  const { server: serverUrl = inject('databaseUrl') } = options
  const url = serverUrl.replace('/letterlock?', `/${name}?`)
  await using stack = new AsyncDisposableStack()
  const server = openDatabase(serverUrl, defaults.database)
  stack.defer(() => server.destroy())
  const isCloned = options.migrated && options.server === undefined
  if (isCloned) await createDatabaseFrom(serverUrl, name, inject('schemaTemplate'))
  else await server.raw(`CREATE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci`)
  stack.defer(async () => void (await server.raw(`DROP DATABASE ${name}`)))
  const db = openDatabase(url, defaults.database)
  stack.defer(() => db.destroy())
  if (options.migrated && !isCloned) await migrate(db)
  const opened = stack.move()
  return { url, db, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

/** Where Redis is, and a prefix that no other test has. */
export function testRedis(): { url: string; prefix: string } {
  return { url: inject('redisUrl'), prefix: `test-${randomBytes(6).toString('hex')}` }
}

/** Writes passwords as a host without a key does. */
export const writeWithoutKey: WriteSecret = createSecretWriter(keyPathsOf('/nonexistent/key.bin', {}))
