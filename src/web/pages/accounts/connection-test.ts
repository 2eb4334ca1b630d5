// Tries a mail server out, as a poll would: the same destination, the same checks of its certificate, and nothing is changed there. What
// failed is told by our own words and a code; what the server said is not shown, for it may hold addresses or worse. Only admins come here,
// and not too often: whoever may name a host and a port could look around in the network behind this server.

import type { FastifyRequest } from 'fastify'
import { AccountError, IngestError } from '../../../errors/errors.ts'
import type { ImapSession } from '../../../fetch/mailbox.ts'
import type { Destination } from '../../../model/destination.ts'
import { getDestination } from '../../../store/accounts/destinations.ts'
import { claimLogin } from '../../../store/accounts/refused-login.ts'
import { insertAudit } from '../../../store/people/audit.ts'
import { Secret, withSecret } from '../../../vault/secrets/open-secret.ts'
import { actorOf, type Site, sessionOf, siteOf } from '../../site.ts'
import { countTest } from './test-limit.ts'
import { pageWords } from './words.ts'

export interface Tried {
  /** Undefined: it is not stored yet. */
  accountId: number | undefined
  /** What was typed; `stored`: what is stored, which goes nowhere but to the stored server. */
  login: { destination: Destination; password: string } | 'stored'
  mailboxes: readonly string[]
  afterIngest: string
}

export const stepNames = ['connect', 'tls', 'login', 'mailbox', 'count'] as const
export type StepName = (typeof stepNames)[number]

export interface Step {
  name: StepName
  end: 'ok' | 'failed' | 'untried'
  words: string
  code?: string
}

export interface Tested {
  steps: Step[]
  isWell: boolean
}

const answerMs = 10_000
const wholeMs = 25_000

/** Undefined: there were too many tests. */
export async function testServer(request: FastifyRequest, tried: Tried): Promise<Tested | undefined> {
  const site = siteOf(request)
  const { accountId } = tried
  using place = await countTest(site.redis, site.config.redis.prefix, sessionOf(request).user.id)
  if (place === undefined) return undefined
  const { host, port, ...tested } = await tryOut(site, tried)
  const failed = tested.steps.find(({ end }) => end === 'failed')
  await insertAudit(site.db, {
    actor: actorOf(request),
    action: 'account.test',
    ...(accountId === undefined ? {} : { accountId }),
    detail: { host, port, end: failed?.code ?? 'ok' },
  })
  return tested
}

async function tryOut(site: Site, tried: Tried): Promise<Tested & Pick<Destination, 'host' | 'port'>> {
  const { accountId, login } = tried
  const id = accountId ?? 0
  const { oauth, ...destination } =
    login === 'stored' ? await getDestination(site.db, id) : { ...login.destination, oauth: null }
  const { host, port } = destination
  const restSeconds = login === 'stored' ? await claimLogin(site.db, id) : 0
  if (restSeconds > 0) return { host, port, steps: withUntried([resting(restSeconds)]), isWell: false }
  const open = login === 'stored' ? site.openSecret : async () => new Secret('password', Buffer.from(login.password))
  const done: Step[] = []
  const signal = AbortSignal.timeout(wholeMs)
  try {
    await using session = await withSecret({ id, destination, oauth }, open, secret =>
      site.openSession({ id }, destination, secret, { timeoutMs: answerMs, signal }),
    )
    signal.addEventListener('abort', () => session.close(), { once: true })
    done.push(...loggedIn(destination))
    await lookAtMailboxes(session, tried, done)
  } catch (error) {
    if (!(error instanceof IngestError) && !signal.aborted) throw error
    done.push(...failedAt(error, done, accountId))
  }
  return { host, port, steps: withUntried(done), isWell: done.every(({ end }) => end === 'ok') }
}

function resting(seconds: number): Step {
  const words = `not tried: the login was refused a moment ago, and a server that is asked again and again locks users out. Try again in ${seconds} s.`
  return { name: 'login', end: 'failed', code: 'imap.auth_refused', words }
}

const securityWords: Readonly<Record<Destination['security'], string>> = {
  tls: 'TLS from the start, and the certificate is good',
  starttls: 'TLS after STARTTLS, and the certificate is good',
  cleartext: 'none, as chosen: everybody on the way can read along',
}

function loggedIn({ host, port, security, username }: Destination): Step[] {
  return [
    { name: 'connect', end: 'ok', words: `${host} answers at port ${port}` },
    { name: 'tls', end: 'ok', words: securityWords[security] },
    { name: 'login', end: 'ok', words: `the server lets ${username} in` },
  ]
}

async function lookAtMailboxes(session: ImapSession, tried: Tried, done: Step[]): Promise<void> {
  const { mailboxes, afterIngest } = tried
  const target = afterIngest.startsWith('move:') ? [afterIngest.slice('move:'.length)] : []
  const names = [...new Set([...mailboxes, ...target])]
  const counts: string[] = []
  for (const name of names) {
    try {
      const { messages } = await session.status(name)
      if (mailboxes.includes(name)) counts.push(`${name}: ${messages} ${messages === 1 ? 'mail' : 'mails'}`)
    } catch (error) {
      if (!(error instanceof IngestError)) throw error
      const { code, words } = told(error, tried.accountId)
      return void done.push({ name: 'mailbox', end: 'failed', code, words: `${name}: ${words}` })
    }
  }
  const words = `${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} there`
  done.push({ name: 'mailbox', end: 'ok', words }, { name: 'count', end: 'ok', words: counts.join(', ') })
}

function told({ code, message, hint }: IngestError, accountId: number | undefined): { code: string; words: string } {
  return { code, words: pageWords(hint === undefined ? message : `${message}: ${hint}`, accountId) }
}

/** The step that failed, and those before it that must have worked. */
function failedAt(error: unknown, done: readonly Step[], accountId: number | undefined): Step[] {
  if (!(error instanceof IngestError)) {
    const words = `The test took longer than ${wholeMs / 1000} s.`
    return [{ name: done.length > 0 ? 'mailbox' : 'connect', end: 'failed', code: 'imap.timeout', words }]
  }
  const name = stepOf(error)
  const passed = asksNobody.test(error.code) ? [] : (passedBefore[name] ?? [])
  return [...passed, { name, end: 'failed', ...told(error, accountId) }]
}

/** What is wrong with a stored secret is found before the server is asked. */
const asksNobody = /^(vault\.|account\.|oauth\.(?!token_refused))/

const passedBefore: Partial<Record<StepName, Step[]>> = {
  tls: [{ name: 'connect', end: 'ok', words: 'the server answers' }],
  login: [
    { name: 'connect', end: 'ok', words: 'the server answers' },
    { name: 'tls', end: 'ok', words: 'as chosen' },
  ],
}

/** How far a login came that did not succeed. */
function stepOf(error: unknown): StepName {
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

/** All steps, in their order. */
function withUntried(done: readonly Step[]): Step[] {
  return stepNames.map(name => done.find(step => step.name === name) ?? { name, end: 'untried', words: 'not tried' })
}
