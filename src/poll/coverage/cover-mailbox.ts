// Compares all that a mailbox holds on the server with the rows, in windows. Nothing is fetched but UIDs, sizes and dates.
import type { Knex } from 'knex'
import type { Mailbox } from '../../fetch/mailbox.ts'
import type { StoredMailbox } from '../../store/accounts/mailboxes.ts'
import { findCoveredRows } from '../../store/accounts/uids-to-read.ts'
import { type CoverageContext, type Fate, fateOf } from './fate.ts'

/** The numbers add up to `onServer`. */
export type Coverage = Record<Exclude<Fate, 'uncovered'>, number> & { onServer: number; uncovered: number[] }

const windowSize = 1_000

/** `stored` was read before the mailbox was opened: what is ingested meanwhile has its row, or counts as waiting. */
export async function coverMailbox(
  db: Knex,
  mailbox: Mailbox,
  stored: StoredMailbox,
  { startFrom, createdAt, signal }: Omit<CoverageContext, 'cursor'> & { signal: AbortSignal },
): Promise<Coverage> {
  const { uidValidity } = mailbox.state
  const cursor = stored.uidValidity === uidValidity ? { ...stored, uidValidity } : null
  const coverage: Coverage = {
    onServer: 0,
    ...{ created: 0, appended: 0, ignored: 0, duplicate: 0, quarantined: 0, beforeStart: 0, waiting: 0 },
    uncovered: [],
  }
  for (let first = 1; ; ) {
    signal.throwIfAborted()
    const listed = await mailbox.list(first, windowSize)
    const uids = listed.map(({ uid }) => uid)
    const rows = await mailbox.keepAwake(findCoveredRows(db, { mailboxId: stored.id, uidValidity }, uids))
    for (const meta of listed) {
      const fate = fateOf(meta, rows.get(meta.uid), { cursor, startFrom, createdAt })
      coverage.onServer += 1
      if (fate === 'uncovered') coverage.uncovered.push(meta.uid)
      else coverage[fate] += 1
    }
    const last = uids.at(-1)
    if (last === undefined) return coverage
    first = last + 1
  }
}
