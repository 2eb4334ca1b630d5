// Connections that are kept open between polls, at most one an account. One that is too old, that died, or that was opened to
// another destination is closed instead of reused.
import type { ImapSession } from './mailbox.ts'

export interface KeeperOptions {
  /** Closed when nobody took it for so long. */
  idleMs: number
  /** Kept at once; the one that waited longest goes first. */
  max: number
}

export interface SessionKeeper extends AsyncDisposable {
  /** The account's kept session, if it is alive and was opened to this destination. */
  take(accountId: number, fingerprint: string): Promise<ImapSession | undefined>
  /** Keeps a session for the next poll. */
  give(accountId: number, fingerprint: string, session: ImapSession): void
}

interface Kept {
  session: ImapSession
  fingerprint: string
  timer: NodeJS.Timeout
}

export function createSessionKeeper({ idleMs, max }: KeeperOptions): SessionKeeper {
  const kept = new Map<number, Kept>()
  const remove = (accountId: number): Kept | undefined => {
    const found = kept.get(accountId)
    kept.delete(accountId)
    clearTimeout(found?.timer)
    return found
  }
  const end = async (accountId: number): Promise<void> => {
    await remove(accountId)?.session[Symbol.asyncDispose]()
  }
  return {
    async take(accountId, fingerprint) {
      const found = remove(accountId)
      if (found === undefined) return undefined
      if (found.fingerprint === fingerprint && (await found.session.isAlive())) return found.session
      await found.session[Symbol.asyncDispose]()
      return undefined
    },
    give(accountId, fingerprint, session) {
      void end(accountId)
      if (max === 0) return void session[Symbol.asyncDispose]()
      const [oldest] = kept.keys()
      if (kept.size >= max && oldest !== undefined) void end(oldest)
      const timer = setTimeout(() => void end(accountId), idleMs).unref()
      kept.set(accountId, { session, fingerprint, timer })
    },
    async [Symbol.asyncDispose]() {
      await Promise.allSettled([...kept.keys()].map(end))
    },
  }
}
