// What a form changes of an account: a form sends everything, and only what is other than before is asked for.
import type { z } from 'zod'
import type { accountChange } from '../../../operations/account-input.ts'
import { portOf } from '../../../store/accounts/account-settings.ts'
import { type AccountDetail, readMailboxes } from '../../../store/accounts/accounts.ts'
import type { AccountDestination } from '../../../store/accounts/destinations.ts'

type Settings = Omit<z.output<typeof accountChange>, 'account' | 'password' | 'oauth' | 'confirm'>

/** The settings that are other than before. */
export function changeOf(account: AccountDetail, before: AccountDestination, settings: Settings): Settings {
  const security = settings.security ?? before.security
  const wanted = { ...settings, ...(settings.port === null ? { port: portOf(security) } : {}) }
  const now: Settings = {
    host: before.host,
    port: before.port,
    security: before.security,
    username: before.username === account.address ? null : before.username,
    mailboxes: readMailboxes(account),
    every: account.everySeconds,
    push: account.push,
    canary: account.canary?.everySeconds ?? 0,
    after: account.afterIngest,
    ca: before.caPem,
    authservIds: account.authservIds,
  }
  const other = Object.entries(wanted).filter(([name, value]) => !isSame(value, now[name as keyof Settings], account))
  return Object.fromEntries(other)
}

function isSame(value: unknown, now: unknown, { address }: AccountDetail): boolean {
  if (now === null && value === address) return true
  if (typeof value === 'string' && typeof now === 'string') return value.trim() === now.trim()
  return JSON.stringify(value) === JSON.stringify(now)
}
