// The connection to MySQL or MariaDB. Errors are turned into DatabaseErrors here, at the client, so that no statement and no value
// ever leaves this file.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import knexPackage, { type Knex } from 'knex'
import type { Config } from '../../config/config.ts'
import { type DatabaseHost, parseDatabaseUrl } from '../../config/database-url.ts'
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
 * Opens a pool; nothing is connected yet. `url` is as parseDatabaseUrl reads it: of several hosts the first that takes writes is used, and
 * another one once it is gone or takes none. Off the host TLS is required and the server's certificate is checked. Errors of every query are
 * DatabaseErrors. The password file and the CA file are read for every new connection, so that a change counts at once; one that cannot be
 * read is `config.unreadable`. `typed`: a password that a person typed, in place of the file's.
 */
export function openDatabase(
  url: string,
  config: Config['database'],
  use: DatabaseUse = 'everything',
  typed?: string,
): Knex {
  const { hosts, socketPath, user, database } = readUrl(url)
  const places: readonly Place[] = socketPath === null ? hosts : [{ socketPath }]
  const sessions = createSessions()
  const fresh = (place: Place): object => ({
    ...place,
    ...('socketPath' in place ? {} : tlsOf(place.host, config)),
    password: typed ?? readPassword(config.passwordFile, 'database-password'),
  })
  return knexPackage({
    client: clientWith({ places, fresh, sessions }) as unknown as typeof Knex.Client,
    connection: {
      ...places[0],
      ...{ user, database, charset: 'utf8mb4', timezone: 'Z', supportBigNumbers: true },
      connectTimeout: places.length > 1 ? connectToAnyMs : connectMs,
      ...{ disableEval: true, maxPreparedStatements: 100 },
    },
    pool: {
      min: 0,
      max: use === 'sealing' ? sealingPool : config.poolSize,
      idleTimeoutMillis: idleConnectionMs,
      afterCreate: prepareSession(use),
      validate: (connection: object) => sessions.isCurrent(connection),
    },
    acquireConnectionTimeout: connectMs,
    compileSqlOnError: false,
    log: { warn: silent, error: silent, deprecate: silent, debug: silent },
  })
}

const connectMs = 10_000
/** A host that is switched off answers nothing: there is to be time for another one. */
const connectToAnyMs = 3_000

type Place = DatabaseHost | { socketPath: string }

function readUrl(url: string): NonNullable<ReturnType<typeof parseDatabaseUrl>> {
  const read = parseDatabaseUrl(url)
  if (read !== undefined) return read
  throw new ServiceError(
    'config.invalid',
    { reason: 'faults', faults: ['database.url: must be mysql://user@host:port/database'] },
    { temporary: false },
  )
}

/** Which sessions of a pool are still good: a server that takes no more writes is left by all of them, to find the one that does. */
interface Sessions {
  add(connection: object): void
  isCurrent(connection: object): boolean
  leave(): void
}

function createSessions(): Sessions {
  let current = new WeakSet()
  return {
    add: connection => void current.add(connection),
    isCurrent: connection => current.has(connection),
    leave() {
      current = new WeakSet()
    },
  }
}

/** knex would print failed connections; they are thrown anyway. */
function silent(): void {}

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

interface RawConnection extends DriverConnection {
  destroy(): void
}

interface RawClient {
  new (
    config: Knex.Config,
  ): {
    query(connection: unknown, query: { sql?: string } | string): Promise<unknown>
    acquireConnection(): Promise<unknown>
    acquireRawConnection(): Promise<RawConnection>
    connectionSettings: { socketPath?: string; host?: string; port?: number; password?: string }
  }
}

const MysqlClient = createRequire(import.meta.url)('knex/lib/dialects/mysql2/index.js') as RawClient

interface ClientOptions {
  places: readonly Place[]
  /** What is asked for again at every new connection. */
  fresh(place: Place): object
  sessions: Sessions
}

/** knex's MySQL client, with errors turned at the edge, which looks for the server that takes writes. */
function clientWith({ places, fresh, sessions }: ClientOptions): RawClient {
  /** The place that was good last. */
  let good = 0
  const where = (place: Place): string => ('socketPath' in place ? place.socketPath : `${place.host}:${place.port}`)
  const everywhere = places.map(where).join(', ')
  return class SafeClient extends MysqlClient {
    override async query(connection: unknown, query: { sql?: string } | string): Promise<unknown> {
      try {
        return await super.query(connection, query)
      } catch (cause) {
        const error = toDatabaseError(cause, typeof query === 'string' ? query : (query.sql ?? ''))
        if (error.code === 'db.read_only') sessions.leave()
        throw error
      }
    }

    /** A server that takes connections and says nothing ends in the pool's own time limit. */
    override async acquireConnection(): Promise<unknown> {
      try {
        return await super.acquireConnection()
      } catch (error) {
        throw toDatabaseError(error, 'connect', everywhere)
      }
    }

    override async acquireRawConnection(): Promise<RawConnection> {
      const connection = places.length === 1 ? await this.#connect(0) : await this.#connectToAny()
      sessions.add(connection)
      return connection
    }

    /** To the first place that takes writes, beginning with the one that did last; else to the first that can be reached. */
    async #connectToAny(): Promise<RawConnection> {
      const order = places.map((_, i) => (good + i) % places.length)
      const [readOnly, failures]: [number[], unknown[]] = [[], []]
      for (const index of order) {
        try {
          const connection = await this.#connect(index)
          if (await takesWrites(connection).catch(() => false)) {
            good = index
            return connection
          }
          connection.destroy()
          readOnly.push(index)
        } catch (error) {
          failures.push(error)
        }
      }
      const [first] = readOnly
      if (first !== undefined) return await this.#connect(first)
      throw failures.find(error => (error as ServiceError).code !== 'db.unreachable') ?? failures[0]
    }

    async #connect(index: number): Promise<RawConnection> {
      const place = places[index] as Place
      try {
        const { password, ...shown } = fresh(place) as { password: string | undefined }
        Object.assign(this.connectionSettings, shown)
        // As knex keeps it: not to be listed.
        Object.defineProperty(this.connectionSettings, 'password', {
          value: password,
          writable: true,
          configurable: true,
        })
        // The settings are read before this waits for anything.
        return await super.acquireRawConnection()
      } catch (error) {
        throw toDatabaseError(error, 'connect', where(place))
      }
    }
  }
}

/** A replica, or a server that was made read-only; even users who may write there all the same are to leave it alone. */
async function takesWrites(connection: RawConnection): Promise<boolean> {
  const [rows] = (await connection
    .promise()
    .query('SELECT @@GLOBAL.read_only AS read_only, @@GLOBAL.innodb_read_only AS innodb_read_only')) as [object[]]
  return Object.values(rows[0] ?? {}).every(value => /^(0|off)$/i.test(String(value)))
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
