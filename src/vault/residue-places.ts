// PURE  one judge for each place in which a plaintext copy may lie: clean, dirty until when, or unknown, with the reason. A place
// is clean only where the server's own word says so; what its settings do not prove stays unknown.
import {
  binaryLogStatements,
  diskStatements,
  logStatements,
  rebuildStatements,
  rowImageStatements,
  scrubCommand,
  statementHistoryStatements,
  statisticsStatements,
  undoStatements,
} from './residue-statements.ts'
import type { ServerFacts } from './server-facts.ts'

export type ResiduePlace =
  | 'general-log'
  | 'slow-log'
  | 'statement-history'
  | 'triggers'
  | 'statistics'
  | 'table-pages'
  | 'undo'
  | 'redo'
  | 'doublewrite'
  | 'binary-log'
  | 'replicas'
  | 'backups'
  | 'disk'

export interface Residue {
  place: ResiduePlace
  state: 'clean' | 'dirty' | 'unknown'
  /** When the copy goes by itself; null: at no time that is known. */
  until: Date | null
  /** A sentence or two. */
  why: string
  /** For this server, in the order that works: SQL ends with a semicolon, everything else is for a shell. */
  statements: string[]
  who: 'we' | 'database-admin' | 'system-admin'
}

export interface Moment {
  now: Date
  last: Date
  scrubbed: boolean
  sealed: boolean
}

export type Judgement = Omit<Residue, 'place'>

/** In the order in which the places have to be cleared. */
export const judges: Record<ResiduePlace, (facts: ServerFacts, moment: Moment) => Judgement> = {
  'general-log': judgeGeneralLog,
  'slow-log': judgeSlowLog,
  'statement-history': judgeStatementHistory,
  triggers: judgeTriggers,
  statistics: judgeStatistics,
  'table-pages': judgeTablePages,
  undo: judgeUndo,
  redo: judgeRedo,
  doublewrite: judgeDoublewrite,
  'binary-log': judgeBinaryLog,
  replicas: judgeReplicas,
  backups: judgeBackups,
  disk: judgeDisk,
}

export function clean(why: string): Judgement {
  return { state: 'clean', until: null, why, statements: [], who: 'we' }
}

const found = (
  state: 'dirty' | 'unknown',
  who: Residue['who'],
  why: string,
  statements: string[] = [],
  until: Date | null = null,
): Judgement => ({ state, until, why, statements, who })

function judgeGeneralLog(facts: ServerFacts): Judgement {
  const { on } = facts.generalLog
  const audited = typeof facts.auditLog === 'string' && facts.auditLog !== 'unknown' ? facts.auditLog : undefined
  if (audited !== undefined)
    return found(
      'dirty',
      'database-admin',
      `an audit plug-in records statements (${audited}), with every password that a helpdesk writes; switch it off for this schema, then remove its old files`,
      on === true ? logStatements(facts, 'general') : [],
    )
  if (on === 'unknown') return found('unknown', 'database-admin', 'the server does not show whether it is on')
  if (on)
    return found(
      'dirty',
      'database-admin',
      'it is on: every statement with a password in its text stands in it, and nothing removes it by itself',
      logStatements(facts, 'general'),
    )
  return clean(`it is off${leftBehind(facts.generalLog.file)}`)
}

function leftBehind(file: string): string {
  return file === 'unknown' ? '' : `; had it been on while passwords were written, they would stand in ${file}`
}

function judgeSlowLog(facts: ServerFacts): Judgement {
  const { on, thresholdS } = facts.slowLog
  if (on === 'unknown') return found('unknown', 'database-admin', 'the server does not show whether it is on')
  if (!on) return clean(`it is off${leftBehind(facts.slowLog.file)}`)
  const statements = logStatements(facts, 'slow')
  if (thresholdS === 0)
    return found(
      'dirty',
      'database-admin',
      'it is on for every statement, with the passwords in their texts',
      statements,
    )
  const threshold = thresholdS === 'unknown' ? 'that were slow' : `that took over ${thresholdS} s`
  return found(
    'unknown',
    'database-admin',
    `it is on and holds statements ${threshold}; whether one of them wrote a password is not to be seen from here`,
    statements,
  )
}

function judgeStatementHistory(facts: ServerFacts, { last }: Moment): Judgement {
  if (facts.statementHistory === false) return clean('the performance schema keeps no statements')
  if (facts.startedAt !== 'unknown' && facts.startedAt > last)
    return clean('the server was started since; it is kept in memory alone')
  const why =
    facts.statementHistory === 'unknown'
      ? 'the server does not show whether the performance schema keeps statements'
      : 'the performance schema keeps the last statements of each connection in memory; a restart of the server empties it'
  return found('unknown', 'database-admin', why, statementHistoryStatements(facts))
}

function judgeTriggers({ triggers, database }: ServerFacts): Judgement {
  if (triggers === 'unknown')
    return found('unknown', 'database-admin', 'without the right TRIGGER the triggers of the table are not shown', [
      `SHOW TRIGGERS FROM \`${database}\` WHERE \`Table\` = 'credentials';`,
    ])
  if (triggers.length === 0) return clean('the table has none')
  return found(
    'unknown',
    'database-admin',
    'the table has triggers, which may have copied passwords elsewhere: look where they write',
    triggers.map(name => `SHOW CREATE TRIGGER \`${database}\`.\`${name}\`;`),
  )
}

function judgeStatistics(facts: ServerFacts): Judgement {
  if (facts.columnStatistics === false) return clean('there are none of the column')
  if (facts.columnStatistics === 'unknown')
    return found(
      'unknown',
      'database-admin',
      'statistics of columns hold some of their values; whether somebody made them of this one is not to be seen from here',
      statisticsStatements(facts),
    )
  return found(
    'dirty',
    'database-admin',
    'somebody made statistics of the column: they hold some of its values',
    statisticsStatements(facts),
  )
}

function judgeTablePages(facts: ServerFacts, { scrubbed }: Moment): Judgement {
  if (scrubbed) return clean('the table was rebuilt since')
  return found(
    'dirty',
    'we',
    'free space in the pages of the table keeps old values until it is used again; a rebuild leaves it behind',
    rebuildStatements(facts),
  )
}

function judgeUndo(facts: ServerFacts, { scrubbed, sealed }: Moment): Judgement {
  const statements = undoStatements(facts, sealed)
  if (facts.flavour === 'MariaDB') {
    if (scrubbed) return clean('it was overwritten since')
    const why =
      'the undo log keeps what was overwritten, also after it is of no more use, until its pages are used again'
    if (sealed) return found('dirty', 'we', why, statements)
    if (facts.scrubsFreedPages === true) return found('unknown', 'we', `${why}; here freed pages are zeroed`, [])
    return found(
      'dirty',
      'database-admin',
      `${why}; let the server zero freed pages before the rows are sealed`,
      statements,
    )
  }
  if (!sealed)
    return found(
      'dirty',
      'database-admin',
      'sealing will leave the old values in the undo tablespaces; they are emptied after it',
      [],
    )
  return found(
    scrubbed ? 'unknown' : 'dirty',
    'database-admin',
    scrubbed
      ? 'whether its tablespaces were emptied before the scrub is not to be seen from here'
      : 'the undo tablespaces keep what was overwritten until they are emptied, one after the other',
    statements,
  )
}

function judgeRedo({ redoBytes }: ServerFacts, { scrubbed }: Moment): Judgement {
  if (scrubbed) return clean('it was overwritten since')
  const much =
    redoBytes === 'unknown' ? 'what was written last' : `the last ${mebibytes(redoBytes)} MiB that were written`
  return found('dirty', 'we', `it holds ${much}, until as much again is written`, [scrubCommand])
}

function judgeDoublewrite({ doublewrite }: ServerFacts, { scrubbed }: Moment): Judgement {
  if (doublewrite === false) return clean('it is off')
  if (scrubbed) return clean('it was overwritten since')
  return found('dirty', 'we', 'it holds the pages that were written last, until others are', [scrubCommand])
}

function judgeBinaryLog(facts: ServerFacts, { now, last, sealed }: Moment): Judgement {
  const { on, expiresAfterS } = facts.binaryLog
  if (on === 'unknown') return found('unknown', 'database-admin', 'the server does not show whether it is on')
  if (!on) return clean('it is off')
  if (!sealed) return judgeRowImage(facts)
  const statements = binaryLogStatements()
  const why = 'it holds the passwords as they were once stored, and so do the files made from it'
  if (expiresAfterS === 'unknown')
    return found('unknown', 'database-admin', `${why}; when they expire is not shown`, statements)
  if (expiresAfterS === 0)
    return found('dirty', 'database-admin', `${why}; they never expire on this server`, statements)
  const until = new Date(last.getTime() + expiresAfterS * 1000)
  if (until > now)
    return found(
      'dirty',
      'database-admin',
      `${why}; a file expires ${days(expiresAfterS)} after its last entry`,
      statements,
      until,
    )
  return found(
    'unknown',
    'database-admin',
    'the files with the passwords have expired, but a server removes them only when it opens the next file',
    statements,
  )
}

function judgeRowImage(facts: ServerFacts): Judgement {
  const { format, rowImage, mayChooseRowImage } = facts.binaryLog
  if (format === 'STATEMENT' || rowImage === 'MINIMAL' || mayChooseRowImage === true)
    return found(
      'dirty',
      'database-admin',
      'sealing adds no password to it; those stored before stay until the log expires or is purged',
      [],
    )
  return found(
    'dirty',
    'database-admin',
    'sealing writes every password into it once more (binlog_row_image), unless our account may choose the minimal image',
    rowImageStatements(facts),
  )
}

function judgeReplicas({ replicas, binaryLog, flavour }: ServerFacts): Judgement {
  const show = flavour === 'MySQL' ? 'SHOW REPLICAS;' : 'SHOW SLAVE HOSTS;'
  if (binaryLog.on === false) return clean('without a binary log there can be none')
  const each = 'on each replica, and on what was ever restored from one, the same places want the same statements'
  if (replicas === 'unknown') return found('unknown', 'database-admin', `not visible to our account; ${each}`, [show])
  if (replicas > 0)
    return found(
      'dirty',
      'database-admin',
      `${replicas} connected; ${each}, and its relay logs hold the passwords too`,
      [show],
    )
  return found('unknown', 'database-admin', `none is connected now; ${each}`, [show])
}

function judgeBackups(): Judgement {
  return found(
    'unknown',
    'system-admin',
    'dumps, copies and snapshots made before the rows were sealed hold the passwords: make new ones and destroy the old',
  )
}

function judgeDisk(facts: ServerFacts): Judgement {
  return found(
    'unknown',
    'system-admin',
    'files that were rebuilt, purged or removed leave their blocks on the disk until these are used again or discarded',
    diskStatements(facts),
  )
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20)
}

function days(seconds: number): string {
  const count = seconds / 86_400
  return count >= 2 ? `${Math.round(count)} days` : `${Math.round(seconds / 3600)} hours`
}
