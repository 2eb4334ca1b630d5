// The connection to MySQL or MariaDB. Errors are turned into DatabaseErrors here, at the client, so that no statement and no value
// ever leaves this file.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import knexPackage, { type Knex } from 'knex'
import type { Config } from '../../config/config.ts'
import { findCredential } from '../../config/systemd-credentials.ts'
import { ServiceError } from '../../errors/errors.ts'
import { DatabaseError, deadlock, lockWaitTimeout, toDatabaseError } from './database-error.ts'

/**
 * The server ends a session that asks nothing for so long, and rolls back what it had begun: a host that stopped in the middle of a
 * transaction must not hold its locks for hours (the server's default). The pool lets go of idle connections well before.
 */
export const silentSessionSeconds = 30
const idleConnectionMs = 15_000

const sessionSettings = [
  `SET NAMES utf8mb4, wait_timeout = ${silentSessionSeconds}, time_zone = '+00:00', sql_mode = 'STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO'`,
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
]

/** `sealing`: its sessions ask that the binary log gets only what changed, so that it gets no plaintext that is taken away. */
export type DatabaseUse = 'everything' | 'sealing'

/** As many as batches that are on their way at once, and one for what goes on beside them. */
const sealingPool = 4

/**
 * Opens a pool; nothing is connected yet. `url` is `mysql://user@host:port/name` or `mysql://user@localhost/name?socket=/path`.
 * Off the host TLS is required and the server's certificate is checked. Errors of every query are DatabaseErrors. The password file
 * and the CA file are read for every new connection, so that a change counts at once; one that cannot be read is `config.unreadable`.
 * `typed`: a password that a person typed, in place of the file's.
 */
export function openDatabase(
  url: string,
  config: Config['database'],
  use: DatabaseUse = 'everything',
  typed?: string,
): Knex {
  return knexPackage({
    client: clientWith(() => ({
      ...freshSettings(url, config),
      ...(typed === undefined ? {} : { password: typed }),
    })) as unknown as typeof Knex.Client,
    connection: connectionOf(url),
    pool: {
      min: 0,
      max: use === 'sealing' ? sealingPool : config.poolSize,
      idleTimeoutMillis: idleConnectionMs,
      afterCreate: prepareSession(use),
    },
    acquireConnectionTimeout: 10_000,
    compileSqlOnError: false,
    log: { warn: silent, error: silent, deprecate: silent, debug: silent },
  })
}

/** knex would print failed connections; they are thrown anyway. */
function silent(): void {}

function connectionOf(url: string): Record<string, unknown> {
  const parsed = new URL(url)
  const socketPath = parsed.searchParams.get('socket')
  return {
    ...(socketPath === null ? { host: hostOf(parsed), port: Number(parsed.port || 3306) } : { socketPath }),
    user: decodeURIComponent(parsed.username),
    database: decodeURIComponent(parsed.pathname.slice(1)),
    charset: 'utf8mb4',
    timezone: 'Z',
    supportBigNumbers: true,
    connectTimeout: 10_000,
    disableEval: true,
    maxPreparedStatements: 100,
  }
}

function hostOf(url: URL): string {
  return url.hostname || 'localhost'
}

/** What files say at this moment. */
function freshSettings(url: string, config: Config['database']): Record<string, unknown> {
  const parsed = new URL(url)
  const tls = parsed.searchParams.has('socket') ? {} : tlsOf(hostOf(parsed), config)
  return { password: readPassword(config.passwordFile, 'database-password'), ...tls }
}

function tlsOf(host: string, config: Config['database']): object {
  if (isLocal(host) && config.caFile === '') return {}
  const ca = config.caFile === '' ? {} : { ca: readCa(config.caFile) }
  return { ssl: { ...ca, minVersion: 'TLSv1.2', rejectUnauthorized: true, verifyIdentity: true } }
}

/** The bytes of a file of CA certificates. Throws ServiceError `config.unreadable`. */
export function readCa(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    throw new ServiceError('config.unreadable', { file, kind: 'CA' }, { temporary: true, cause })
  }
}

/** True for a name or an address of this machine's loopback. */
export function isLocal(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

/** The first line of systemd's credential `name`, else of the password file, or undefined where neither is given. */
export function readPassword(file: string, name: 'database-password' | 'redis-password'): string | undefined {
  const place = findCredential(name) ?? file
  if (place === '') return undefined
  try {
    return readFileSync(place, 'utf8').split(/\r?\n/, 1)[0] ?? ''
  } catch (cause) {
    throw new ServiceError('config.unreadable', { file: place, kind: 'password' }, { temporary: true, cause })
  }
}

interface DriverConnection {
  promise(): { query(sql: string): Promise<unknown> }
}

type PrepareSession = (connection: DriverConnection, done: (error: unknown, connection: unknown) => void) => void

/** A plain function with a callback: knex wraps it itself. */
function prepareSession(use: DatabaseUse): PrepareSession {
  return (connection, done) => {
    const [first = '', second = ''] = sessionSettings
    const driver = connection.promise()
    driver
      .query(first)
      .then(() => driver.query(second))
      // It takes a right that most have not: without it the audit says what the binary log holds.
      .then(() => use === 'sealing' && driver.query("SET SESSION binlog_row_image = 'MINIMAL'").catch(() => undefined))
      .then(
        () => done(null, connection),
        error => done(toDatabaseError(error, 'set'), connection),
      )
  }
}

interface RawClient {
  new (
    config: Knex.Config,
  ): {
    query(connection: unknown, query: { sql?: string } | string): Promise<unknown>
    acquireConnection(): Promise<unknown>
    acquireRawConnection(): Promise<unknown>
    connectionSettings: { socketPath?: string; host?: string; port?: number; password?: string }
  }
}

const MysqlClient = createRequire(import.meta.url)('knex/lib/dialects/mysql2/index.js') as RawClient

/** knex's MySQL client, with errors turned at the edge. */
class SafeClient extends MysqlClient {
  override async query(connection: unknown, query: { sql?: string } | string): Promise<unknown> {
    try {
      return await super.query(connection, query)
    } catch (error) {
      throw toDatabaseError(error, typeof query === 'string' ? query : (query.sql ?? ''))
    }
  }

  /** A server that takes connections and says nothing ends in the pool's own time limit. */
  override async acquireConnection(): Promise<unknown> {
    try {
      return await super.acquireConnection()
    } catch (error) {
      throw this.#toConnectError(error)
    }
  }

  override async acquireRawConnection(): Promise<unknown> {
    try {
      return await super.acquireRawConnection()
    } catch (error) {
      throw this.#toConnectError(error)
    }
  }

  #toConnectError(error: unknown): ServiceError {
    const { socketPath, host, port } = this.connectionSettings
    return toDatabaseError(error, 'connect', socketPath ?? `${host}:${port}`)
  }
}

/** The client, with settings that are asked for again at every new connection. */
function clientWith(fresh: () => Record<string, unknown>): typeof SafeClient {
  return class FreshClient extends SafeClient {
    override async acquireRawConnection(): Promise<unknown> {
      const { password, ...shown } = fresh()
      Object.assign(this.connectionSettings, shown)
      // As knex keeps it: not to be listed.
      Object.defineProperty(this.connectionSettings, 'password', {
        value: password,
        writable: true,
        configurable: true,
      })
      return await super.acquireRawConnection()
    }
  }
}

/**
 * Runs `work` in a transaction; a deadlock or a lock wait that timed out is tried again from its start, three times. Within a transaction it
 * is a part of that one, which is tried again as a whole.
 */
export async function inTransaction<T>(
  db: Knex,
  work: (trx: Knex.Transaction) => Promise<T>,
  /** One that is held already; default: one of the pool. */
  connection?: unknown,
): Promise<T> {
  if (db.isTransaction) return await work(db as Knex.Transaction)
  for (let attempt = 1; ; attempt++) {
    try {
      return await db.transaction(work, connection === undefined ? {} : { connection })
    } catch (error) {
      const passing = error instanceof DatabaseError && (error.errno === deadlock || error.errno === lockWaitTimeout)
      if (!passing || attempt > 3) throw error
      await new Promise(resolve => setTimeout(resolve, attempt * 20 * (1 + Math.random())))
    }
  }
}
