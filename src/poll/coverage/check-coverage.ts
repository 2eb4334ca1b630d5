// Once a day, all that a mailbox holds on the server is compared with the rows, and what has none is read, though the cursor has passed it: a server
// that lost its last days gives their UIDs to other mails, and one that once omitted a mail shows it later. A command may ask for such mails, too.

import { findMailboxes, type StoredMailbox } from '../../store/accounts/mailboxes.ts'
import { beginCovering, insertUidsToRead, updateCovered } from '../../store/accounts/uids-to-read.ts'
import { type OpenMailbox, readAsked } from '../ingest-mailbox.ts'
import type { Poll } from '../poll-context.ts'
import { coverMailbox } from './cover-mailbox.ts'

const everySeconds = 86_400

export function isCoverageDue({ coveredSecondsAgo }: StoredMailbox): boolean {
  return coveredSecondsAgo !== null && coveredSecondsAgo > everySeconds
}

/** Compares the mailbox if it is time, and reads what is missing or was asked for. After new mail, which must not wait for it. */
export async function checkCoverage(poll: Poll, box: OpenMailbox): Promise<void> {
  const { account, deps, signal } = poll
  const { stored, mailbox } = box
  const { uidValidity } = mailbox.state
  const compare = async () => {
    const known = (await findMailboxes(deps.db, account.id)).find(({ id }) => id === stored.id) ?? stored
    const { uncovered } = await coverMailbox(deps.db, mailbox, known, { ...account, signal })
    await updateCovered(deps.db, stored.id, uncovered.length)
    return uncovered
  }
  if (stored.coveredSecondsAgo === null) await beginCovering(deps.db, stored.id)
  const isDue = isCoverageDue(stored)
  const uncovered = isDue ? await compare() : []
  await insertUidsToRead(deps.db, { mailboxId: stored.id, uidValidity }, uncovered)
  if (uncovered.length === 0 && !stored.hasUidsToRead) return
  await readAsked(poll, box)
  await compare()
}
