// Whether anything is missing: every mail that the server holds, by what became of it. The connection is one of its own, mailboxes are opened
// read-only, and nothing is fetched: what has no row is asked for, and the worker that owns the account reads it at its next poll.
import { z } from 'zod'
import { IngestError } from '../errors/errors.ts'
import type { ImapSession } from '../fetch/mailbox.ts'
import { type Coverage, coverMailbox } from '../poll/coverage/cover-mailbox.ts'
import { makeDue } from '../store/accounts/account-changes.ts'
import { type AccountDetail, findAccounts, getAccount } from '../store/accounts/accounts.ts'
import { findMailboxes } from '../store/accounts/mailboxes.ts'
import { toStartFrom } from '../store/accounts/polled-account.ts'
import { insertUidsToRead, updateCovered } from '../store/accounts/uids-to-read.ts'
import { inTransaction } from '../store/db/database.ts'
import { whichAccount } from './account-input.ts'
import { withAccountSession } from './account-session.ts'
import type { Deps } from './deps.ts'
import { defineOperation } from './operation.ts'

/** Of one mailbox. The numbers add up to `onServer`. */
export interface MailboxCoverage extends Coverage {
  address: string
  mailbox: string
}

export interface CoverageReport {
  mailboxes: MailboxCoverage[]
  /** Accounts that could not be looked into. */
  failures: { account: number; address: string; error: IngestError }[]
}

export const coverAccounts = defineOperation({
  name: 'account.coverage',
  who: 'admin',
  summary: 'compare the server with what was received, name what is missing and fetch it',
  input: z.strictObject({ account: whichAccount.optional() }),
  async work(deps: Pick<Deps, 'db' | 'openSecret' | 'openSession'>, { input, audit }): Promise<CoverageReport> {
    const report: CoverageReport = { mailboxes: [], failures: [] }
    for (const which of input.account === undefined ? await enabledIds(deps) : [input.account]) {
      const account = await getAccount(deps.db, which)
      const { id, address } = account
      try {
        const found = await withAccountSession(deps, account, (session, signal) =>
          coverMailboxes({ db: deps.db, session, account, signal }),
        )
        report.mailboxes.push(...found)
        const uncovered = found.reduce((sum, mailbox) => sum + mailbox.uncovered.length, 0)
        await inTransaction(deps.db, async trx => {
          if (uncovered > 0) await makeDue(trx, id)
          await audit(trx, { accountId: id, detail: { mailboxes: found.length, uncovered } })
        })
      } catch (error) {
        if (!(error instanceof IngestError)) throw error
        await inTransaction(deps.db, trx => audit(trx, { accountId: id, detail: { failed: error.code } }))
        report.failures.push({ account: id, address, error })
      }
    }
    return report
  },
})

async function enabledIds({ db }: Pick<Deps, 'db'>): Promise<string[]> {
  return (await findAccounts(db)).filter(({ state }) => state !== 'paused').map(({ id }) => String(id))
}

interface Covering extends Pick<Deps, 'db'> {
  session: ImapSession
  account: AccountDetail
  signal: AbortSignal
}

async function coverMailboxes({ db, session, account, signal }: Covering): Promise<MailboxCoverage[]> {
  const { id, address, createdAt } = account
  const startFrom = toStartFrom(account.startFrom, id)
  const found: MailboxCoverage[] = []
  for (const stored of await findMailboxes(db, id)) {
    const mailbox = await session.select(stored.name, 'read-only')
    const coverage = await coverMailbox(db, mailbox, stored, { startFrom, createdAt, signal })
    const place = { mailboxId: stored.id, uidValidity: mailbox.state.uidValidity }
    await insertUidsToRead(db, place, coverage.uncovered)
    await updateCovered(db, stored.id, coverage.uncovered.length)
    found.push({ address, mailbox: stored.name, ...coverage })
  }
  return found
}
