// PURE  judges of what records statements and changes: the server's logs, its memory of statements, and its replicas.
import { clean, found, type Judgement, type Moment } from './judgement.ts'
import {
  binaryLogStatements,
  logStatements,
  rowImageStatements,
  statementHistoryStatements,
} from './residue-statements.ts'
import type { ServerFacts } from './server-facts.ts'

export function judgeGeneralLog(facts: ServerFacts): Judgement {
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

export function judgeSlowLog(facts: ServerFacts): Judgement {
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

export function judgeStatementHistory(facts: ServerFacts, { last }: Moment): Judgement {
  if (facts.statementHistory === false) return clean('the performance schema keeps no statements')
  if (facts.startedAt !== 'unknown' && facts.startedAt > last)
    return clean('the server was started since; it is kept in memory alone')
  const why =
    facts.statementHistory === 'unknown'
      ? 'the server does not show whether the performance schema keeps statements'
      : 'the performance schema keeps the last statements of each connection in memory; a restart of the server empties it'
  return found('unknown', 'database-admin', why, statementHistoryStatements(facts))
}

export function judgeBinaryLog(facts: ServerFacts, { now, last, sealed }: Moment): Judgement {
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

export function judgeReplicas({ replicas, binaryLog, flavour }: ServerFacts): Judgement {
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

function days(seconds: number): string {
  const count = seconds / 86_400
  return count >= 2 ? `${Math.round(count)} days` : `${Math.round(seconds / 3600)} hours`
}
