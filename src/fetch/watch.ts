// Waiting for mail on a connection that is kept: IDLE (RFC 2177) in one mailbox and, where the server has it, NOTIFY (RFC 5465) for
// the others. Any other command of the session ends it. What came between the last listing and the wait is told as well.
import { performance } from 'node:perf_hooks'
import type { ImapFlow } from 'imapflow'
import type { MailboxState } from './mailbox.ts'

export interface Watch {
  /** What a command has just said of a mailbox: the wait begins where the last look ended. */
  note(name: string, state: MailboxState): void
  /** True once the wait has begun; false where the server cannot. `news` is called at most once. */
  begin(names: readonly string[], news: () => void): Promise<boolean>
  /**
   * The mailboxes are about to be looked at: what was heard so far is no news any more. Resolves once no command of the wait can come
   * between those that follow: one that selects a mailbox late would have them work on the wrong one.
   */
  end(): Promise<void>
}

/** What is used of imapflow beyond its published types. */
interface Inside {
  untaggedHandlers: Record<string, (answer: { attributes?: { value?: unknown }[] }) => void>
  exec(command: string, attributes: unknown[]): Promise<{ next(): void }>
  skipIdle?: boolean
}

/** IDLE that the server ends sooner than this is not asked for again. */
const shortestIdleMs = 5_000

/** What the wait asks the server for, each with its deadline: commands that have their turn wait for its end. */
export interface WatchCommands {
  /** Opens a mailbox read-only. */
  examine(name: string): Promise<MailboxState>
  run(during: string, command: () => Promise<boolean>): Promise<boolean>
}

export function createWatch(client: ImapFlow, { examine, run }: WatchCommands): Watch {
  const inside = client as unknown as Inside
  const known = new Map<string, MailboxState>()
  let wait: { news(): void } | null = null
  let heard = false
  let notified = ''
  let preparing: Promise<void> = Promise.resolve()
  const tell = (): void => {
    const told = wait
    heard = true
    wait = null
    told?.news()
  }
  client.on('exists', ({ count, prevCount }: { count: number; prevCount: number }) => {
    if (count > prevCount) tell()
  })

  /**
   * NOTIFY has the server send STATUS of mailboxes that nobody selected. A server that refuses is not asked again. Dovecot 2.3 takes names
   * beyond ASCII for others than they are, and tells them undecoded: then all of the user's mailboxes are asked for.
   */
  const notify = async (others: readonly string[]): Promise<void> => {
    const wanted = others.join('\n')
    if (wanted === notified || !client.capabilities.has('NOTIFY')) return
    notified = wanted
    const events = [atom('MessageNew'), atom('MessageExpunge')]
    const names = others.map(name => ({ type: 'STRING', value: name }))
    const which = others.every(name => isAscii(name) && !name.includes('&'))
      ? [atom('MAILBOXES'), names, events]
      : [atom('PERSONAL'), events]
    inside.untaggedHandlers.STATUS = ({ attributes }) => {
      const name = String(attributes?.[0]?.value ?? '')
      if (others.includes(name) || !isAscii(name) || name.includes('&')) tell()
    }
    const ask = async (): Promise<boolean> => {
      const answer = await inside.exec('NOTIFY', [atom('SET'), [atom('SELECTED'), events], which])
      answer.next()
      return true
    }
    // What came to them between their poll and now was not told: they are looked at once more.
    if (await run('NOTIFY', ask).catch(() => false)) heard = true
  }

  /** The mailbox is selected anew only where another one is, or none. */
  const select = async (name: string): Promise<void> => {
    const { mailbox } = client
    if (mailbox && isSame(mailbox.path, name)) return
    const before = known.get(name)
    const now = await examine(name)
    if (before !== undefined && !isEqual(before, now)) heard = true
  }

  const idle = async (mine: object): Promise<void> => {
    for (let quick = 0; wait === mine && client.usable && !inside.skipIdle && quick < 2; ) {
      const startedAt = performance.now()
      if (!(await client.idle().then(ended => ended !== false)) || performance.now() - startedAt < shortestIdleMs)
        quick += 1
    }
  }

  return {
    note: (name, state) => void known.set(name, state),
    async begin(names, news) {
      const [first, ...others] = inboxFirst(names)
      if (first === undefined || !client.capabilities.has('IDLE') || inside.skipIdle) return false
      const mine = { news }
      wait = mine
      const prepare = async (): Promise<void> => {
        await select(first)
        if (wait === mine && others.length > 0) await notify(others)
      }
      const prepared = prepare()
      preparing = prepared.catch(() => {})
      await prepared
      if (wait !== mine) return true
      if (heard) tell()
      else void idle(mine).catch(() => {})
      return true
    },
    async end() {
      wait = null
      await preparing
      heard = false
    },
  }
}

function inboxFirst(names: readonly string[]): string[] {
  return [...names].sort((a, b) => Number(isSame(b, 'INBOX')) - Number(isSame(a, 'INBOX')))
}

/** INBOX is the one name whose case does not matter (RFC 9051 §5.1). */
export function isSame(a: string, b: string): boolean {
  return a === b || (a.toUpperCase() === 'INBOX' && b.toUpperCase() === 'INBOX')
}

function isEqual(a: MailboxState, b: MailboxState): boolean {
  return a.uidValidity === b.uidValidity && a.uidNext === b.uidNext && a.messages === b.messages
}

function atom(value: string): { type: string; value: string } {
  return { type: 'ATOM', value }
}

function isAscii(name: string): boolean {
  return /^[\x20-\x7e]*$/.test(name)
}
