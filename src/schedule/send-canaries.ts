// Sends canaries: a marked mail is appended to a mailbox that is watched, over a connection of its own, so that what has to notice it is the way of any
// mail: the connection that idles, the polls, the ingest. An account whose canary is late gets a new connection.
import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { Knex } from 'knex'
import pLimit from 'p-limit'
import type { SessionPool } from '../fetch/session-pool.ts'
import { canaryMail } from '../model/canary-mail.ts'
import type { Events } from '../observe/events.ts'
import { type DueCanary, findDueCanaries, insertCanary, resendCanary } from '../store/accounts/canaries.ts'
import { findMailboxes } from '../store/accounts/mailboxes.ts'

export interface CanaryDeps {
  db: Knex
  workerId: string
  events: Pick<Events, 'canary'>
  sessions: Pick<SessionPool, 'drop'>
  /** Appends the mail over a connection of its own. Throws AccountError. */
  append(accountId: number, mailbox: string, mail: Buffer, signal: AbortSignal): Promise<void>
}

const everyMs = 5_000
const atOnce = 4

export function startCanaries(deps: CanaryDeps): AsyncDisposable {
  const stop = new AbortController()
  const { signal } = stop
  const turns = pLimit(atOnce)
  const sending = new Set<number>()
  const all = new Set<Promise<void>>()
  const loop = async (): Promise<void> => {
    while (!signal.aborted) {
      // Without the database nothing is received either, and others say so.
      for (const account of await findDueCanaries(deps.db, deps.workerId).catch(() => [])) {
        if (sending.has(account.id)) continue
        sending.add(account.id)
        const sent: Promise<void> = turns(() => send(deps, account, signal)).finally(() => {
          sending.delete(account.id)
          all.delete(sent)
        })
        all.add(sent)
      }
      await wait(everyMs, undefined, { signal, ref: false }).catch(() => {})
    }
  }
  const done = loop()
  return {
    async [Symbol.asyncDispose]() {
      stop.abort(new Error('the daemon stops'))
      await done
      await Promise.all(all)
    },
  }
}

/** Never rejects. */
async function send(deps: CanaryDeps, { id, address, isLate }: DueCanary, signal: AbortSignal): Promise<void> {
  const { db, events } = deps
  try {
    signal.throwIfAborted()
    if (isLate) deps.sessions.drop(id)
    const mailbox = watched((await findMailboxes(db, id)).map(({ name }) => name))
    if (mailbox === undefined) return
    const token = randomBytes(32).toString('base64url')
    await insertCanary(db, id, token)
    await deps.append(id, mailbox, canaryMail({ token, address, now: new Date() }), signal)
    events.canary(id, isLate ? 'late' : 'sent')
  } catch (error) {
    if (signal.aborted) return
    await resendCanary(db, id).catch(() => {})
    events.canary(id, 'failed', error)
  }
}

/** INBOX or the first: the one for which the connection idles. */
function watched(names: readonly string[]): string | undefined {
  return names.find(name => name.toUpperCase() === 'INBOX') ?? names[0]
}
