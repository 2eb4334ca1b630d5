// What is made of the code is as the code is now.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../support/servers.ts'
import { documents } from './documents.ts'
import { settingsPage } from './settings.ts'

const root = path.resolve(import.meta.dirname, '../..')

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database[Symbol.asyncDispose]())

test.each(Object.entries(documents))('%s is up to date', async (file, make) => {
  const stands = readFileSync(path.join(root, file), 'utf8')
  expect(stands, `${file} is stale: run \`npm run generate\``).toBe(await make(database.db))
})

test('every setting has a meaning', () => {
  expect(settingsPage().match(/^.*\| {2}\|$/gm)).toBeNull()
})
