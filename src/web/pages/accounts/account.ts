// One account: how it is, and what can be done with it. Whoever is signed in may have it polled, unless its login is refused; the rest is for
// admins.

import type { FastifyReply, FastifyRequest } from 'fastify'
import { visible } from '../../../foreign-text.ts'
import {
  mayPoll,
  type PollRequested,
  pauseAccount as pause,
  pollAccount as poll,
  resumeAccount as resume,
} from '../../../operations/manage-accounts.ts'
import { testAccount as test } from '../../../operations/test-account.ts'
import { trustServers as trust } from '../../../operations/trust-servers.ts'
import { type AccountDetail, type CanaryView, findPollingHost } from '../../../store/accounts/accounts.ts'
import { findCauses } from '../../../store/accounts/poll-results.ts'
import { findUncovered, type UncoveredMailbox } from '../../../store/accounts/uids-to-read.ts'
import { providerName } from '../../../vault/oauth/providers.ts'
import { type Content, type Html, html } from '../../layout/html.ts'
import { page } from '../../layout/layout.ts'
import { actionButton, badge, fieldsOf, prose, time } from '../../layout/parts.ts'
import { tellChanges } from '../../live.ts'
import { goTo } from '../../security/session.ts'
import { depsOf, sessionOf, siteOf, userActor } from '../../site.ts'
import { accountOf, behind, nextPoll, reason } from './accounts.ts'
import { stepList } from './form.ts'
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
  const { db } = siteOf(request)
  const host = await findPollingHost(db, id)
  const missing = (await findUncovered(db)).filter(({ accountId }) => accountId === id)
  const cause = (await findCauses(db, [id])).get(id)
  return await page(reply, {
    title: visible(address),
    section: 'accounts',
    live: `/accounts/${id}/events`,
    body: html`${top}${actions(request, reply, account)}
<section id="state" data-live><h2>State</h2>
${facts([
  ['State', html`${badge(account.state, stateTones[account.state])} ${stateWords[account.state]}`],
  ['Reason and remedy', reason(account, cause, sessionOf(request).user.role === 'admin' ? 'admins' : 'all')],
  ['Last success', time(account.lastSuccessAt)],
  ['Last attempt', time(account.lastAttemptAt)],
  ['Failures in a row', account.failures === 0 ? '' : account.failures],
  ['Next poll', nextPoll(account)],
  ['Behind', behind(account.behindSeconds)],
  ['Last proven', account.canary === undefined ? '' : proven(account.canary)],
  ['Missing', missing.length === 0 ? '' : missingMail(id, missing)],
  ['Polled by', host ?? (account.state === 'paused' ? '' : 'no worker yet')],
])}</section>
<section><h2>Mail server</h2>
${facts([
  ['Server', visible(`${account.host}, port ${account.port}`)],
  ['Security', html`${security[account.security]}${account.ownCa && ', with CA certificates of its own'}`],
  ['User name', visible(account.username)],
  ...signIn(account),
])}</section>
<section><h2>What is read and when</h2>
${facts([
  ['Mailboxes', mailboxes(account)],
  ['Check every', duration(account.everySeconds)],
  ['Push', account.push ? 'on: a connection waits for new mail between polls if the server supports it' : 'off'],
  ['Mail on the server', afterwards(account.afterIngest)],
  ['Sender checks', senderChecks(account)],
  ...proposal(request, reply, account),
  ['Mail that was there', starts.get(account.startFrom) ?? `only mail since ${account.startFrom}`],
])}</section>`,
  })
}

/** What canaries prove; docs/canary.md says what to do about a late one. */
function proven({ provenAt, seconds, isLate }: CanaryView): Content {
  const last = provenAt === null ? 'never' : html`${time(provenAt)}${seconds !== null && ` (after ${seconds} s)`}`
  return isLate
    ? html`${badge('late', 'bad')} a test mail did not come back: mail may not be received. Last: ${last}`
    : last
}

function senderChecks({ authservIds }: AccountDetail): string {
  if (authservIds === null || authservIds.length === 0)
    return 'by signatures alone: no mail server is trusted about senders'
  return `as ${authservIds.map(name => name || '(no name)').join(', ')} says`
}

/** Mail servers that wait to be confirmed. */
function proposal(
  request: FastifyRequest,
  reply: FastifyReply,
  { id, proposedServers, seenServers }: AccountDetail,
): [string, Content][] {
  if (proposedServers.length === 0) return []
  const names = proposedServers.map(name => {
    const mails = seenServers.find(seen => seen.name === name)?.mails
    return `${visible(name) || '(no name)'}${mails === undefined ? '' : `, seen in ${mails} mails`}`
  })
  const button =
    sessionOf(request).user.role === 'admin' &&
    actionButton(reply, `/accounts/${id}/trust`, 'Trust', {
      hidden: { servers: JSON.stringify(proposedServers) },
      name: 'Trust these mail servers about senders',
    })
  return [['Mail servers to trust', html`${names.join('; ')} ${button}`]]
}

/** What the last comparison with the server found. */
function missingMail(id: number, missing: readonly UncoveredMailbox[]): Content {
  const counts = missing.map(({ mailbox, uncovered }) => `${uncovered} in ${visible(mailbox)}`).join(', ')
  const remedy = prose(`\`letterlock account coverage ${id}\` on the server names them and has them read again`)
  return html`${badge(counts, 'bad')} messages on the server were not received; ${remedy}`
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
      html`<li>${name} <small>${enabled ? (lastUid === 0 ? 'nothing read yet' : `read up to number ${lastUid}`) : 'no longer read'}</small></li>
`,
  )}</ul>`
}

function afterwards(after: string): string {
  const words: ReadonlyMap<string, string> = new Map(
    Object.entries({
      keep: 'stays as it is',
      seen: 'is marked as read after it was received',
      delete: 'is deleted after it was received',
    }),
  )
  return words.get(after) ?? `is moved to ${after.slice('move:'.length)} after it was received`
}

const starts: ReadonlyMap<string, string> = new Map(
  Object.entries({ all: 'all of it became tickets', new: 'was ignored' }),
)

function actions(request: FastifyRequest, reply: FastifyReply, account: AccountDetail): Html {
  const { id, enabled } = account
  const isAdmin = sessionOf(request).user.role === 'admin'
  const path = `/accounts/${id}`
  return html`<div class="actions">${enabled && mayPoll(account, userActor(request)) && actionButton(reply, `${path}/poll`, 'Poll now')}
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
  const tested = await test.run(depsOf(request), userActor(request), { account: account.id })
  const section = html`<section><h2>Test result</h2>${stepList(tested)}</section>`
  return await accountPage(request, reply, account, section)
}

export async function pauseAccount(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { id } = await accountOf(request)
  await pause.run(depsOf(request), userActor(request), { account: id })
  const text = 'Paused. No mail is received until you resume it.'
  return await goTo(request, reply, `/accounts/${id}`, { tone: 'good', text })
}

export async function resumeAccount(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { id } = await accountOf(request)
  await resume.run(depsOf(request), userActor(request), { account: id })
  return await goTo(request, reply, `/accounts/${id}`, { tone: 'good', text: 'Resumed. Checking for new mail…' })
}

/** What the page showed is confirmed, not what was seen since. */
export async function trustServers(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { id } = await accountOf(request)
  const servers = readNames(fieldsOf(request.body).servers ?? '')
  await trust.run(depsOf(request), userActor(request), { account: id, servers })
  const text = `What ${servers.map(name => name || '(no name)').join(', ')} says about senders is believed from now on.`
  return await goTo(request, reply, `/accounts/${id}`, { tone: 'good', text })
}

/** What is no list of names is refused by the operation. */
function readNames(json: string): string[] {
  try {
    return JSON.parse(json)
  } catch {
    return []
  }
}

export async function pollNow(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { id } = await accountOf(request)
  const text = inWords(await poll.run(depsOf(request), userActor(request), { account: id }))
  return await goTo(request, reply, `/accounts/${id}`, { tone: 'good', text })
}

function inWords(asked: PollRequested): string {
  switch (asked.when) {
    case 'now':
      return 'Checking for new mail…'
    case 'later':
      return 'Redis is not reachable. New mail is checked at the next scheduled time.'
    case 'resting':
      return `Its login was refused a moment ago, so it is polled in ${asked.seconds} s: a server that is asked again and again locks users out.`
    case 'unowned':
      return 'No worker has this account yet. New mail is checked as soon as one takes it.'
  }
}
