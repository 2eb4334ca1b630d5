// PURE. What a form changes of an account: only that is written, and a test is made with it as if it were written.
import type { AccountChange } from '../../../store/accounts/account-changes.ts'
import { changedDestination, portOf, type Settings } from '../../../store/accounts/account-settings.ts'
import type { AccountDetail } from '../../../store/accounts/accounts.ts'
import type { AccountDestination } from '../../../store/accounts/destinations.ts'
import type { Tried } from './connection-test.ts'
import { readMailboxes } from './typed.ts'

/** What is other than before. */
export function changeOf(
  account: AccountDetail,
  before: AccountDestination,
  settings: Settings,
  password: string,
): AccountChange {
  const { startFrom, ...all } = settings
  const security = all.security ?? before.security
  const wanted = { port: portOf(security), username: '', ...all }
  const now: Record<string, unknown> = {
    ...before,
    username: before.username === account.address ? '' : before.username,
    everySeconds: account.everySeconds,
    push: account.push,
    afterIngest: account.afterIngest,
    mailboxes: readMailboxes(account),
  }
  const other = Object.entries(wanted).filter(([name, value]) => !isSame(name, value, now[name], account))
  return { ...Object.fromEntries(other), ...(password === '' ? {} : { password }) }
}

function isSame(name: string, value: unknown, now: unknown, { address }: AccountDetail): boolean {
  if (name === 'username' && now === '' && value === address) return true
  if (name === 'caPem' && typeof value === 'string' && typeof now === 'string') return value.trim() === now.trim()
  return JSON.stringify(value) === JSON.stringify(now)
}

export function triedOf(
  account: AccountDetail,
  before: AccountDestination,
  change: AccountChange,
  password: string,
): Tried {
  const { mailboxes, afterIngest } = change
  const { oauth: _, ...destination } = changedDestination(account.address, before, change)
  return {
    accountId: account.id,
    login: password === '' ? 'stored' : { destination, password },
    mailboxes: mailboxes ?? readMailboxes(account),
    afterIngest: afterIngest ?? account.afterIngest,
  }
}
