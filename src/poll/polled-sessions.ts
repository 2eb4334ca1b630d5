// Connections of polls: one that is kept from the last poll where there is one, or a new one, for which the secret is opened and
// lent for just as long as the login takes. An abort closes the connection, whatever it waits for. After the poll it is kept, and
// waits for mail where the account wants that and the server can.

import { createHash } from 'node:crypto'
import type { HostGate } from '../fetch/host-gate.ts'
import type { ImapSession, Login } from '../fetch/mailbox.ts'
import type { SessionPool, Wait } from '../fetch/session-pool.ts'
import type { Destination } from '../model/destination.ts'
import type { PolledAccount } from '../store/accounts/polled-account.ts'
import { type OpenSecret, withSecret } from '../vault/secrets/open-secret.ts'
import type { PollDeps } from './poll-context.ts'

export interface SessionDeps {
  pool: Pick<SessionPool, 'acquire' | 'release'>
  gate: Pick<HostGate, 'connect' | 'mayKeep'>
  openSession(
    account: { id: number },
    destination: Destination,
    login: Login,
    options: { signal: AbortSignal; timeoutMs: number; maxLiteralBytes: number },
  ): Promise<ImapSession>
  openSecret: OpenSecret
  /** For silence in the middle of an answer. */
  timeoutMs: number
  maxLiteralBytes: number
  push: PushEvents
}

/** What a connection that waits for mail tells. */
export interface PushEvents {
  news(accountId: number): void
  /** It broke, `ageMs` after the login. */
  lost(accountId: number, ageMs: number): void
}

export function createPolledSessions(deps: SessionDeps): PollDeps['openSession'] {
  const bornAt = new WeakMap<ImapSession, number>()
  return async (account, signal) => {
    const { id, destination } = account
    const fingerprint = fingerprintOf(account)
    const session = (await deps.pool.acquire(id, fingerprint)) ?? (await logIn(deps, account, signal))
    if (!bornAt.has(session)) bornAt.set(session, performance.now())
    const close = () => session.close()
    signal.addEventListener('abort', close, { once: true })
    let wait: Wait | null = null
    return {
      get usable() {
        return session.usable
      },
      closed: session.closed,
      isAlive: () => session.isAlive(),
      capabilities: session.capabilities,
      certificateUntil: session.certificateUntil,
      status: name => session.status(name),
      select: (name, access) => session.select(name, access),
      append: (name, mail) => session.append(name, mail),
      mailboxes: () => session.mailboxes(),
      watch: (names, news) => session.watch(names, news),
      close,
      waitFor(mailboxes) {
        wait = {
          mailboxes,
          news: () => deps.push.news(id),
          lost: () => deps.push.lost(id, performance.now() - (bornAt.get(session) ?? 0)),
        }
      },
      async [Symbol.asyncDispose]() {
        signal.removeEventListener('abort', close)
        if (session.usable && deps.gate.mayKeep(destination)) deps.pool.release(id, fingerprint, session, wait)
        else await session[Symbol.asyncDispose]()
      },
    }
  }
}

async function logIn(deps: SessionDeps, account: PolledAccount, signal: AbortSignal): Promise<ImapSession> {
  const dial = (login: Login): Promise<ImapSession> =>
    deps.openSession(account, account.destination, login, {
      signal,
      timeoutMs: deps.timeoutMs,
      maxLiteralBytes: deps.maxLiteralBytes,
    })
  const enter = (open: () => Promise<ImapSession>): Promise<ImapSession> =>
    deps.gate.connect(account, account.destination, signal, open)
  if (account.oauth === null) return await enter(() => withSecret(account, deps.openSecret, dial))
  // A token is got before a place at the host is taken: a provider that is slow must not hold up those who have a password.
  return await withSecret(account, deps.openSecret, token => enter(() => dial(token)))
}

/** A connection is good for the very destination that it was opened to, and until another password is stored. */
function fingerprintOf({ destination, passwordMark }: PolledAccount): string {
  const { host, port, security, username, caPem } = destination
  return createHash('sha256')
    .update(JSON.stringify([host, port, security, username, caPem, passwordMark]))
    .digest('hex')
}
