// The rows of a batch that the database refuses. A mail is blamed only by proof: it fails alone, while mails of our own go through at the same
// time. Then it is told as `message.unstorable`, and the others of its batch are ours; in every other case the database is at fault, and all waits.

import { IngestError, MessageError } from '../../errors/errors.ts'
import type { ArchivedMail, MailOutcome } from '../../model/mail-outcome.ts'
import type { MailboxChange } from '../../store/accounts/mailboxes.ts'
import { DatabaseError } from '../../store/db/database-error.ts'
import { type BatchContext, commitBatch, type IngestDeps } from './ingest-batch.ts'
import { probeStoring } from './probe-storing.ts'

/** The database refuses the rows of this mail, and takes others. */
export class RefusedMail extends MessageError {
  readonly uid: number

  constructor(accountId: number, uid: number, cause: unknown) {
    super('message.unstorable', { account: accountId, uid, why: whyOf(cause) }, { temporary: true, cause })
    this.uid = uid
  }
}

const packetTooLarge = 1153

/** A server says nothing of a statement that is too large, and ends the connection. */
function whyOf(cause: unknown): string {
  if (!(cause instanceof DatabaseError)) return cause instanceof Error ? cause.message : 'unknown'
  const isTooLarge = cause.code === 'db.unreachable' || cause.errno === packetTooLarge
  return isTooLarge
    ? 'the database ended the connection over it, as over what is larger than its max_allowed_packet'
    : cause.message
}

/**
 * Commits the mails with `change` of the mailbox's row, and calls `stored` with what is ours and how far. A batch that is refused while others go
 * through is committed in halves. Throws RefusedMail for one that is refused alone.
 */
export async function storeMails(
  deps: IngestDeps,
  context: BatchContext,
  archived: readonly ArchivedMail[],
  change: MailboxChange,
  stored: (outcomes: readonly MailOutcome[], change: MailboxChange) => void,
): Promise<void> {
  const commit = async () => stored(await commitBatch(deps, context, archived, change), change)
  try {
    return await commit()
  } catch (error) {
    if (archived.length === 0 || !mayBeOfMail(error)) throw error
  }
  await probeStoring(deps.db, { id: context.mailbox.id, accountId: context.account.id })
  const [first] = archived
  if (archived.length === 1) {
    return await commit().catch(error => {
      throw first !== undefined && mayBeOfMail(error)
        ? new RefusedMail(context.account.id, first.mail.uid, error)
        : error
    })
  }
  const [before, after] = halves(archived)
  const next = { uid: after[0]?.mail.uid ?? 0, size: after.length, failures: 0 }
  const upTo = Math.min(before.at(-1)?.mail.uid ?? 0, change.lastUid ?? 0)
  await storeMails(deps, context, before, { lastUid: upTo, inFlight: next }, stored)
  await storeMails(deps, context, after, change, stored)
}

/** False where the failure says by itself that no mail is at fault. */
function mayBeOfMail(error: unknown): boolean {
  if (error instanceof DatabaseError) return error.blame === 'unknown'
  return !(error instanceof IngestError)
}

function halves(archived: readonly ArchivedMail[]): [readonly ArchivedMail[], readonly ArchivedMail[]] {
  const middle = Math.ceil(archived.length / 2)
  return [archived.slice(0, middle), archived.slice(middle)]
}
