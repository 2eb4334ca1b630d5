// Scripts of commands, each with a database of its own.
import { globSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { createTestDatabase, testRedis } from '../support/servers.ts'
import { runScript } from './letterlock.ts'

/** usage.test.ts runs these. */
const withoutServers = ['scripts/commands.txt', 'scripts/configuration.txt']
const scripts = globSync('scripts/*.txt', { cwd: import.meta.dirname }).sort()

test('there are scripts', () => {
  expect(scripts).toEqual(expect.arrayContaining(withoutServers))
})

test.each(scripts.filter(name => !withoutServers.includes(name)))('%s', async name => {
  await using database = await createTestDatabase({ migrated: name !== 'scripts/migrate.txt' })
  const redis = testRedis()
  const secrets = await runScript(path.join(import.meta.dirname, name), {
    LETTERLOCK_DATABASE_URL: database.url,
    LETTERLOCK_REDIS_URL: redis.url,
    LETTERLOCK_REDIS_PREFIX: redis.prefix,
  })
  expect(secrets).toEqual([])
})
