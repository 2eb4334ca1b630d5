// What was delivered to whom, and what others did with it: what the checks compare with. Whatever another client is about to do to a mail is
// written down before it is done, because a client whose connection breaks does not know what became of its command.
import type { Letter } from './mails.ts'
import type { ChaosAccount } from './scene.ts'

/** One mail of one account: the same bytes twice are one mail delivered twice. */
export interface Delivered {
  account: ChaosAccount
  sha256: string
  size: number
  end: Letter['end']
  /** How often it was put into the account's mailboxes. */
  times: number
  /** How often others may have taken it away for good; each time only after a row of it was seen, unless it is unread. */
  taken: number
  /** How often it may have been taken away before anybody read it: so often it may be missing. */
  takenUnread: number
  /** How often others may have moved it between mailboxes: a move that is cut off may leave it in both. */
  moved: number
  /** Others may have flagged it. */
  flagged: boolean
}

/** A file in a Maildir, by its name without the flags. */
export interface Placed {
  account: ChaosAccount
  mailbox: string
  base: string
  mail: Delivered
}

export interface Register {
  mails: ReadonlyMap<string, Delivered>
  placed: readonly Placed[]
  bytes: number
  note(account: ChaosAccount, mailbox: string, base: string, letter: Letter & { number: number }): void
  /** The mail of this account that bears the number. */
  find(account: ChaosAccount, number: number): Delivered | undefined
}

export function createRegister(): Register {
  const mails = new Map<string, Delivered>()
  const numbers = new Map<string, Delivered>()
  const placed: Placed[] = []
  const register = {
    mails,
    placed,
    bytes: 0,
    note(account: ChaosAccount, mailbox: string, base: string, letter: Letter & { number: number }) {
      const key = keyOf(account.id, letter.sha256)
      const { sha256, end, bytes } = letter
      const fresh = { account, sha256, size: bytes.length, end, times: 0, taken: 0, takenUnread: 0, moved: 0 }
      const mail = mails.get(key) ?? { ...fresh, flagged: false }
      mail.times += 1
      mails.set(key, mail)
      numbers.set(`${account.id} ${letter.number}`, mail)
      placed.push({ account, mailbox, base, mail })
      register.bytes += bytes.length
    },
    find: (account: ChaosAccount, number: number) => numbers.get(`${account.id} ${number}`),
  }
  return register
}

export function keyOf(accountId: number, sha256: string): string {
  return `${accountId} ${sha256}`
}
