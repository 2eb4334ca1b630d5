// Accounts: which of them read their mail, and which do not and why.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Refusal } from '../../../errors/errors.ts'
import { visible } from '../../../foreign-text.ts'
import {
  type AccountDetail,
  type AccountFilter,
  type AccountState,
  type AccountView,
  type CanaryView,
  countAccounts,
  findSomeAccounts,
  getAccount,
} from '../../../store/accounts/accounts.ts'
import { type Cause, findCauses } from '../../../store/accounts/poll-results.ts'
import { NotFound } from '../../failures.ts'
import { attributes, type Content, type Html, html } from '../../layout/html.ts'
import { page } from '../../layout/layout.ts'
import { badge, fieldsOf, hintParts, hintText, prose, table, time } from '../../layout/parts.ts'
import { tellChanges } from '../../live.ts'
import { sessionOf, siteOf } from '../../site.ts'
import { toId } from '../people/self.ts'
import { causeHint, duration, stateTones } from './words.ts'

const rowsAtOnce = 40

/** What is looked for. */
interface Wanted {
  state: AccountFilter['state']
  address: string
  after: number | undefined
}

const states = ['active', 'failing', 'waiting', 'paused', 'unwell'] as const

function wantedOf(request: FastifyRequest): Wanted {
  const { state, address = '', after = '' } = fieldsOf(request.query)
  return {
    state: states.find(name => name === state),
    address: address.trim().slice(0, 320),
    after: /^[1-9]\d{0,9}$/.test(after) ? Number(after) : undefined,
  }
}

function filterOf({ state, address, after }: Wanted): AccountFilter {
  return {
    limit: rowsAtOnce + 1,
    ...(state === undefined ? {} : { state }),
    ...(address === '' ? {} : { address }),
    ...(after === undefined ? {} : { afterId: after }),
  }
}

function linkTo(base: string, { state, address, after }: Wanted): string {
  const query = new URLSearchParams()
  if (state !== undefined) query.set('state', state)
  if (address !== '') query.set('address', address)
  if (after !== undefined) query.set('after', String(after))
  return query.size === 0 ? base : `${base}?${query}`
}

export async function showAccounts(request: FastifyRequest, reply: FastifyReply): Promise<string> {
  const { db } = siteOf(request)
  const wanted = wantedOf(request)
  const found = await findSomeAccounts(db, filterOf(wanted))
  const shown = found.slice(0, rowsAtOnce)
  const count = await countAccounts(db)
  const causes = await findCauses(
    db,
    shown.map(({ id }) => id),
  )
  const mayAdd = sessionOf(request).user.role === 'admin'
  const isAny = Object.values(count).some(number => number > 0)
  return await page(reply, {
    title: 'Accounts',
    section: 'accounts',
    live: linkTo('/accounts/events', wanted),
    body: html`${mayAdd && html`<p><a class="button" href="/accounts/new">Add an account</a></p>`}
${isAny && filters(wanted, count)}
<div id="accounts" data-live>${table({
      caption: 'Accounts',
      empty: isAny ? 'No account matches.' : 'There are no accounts yet.',
      rows: shown,
      columns: columnsFor(causes, mayAdd ? 'admins' : 'all'),
    })}</div>
${nextPart(wanted, found.length > rowsAtOnce ? shown.at(-1)?.id : undefined)}`,
  })
}

const columnsFor = (causes: ReadonlyMap<number, Cause>, forWhom: 'all' | 'admins') => [
  {
    title: 'Account',
    cell: ({ id, address, host }: AccountView) =>
      html`<a href="/accounts/${id}">${visible(address)}</a> <small class="agent">${visible(host)}</small>`,
  },
  { title: 'State', cell: ({ state }: AccountView) => badge(state, stateTones[state]) },
  {
    title: 'Reason and remedy',
    cell: (account: AccountView) => reason(account, causes.get(account.id), forWhom, 'briefly'),
  },
  { title: 'Last success', cell: ({ lastSuccessAt }: AccountView) => time(lastSuccessAt) },
  { title: 'Last proven', cell: ({ canary }: AccountView) => lastProven(canary) },
  { title: 'Next poll', cell: nextPoll },
  { title: 'Behind', cell: ({ behindSeconds }: AccountView) => behind(behindSeconds), align: 'right' as const },
]

/** Why no mail comes in; nothing while it does. What the server said may hold addresses: it is for admins, as are links to what they change. */
export function reason(
  account: AccountView,
  cause: Cause | undefined,
  forWhom: 'all' | 'admins',
  how: 'fully' | 'briefly' = 'fully',
): Content {
  const { state, code } = account
  if (state === 'active' || code === null) return ''
  const hint = causeHint(account, cause)
  const said =
    forWhom === 'admins' && how === 'fully' && cause?.said !== undefined && ` The server said: “${cause.said}”`
  return html`${forWhom === 'admins' ? hintParts(hint) : prose(hintText(hint))}${said} <small><code>${code}</code></small>`
}

export function nextPoll({ state, nextAttemptAt }: AccountView): Content {
  if (state === 'paused') return html`<span class="none">never</span>`
  return nextAttemptAt === null || nextAttemptAt.getTime() <= Date.now() ? 'now' : time(nextAttemptAt)
}

/** When a canary last came back. */
function lastProven(canary: CanaryView | undefined): Content {
  if (canary === undefined) return html`<span class="none">–</span>`
  const last = canary.provenAt === null ? 'never' : time(canary.provenAt)
  return canary.isLate ? html`${last} ${badge('late', 'bad')}` : last
}

export function behind(seconds: number): Content {
  return seconds === 0 ? html`<span class="none">–</span>` : duration(seconds)
}

function filters(wanted: Wanted, count: Record<AccountState, number>): Html {
  const { state, address } = wanted
  const all = Object.values(count).reduce((sum, number) => sum + number, 0)
  const link = (name: Wanted['state'], words: string, number: number): Html =>
    html`<li><a class="choice" href="${linkTo('/accounts', { state: name, address, after: undefined })}"${attributes({
      'aria-current': state === name && 'true',
    })}>${words} <b>${number}</b></a></li>
`
  return html`<nav aria-label="States"><ul class="choices" id="states" data-live>${link(undefined, 'All', all)}${link(
    'unwell',
    'Needs attention',
    count.failing + count.waiting,
  )}${link('active', 'Active', count.active)}${link('paused', 'Paused', count.paused)}</ul></nav>
<form class="find" action="/accounts" role="search">${state !== undefined && html`<input type="hidden" name="state" value="${state}">`}
<label for="find-address">Address</label> <input class="find-field" id="find-address" type="search" name="address" value="${address}" autocapitalize="none" spellcheck="false"> <button>Find</button></form>`
}

function nextPart(wanted: Wanted, lastId: number | undefined): Html {
  const { after } = wanted
  if (after === undefined && lastId === undefined) return html``
  return html`<nav class="pager" aria-label="Pages">${
    after !== undefined && html`<a href="${linkTo('/accounts', { ...wanted, after: undefined })}">← First</a>`
  } ${lastId !== undefined && html`<a rel="next" href="${linkTo('/accounts', { ...wanted, after: lastId })}">Next →</a>`}</nav>`
}

export async function tellAccounts(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { db } = siteOf(request)
  const filter = filterOf(wantedOf(request))
  return await tellChanges(request, reply, async () =>
    (await findSomeAccounts(db, filter))
      .map(({ id, state, code, lastSuccessAt }) => `${id} ${state} ${code} ${toMinute(lastSuccessAt)}`)
      .join('\n'),
  )
}

/** As exact as it is shown. */
function toMinute(date: Date | null): number {
  return Math.floor((date?.getTime() ?? 0) / 60_000)
}

/** The account that a request is about. Throws NotFound. */
export async function accountOf(request: FastifyRequest): Promise<AccountDetail> {
  const { id } = request.params as { id: string }
  try {
    return await getAccount(siteOf(request).db, String(toId(id)))
  } catch (error) {
    throw error instanceof Refusal ? new NotFound() : error
  }
}
