// Connections that stay open between polls, at most one per account. With push, a pooled connection idles: it waits for new mail.
// A connection that is too old, dead, or opened to another destination is closed instead of reused. When the pool is full, a connection
// is closed after its poll. Evicting another one for it would make all of them open and close in turn.
import type { ImapSession } from './mailbox.ts'

export interface SessionPoolOptions {
  /** A connection that nobody acquires for this long is closed, unless it waits for mail. */
  idleMs: number
  /** How many connections the pool holds at most. */
  max: number
}

/** What an idling connection waits for. */
export interface Wait {
  mailboxes: readonly string[]
  /** A mailbox got mail. */
  news(): void
  /** The connection broke while it waited. */
  lost(): void
}

export interface SessionPool extends AsyncDisposable {
  /** The account's pooled session, if it is alive and was opened to this destination. */
  acquire(accountId: number, fingerprint: string): Promise<ImapSession | undefined>
  /** Puts a session into the pool for the next poll, or closes it if the pool is full. */
  release(accountId: number, fingerprint: string, session: ImapSession, wait: Wait | null): void
  /** Closes those of accounts that are not among these. */
  retain(accountIds: ReadonlySet<number>): void
  /** True if the account's pooled session waits for mail. */
  isWaiting(accountId: number): boolean
  /** Closes the account's pooled session. */
  drop(accountId: number): void
  counts(): { kept: number; waiting: number }
}

interface PooledSession {
  session: ImapSession
  fingerprint: string
  timer: NodeJS.Timeout | undefined
  waits: boolean
}

/** How long all connections together may take to say LOGOUT. */
const farewellMs = 2_000

export function createSessionPool({ idleMs, max }: SessionPoolOptions): SessionPool {
  const pooled = new Map<number, PooledSession>()
  let closed = false
  const remove = (accountId: number): PooledSession | undefined => {
    const found = pooled.get(accountId)
    pooled.delete(accountId)
    clearTimeout(found?.timer)
    return found
  }
  const end = async (accountId: number): Promise<void> => {
    await remove(accountId)?.session[Symbol.asyncDispose]()
  }
  const closeLater = (accountId: number): NodeJS.Timeout => setTimeout(() => void end(accountId), idleMs).unref()

  const begin = async (accountId: number, own: PooledSession, wait: Wait): Promise<void> => {
    const { session } = own
    own.waits = await session.watch(wait.mailboxes, wait.news).catch(() => false)
    if (pooled.get(accountId) === own && !own.waits) own.timer = closeLater(accountId)
  }
  const dropLost = async (accountId: number, own: PooledSession, wait: Wait | null): Promise<void> => {
    await own.session.closed
    if (pooled.get(accountId) !== own) return
    remove(accountId)
    if (own.waits) wait?.lost()
  }

  return {
    async acquire(accountId, fingerprint) {
      const found = remove(accountId)
      if (found === undefined) return undefined
      if (found.fingerprint === fingerprint && (await found.session.isAlive())) return found.session
      await found.session[Symbol.asyncDispose]()
      return undefined
    },
    release(accountId, fingerprint, session, wait) {
      void end(accountId)
      if (closed || pooled.size >= max) return void session[Symbol.asyncDispose]()
      const own: PooledSession = { session, fingerprint, timer: undefined, waits: false }
      pooled.set(accountId, own)
      void dropLost(accountId, own, wait)
      if (wait === null) own.timer = closeLater(accountId)
      else void begin(accountId, own, wait)
    },
    retain(accountIds) {
      for (const accountId of pooled.keys()) if (!accountIds.has(accountId)) void end(accountId)
    },
    isWaiting: accountId => pooled.get(accountId)?.waits ?? false,
    drop: accountId => void end(accountId),
    counts() {
      const waiting = [...pooled.values()].filter(({ waits }) => waits).length
      return { kept: pooled.size, waiting }
    },
    async [Symbol.asyncDispose]() {
      closed = true
      const sessions = [...pooled.values()].map(({ session }) => session)
      const hurry = setTimeout(() => sessions.map(session => session.close()), farewellMs)
      await Promise.allSettled([...pooled.keys()].map(end))
      clearTimeout(hurry)
    },
  }
}
