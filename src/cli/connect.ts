// What a command works on: the configured database and Redis, or the embedded ones of a running `npm start`.
import path from 'node:path'
import type { Redis } from 'ioredis'
import type { Knex } from 'knex'
import { type Config, readSources, toConfig } from '../config/config.ts'
import { ServiceError } from '../errors/errors.ts'
import type { Deps } from '../operations/deps.ts'
import { createHtmlReader } from '../operations/read-html.ts'
import type { ParsePool } from '../parse/pool/parse-pool.ts'
import { checkDatabase } from '../store/db/check-database.ts'
import { openDatabase } from '../store/db/database.ts'
import type { RawStore } from '../store/raw/raw-store.ts'
import { keysOf } from '../vault/keys/keyring.ts'
import type { Passwords } from '../vault/secrets/password-hash.ts'
import { commandContext } from './command-context.ts'
import { remark } from './terminal.ts'

export interface GlobalOptions {
  config?: string
}

export function loadConfig(options: GlobalOptions): Config {
  return toConfig(readSources(options.config, commandContext().env))
}

export interface Urls {
  databaseUrl: string
  redisUrl: string
}

/** Where the servers are. Throws `embedded.not_running` where they would be embedded and nobody runs them. */
export async function findServers(config: Config): Promise<Urls> {
  if (config.database.url !== '' && config.redis.url !== '')
    return { databaseUrl: config.database.url, redisUrl: config.redis.url }
  const { findEmbedded } = await import('../embedded/servers.ts')
  const found = findEmbedded(path.join(config.data.directory, 'embedded'))
  const databaseUrl = config.database.url || found?.databaseUrl || ''
  const redisUrl = config.redis.url || found?.redisUrl || ''
  if (databaseUrl === '') {
    throw new ServiceError('embedded.not_running', { directory: config.data.directory }, { temporary: true })
  }
  return { databaseUrl, redisUrl }
}

/** Lends a database whose schema fits. */
export async function withDatabase<T>(
  options: GlobalOptions,
  use: (db: Knex, config: Config) => Promise<T>,
): Promise<T> {
  const config = loadConfig(options)
  const { databaseUrl } = await findServers(config)
  const db = openDatabase(databaseUrl, config.database)
  try {
    await checkDatabase(db)
    return await use(db, config)
  } finally {
    await db.destroy()
  }
}

/** Lends what operations work with; what an operation does not use is not loaded. */
export async function withDeps<T>(options: GlobalOptions, use: (deps: Deps) => Promise<T>): Promise<T> {
  return await withDatabase(options, async (db, config) => {
    const keys = keysOf(config)
    await using opened = new AsyncDisposableStack()
    return await use({
      db,
      config,
      keys,
      ...mailDeps(db, config, opened),
      withRedis: lend => withRedis(config, lend),
      async openSecret(account) {
        const { openLogins } = await import('../vault/oauth/access-tokens.ts')
        const { readKeyring } = await import('../vault/keys/keyring.ts')
        const { createSecretWriter } = await import('../vault/secrets/write-secret.ts')
        const ring = readKeyring(keys)
        const logins = openLogins({ db, ring: () => ring, writeSecret: createSecretWriter(keys), atOnce: 1 })
        return await logins(account)
      },
      passwords: {
        hash: async password => await (await openPasswords()).hash(password),
        check: async (password, hash) => await (await openPasswords()).check(password, hash),
      },
      say: remark,
      openSession: async (...given) => await (await import('../fetch/imap-session.ts')).openSession(...given),
    })
  })
}

async function openPasswords(): Promise<Passwords> {
  const { createPasswords } = await import('../vault/secrets/password-hash.ts')
  return createPasswords()
}

/** What reads and parses raw mail, opened when it is first used. Mails are parsed in a thread with the deadline that they have in the daemon. */
function mailDeps(
  db: Knex,
  config: Config,
  opened: AsyncDisposableStack,
): Pick<Deps, 'raw' | 'parse' | 'html' | 'triage'> {
  let raw: Promise<RawStore> | undefined
  let pool: Promise<ParsePool> | undefined
  const openPool = async (): Promise<ParsePool> => {
    const { openParsePool } = await import('../parse/pool/parse-pool.ts')
    return opened.use(openParsePool({ threads: 1, deadlineMs: config.poll.parseDeadlineMs }))
  }
  const openStore = async (): Promise<RawStore> => {
    raw ??= openRaw(config).then(store => opened.use(store))
    return await raw
  }
  return {
    raw: openStore,
    async parse(source, account) {
      pool ??= openPool()
      return await (await pool).parse(source, account)
    },
    html: createHtmlReader({
      raw: openStore,
      async parseHtml(source, account) {
        pool ??= openPool()
        return await (await pool).parseHtml(source, account)
      },
    }),
    async triage() {
      const { createTriagePolicy } = await import('../poll/ingest/triage-policy.ts')
      const { openThreadSecret } = await import('../vault/secrets/thread-secret.ts')
      return createTriagePolicy(config, () => openThreadSecret(db, keysOf(config)))
    },
  }
}

/** Lends a connection to Redis, or undefined where there is none to be had. */
export async function withRedis<T>(config: Config, use: (redis: Redis | undefined) => Promise<T>): Promise<T> {
  const { redisUrl } = await findServers(config)
  if (redisUrl === '') return await use(undefined)
  const { openRedis, readInfo } = await import('../schedule/redis.ts')
  const redis = openRedis(redisUrl, config.redis, 'commands')
  try {
    const reached = await readInfo(redis).then(
      () => true,
      () => false,
    )
    return await use(reached ? redis : undefined)
  } finally {
    redis.disconnect()
  }
}

/** The raw mail of this installation. */
export async function openRaw(config: Config): Promise<RawStore> {
  const { openRawStore } = await import('../store/raw/open-raw-store.ts')
  return await openRawStore(config)
}
