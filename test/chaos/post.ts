// Mail keeps coming: into mailboxes of all accounts, whatever runs or does not. Some comes twice, some goes to two accounts.
import { setTimeout as wait } from 'node:timers/promises'
import { createMails, type Letter } from './mails.ts'
import type { Register } from './register.ts'
import type { ChaosAccount, Scene } from './scene.ts'

export interface Post {
  /** Puts so many new mails into one of the account's mailboxes. */
  deliver(account: ChaosAccount, count: number): void
  /** Delivers now and then; resolves when the signal ends it. */
  keepDelivering(signal: AbortSignal): Promise<void>
}

const meanGapMs = 400

export function createPost(
  scene: Scene,
  register: Register,
  { random, seed }: { random: () => number; seed: number },
): Post {
  const next = createMails(random, seed)
  const oneOf = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const put = (account: ChaosAccount, letters: readonly (Letter & { number: number })[]): void => {
    const mailbox = oneOf(account.mailboxes)
    const bytes = letters.map(letter => letter.bytes)
    const names = scene.servers.dovecot.deliver(account.user, mailbox, bytes)
    for (const [i, letter] of letters.entries()) register.note(account, mailbox, names[i] as string, letter)
  }
  const write = (account: ChaosAccount, count: number) => Array.from({ length: count }, () => next(account.id))
  return {
    deliver: (account, count) => put(account, write(account, count)),
    async keepDelivering(signal) {
      while (!signal.aborted) {
        const account = oneOf(scene.accounts)
        const letters = write(account, 1 + Math.floor(random() * (random() < 0.1 ? 12 : 3)))
        put(account, letters)
        if (random() < 0.1) put(account, letters.slice(0, 1))
        if (random() < 0.1) put(oneOf(scene.accounts), letters.slice(0, 1))
        await wait(meanGapMs * (0.2 + 1.6 * random()), undefined, { signal }).catch(() => {})
      }
    },
  }
}
