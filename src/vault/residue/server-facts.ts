// What the database server tells us about the places where it writes copies of what we store. Every account may read the
// server's variables; what else our rights do not show is `unknown`, never a guess. Nothing is changed, but for one variable of
// one session, to see whether we may, and it is put back.
import path from 'node:path'
import type { Knex } from 'knex'
import { ask, type Known, readPairs, type Variables } from './server-variables.ts'

export type { Known } from './server-variables.ts'

export interface LogFacts {
  on: Known<boolean>
  /** Its file as an absolute path, used or not. */
  file: Known<string>
}

export interface ServerFacts {
  flavour: 'MariaDB' | 'MySQL'
  version: string
  /** Our own, as a GRANT names it. */
  account: Known<string>
  database: string
  dataDirectory: Known<string>
  startedAt: Known<Date>
  generalLog: LogFacts
  slowLog: LogFacts & { thresholdS: Known<number> }
  /** Where both go: FILE, TABLE, NONE. */
  logOutput: Known<readonly string[]>
  /** What an audit plug-in writes to, or null. */
  auditLog: Known<string | null>
  binaryLog: {
    on: Known<boolean>
    format: Known<string>
    rowImage: Known<string>
    /** Whether our sessions may set `binlog_row_image` for themselves. */
    mayChooseRowImage: Known<boolean>
    /** 0: never. */
    expiresAfterS: Known<number>
    /** It carries the statements' texts beside the rows. */
    showsStatements: Known<boolean>
    compressed: Known<boolean>
    encrypted: Known<boolean>
  }
  undo: {
    /** Names; none: it lies in the system tablespace. */
    tablespaces: Known<readonly string[]>
    truncates: Known<boolean>
  }
  /** MariaDB zeroes pages when it frees them. */
  scrubsFreedPages: Known<boolean>
  redoBytes: Known<number>
  doublewrite: Known<boolean>
  statementHistory: Known<boolean>
  /** How many are connected. */
  replicas: Known<number>
  triggers: Known<readonly string[]>
  /** Histograms of `credentials.plaintext`. */
  columnStatistics: Known<boolean>
  /** The table's pages are compressed or encrypted: a search through the files proves nothing. */
  pagesHidden: Known<boolean>
}

/** Reads what our rights show. Throws only if the database cannot be reached. */
export async function readServerFacts(db: Knex): Promise<ServerFacts> {
  const variables = await readPairs(db, 'SHOW GLOBAL VARIABLES')
  const { version, comment, account, name, startedAt } = await readIdentity(db)
  const flavour = /mariadb/i.test(`${version} ${comment}`) ? 'MariaDB' : 'MySQL'
  const dataDirectory = variables.text('datadir')
  const fileOf = (variable: string): Known<string> => {
    const file = variables.text(variable)
    return file === 'unknown' || dataDirectory === 'unknown' ? file : path.posix.resolve(dataDirectory, file)
  }
  return {
    flavour,
    version: /\d+(\.\d+)+/.exec(version)?.[0] ?? version,
    account,
    database: name,
    dataDirectory,
    startedAt,
    generalLog: { on: variables.flag('general_log'), file: fileOf('general_log_file') },
    slowLog: {
      on: variables.flag('slow_query_log'),
      file: fileOf('slow_query_log_file'),
      thresholdS: variables.number('long_query_time'),
    },
    logOutput: variables.list('log_output'),
    auditLog: auditLogOf(variables),
    binaryLog: { ...binaryLogOf(variables, flavour), mayChooseRowImage: await tryRowImage(db) },
    undo: {
      tablespaces: flavour === 'MariaDB' ? mariadbUndo(variables) : await readUndoNames(db),
      truncates: variables.flag('innodb_undo_log_truncate'),
    },
    scrubsFreedPages: flavour === 'MariaDB' ? variables.flag('innodb_immediate_scrub_data_uncompressed') : false,
    redoBytes: redoBytesOf(variables),
    doublewrite: variables.flag('innodb_doublewrite'),
    statementHistory: statementHistoryOf(variables),
    replicas: await countReplicas(db),
    triggers: await readTriggers(db),
    columnStatistics: await readColumnStatistics(db, flavour),
    pagesHidden: await readPagesHidden(db),
  }
}

interface Identity {
  version: string
  comment: string
  account: Known<string>
  name: string
  startedAt: Known<Date>
}

async function readIdentity(db: Knex): Promise<Identity> {
  const [[row]] = (await db.raw(
    `SELECT VERSION() AS version, @@version_comment AS comment, DATABASE() AS name, ${grantee} AS account,
       UTC_TIMESTAMP(3) AS now`,
  )) as [[Omit<Identity, 'startedAt'> & { now: Date }]]
  const uptime = (await readPairs(db, "SHOW GLOBAL STATUS LIKE 'Uptime'")).number('Uptime')
  const startedAt = uptime === 'unknown' ? uptime : new Date(row.now.getTime() - uptime * 1000)
  return { ...row, startedAt }
}

/** CURRENT_USER() with quotes, as `information_schema` has it; a user's name may hold an @, a host's may not. */
const grantee = `CONCAT('''', LEFT(CURRENT_USER(), CHAR_LENGTH(CURRENT_USER()) - CHAR_LENGTH(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)) - 1), '''@''', SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''')`

function auditLogOf(variables: Variables): ServerFacts['auditLog'] {
  if (variables.flag('server_audit_logging') === true) return variables.text('server_audit_file_path')
  const file = variables.text('audit_log_file')
  return file === 'unknown' || variables.text('audit_log_policy').toUpperCase() === 'NONE' ? null : file
}

function binaryLogOf(
  variables: Variables,
  flavour: ServerFacts['flavour'],
): Omit<ServerFacts['binaryLog'], 'mayChooseRowImage'> {
  const mariadb = flavour === 'MariaDB'
  return {
    on: variables.flag('log_bin'),
    format: variables.text('binlog_format'),
    rowImage: variables.text('binlog_row_image'),
    expiresAfterS: expiryOf(variables),
    showsStatements: variables.flag(mariadb ? 'binlog_annotate_row_events' : 'binlog_rows_query_log_events'),
    compressed: variables.flag(mariadb ? 'log_bin_compress' : 'binlog_transaction_compression'),
    encrypted: variables.flag(mariadb ? 'encrypt_binlog' : 'binlog_encryption'),
  }
}

function expiryOf(variables: Variables): Known<number> {
  if (variables.flag('binlog_expire_logs_auto_purge') === false) return 0
  const seconds = variables.number('binlog_expire_logs_seconds')
  if (seconds !== 'unknown') return seconds
  const days = variables.number('expire_logs_days')
  return days === 'unknown' ? days : days * 86_400
}

/** Whether we may keep old values out of the binary log; tried on one connection, where it is put back at once. */
async function tryRowImage(db: Knex): Promise<Known<boolean>> {
  const connection = await db.client.acquireConnection()
  try {
    const rows = await ask<{ image: string }>(db, 'SELECT @@SESSION.binlog_row_image AS image', connection)
    const image = rows === 'unknown' ? undefined : rows[0]?.image
    if (image === undefined || !/^\w+$/.test(image)) return 'unknown'
    if ((await ask(db, 'SET SESSION binlog_row_image = MINIMAL', connection)) === 'unknown') return false
    await db.raw(`SET SESSION binlog_row_image = ${image}`).connection(connection)
    return true
  } finally {
    await db.client.releaseConnection(connection)
  }
}

function mariadbUndo(variables: Variables): Known<readonly string[]> {
  const count = variables.number('innodb_undo_tablespaces')
  if (count === 'unknown') return count
  return Array.from({ length: count }, (_, index) => `undo${String(index + 1).padStart(3, '0')}`)
}

async function readUndoNames(db: Knex): Promise<Known<readonly string[]>> {
  const rows = await ask<{ name: string }>(
    db,
    "SELECT NAME AS name FROM information_schema.INNODB_TABLESPACES WHERE SPACE_TYPE = 'Undo' ORDER BY NAME",
  )
  return rows === 'unknown' || rows.length === 0 ? 'unknown' : rows.map(({ name }) => name)
}

function redoBytesOf(variables: Variables): Known<number> {
  const capacity = variables.number('innodb_redo_log_capacity')
  if (capacity !== 'unknown' && capacity > 0) return capacity
  const size = variables.number('innodb_log_file_size')
  const files = variables.number('innodb_log_files_in_group')
  return size === 'unknown' ? size : size * (files === 'unknown' ? 1 : files)
}

function statementHistoryOf(variables: Variables): Known<boolean> {
  const on = variables.flag('performance_schema')
  if (on !== true) return on
  const size = variables.number('performance_schema_events_statements_history_size')
  return size === 'unknown' ? size : size !== 0
}

/** Those that are connected; a server that does not let us see other sessions shows none, which proves nothing. */
async function countReplicas(db: Knex): Promise<Known<number>> {
  for (const statement of ['SHOW REPLICAS', 'SHOW SLAVE HOSTS']) {
    const rows = await ask(db, statement)
    if (rows !== 'unknown' && rows.length > 0) return rows.length
  }
  const rows = await ask<{ count: number }>(
    db,
    "SELECT COUNT(*) AS count FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'",
  )
  const count = rows === 'unknown' ? 0 : Number(rows[0]?.count ?? 0)
  return count > 0 || (rows !== 'unknown' && (await holdsRight(db, 'PROCESS'))) ? count : 'unknown'
}

async function readTriggers(db: Knex): Promise<Known<readonly string[]>> {
  const rows = await ask<{ name: string }>(
    db,
    `SELECT TRIGGER_NAME AS name FROM information_schema.TRIGGERS
       WHERE EVENT_OBJECT_SCHEMA = DATABASE() AND EVENT_OBJECT_TABLE = 'credentials' ORDER BY TRIGGER_NAME`,
  )
  if (rows === 'unknown') return rows
  return rows.length > 0 || (await holdsRight(db, 'TRIGGER')) ? rows.map(({ name }) => name) : 'unknown'
}

/** Rights that came to us by a role are not seen, and count as not held. */
async function holdsRight(db: Knex, right: 'PROCESS' | 'TRIGGER'): Promise<boolean> {
  const own = `GRANTEE = ${grantee} AND PRIVILEGE_TYPE = '${right}'`
  const rows = await ask(
    db,
    `SELECT 1 FROM information_schema.USER_PRIVILEGES WHERE ${own}
     UNION ALL SELECT 1 FROM information_schema.SCHEMA_PRIVILEGES WHERE ${own} AND DATABASE() LIKE TABLE_SCHEMA
     UNION ALL SELECT 1 FROM information_schema.TABLE_PRIVILEGES
       WHERE ${own} AND TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'credentials'`,
  )
  return rows !== 'unknown' && rows.length > 0
}

async function readColumnStatistics(db: Knex, flavour: ServerFacts['flavour']): Promise<Known<boolean>> {
  const rows = await ask(
    db,
    flavour === 'MySQL'
      ? `SELECT 1 FROM information_schema.COLUMN_STATISTICS
           WHERE SCHEMA_NAME = DATABASE() AND TABLE_NAME = 'credentials' AND COLUMN_NAME = 'plaintext'`
      : `SELECT 1 FROM mysql.column_stats
           WHERE db_name = DATABASE() AND table_name = 'credentials' AND column_name = 'plaintext'`,
  )
  return rows === 'unknown' ? rows : rows.length > 0
}

async function readPagesHidden(db: Knex): Promise<Known<boolean>> {
  const rows = await ask<{ format: string | null; options: string | null }>(
    db,
    `SELECT ROW_FORMAT AS format, CREATE_OPTIONS AS options FROM information_schema.TABLES
       WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'credentials'`,
  )
  const [row] = rows === 'unknown' ? [] : rows
  if (row === undefined) return 'unknown'
  return /compress|encrypt/i.test(`${row.format} ${row.options}`)
}
