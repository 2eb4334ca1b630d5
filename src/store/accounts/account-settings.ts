// What may be said of an account, in options of commands, in columns of a CSV file or in a form: checked, and every fault told.

import { X509Certificate } from 'node:crypto'
import type { DestinationFault } from '../../errors/mail.ts'
import { isVisible, visible } from '../../foreign-text.ts'
import type { Destination } from '../../model/destination.ts'
import type { AccountChange, NewAccount } from './account-changes.ts'
import type { AccountDestination } from './destinations.ts'

/** As given, unchecked. */
export interface GivenSettings {
  host?: string
  port?: string
  security?: string
  username?: string
  mailbox?: readonly string[]
  every?: string
  push?: string
  start?: string
  after?: string
  /** PEM, or what `readCa` makes it of; false: the system's CAs again. */
  ca?: string | false
}

export type Settings = Partial<Omit<NewAccount, 'address' | 'enabled' | 'password' | 'oauth'>>

/** What holds where nothing is said. */
export const accountDefaults: Omit<NewAccount, 'address' | 'host' | 'password' | 'port'> = {
  security: 'tls',
  username: '',
  caPem: null,
  everySeconds: 60,
  push: true,
  afterIngest: 'keep',
  startFrom: 'all',
  mailboxes: ['INBOX'],
  enabled: true,
}

/** The port that goes with it. */
export function portOf(security: Destination['security']): number {
  return security === 'tls' ? 993 : 143
}

/** Makes PEM of what was given; pushes a sentence where it cannot. */
export type ReadCa = (given: string, faults: string[], name: string) => string | undefined

/** Reads what was given; pushes a sentence for each fault. `nameOf` says what people call a setting. */
export function toSettings(
  given: GivenSettings,
  faults: string[],
  nameOf: (name: string) => string,
  readCa: ReadCa = checkCa,
): Settings {
  const read = <T>(name: keyof GivenSettings, convert: (text: string) => T | undefined, allowed: string) => {
    const text = given[name]
    if (typeof text !== 'string') return undefined
    const value = convert(text)
    if (value === undefined) faults.push(`${nameOf(name)} ${JSON.stringify(text)}: ${allowed}`)
    return value
  }
  const settings = {
    host: read('host', toHost, 'must be a host name or an IP address, without a scheme or a port'),
    port: read('port', toPort, 'must be a number from 1 to 65535'),
    security: read('security', toSecurity, 'must be tls, starttls or cleartext'),
    username: read('username', toUsername, 'must have 1 to 320 characters, none of them a control or invisible one'),
    everySeconds: read('every', toSeconds, 'must be a time from 1s to 24h, as 60s or 5m'),
    push: read('push', toSwitch, 'must be on or off'),
    startFrom: read('start', toStart, 'must be all, new or a day as 2026-11-24'),
    afterIngest: read('after', toAfter, 'must be keep, seen, delete or move:MAILBOX'),
    caPem: given.ca === false ? null : given.ca === undefined ? undefined : readCa(given.ca, faults, nameOf('ca')),
    mailboxes: given.mailbox === undefined ? undefined : toMailboxes(given.mailbox, faults, nameOf('mailbox')),
  }
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))
}

function toHost(text: string): string | undefined {
  return /^[\p{L}\p{M}\p{N}._-]{1,253}$|^[0-9a-f:.]{2,45}(%[\w.-]{1,20})?$/iu.test(text) ? text : undefined
}

function toPort(text: string): number | undefined {
  const port = /^\d+$/.test(text) ? Number(text) : 0
  return port > 0 && port < 65_536 ? port : undefined
}

function toSecurity(text: string): Destination['security'] | undefined {
  return text === 'tls' || text === 'starttls' || text === 'cleartext' ? text : undefined
}

function toUsername(text: string): string | undefined {
  return text !== '' && [...text].length <= 320 && isVisible(text) ? text : undefined
}

/** What of it is no destination, or undefined: a row may hold what no command or page would have written. */
export function faultOfDestination(
  destination: Omit<AccountDestination, 'caPem' | 'security'> & { security: string },
): { reason: DestinationFault; value: string } | undefined {
  const { host, port, security, username, oauth } = destination
  if (toHost(host) === undefined) return { reason: 'host', value: visible(host) }
  if (toPort(String(port)) === undefined) return { reason: 'port', value: String(port) }
  if (toSecurity(security) === undefined) return { reason: 'security', value: visible(security) }
  if (toUsername(username) === undefined) return { reason: 'username', value: visible(username) }
  const { issuer = '', tokenEndpoint = '', clientId = '' } = oauth ?? {}
  const unclear = [issuer, tokenEndpoint, clientId].find(text => !isVisible(text))
  return unclear === undefined ? undefined : { reason: 'provider', value: visible(unclear) }
}

/** Where its secrets go once it is changed. */
export function changedDestination(
  address: string,
  before: AccountDestination,
  change: AccountChange,
): AccountDestination {
  const { username, oauth, password } = change
  return {
    host: change.host ?? before.host,
    port: change.port ?? before.port,
    security: change.security ?? before.security,
    username: username === undefined ? before.username : username || address,
    caPem: change.caPem === undefined ? before.caPem : change.caPem,
    oauth: oauth?.client ?? (password == null ? before.oauth : null),
  }
}

function toSeconds(text: string): number | undefined {
  const [, number, unit = 's'] = /^(\d{1,5})\s*(s|m|h)?$/.exec(text) ?? []
  const seconds = Number(number) * (unit === 'h' ? 3600 : unit === 'm' ? 60 : 1)
  return seconds >= 1 && seconds <= 86_400 ? seconds : undefined
}

function toSwitch(text: string): boolean | undefined {
  return text === 'on' ? true : text === 'off' ? false : undefined
}

/** For `--start`; also the answer to the question about it. */
export function toStart(text: string): string | undefined {
  if (text === 'all' || text === 'new') return text
  return /^\d{4}-\d\d-\d\d$/.test(text) && isDay(text) ? text : undefined
}

/** 2026-02-30 is none. */
function isDay(text: string): boolean {
  const time = Date.parse(text)
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text)
}

function toAfter(text: string): string | undefined {
  return /^(keep|seen|delete|move:\P{Cc}{1,290})$/u.test(text) ? text : undefined
}

function checkCa(pem: string, faults: string[], name: string): string | undefined {
  if (isCertificate(pem)) return pem
  faults.push(`${name}: must be certificates in PEM form, as they stand in a file`)
  return undefined
}

export function isCertificate(pem: string): boolean {
  try {
    new X509Certificate(pem)
    return true
  } catch {
    return false
  }
}

function toMailboxes(names: readonly string[], faults: string[], name: string): readonly string[] {
  for (const bad of names.filter(found => !/^\P{Cc}{1,500}$/u.test(found))) {
    faults.push(`${name} ${JSON.stringify(bad)}: must have 1 to 500 characters, none of them a control character`)
  }
  return [...new Set(names)]
}

/** What is wrong with an address, or undefined. */
export function faultOfAddress(address: string): string | undefined {
  if (/^[^\s@]+@[^\s@]+$/.test(address) && isVisible(address) && address.length <= 320) return undefined
  return `${JSON.stringify(address)} is not an address, as support@example.com`
}

/** What the column `plaintext` holds. */
const longestPassword = 995

/** What is wrong with a password, without showing it, or undefined. */
export function faultOfPassword(password: string): string | undefined {
  if (password === '') return 'the password is missing'
  if (password.includes('\0')) return 'the password holds a NUL character'
  if ([...password].length > longestPassword) return `the password is longer than ${longestPassword} characters`
  return undefined
}

/** With the port that goes with another security, where it was the usual one and none is given. */
export function withUsualPort(before: Pick<Destination, 'security' | 'port'>, settings: Settings): Settings {
  const { security, port } = settings
  if (security === undefined || security === before.security) return settings
  if (port !== undefined || before.port !== portOf(before.security)) return settings
  return { ...settings, port: portOf(security) }
}
