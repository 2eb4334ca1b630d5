// PURE. What became of a mail that the server holds: its outcome, or why it has none. Every mail has exactly one fate, so the numbers add up.
import type { MessageMeta, StartFrom } from '../../model/mail.ts'
import { type Cursor, isWanted } from '../cursor.ts'

/** `beforeStart`: it was there before the account's start. `waiting`: the cursor has not passed it. `uncovered`: it should have a row and has none. */
export type Fate =
  | 'created'
  | 'appended'
  | 'ignored'
  | 'duplicate'
  | 'quarantined'
  | 'beforeStart'
  | 'waiting'
  | 'uncovered'

/** The row that a UID has. */
export interface CoveredRow {
  result: 'created' | 'appended' | 'ignored' | 'duplicate' | 'quarantined'
  receivedAt: Date | null
  /** False where nothing of the mail could be fetched. */
  isKept: boolean
}

export interface CoverageContext {
  /** Null: the mailbox was never opened under this UIDVALIDITY. */
  cursor: Cursor | null
  startFrom: StartFrom
  createdAt: Date
}

export function fateOf(meta: MessageMeta, row: CoveredRow | undefined, context: CoverageContext): Fate {
  const { cursor, startFrom, createdAt } = context
  if (row !== undefined) return isReissued(meta, row) ? 'uncovered' : row.result
  if (cursor === null || meta.uid > cursor.lastUid) return 'waiting'
  const { startBeforeUid, rereadBeforeUid } = cursor
  // The first poll of such an account began behind everything that was there, whatever its date.
  if (startFrom === 'new' && rereadBeforeUid === 0 && meta.uid < startBeforeUid) return 'beforeStart'
  return isWanted(meta, cursor, startFrom, createdAt) ? 'uncovered' : 'beforeStart'
}

/** INTERNALDATE is stated in whole seconds. */
const sameMs = 1_000

/** A mail never changes its INTERNALDATE (RFC 9051 §2.3.3): another one under the UID of a row is another mail, as after a restore of the server. */
function isReissued({ receivedAt }: MessageMeta, row: CoveredRow): boolean {
  if (!row.isKept || row.receivedAt === null || receivedAt.getTime() === 0) return false
  return Math.abs(receivedAt.getTime() - row.receivedAt.getTime()) >= sameMs
}
