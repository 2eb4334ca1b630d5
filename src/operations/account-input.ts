// PURE. What may be said of an account, field by field: its limits, its default and its meaning, for options of commands, columns of a CSV file,
// fields of a form and the API alike. A field takes what a person types (`5m`, `on`, `993`) and what a program sends (300, true, 993).
import { z } from 'zod'
import { isVisible } from '../foreign-text.ts'
import type { Destination } from '../model/destination.ts'
import type { AccountChange, NewAccount } from '../store/accounts/account-changes.ts'
import { isCertificate, portOf, toHost, toPort, toSecurity, toUsername } from '../store/accounts/account-settings.ts'
import { meanings } from './account-meanings.ts'

/** Which account: by its id or its address. */
export const whichAccount = z
  .union([z.int().positive(), z.string().min(1).max(320)], { error: told('must be an id or an address') })
  .transform(String)
  .describe(meanings.account)

/** The text of a fault; what is absent is missing, which is another fault. */
function told(must: string, missing = 'is missing') {
  return (issue: { input?: unknown }) => (issue.input === undefined ? missing : must)
}

/** A field that `convert` reads; undefined: it is not allowed. */
function field<T>(convert: (text: string) => T | undefined, { must, missing }: { must: string; missing?: string }) {
  return z
    .union([z.string(), z.number(), z.boolean()], { error: told(must, missing) })
    .transform((given, context): T => {
      const value = convert(String(given))
      if (value !== undefined) return value
      context.addIssue({ code: 'custom', message: must })
      return z.NEVER
    })
}

/** What holds where nothing is said. */
export const accountDefaults = {
  security: 'tls',
  every: 60,
  canary: 0,
  push: true,
  start: 'all',
  after: 'keep',
  mailboxes: ['INBOX'],
} as const

export const address = z
  .string({ error: told('must be an address, as support@example.com') })
  .refine(text => /^[^\s@]+@[^\s@]+$/.test(text) && isVisible(text) && text.length <= 320, {
    error: 'must be an address, as support@example.com',
  })
  .describe(meanings.address)

const host = field(toHost, {
  must: 'must be a host name or an IP address, without a scheme or a port',
  missing: 'is missing: the name of the IMAP server, as imap.example.com',
}).describe(meanings.host)

const port = field(toPort, { must: 'must be a number from 1 to 65535' }).nullable().describe(meanings.port)

const security = field(toSecurity, { must: 'must be tls, starttls or cleartext' }).describe(meanings.security)

const username = field(toUsername, {
  must: 'must have 1 to 320 characters, none of them a control or invisible one',
})
  .nullable()
  .describe(meanings.username)

const mailboxes = z
  .array(
    z.string().regex(/^\P{Cc}{1,500}$/u, { error: 'must have 1 to 500 characters, none of them a control character' }),
    { error: told('must be a list of names') },
  )
  .transform(names => [...new Set(names)])
  .describe(meanings.mailboxes)

const every = field(toSeconds, { must: 'must be a time from 1s to 24h, as 60s or 5m' }).describe(meanings.every)

const push = field(toSwitch, { must: 'must be on or off' }).describe(meanings.push)

const canary = field(toCanary, { must: 'must be off or a time from 1m to 24h, as 10m' }).describe(meanings.canary)

const start = field(toStart, { must: 'must be all, new or a day as 2026-11-24' }).describe(meanings.start)

const after = field(toAfter, { must: 'must be keep, seen, delete or move:MAILBOX' }).describe(meanings.after)

const ca = z
  .string()
  .refine(isCertificate, { error: 'must be certificates in PEM form, as they stand in a file' })
  .nullable()
  .describe(meanings.ca)

const maxAuthservIds = 20

const authservNames = z
  .array(z.string().regex(/^[^\s;]{0,255}$/, { error: 'must be a name as mx.example.com, * or empty' }), {
    error: told('must be a list of names'),
  })
  .max(maxAuthservIds, { error: `must be at most ${maxAuthservIds} names` })
  .transform(names => [...new Set(names)])

/** Servers to believe from now on. */
export const newlyTrusted = authservNames
  .refine(names => names.length > 0, { error: 'is missing' })
  .describe('what is believed from now on')

const authservIds = authservNames.nullable().describe(meanings.authservIds)

const secretText = z.string({ error: told('must be text') })

/** What the column `plaintext` holds. */
const maxPasswordCharacters = 995

export const password = secretText
  .refine(text => text !== '', { error: 'is missing' })
  .refine(text => !text.includes('\0'), { error: 'holds a NUL character' })
  .refine(text => [...text].length <= maxPasswordCharacters, {
    error: `is longer than ${maxPasswordCharacters} characters`,
  })
  .describe('the password of the account')

export const oauth = z
  .strictObject({
    client: z.strictObject({
      issuer: z.string().max(500),
      tokenEndpoint: z.string().max(500),
      clientId: z.string().max(500),
      clientAuth: z.enum(['post', 'basic']),
      scope: z.string().max(1000),
    }),
    refreshToken: secretText,
    clientSecret: secretText.nullable(),
  })
  .describe('sign in with OAuth 2 instead of a password')

/** What an account is read with. `null`: what goes with the rest, as for a port, a user name and a CA that are not named. */
const settings = { host, port, security, username, mailboxes, every, push, canary, after, ca, authservIds }

/** What a password may be sent to: the answer to the question that shows it (`destinationMark`). */
const confirm = z
  .string()
  .regex(/^[0-9a-f]{32}$/, { error: 'must be the mark of a destination' })
  .describe('the destination that a person confirmed, where it was changed in the database')

export const newAccount = z
  .strictObject({
    address,
    ...settings,
    port: port.default(null),
    security: security.default(accountDefaults.security),
    username: username.default(null),
    mailboxes: mailboxes.default([...accountDefaults.mailboxes]),
    every: every.default(accountDefaults.every),
    push: push.default(accountDefaults.push),
    canary: canary.default(accountDefaults.canary),
    start: start.default(accountDefaults.start),
    after: after.default(accountDefaults.after),
    ca: ca.default(null),
    authservIds: authservIds.default(null),
    password: password.optional(),
    oauth: oauth.optional(),
  })
  .refine(given => (given.password === undefined) !== (given.oauth === undefined), {
    path: ['password'],
    error: ({ input }) =>
      (input as { oauth?: unknown }).oauth === undefined ? 'is missing' : 'and OAuth cannot both be given',
    when: () => true,
  })

export const accountChange = z.strictObject({
  account: whichAccount,
  ...z.object(settings).partial().shape,
  password: password.optional(),
  oauth: oauth.optional(),
  confirm: confirm.optional(),
})

/** A stored account as it is, or as it would be after a change; or one that is not stored. */
export const accountTest = z
  .strictObject({
    account: whichAccount.optional(),
    address: address.optional(),
    ...z.object(settings).partial().shape,
    password: password.optional(),
    confirm: confirm.optional(),
  })
  .refine(given => given.account !== undefined || (given.address !== undefined && given.host !== undefined), {
    path: ['account'],
    error: 'is missing: an account, or an address with its host',
  })

type Settings = Omit<z.output<typeof accountChange>, 'account' | 'password' | 'oauth' | 'confirm'>

/** The row of a new account. */
export function toNewAccount(input: z.output<typeof newAccount>): NewAccount {
  const {
    address,
    host,
    port,
    security,
    username,
    mailboxes,
    every,
    push,
    canary,
    start,
    after,
    ca,
    authservIds,
    ...secret
  } = input
  return {
    address,
    host,
    port: port ?? portOf(security),
    security,
    username: username ?? '',
    caPem: ca,
    authservIds,
    everySeconds: every,
    push,
    canarySeconds: canary,
    afterIngest: after,
    startFrom: start,
    mailboxes,
    enabled: true,
    password: secret.password ?? null,
    oauth: secret.oauth ?? null,
  }
}

/** What of an account's row is changed, as it was asked for. */
export function toChange(
  { host, port, security, username, mailboxes, every, push, canary, after, ca, authservIds }: Settings,
  { address, before }: { address: string; before: Destination },
): AccountChange {
  const isNamedSo = username === null && before.username === address
  const change: Record<keyof AccountChange, unknown> = {
    host,
    port: port === null ? portOf(security ?? before.security) : port,
    security,
    username: isNamedSo ? undefined : username === null ? '' : username,
    everySeconds: every,
    push,
    canarySeconds: canary,
    afterIngest: after,
    caPem: ca,
    authservIds,
    mailboxes,
    enabled: undefined,
    password: undefined,
    oauth: undefined,
  }
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined))
}

/** The port that goes with another security, where the port was the usual one and none is given. */
export function impliedPort({ port, security }: Settings, before: Destination): { port?: number } {
  if (security === undefined || security === before.security || port !== undefined) return {}
  return before.port === portOf(before.security) ? { port: portOf(security) } : {}
}

function toSeconds(text: string): number | undefined {
  const [, number, unit = 's'] = /^(\d{1,5})\s*(s|m|h)?$/.exec(text) ?? []
  const seconds = Number(number) * (unit === 'h' ? 3600 : unit === 'm' ? 60 : 1)
  return seconds >= 1 && seconds <= 86_400 ? seconds : undefined
}

/** 0: off. */
function toCanary(text: string): number | undefined {
  if (text === 'off' || text === '0') return 0
  const seconds = toSeconds(text)
  return seconds !== undefined && seconds >= 60 ? seconds : undefined
}

function toSwitch(text: string): boolean | undefined {
  return switches.get(text)
}

const switches: ReadonlyMap<string, boolean> = new Map([
  ['on', true],
  ['true', true],
  ['off', false],
  ['false', false],
])

/** Of what there is already; also the answer to the question about it. */
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
