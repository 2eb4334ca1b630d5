// What stands in the form of an account, between its rows and the settings that they are changed by. A password is never part of it.

import type { WellKnown } from '../../../discovery/well-known-providers.ts'
import { sentence } from '../../../errors/entry.ts'
import { accountDefaults } from '../../../operations/account-input.ts'
import type { Fault } from '../../../operations/operation.ts'
import { portOf } from '../../../store/accounts/account-settings.ts'
import { type AccountDetail, readMailboxes } from '../../../store/accounts/accounts.ts'
import type { AccountDestination } from '../../../store/accounts/destinations.ts'

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
  /** Empty: off. */
  canary: string
  after: string
  moveTo: string
  start: string
  since: string
  ca: string
  /** Names, separated by commas; `""` is the empty one. */
  authservIds: string
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
    every: `${accountDefaults.every}s`,
    push: accountDefaults.push,
    canary: '',
    after: accountDefaults.after,
    moveTo: '',
    start: '',
    since: '',
    ca: '',
    authservIds: '',
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
    canary: account.canary === undefined ? '' : `${account.canary.everySeconds}s`,
    after: moves ? 'move' : afterIngest,
    moveTo: moves ? afterIngest.slice('move:'.length) : '',
    start: account.startFrom,
    since: '',
    ca: caPem ?? '',
    authservIds: (account.authservIds ?? []).map(name => name || '""').join(', '),
  }
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
    canary: text('canary'),
    after: text('after'),
    moveTo: text('moveTo'),
    start: text('start'),
    since: text('since'),
    ca: text('ca'),
    authservIds: text('authservIds'),
  }
}

/** As fields of an operation's input. What is left empty goes with the rest: the usual port, the address as user name, the system's CAs. */
export function toFields(typed: Typed) {
  const { host, port, security, username, every, push, canary, after, moveTo, start, since, ca } = typed
  const mailboxes = typed.mailboxes
    .split(/\r?\n/)
    .map(name => name.trim())
    .filter(name => name !== '')
  return {
    host,
    port: port === '' ? null : port,
    security,
    username: username === '' ? null : username,
    mailboxes: mailboxes.length === 0 ? [...accountDefaults.mailboxes] : mailboxes,
    every,
    push,
    canary: canary === '' ? 'off' : canary,
    start: start === 'since' ? since : start,
    after: after === 'move' ? `move:${moveTo}` : after,
    ca: ca === '' ? null : `${ca}\n`,
    authservIds: toNames(typed.authservIds),
  }
}

function toNames(text: string): string[] | null {
  const names = text.split(',').map(name => name.trim())
  const given = names.filter(name => name !== '').map(name => (name === '""' ? '' : name))
  return given.length === 0 ? null : given
}

/** Faults of an operation's input at the fields of the form, in sentences. */
export function atFields(faults: readonly Fault[], typed: Typed): Faults {
  const told: Faults = {}
  for (const { path, text } of faults) {
    const name = fieldOf(String(path[0]), typed)
    told[name] ??= sentence(text.startsWith('must ') ? text : `the ${labels[name] ?? name} ${text}`)
  }
  return told
}

function fieldOf(name: string, typed: Typed): keyof Faults {
  if (name === 'after' && typed.after === 'move') return 'moveTo'
  if (name === 'start' && typed.start === 'since') return 'since'
  return name as keyof Faults
}

const labels: Faults = { username: 'user name', ca: 'CA', authservIds: 'trusted mail server' }
