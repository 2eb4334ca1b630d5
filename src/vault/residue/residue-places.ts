// PURE  one judge for each place in which a plaintext copy may lie: clean, dirty until when, or unknown, with the reason. A place
// is clean only where the server's own word says so; what its settings do not prove stays unknown.
import { clean, found, type Judgement, type Moment, type ResiduePlace } from './judgement.ts'
import { judgeBinaryLog, judgeGeneralLog, judgeReplicas, judgeSlowLog, judgeStatementHistory } from './residue-logs.ts'
import {
  diskStatements,
  rebuildStatements,
  scrubCommand,
  statisticsStatements,
  undoStatements,
} from './residue-statements.ts'
import type { ServerFacts } from './server-facts.ts'

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

function judgeTriggers({ triggers, database }: ServerFacts): Judgement {
  if (triggers === 'unknown')
    return found('unknown', 'database-admin', 'without the right TRIGGER the triggers of the table are not shown', [
      `SHOW TRIGGERS FROM \`${database}\` WHERE \`Table\` = 'credentials';`,
    ])
  if (triggers.length === 0) return clean('the table has none')
  return found(
    'unknown',
    'database-admin',
    'the table has triggers, which may have copied passwords elsewhere: look where they write; a general log that is on shows their statements with the values',
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
    const why = 'the undo log keeps overwritten values until its pages are used again'
    if (sealed) return found('dirty', 'we', why, statements)
    if (facts.scrubsFreedPages === true) return found('unknown', 'we', `${why}; this server zeroes freed pages`, [])
    return found('dirty', 'database-admin', `${why}; have the server zero freed pages before you seal`, statements)
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
