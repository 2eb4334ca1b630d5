// Tries a mail server out, as a poll would: the same destination, the same checks of its certificate, and nothing is changed there. What is typed
// goes to the server that was typed with it; what is stored goes nowhere but to the stored server.
import type { z } from 'zod'
import { AccountError, IngestError, OperationError } from '../errors/errors.ts'
import type { ImapSession } from '../fetch/mailbox.ts'
import type { Destination } from '../model/destination.ts'
import { portOf } from '../store/accounts/account-settings.ts'
import { readMailboxes } from '../store/accounts/accounts.ts'
import { claimLogin } from '../store/accounts/refused-login.ts'
import { inTransaction } from '../store/db/database.ts'
import { type OpenSecret, Secret, withSecret } from '../vault/secrets/open-secret.ts'
import { accountDefaults, accountTest } from './account-input.ts'
import { planChange, refuseUnconfirmed } from './change-account.ts'
import type { Deps } from './deps.ts'
import { type Actor, defineOperation, InputError } from './operation.ts'
import { countTest } from './test-limit.ts'

export const stepNames = ['connect', 'tls', 'login', 'mailbox', 'count'] as const
export type StepName = (typeof stepNames)[number]

export interface Step {
  name: StepName
  end: 'ok' | 'failed' | 'untried'
  /** Why it failed. */
  error?: IngestError
  /** The mailbox that it failed at. */
  mailbox?: string
}

export interface Tested {
  /** Undefined: it is not stored. */
  id: number | undefined
  destination: Destination
  steps: readonly Step[]
  /** Mailboxes that were looked at, with the mails in each; the one that mail is moved to has no count. */
  mailboxes: readonly { name: string; messages: number | undefined }[]
  isWell: boolean
}

const answerMs = 20_000
/** Less than the minute that proxies in front of the web interface wait. */
const wholeSeconds = 50

export const testAccount = defineOperation({
  name: 'account.test',
  who: 'admin',
  summary: 'connect, log in and count the messages',
  input: accountTest,
  async work(
    deps: Pick<Deps, 'db' | 'keys' | 'config' | 'withRedis' | 'openSecret' | 'openSession'>,
    { input, actor, audit },
  ): Promise<Tested> {
    using _place = await takeTestPlace(deps, actor)
    const subject = await toSubject(deps, input)
    const tested = await tryOut(deps, subject)
    const { host, port } = subject.destination
    const end = tested.steps.find(step => step.end === 'failed')?.error?.code ?? 'ok'
    const account = subject.id === undefined ? {} : { accountId: subject.id }
    await inTransaction(deps.db, trx => audit(trx, { ...account, detail: { host, port, end } }))
    return tested
  },
})

/** Whoever may name a host and a port could look around in the network behind this server, unless they have the server anyway. */
export async function takeTestPlace(
  { config, withRedis }: Pick<Deps, 'config' | 'withRedis'>,
  actor: Actor,
): Promise<Disposable> {
  if (actor.kind === 'command') return { [Symbol.dispose]() {} }
  const place = await withRedis(redis => countTest(redis, config.redis.prefix, actor.id))
  if (place === undefined) throw new OperationError('account.too_many_tests', {})
  return place
}

interface Subject {
  id: number | undefined
  destination: Destination
  /** Undefined: what is stored. */
  password: string | undefined
  oauth: Parameters<OpenSecret>[0]['oauth']
  mailboxes: readonly string[]
  afterIngest: string
}

async function toSubject(deps: Pick<Deps, 'db' | 'keys'>, input: z.output<typeof accountTest>): Promise<Subject> {
  if (input.account === undefined) return newSubject(input)
  const { address: _, account, ...change } = input
  const plan = await planChange(deps, { ...change, account })
  if (change.password !== undefined) refuseUnconfirmed(plan, change.confirm)
  else if (plan.moved !== undefined) throw new InputError([{ path: ['password'], text: 'is missing' }])
  const { oauth, ...destination } = change.password === undefined ? plan.before : plan.target
  return {
    id: plan.account.id,
    destination,
    oauth,
    password: change.password,
    mailboxes: change.mailboxes ?? readMailboxes(plan.account),
    afterIngest: change.after ?? plan.account.afterIngest,
  }
}

function newSubject({ address = '', host = '', password, ...input }: z.output<typeof accountTest>): Subject {
  if (password === undefined) throw new InputError([{ path: ['password'], text: 'is missing' }])
  const { security = accountDefaults.security, port, username, ca = null } = input
  return {
    id: undefined,
    destination: { host, port: port ?? portOf(security), security, username: username ?? address, caPem: ca },
    oauth: null,
    password,
    mailboxes: input.mailboxes ?? accountDefaults.mailboxes,
    afterIngest: input.after ?? accountDefaults.after,
  }
}

async function tryOut(deps: Pick<Deps, 'db' | 'openSecret' | 'openSession'>, subject: Subject): Promise<Tested> {
  const { id, destination, oauth, password } = subject
  const account = { id: id ?? 0 }
  const done: Step[] = []
  const mailboxes: { name: string; messages: number | undefined }[] = []
  const open = password === undefined ? deps.openSecret : async () => new Secret('password', Buffer.from(password))
  const signal = AbortSignal.timeout(wholeSeconds * 1000)
  try {
    if (id !== undefined && password === undefined) await refuseResting(deps, id)
    await using session = await withSecret({ ...account, destination, oauth: oauth ?? null }, open, secret =>
      deps.openSession(account, destination, secret, { timeoutMs: answerMs, signal }),
    )
    signal.addEventListener('abort', () => session.close(), { once: true })
    done.push(...passed(['connect', 'tls', 'login']))
    const failed = await lookAtMailboxes(session, subject, mailboxes)
    done.push(...(failed === undefined ? passed(['mailbox', 'count']) : [failed]))
  } catch (error) {
    done.push(...failedAt(toTestError(error, signal, account.id), done))
  }
  const steps = stepNames.map(name => done.find(step => step.name === name) ?? { name, end: 'untried' as const })
  return { id, destination, steps, mailboxes, isWell: steps.every(({ end }) => end === 'ok') }
}

/** A server that is asked again and again with a refused password locks the user out. Throws AccountError `imap.auth_refused`. */
export async function refuseResting({ db }: Pick<Deps, 'db'>, id: number): Promise<void> {
  const seconds = await claimLogin(db, id)
  if (seconds === 0) return
  throw new AccountError('imap.auth_refused', { account: id, restSeconds: seconds }, { temporary: true })
}

/** Looks at each, until one fails. */
async function lookAtMailboxes(
  session: ImapSession,
  { mailboxes, afterIngest }: Subject,
  seen: { name: string; messages: number | undefined }[],
): Promise<Step | undefined> {
  const target = afterIngest.startsWith('move:') ? [afterIngest.slice('move:'.length)] : []
  for (const name of new Set([...mailboxes, ...target])) {
    try {
      const { messages } = await session.status(name)
      seen.push({ name, messages: mailboxes.includes(name) ? messages : undefined })
    } catch (error) {
      if (!(error instanceof IngestError)) throw error
      return { name: 'mailbox', end: 'failed', error, mailbox: name }
    }
  }
  return undefined
}

/** Throws what is no failure of the server. */
function toTestError(error: unknown, signal: AbortSignal, account: number): IngestError {
  if (signal.aborted)
    return new AccountError('imap.timeout', { account, seconds: wholeSeconds }, { temporary: true, cause: error })
  if (error instanceof IngestError) return error
  throw error
}

/** The step that failed, and those before it that must have worked. */
function failedAt(error: IngestError, done: readonly Step[]): Step[] {
  if (done.length > 0) return [{ name: 'mailbox', end: 'failed', error }]
  const name = stepOf(error)
  const before = asksNobody.test(error.code) ? [] : stepNames.slice(0, stepNames.indexOf(name))
  return [...passed(before), { name, end: 'failed', error }]
}

function passed(names: readonly StepName[]): Step[] {
  return names.map(name => ({ name, end: 'ok' }))
}

/** What is wrong with a stored secret is found before the server is asked. */
const asksNobody = /^(vault\.|account\.|oauth\.(?!token_refused))/

/** How far a login came that did not succeed. */
function stepOf(error: IngestError): StepName {
  if (!(error instanceof AccountError)) return 'connect'
  const { code } = error
  if (ofTls.has(code)) return 'tls'
  if (code === 'imap.timeout') return isUpgrade(error.cause) ? 'tls' : 'connect'
  return ofConnecting.has(code) ? 'connect' : 'login'
}

function isUpgrade(cause: unknown): boolean {
  return (cause as { code?: string } | undefined)?.code === 'UPGRADE_TIMEOUT'
}

const ofTls: ReadonlySet<string> = new Set([
  'imap.tls_attacked',
  'imap.tls_failed',
  'imap.tls_untrusted',
  'imap.starttls_missing',
])

const ofConnecting: ReadonlySet<string> = new Set([
  'imap.connection_lost',
  'imap.connection_refused',
  'imap.host_not_found',
  'imap.host_unreachable',
])
