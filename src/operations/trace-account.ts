// The protocol of one connection of an account, as it may be shown (fetch/redact-line.ts): login, STATUS, EXAMINE and the UIDs that a poll would ask
// for. The connection is one of its own, mailboxes are opened read-only, and nothing is fetched or settled.
import { z } from 'zod'
import { AccountError, IngestError } from '../errors/errors.ts'
import type { ImapSession, Login } from '../fetch/mailbox.ts'
import type { TraceLine } from '../fetch/trace-session.ts'
import { resumeFrom } from '../poll/cursor.ts'
import { type AccountDetail, getAccount } from '../store/accounts/accounts.ts'
import { getDestination } from '../store/accounts/destinations.ts'
import { findMailboxes, type StoredMailbox } from '../store/accounts/mailboxes.ts'
import { inTransaction } from '../store/db/database.ts'
import { withSecret } from '../vault/secrets/open-secret.ts'
import { whichAccount } from './account-input.ts'
import type { Deps } from './deps.ts'
import { defineOperation } from './operation.ts'
import { refuseResting } from './test-account.ts'

const maxSeconds = 60
const silenceMs = 20_000
/** So many UIDs of each mailbox are listed. */
const listedMails = 20

export interface TraceDeps extends Pick<Deps, 'db' | 'openSecret' | 'openSession'> {
  /** Is told each line as it comes: a server that hangs is understood by the last one. */
  traced?(line: TraceLine): void
}

export const traceAccount = defineOperation({
  name: 'account.trace',
  who: 'admin',
  summary: 'log in as a poll does and show commands and answers, without passwords, tokens or mail text',
  input: z.strictObject({ account: whichAccount }),
  /** Resolves to what the connection failed with, or null: what was traced counts either way. */
  async work(deps: TraceDeps, { input, audit }): Promise<{ failure: IngestError | null }> {
    const account = await getAccount(deps.db, input.account)
    const { host, port } = account
    await refuseResting(deps, account.id)
    const failure = await trace(deps, account).then(
      () => null,
      error => (error instanceof IngestError ? error : Promise.reject(error)),
    )
    const detail = { host, port, end: failure?.code ?? 'ok' }
    await inTransaction(deps.db, trx => audit(trx, { accountId: account.id, detail }))
    return { failure }
  },
})

async function trace({ db, openSecret, openSession, traced }: TraceDeps, account: AccountDetail): Promise<void> {
  const { id, afterIngest } = account
  const { oauth, ...destination } = await getDestination(db, id)
  const mailboxes = await findMailboxes(db, id)
  const target = afterIngest.startsWith('move:') ? [afterIngest.slice('move:'.length)] : []
  const names = ['INBOX', ...mailboxes.map(({ name }) => name), ...target]
  const signal = AbortSignal.timeout(maxSeconds * 1000)
  const line = traced ?? (() => {})
  const open = (secret: Login) =>
    openSession(account, destination, secret, { timeoutMs: silenceMs, signal, trace: { names, line } })
  try {
    await using session = await withSecret({ id, destination, oauth }, openSecret, open)
    signal.addEventListener('abort', () => session.close(), { once: true })
    for (const mailbox of mailboxes) await lookInto(session, mailbox)
    for (const name of target) await session.status(name)
  } catch (error) {
    if (!signal.aborted) throw error
    throw new AccountError('imap.timeout', { account: id, seconds: maxSeconds }, { temporary: true, cause: error })
  }
}

async function lookInto(session: ImapSession, stored: StoredMailbox): Promise<void> {
  await session.status(stored.name)
  const mailbox = await session.select(stored.name, 'read-only')
  await mailbox.list(resumeFrom(stored, mailbox.state, 'all').lastUid + 1, listedMails)
}
