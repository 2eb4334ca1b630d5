// PURE  the statements and commands that clear a place, for one server's flavour and version. SQL ends with a semicolon, a
// comment after it says when to go on.
import type { ServerFacts } from './server-facts.ts'

/** Rebuilds the table, then overwrites redo, undo and doublewrite. */
export const scrubCommand = 'letterlock encryption audit --scrub'

export function logStatements(facts: ServerFacts, log: 'general' | 'slow'): string[] {
  const [variable, table] = log === 'general' ? ['general_log', 'general_log'] : ['slow_query_log', 'slow_log']
  const { file } = log === 'general' ? facts.generalLog : facts.slowLog
  const output = facts.logOutput
  const inTable = output === 'unknown' || output.includes('TABLE')
  const inFile = output === 'unknown' || output.includes('FILE')
  return [
    `SET GLOBAL ${variable} = OFF;`,
    ...(inTable ? [`TRUNCATE TABLE mysql.${table};`] : []),
    ...(inFile && file !== 'unknown' ? [`shred --remove ${quoted(file)}`] : []),
  ]
}

export function statementHistoryStatements({ flavour }: ServerFacts): string[] {
  return [
    'TRUNCATE TABLE performance_schema.events_statements_history;',
    'TRUNCATE TABLE performance_schema.events_statements_history_long;',
    ...(flavour === 'MySQL' ? ['TRUNCATE TABLE performance_schema.events_statements_summary_by_digest;'] : []),
  ]
}

export function statisticsStatements({ flavour, database }: ServerFacts): string[] {
  if (flavour === 'MySQL') return [`ANALYZE TABLE \`${database}\`.credentials DROP HISTOGRAM ON plaintext;`]
  return [
    `DELETE FROM mysql.column_stats WHERE db_name = '${database}' AND table_name = 'credentials';`,
    `FLUSH TABLES \`${database}\`.credentials;`,
  ]
}

export function rebuildStatements({ database }: ServerFacts): string[] {
  return [`ALTER TABLE \`${database}\`.credentials ENGINE=InnoDB;`]
}

export function undoStatements({ flavour, undo, scrubsFreedPages }: ServerFacts, sealed: boolean): string[] {
  if (flavour === 'MySQL') return emptiedInTurn(undo.tablespaces === 'unknown' ? shippedUndo : undo.tablespaces)
  if (sealed) return [scrubCommand]
  return scrubsFreedPages === true ? [] : ['SET GLOBAL innodb_immediate_scrub_data_uncompressed = ON;']
}

const shippedUndo = ['innodb_undo_001', 'innodb_undo_002']
const spare = 'letterlock_undo'

/** The server wants two that are in use at any moment, so a spare one stands in. */
function emptiedInTurn(names: readonly string[]): string[] {
  const state = (name: string): string =>
    `SELECT STATE FROM information_schema.INNODB_TABLESPACES WHERE NAME = '${name}'; -- again, until it says "empty"`
  return [
    `CREATE UNDO TABLESPACE ${spare} ADD DATAFILE '${spare}.ibu';`,
    ...names
      .filter(name => name !== spare)
      .flatMap(name => [
        `ALTER UNDO TABLESPACE \`${name}\` SET INACTIVE;`,
        state(name),
        `ALTER UNDO TABLESPACE \`${name}\` SET ACTIVE;`,
      ]),
    `ALTER UNDO TABLESPACE ${spare} SET INACTIVE;`,
    state(spare),
    `DROP UNDO TABLESPACE ${spare};`,
  ]
}

export function rowImageStatements({ flavour, account }: ServerFacts): string[] {
  const right = flavour === 'MySQL' ? 'SESSION_VARIABLES_ADMIN' : 'BINLOG ADMIN'
  return [account === 'unknown' ? 'SET GLOBAL binlog_row_image = MINIMAL;' : `GRANT ${right} ON *.* TO ${account};`]
}

/** The file in use is never purged, so a new one is begun first; the server may still use the old one for a moment. */
export function binaryLogStatements(): string[] {
  return [
    'FLUSH BINARY LOGS;',
    'PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 MINUTE; -- again, while SHOW BINARY LOGS lists more than one',
  ]
}

export function diskStatements({ dataDirectory }: ServerFacts): string[] {
  if (dataDirectory === 'unknown') return []
  return [`fstrim --verbose "$(findmnt --noheadings --output TARGET --target ${quoted(dataDirectory)})"`]
}

function quoted(file: string): string {
  return /^[\w./@%+=:,-]+$/.test(file) ? file : `'${file.replaceAll("'", "'\\''")}'`
}
