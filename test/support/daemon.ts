// A whole daemon inside the test, on the test's database and Redis, with its log in memory.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Knex } from 'knex'
import { type Config, toConfig } from '../../src/config/config.ts'
import { type Daemon, type DaemonOptions, startDaemon } from '../../src/daemon.ts'
import type { Destination } from '../../src/model/destination.ts'
import { createLog } from '../../src/observe/log.ts'
import { requestPoll } from '../../src/schedule/queue.ts'
import { openRedis } from '../../src/schedule/redis.ts'
import { insertAccount, type NewAccount } from '../../src/store/accounts/account-changes.ts'
import { keyPathsOf } from '../../src/vault/keys/keyring.ts'
import type { HashCost } from '../../src/vault/secrets/password-hash.ts'
import { createSecretWriter } from '../../src/vault/secrets/write-secret.ts'
import { createTestDatabase, type TestDatabase, testRedis } from './servers.ts'
import { until } from './until.ts'
import { recordAnswers, type WebAnswers } from './web-answers.ts'

export { spawnDaemon } from './daemon-process.ts'
export { until }

/** What passwords of people cost in tests: the recommended hash takes half a second of the processor. */
export const quickHashes: HashCost = { memory: 64, passes: 1, parallelism: 1 }

export interface World extends AsyncDisposable {
  database: TestDatabase
  db: Knex
  config: Config
  directory: string
  /** Log lines of all its daemons. */
  log: Record<string, unknown>[]
  /** What the web interfaces of its daemons answered; at the world's end it is searched for secrets. */
  answers: WebAnswers
  /** Notes the secrets of this moment, before a test takes them away. */
  noteSecrets(): Promise<void>
  start(env?: Record<string, string>, options?: Partial<DaemonOptions>): Promise<Daemon>
  add(destination: Destination, password: string, change?: Partial<NewAccount>): Promise<number>
  /** Asks the owner for a poll at once, and waits until a poll that began after it has ended. */
  poll(accountId: number): Promise<void>
}

/** `server`: the URL of another database server than the one of all tests. */
export async function createWorld(env: Record<string, string> = {}, server?: string): Promise<World> {
  const database = await createTestDatabase({ migrated: true, ...(server === undefined ? {} : { server }) })
  const redis = testRedis()
  const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-world-'))
  const log: Record<string, unknown>[] = []
  const configOf = (more: Record<string, string>) =>
    toConfig({
      file: undefined,
      toml: '',
      directory: '/',
      env: {
        LETTERLOCK_DATABASE_URL: database.url,
        LETTERLOCK_REDIS_URL: redis.url,
        LETTERLOCK_REDIS_PREFIX: redis.prefix,
        LETTERLOCK_DATA_DIRECTORY: directory,
        LETTERLOCK_WEB_LISTEN: '127.0.0.1:0',
        LETTERLOCK_LOG_LEVEL: 'debug',
        // Each takes half a second of the processor to begin.
        LETTERLOCK_POLL_PARSE_THREADS: '1',
        ...env,
        ...more,
      },
    })
  const config = configOf({})
  const stack = new AsyncDisposableStack()
  stack.use(database)
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const { db } = database
  const answers = stack.use(recordAnswers())
  const noteSecrets = async () => await answers.note(db, directory)
  stack.defer(async () => {
    await noteSecrets()
    const found = answers.find()
    if (found.length > 0) throw new Error(`secrets in answers of the web interface:\n${found.join('\n')}`)
  })
  return {
    database,
    db,
    config,
    directory,
    log,
    answers,
    noteSecrets,
    async start(more = {}, options = {}) {
      const stream = { write: (line: string) => void log.push(JSON.parse(line)) }
      const mine = configOf(more)
      const daemon = await startDaemon(
        mine,
        { demo: false, log: createLog(mine.log, stream), hashCost: quickHashes, ...options },
        new AbortController().signal,
      )
      stack.defer(() => daemon[Symbol.asyncDispose]())
      answers.listen(daemon.url)
      return daemon
    },
    async add(destination, password, change = {}) {
      answers.add('password', password)
      return await insertAccount(
        db,
        {
          address: 'support@example.com',
          startFrom: 'all',
          afterIngest: 'keep',
          everySeconds: 3_600,
          push: false,
          mailboxes: ['INBOX'],
          enabled: true,
          password,
          ...destination,
          ...change,
        },
        createSecretWriter(keyPathsOf(config.encryption.keyFile, {})),
      )
    },
    async poll(accountId) {
      // A poll that still runs would swallow the request.
      const before = await until(async () => isIdle(log, accountId) && pollsOf(log, accountId))
      await db('accounts').where({ id: accountId }).update({ next_attempt_at: null })
      const owner = await until(
        async () => (await db('accounts').where({ id: accountId }).first('lease_owner'))?.lease_owner,
      )
      const commands = openRedis(redis.url, config.redis, 'commands')
      await commands.connect()
      await requestPoll(commands, redis.prefix, owner, accountId)
      commands.disconnect()
      await until(async () => pollsOf(log, accountId).starts > before.starts && isIdle(log, accountId))
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

/** How many polls of the account began and ended, as the daemons of this world tell. */
function pollsOf(log: readonly Record<string, unknown>[], accountId: number): { starts: number; ends: number } {
  const polls = log.filter(line => line.event === 'poll' && line.account === accountId)
  const starts = polls.filter(line => line.msg === 'start').length
  return { starts, ends: polls.length - starts }
}

function isIdle(log: readonly Record<string, unknown>[], accountId: number): boolean {
  const { starts, ends } = pollsOf(log, accountId)
  // A row that makes no sense fails before its poll begins.
  return starts <= ends
}

/** How many mails have which end. */
export async function ends(db: Knex): Promise<Record<string, number>> {
  const rows: { result: string; n: number }[] = await db('sources')
    .groupBy('result')
    .orderBy('result')
    .select('result')
    .count({ n: '*' })
  return Object.fromEntries(rows.map(({ result, n }) => [result, Number(n)]))
}
