// Connections of polls: one that is kept from the last poll where there is one, or a new one, for which the secret is opened and
// lent for just as long as the login takes. An abort closes the connection, whatever it waits for.
import { createHash } from 'node:crypto'
import type { Destination, ImapSession } from '../fetch/mailbox.ts'
import type { PolledAccount } from '../store/polled-account.ts'
import { type OpenSecret, withSecret } from '../vault/credentials.ts'
import type { PollDeps } from './poll-account.ts'

export interface SessionDeps {
  keeper: {
    take(accountId: number, fingerprint: string): Promise<ImapSession | undefined>
    give(accountId: number, fingerprint: string, session: ImapSession): void
  }
  openSession(
    account: { id: number },
    destination: Destination,
    password: Buffer,
    options: { signal: AbortSignal; timeoutMs: number; maxLiteralBytes: number },
  ): Promise<ImapSession>
  openSecret: OpenSecret
  /** For silence in the middle of an answer. */
  timeoutMs: number
  maxLiteralBytes: number
}

export function createPolledSessions(deps: SessionDeps): PollDeps['openSession'] {
  return async (account, signal) => {
    const fingerprint = fingerprintOf(account.destination)
    const session = (await deps.keeper.take(account.id, fingerprint)) ?? (await logIn(deps, account, signal))
    const close = () => session.close()
    signal.addEventListener('abort', close, { once: true })
    return {
      get usable() {
        return session.usable
      },
      isAlive: () => session.isAlive(),
      capabilities: session.capabilities,
      status: name => session.status(name),
      select: (name, access) => session.select(name, access),
      mailboxes: () => session.mailboxes(),
      close,
      async [Symbol.asyncDispose]() {
        signal.removeEventListener('abort', close)
        if (session.usable) deps.keeper.give(account.id, fingerprint, session)
        else await session[Symbol.asyncDispose]()
      },
    }
  }
}

async function logIn(deps: SessionDeps, account: PolledAccount, signal: AbortSignal): Promise<ImapSession> {
  return await withSecret(account, deps.openSecret, secret =>
    deps.openSession(account, account.destination, secret.password, {
      signal,
      timeoutMs: deps.timeoutMs,
      maxLiteralBytes: deps.maxLiteralBytes,
    }),
  )
}

/** A connection is good for the very destination that it was opened to. */
function fingerprintOf(destination: Destination): string {
  const { host, port, security, username, caPem } = destination
  return createHash('sha256')
    .update(JSON.stringify([host, port, security, username, caPem]))
    .digest('hex')
}
