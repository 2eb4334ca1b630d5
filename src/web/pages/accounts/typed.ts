// What stands in the form of an account, between its rows and the settings that they are changed by. A password is never part of it.
import { accountDefaults, type GivenSettings, portOf } from '../../../store/accounts/account-settings.ts'
import type { AccountDetail } from '../../../store/accounts/accounts.ts'
import type { AccountDestination } from '../../../store/accounts/destinations.ts'
import type { WellKnown } from './well-known-providers.ts'

/** As it stands in the form, without the password. */
export interface Typed {
  address: string
  host: string
  port: string
  security: string
  username: string
  mailboxes: string
  every: string
  push: boolean
  after: string
  moveTo: string
  start: string
  since: string
  ca: string
}

/** By the name of the field. */
export type Faults = Partial<Record<keyof Typed | 'password', string>>

export function emptyForm(provider: WellKnown | undefined): Typed {
  return {
    address: '',
    host: provider?.host ?? '',
    port: '',
    security: provider?.security ?? accountDefaults.security,
    username: '',
    mailboxes: accountDefaults.mailboxes.join('\n'),
    every: `${accountDefaults.everySeconds}s`,
    push: accountDefaults.push,
    after: accountDefaults.afterIngest,
    moveTo: '',
    start: '',
    since: '',
    ca: '',
  }
}

export function formOf(account: AccountDetail, { caPem }: AccountDestination): Typed {
  const { address, host, port, security, username, afterIngest } = account
  const moves = afterIngest.startsWith('move:')
  return {
    address,
    host,
    port: port === portOf(security) ? '' : String(port),
    security,
    username: username === address ? '' : username,
    mailboxes: readMailboxes(account).join('\n'),
    every: `${account.everySeconds}s`,
    push: account.push,
    after: moves ? 'move' : afterIngest,
    moveTo: moves ? afterIngest.slice('move:'.length) : '',
    start: account.startFrom,
    since: '',
    ca: caPem ?? '',
  }
}

/** Those that are polled. */
export function readMailboxes({ mailboxes }: AccountDetail): string[] {
  const names = mailboxes.filter(box => box.enabled).map(box => box.name)
  return mailboxes.length === 0 ? ['INBOX'] : names
}

export function typedOf(fields: Readonly<Record<string, string>>): Typed {
  const text = (name: keyof Typed): string => (fields[name] ?? '').trim()
  return {
    address: text('address'),
    host: text('host'),
    port: text('port'),
    security: text('security'),
    username: text('username'),
    mailboxes: text('mailboxes'),
    every: text('every'),
    push: fields.push === 'yes',
    after: text('after'),
    moveTo: text('moveTo'),
    start: text('start'),
    since: text('since'),
    ca: text('ca'),
  }
}

/** In the words of the settings. */
export function toGiven(typed: Typed): GivenSettings {
  const { host, port, security, username, every, push, after, moveTo, start, since, ca } = typed
  const mailbox = typed.mailboxes
    .split(/\r?\n/)
    .map(name => name.trim())
    .filter(name => name !== '')
  return {
    host,
    security,
    every,
    mailbox: mailbox.length === 0 ? accountDefaults.mailboxes : mailbox,
    push: push ? 'on' : 'off',
    after: after === 'move' ? `move:${moveTo}` : after,
    start: start === 'since' ? since : start,
    ca: ca === '' ? false : `${ca}\n`,
    ...(port === '' ? {} : { port }),
    ...(username === '' ? {} : { username }),
  }
}
