// Older mail that the start of an account passed over: it is asked for, and the worker that owns the account reads it beside new mail. The cursor
// of new mail stays.
import { z } from 'zod'
import { IngestError } from '../errors/errors.ts'
import type { Mailbox } from '../fetch/mailbox.ts'
import { makeDue } from '../store/accounts/account-changes.ts'
import { getAccount } from '../store/accounts/accounts.ts'
import { findMailboxes, type StoredMailbox } from '../store/accounts/mailboxes.ts'
import { findCoveredRows, insertUidsToRead } from '../store/accounts/uids-to-read.ts'
import { inTransaction } from '../store/db/database.ts'
import { whichAccount } from './account-input.ts'
import { withAccountSession } from './account-session.ts'
import type { Deps } from './deps.ts'
import { defineOperation } from './operation.ts'

const day = z.iso.date({ error: 'must be a day as 2026-01-31' }).transform(text => new Date(`${text}T00:00:00Z`))

export const backfillAccount = defineOperation({
  name: 'account.backfill',
  who: 'admin',
  summary: 'fetch older mail that was there before the account started',
  input: z.strictObject({
    account: whichAccount,
    since: day.describe('fetch mail received on or after this day (UTC), for example 2026-01-31'),
  }),
  /** What was asked for before a failure is read all the same. */
  async work(
    deps: Pick<Deps, 'db' | 'openSecret' | 'openSession'>,
    { input, audit },
  ): Promise<{ id: number; mails: number; failure: IngestError | null }> {
    const { db } = deps
    const account = await getAccount(db, input.account)
    const { id } = account
    let mails = 0
    const failure = await withAccountSession(deps, account, async (session, signal) => {
      for (const stored of await findMailboxes(db, id)) {
        const mailbox = await session.select(stored.name, 'read-only')
        mails += await askFor(db, mailbox, stored, input.since, signal)
      }
    }).then(
      () => null,
      error => (error instanceof IngestError ? error : Promise.reject(error)),
    )
    await inTransaction(db, async trx => {
      if (mails > 0) await makeDue(trx, id)
      const since = input.since.toISOString().slice(0, 10)
      await audit(trx, { accountId: id, detail: { since, mails, end: failure?.code ?? 'ok' } })
    })
    return { id, mails, failure }
  },
})

const windowSize = 1_000

/** Asks for the mails that the cursor has passed and that have no row. Returns how many. */
async function askFor(
  db: Deps['db'],
  mailbox: Mailbox,
  stored: StoredMailbox,
  since: Date,
  signal: AbortSignal,
): Promise<number> {
  const place = { mailboxId: stored.id, uidValidity: mailbox.state.uidValidity }
  // What was not read under this UIDVALIDITY yet is new mail: the next poll reads it by its start.
  if (stored.uidValidity !== place.uidValidity) return 0
  let asked = 0
  for (let first = 1; first <= stored.lastUid; ) {
    signal.throwIfAborted()
    const listed = await mailbox.list(first, windowSize)
    const wanted = listed.filter(({ uid, receivedAt }) => uid <= stored.lastUid && receivedAt >= since)
    const uids = wanted.map(({ uid }) => uid)
    const rows = await findCoveredRows(db, place, uids)
    const without = uids.filter(uid => !rows.has(uid))
    await insertUidsToRead(db, place, without)
    asked += without.length
    first = (listed.at(-1)?.uid ?? stored.lastUid) + 1
  }
  return asked
}
