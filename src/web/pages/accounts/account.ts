// One account: how it is, and what can be done with it. Whoever is signed in may have it polled, unless its login is refused; the rest is for
// admins.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { CommandError } from '../../../errors/errors.ts'
import { visible } from '../../../foreign-text.ts'
import { requestPoll } from '../../../schedule/queue.ts'
import { toRedisError } from '../../../schedule/redis.ts'
import { makeDue, updateEnabled } from '../../../store/accounts/account-changes.ts'
import { type AccountDetail, findPollingHost } from '../../../store/accounts/accounts.ts'
import { isRefusedLogin } from '../../../store/accounts/refused-login.ts'
import { insertAudit } from '../../../store/people/audit.ts'
import { providerName } from '../../../vault/oauth/providers.ts'
import { failurePage } from '../../failures.ts'
import { type Content, type Html, html } from '../../layout/html.ts'
import { page } from '../../layout/layout.ts'
import { actionButton, badge, prose, time } from '../../layout/parts.ts'
import { tellChanges } from '../../live.ts'
import { goTo } from '../../security/session.ts'
import { actorOf, sessionOf, siteOf } from '../../site.ts'
import { accountOf, behind, nextPoll, reason } from './accounts.ts'
import { testServer } from './connection-test.ts'
import { stepList } from './form.ts'
import { readMailboxes } from './typed.ts'
import { duration, stateTones, stateWords } from './words.ts'

export async function showAccount(request: FastifyRequest, reply: FastifyReply): Promise<string> {
  return await accountPage(request, reply, await accountOf(request))
}

async function accountPage(
  request: FastifyRequest,
  reply: FastifyReply,
  account: AccountDetail,
  top?: Content,
): Promise<string> {
  const { id, address } = account
  const host = await findPollingHost(siteOf(request).db, id)
  return await page(reply, {
    title: visible(address),
    section: 'accounts',
    live: `/accounts/${id}/events`,
    body: html`${top}${actions(request, reply, account)}
<section id="state" data-live><h2>State</h2>
${facts([
  ['State', html`${badge(account.state, stateTones[account.state])} ${stateWords[account.state]}`],
  ['Why, and what to do', reason(account, sessionOf(request).user.role === 'admin' ? 'admins' : 'all')],
  ['Last success', time(account.lastSuccessAt)],
  ['Last attempt', time(account.lastAttemptAt)],
  ['Failures in a row', account.failures === 0 ? '' : account.failures],
  ['Next poll', nextPoll(account)],
  ['Behind', behind(account.behindSeconds)],
  ['Polled by', host ?? (account.state === 'paused' ? '' : 'nobody yet')],
])}</section>
<section><h2>Mail server</h2>
${facts([
  ['Server', visible(`${account.host}, port ${account.port}`)],
  ['Security', html`${security[account.security]}${account.ownCa && ', with CA certificates of its own'}`],
  ['User name', visible(account.username)],
  ...signIn(account),
])}</section>
<section><h2>What is read, and when</h2>
${facts([
  ['Mailboxes', mailboxes(account)],
  ['From poll to poll', duration(account.everySeconds)],
  ['Push', account.push ? 'on: a connection waits for mail between polls, where the server can' : 'off'],
  ['Mail on the server', afterwards(account.afterIngest)],
  ['Mail that was there', starts.get(account.startFrom) ?? `what came since ${account.startFrom}`],
])}</section>`,
  })
}

const security = { tls: 'TLS', starttls: 'STARTTLS', cleartext: 'none' } as const

/** Names and values; what is empty is left out. */
function facts(pairs: readonly (readonly [string, Content])[]): Html {
  return html`<dl class="facts">${pairs
    .filter(([, value]) => value !== '')
    .map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`
}

function signIn({ id, oauth, hasPassword }: AccountDetail): [string, Content][] {
  if (oauth === null) return [['Password', hasPassword ? 'stored' : badge('none', 'warn')]]
  const command = `letterlock account set ${id} --oauth ${providerName(oauth.issuer)}`
  return [
    ['Signs in with', visible(`OAuth 2 at ${oauth.issuer}`)],
    ['Refresh token', oauth.hasRefreshToken ? 'stored' : badge('none', 'warn')],
    ['To sign in again', prose(`run \`${command}\` on the server`)],
  ]
}

function mailboxes(account: AccountDetail): Content {
  if (account.mailboxes.length === 0) return 'INBOX'
  return html`<ul class="plain">${account.mailboxes.map(
    ({ name, enabled, lastUid }) =>
      html`<li>${name} <small>${enabled ? (lastUid === 0 ? 'nothing read yet' : `read up to number ${lastUid}`) : 'not read any more'}</small></li>
`,
  )}</ul>`
}

function afterwards(after: string): string {
  const words: ReadonlyMap<string, string> = new Map(
    Object.entries({
      keep: 'stays as it is',
      seen: 'is marked as read once it is taken in',
      delete: 'is deleted once it is taken in',
    }),
  )
  return words.get(after) ?? `is moved to ${after.slice('move:'.length)} once it is taken in`
}

const starts: ReadonlyMap<string, string> = new Map(
  Object.entries({ all: 'became tickets, all of it', new: 'was left alone' }),
)

function actions(request: FastifyRequest, reply: FastifyReply, account: AccountDetail): Html {
  const { id, enabled } = account
  const isAdmin = sessionOf(request).user.role === 'admin'
  const path = `/accounts/${id}`
  return html`<div class="actions">${enabled && mayPoll(request, account) && actionButton(reply, `${path}/poll`, 'Poll now')}
${
  isAdmin &&
  html`${actionButton(reply, `${path}/test`, 'Test')}
<a class="button" href="${path}/edit">Edit</a>
${enabled ? actionButton(reply, `${path}/pause`, 'Pause', { danger: true }) : actionButton(reply, `${path}/resume`, 'Resume')}`
}</div>`
}

export async function tellAccount(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  return await tellChanges(request, reply, async () => {
    const { state, code, lastAttemptAt, nextAttemptAt } = await accountOf(request)
    return [state, code, Number(lastAttemptAt), Number(nextAttemptAt)].join(' ')
  })
}

/** With what is stored. */
export async function testAccount(request: FastifyRequest, reply: FastifyReply): Promise<string> {
  const account = await accountOf(request)
  const tested = await testServer(request, {
    ...{ accountId: account.id, login: 'stored' },
    ...{ mailboxes: readMailboxes(account), afterIngest: account.afterIngest },
  })
  if (tested === undefined)
    throw new CommandError('too many mail servers were tested in a short time', 'wait a few minutes')
  const section = html`<section><h2>The test</h2>${stepList(tested.steps)}</section>`
  return await accountPage(request, reply, account, section)
}

export async function pauseAccount(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  return await switchAccount(request, reply, false)
}

export async function resumeAccount(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  return await switchAccount(request, reply, true)
}

async function switchAccount(request: FastifyRequest, reply: FastifyReply, enabled: boolean): Promise<unknown> {
  const { db } = siteOf(request)
  const { id } = await accountOf(request)
  await updateEnabled(db, id, enabled)
  const action = enabled ? 'account.resume' : 'account.pause'
  await insertAudit(db, { actor: actorOf(request), action, accountId: id })
  const text = enabled ? 'It is polled again.' : 'It is paused: no mail comes in until it is resumed.'
  return await goTo(request, reply, `/accounts/${id}`, { tone: 'good', text })
}

export async function pollNow(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { db, redis, config } = siteOf(request)
  const account = await accountOf(request)
  const { id, enabled } = account
  if (!enabled) throw new CommandError('a paused account is not polled', 'an admin can resume it')
  if (!mayPoll(request, account)) return await failurePage(reply, 403, onlyAdmins)
  const { owner, dueInSeconds } = await makeDue(db, id)
  await insertAudit(db, { actor: actorOf(request), action: 'account.poll', accountId: id })
  if (owner !== null && dueInSeconds === 0)
    await requestPoll(redis, config.redis.prefix, owner, id).catch(error => {
      throw toRedisError(error)
    })
  return await goTo(request, reply, `/accounts/${id}`, { tone: 'good', text: pollWords(owner, dueInSeconds) })
}

/** A server that is asked again and again with a refused password locks the user out: an agent must not bring that about. */
function mayPoll(request: FastifyRequest, { code }: AccountDetail): boolean {
  return sessionOf(request).user.role === 'admin' || !isRefusedLogin(code)
}

const onlyAdmins = 'The login of this account was refused. Only an admin may have it polled until that is mended.'

function pollWords(owner: string | null, dueInSeconds: number): string {
  if (owner === null) return 'Nobody polls it yet; it is polled once somebody does.'
  if (dueInSeconds === 0) return 'It is polled now.'
  return `Its login was refused a moment ago, so it is polled in ${dueInSeconds} s: a server that is asked again and again locks users out.`
}
