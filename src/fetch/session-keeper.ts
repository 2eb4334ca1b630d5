// Connections that are kept open between polls, at most one an account; where the account wants it they wait for mail meanwhile. One
// that is too old, that died, or that was opened to another destination is closed instead of reused. Where all places are taken a
// connection is closed after its poll: to close another one for it would have all of them opened and closed in turn.
import type { ImapSession } from './mailbox.ts'

export interface KeeperOptions {
  /** Closed when nobody took it for so long, unless it waits for mail. */
  idleMs: number
  /** Kept at once. */
  max: number
}

/** What a kept connection waits for. */
export interface Wait {
  mailboxes: readonly string[]
  /** A mailbox got mail. */
  news(): void
  /** The connection broke while it waited. */
  lost(): void
}

export interface SessionKeeper extends AsyncDisposable {
  /** The account's kept session, if it is alive and was opened to this destination. */
  take(accountId: number, fingerprint: string): Promise<ImapSession | undefined>
  /** Keeps a session for the next poll, or closes it where there is no room. */
  give(accountId: number, fingerprint: string, session: ImapSession, wait: Wait | null): void
  /** Closes those of accounts that are not among these. */
  retain(accountIds: ReadonlySet<number>): void
  /** True if the account's kept session waits for mail. */
  isWaiting(accountId: number): boolean
  /** Closes the account's kept session. */
  drop(accountId: number): void
  counts(): { kept: number; waiting: number }
}

interface Kept {
  session: ImapSession
  fingerprint: string
  timer: NodeJS.Timeout | undefined
  waits: boolean
}

/** So long all together may take to say LOGOUT. */
const farewellMs = 2_000

export function createSessionKeeper({ idleMs, max }: KeeperOptions): SessionKeeper {
  const kept = new Map<number, Kept>()
  let closed = false
  const remove = (accountId: number): Kept | undefined => {
    const found = kept.get(accountId)
    kept.delete(accountId)
    clearTimeout(found?.timer)
    return found
  }
  const end = async (accountId: number): Promise<void> => {
    await remove(accountId)?.session[Symbol.asyncDispose]()
  }
  const closeLater = (accountId: number): NodeJS.Timeout => setTimeout(() => void end(accountId), idleMs).unref()

  const begin = async (accountId: number, mine: Kept, wait: Wait): Promise<void> => {
    const { session } = mine
    mine.waits = await session.watch(wait.mailboxes, wait.news).catch(() => false)
    if (kept.get(accountId) === mine && !mine.waits) mine.timer = closeLater(accountId)
  }
  const dropLost = async (accountId: number, mine: Kept, wait: Wait | null): Promise<void> => {
    await mine.session.closed
    if (kept.get(accountId) !== mine) return
    remove(accountId)
    if (mine.waits) wait?.lost()
  }

  return {
    async take(accountId, fingerprint) {
      const found = remove(accountId)
      if (found === undefined) return undefined
      if (found.fingerprint === fingerprint && (await found.session.isAlive())) return found.session
      await found.session[Symbol.asyncDispose]()
      return undefined
    },
    give(accountId, fingerprint, session, wait) {
      void end(accountId)
      if (closed || kept.size >= max) return void session[Symbol.asyncDispose]()
      const mine: Kept = { session, fingerprint, timer: undefined, waits: false }
      kept.set(accountId, mine)
      void dropLost(accountId, mine, wait)
      if (wait === null) mine.timer = closeLater(accountId)
      else void begin(accountId, mine, wait)
    },
    retain(accountIds) {
      for (const accountId of kept.keys()) if (!accountIds.has(accountId)) void end(accountId)
    },
    isWaiting: accountId => kept.get(accountId)?.waits ?? false,
    drop: accountId => void end(accountId),
    counts() {
      const waiting = [...kept.values()].filter(({ waits }) => waits).length
      return { kept: kept.size, waiting }
    },
    async [Symbol.asyncDispose]() {
      closed = true
      const sessions = [...kept.values()].map(({ session }) => session)
      const hurry = setTimeout(() => sessions.map(session => session.close()), farewellMs)
      await Promise.allSettled([...kept.keys()].map(end))
      clearTimeout(hurry)
    },
  }
}
