// A connection to an account's server for an operation that looks at all of its mail. It is one of its own: polls go on meanwhile.
import { AccountError } from '../errors/errors.ts'
import type { ImapSession, Login } from '../fetch/mailbox.ts'
import type { AccountDetail } from '../store/accounts/accounts.ts'
import { getDestination } from '../store/accounts/destinations.ts'
import { withSecret } from '../vault/secrets/open-secret.ts'
import type { Deps } from './deps.ts'
import { refuseResting } from './test-account.ts'

const silenceMs = 60_000
/** A mailbox may hold a million mails. */
const maxSeconds = 1_800

/** Lends a session that is logged in. Throws AccountError, `imap.timeout` after half an hour. */
export async function withAccountSession<T>(
  { db, openSecret, openSession }: Pick<Deps, 'db' | 'openSecret' | 'openSession'>,
  account: AccountDetail,
  use: (session: ImapSession, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { id } = account
  await refuseResting({ db }, id)
  const { oauth, ...destination } = await getDestination(db, id)
  const signal = AbortSignal.timeout(maxSeconds * 1000)
  const open = (secret: Login) => openSession(account, destination, secret, { timeoutMs: silenceMs, signal })
  try {
    await using session = await withSecret({ id, destination, oauth }, openSecret, open)
    signal.addEventListener('abort', () => session.close(), { once: true })
    return await use(session, signal)
  } catch (error) {
    if (!signal.aborted) throw error
    throw new AccountError('imap.timeout', { account: id, seconds: maxSeconds }, { temporary: true, cause: error })
  }
}
