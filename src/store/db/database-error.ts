// What went wrong in the database, in words that leave `store/`: knex's errors carry whole statements with their values, and the
// server's messages carry values too. Of both, only numbers, the verb and the table are kept.
import type { Told } from '../../errors/catalogue.ts'
import { ServiceError, type ServiceErrorCode } from '../../errors/errors.ts'
import { isShortage } from '../../errors/shortage.ts'

/**
 * Whose fault a failure can be. `service`: the server's alone, whatever else goes through (it is full, it lets us not in). `passing`: others held a
 * lock; again later. `unknown`: of the mail that is written or of the server; a mail that fails alone while others go through is at fault.
 */
export type Blame = 'service' | 'passing' | 'unknown'

/** A statement or a connection that failed: the server's numbers, the verb and the table, never a value. */
export class DatabaseError extends ServiceError {
  readonly errno: number

  get blame(): Blame {
    if (passing.has(this.errno)) return 'passing'
    return this.code === 'db.failed' || this.code === 'db.constraint' || this.code === 'db.unreachable'
      ? 'unknown'
      : 'service'
  }

  constructor(...[code, params, detail]: Told<ServiceErrorCode, [detail: { temporary: boolean; errno: number }]>) {
    super(...([code, params, detail] as ConstructorParameters<typeof ServiceError>))
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

export const lockWaitTimeout = 1205
export const deadlock = 1213
/** ER_CHECKREAD, a conflict in a cluster, NOWAIT: as a deadlock, they pass. */
const passing = new Set([lockWaitTimeout, deadlock, 1020, 3101, 3572])

/**
 * The server lacks space, memory or a file: ER_DISK_FULL, ER_ERROR_ON_WRITE, ER_GET_ERRNO, ER_OUTOFMEMORY, ER_OUT_OF_SORTMEMORY, ER_OUT_OF_RESOURCES,
 * ER_RECORD_FILE_FULL, ER_ERROR_DURING_COMMIT, ER_LOCK_TABLE_FULL. A small row may still fit where a larger one does not: that proves nothing.
 */
const full = new Set([1021, 1026, 1030, 1037, 1038, 1041, 1114, 1180, 1206])
/** Below it are failures of the operating system's files (EE_WRITE, EE_DISK_FULL …); 0 is the driver's own. */
const firstServerError = 1000

function isFull(errno: number): boolean {
  return full.has(errno) || (errno > 0 && errno < firstServerError)
}

/** ER_OPEN_AS_READONLY, ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION, ER_READ_ONLY_MODE, ER_INNODB_READ_ONLY: a replica, or a server that was made one. */
const readOnly = new Set([1036, 1792, 1836, 1874])
/** ER_OPTION_PREVENTS_STATEMENT names the option. */
const optionPrevents = 1290
/** ER_UNKNOWN_COM_ERROR, as a node of a Galera cluster answers that has lost the others. */
const unknownCommand = 1047

function isReadOnly(errno: number, message: string): boolean {
  return readOnly.has(errno) || (errno === optionPrevents && /read.only/i.test(message))
}

const checkViolatedMariaDb = 4025
const checkViolatedMySql = 3819

/** What a driver's error means, without a word of the statement's values. `where`: the host and port, or the socket. */
export function toDatabaseError(error: unknown, sql: string, where = ''): ServiceError {
  if (error instanceof ServiceError) return error
  const {
    code = '',
    errno = 0,
    name = '',
    message = '',
  } = error as Partial<Record<'code' | 'name' | 'message', string>> & {
    errno?: number
  }
  if (
    unreachable.has(code) ||
    isShortage(code) ||
    name === 'KnexTimeoutError' ||
    (errno === unknownCommand && /wsrep/i.test(message)) ||
    /closed state|Connection lost|connection is closed/i.test(String(error))
  ) {
    const why = code || name || 'connection lost'
    return new DatabaseError('db.unreachable', { where, why }, { temporary: true, errno })
  }
  if (refused.has(code)) return new DatabaseError('db.access_denied', { where, why: code }, { temporary: false, errno })
  if (code === 'HANDSHAKE_NO_SSL_SUPPORT' || code === 'HANDSHAKE_SSL_ERROR')
    return new DatabaseError('db.access_denied', { where, why: code, reason: 'no_tls' }, { temporary: false, errno })
  if (errno === checkViolatedMariaDb || errno === checkViolatedMySql)
    return new DatabaseError('db.constraint', {}, { temporary: false, errno })
  const statement = statementOf(sql)
  if (isReadOnly(errno, message)) {
    const why = code || String(errno)
    return new DatabaseError('db.read_only', { where, why, statement }, { temporary: true, errno })
  }
  if (isFull(errno)) {
    const why = code || String(errno)
    return new DatabaseError('db.full', { where, why, statement }, { temporary: true, errno })
  }
  return new DatabaseError('db.failed', { why: code || name || 'unknown', statement }, { temporary: true, errno })
}

/** Verb and table. */
function statementOf(sql: string): string {
  const found = /^\s*(\w+)(?:[^`]*?`(\w+)`)?/.exec(sql)
  const what = [found?.[1]?.toLowerCase(), found?.[2]].filter(Boolean).join(' on ')
  return what === '' ? '' : `, ${what}`
}
