// What went wrong in the database, in words that leave `store/`: knex's errors carry whole statements with their values, and the
// server's messages carry values too. Of both, only numbers, the verb and the table are kept.
import { ServiceError, type ServiceErrorCode } from '../errors.ts'

/** A statement or a connection that failed: the server's numbers, the verb and the table, never a value. */
export class DatabaseError extends ServiceError {
  readonly errno: number

  constructor(code: ServiceErrorCode, message: string, detail: { temporary: boolean; errno: number; hint?: string }) {
    super(code, message, detail)
    this.errno = detail.errno
  }
}

const unreachable = new Set([
  'EACCES',
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'EPIPE',
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_SEQUENCE_TIMEOUT',
  'ER_SERVER_SHUTDOWN',
  'ER_CON_COUNT_ERROR',
])
const refused = new Set([
  'ER_ACCESS_DENIED_ERROR',
  'ER_DBACCESS_DENIED_ERROR',
  'ER_BAD_DB_ERROR',
  'ER_ACCESS_DENIED_NO_PASSWORD_ERROR',
  'ER_HOST_NOT_PRIVILEGED',
])

const checkViolatedMariaDb = 4025
const checkViolatedMySql = 3819

/** What a driver's error means, without a word of the statement's values. `where` completes "the database". */
export function toDatabaseError(error: unknown, sql: string, where = ''): ServiceError {
  if (error instanceof ServiceError) return error
  const { code = '', errno = 0, name = '' } = error as { code?: string; errno?: number; name?: string }
  if (
    unreachable.has(code) ||
    name === 'KnexTimeoutError' ||
    /closed state|Connection lost|connection is closed/i.test(String(error))
  ) {
    return new DatabaseError(
      'db.unreachable',
      `the database${where} cannot be reached (${code || name || 'connection lost'})`,
      {
        temporary: true,
        errno,
        hint: 'check that it runs and that database.url names its host and port or its socket',
      },
    )
  }
  if (refused.has(code)) {
    return new DatabaseError('db.access_denied', `the database${where} refused the connection (${code})`, {
      temporary: false,
      errno,
      hint: 'check the user and the database name in database.url, and database.password_file',
    })
  }
  if (code === 'HANDSHAKE_NO_SSL_SUPPORT' || code === 'HANDSHAKE_SSL_ERROR') {
    return new DatabaseError('db.access_denied', `the database${where} offers no TLS that can be trusted (${code})`, {
      temporary: false,
      errno,
      hint: 'off this host TLS is required: enable it on the server and name its CA in database.ca_file',
    })
  }
  if (errno === checkViolatedMariaDb || errno === checkViolatedMySql) {
    return new DatabaseError('db.constraint', 'the database refused a value (a check of the schema)', {
      temporary: false,
      errno,
    })
  }
  const statement = /^\s*(\w+)(?:[^`]*?`(\w+)`)?/.exec(sql)
  const what = [statement?.[1]?.toLowerCase(), statement?.[2]].filter(Boolean).join(' on ')
  return new DatabaseError(
    'db.failed',
    `the database refused a statement (${code || name || 'unknown'}${what === '' ? '' : `, ${what}`})`,
    {
      temporary: true,
      errno,
    },
  )
}
