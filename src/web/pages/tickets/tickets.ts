// The list of tickets, the latest first. It hears of new mail while it is open at its first page; without JavaScript it loads itself again.
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Kind } from '../../../model/parsed-message.ts'
import { cursorOf, listTickets, pageCursor } from '../../../operations/tickets.ts'
import { findAccountIds } from '../../../store/accounts/account-addresses.ts'
import {
  findAccountAddresses,
  findListMark,
  type ListedTicket,
  type TicketFilter,
  type TicketPage,
} from '../../../store/tickets/ticket-list.ts'
import { attributes, type Content, type Html, html } from '../../layout/html.ts'
import { page } from '../../layout/layout.ts'
import { badge, fieldsOf, pager, table, time } from '../../layout/parts.ts'
import { tellChanges } from '../../live.ts'
import { depsOf, siteOf, userActor } from '../../site.ts'
import { plainLine } from './download-headers.ts'
import { kindBadge, kindWords, person, subjectOf, toKind } from './words.ts'

const rowsAtOnce = 50
const refreshSeconds = 60

/** What the reader asks for, as the address says it. */
interface Filter {
  status: 'open' | 'closed' | 'all'
  /** An address; '' for all. */
  account: string
  kind: Kind | undefined
}

export async function showTickets(request: FastifyRequest, reply: FastifyReply): Promise<string> {
  const { db } = siteOf(request)
  const query = fieldsOf(request.query)
  const filter = toFilter(query)
  // A page that somebody bookmarked stays a list, in words where its account was renamed; a command refuses the address.
  const isKnown = filter.account === '' || (await findAccountIds(db, filter.account)).length > 0
  const found = isKnown
    ? await listTickets.run(depsOf(request), userActor(request), {
        status: filter.status === 'all' ? undefined : filter.status,
        account: filter.account === '' ? undefined : filter.account,
        kind: filter.kind,
        before: toCursor(query.before),
        after: toCursor(query.after),
        limit: rowsAtOnce,
      })
    : { tickets: [], newer: false, older: false }
  const live = found.newer ? {} : { live: addressOf(filter, {}, '/tickets/changes'), refreshSeconds }
  return await page(reply, {
    title: 'Tickets',
    section: 'tickets',
    ...live,
    body: html`${filterForm(filter, await findAccountAddresses(db, maxAccounts + 1))}
<div class="tickets" id="tickets" data-live>
${arrival(found)}${table<ListedTicket>({
  caption: 'Tickets, those with the latest mail first',
  empty: emptyWords(filter, found),
  rows: found.tickets,
  columns: [
    { title: 'Ticket', cell: nameCell },
    { title: 'From', cell: ({ requester }) => person(requester) },
    { title: 'Account', cell: ({ account }) => account },
    {
      title: 'Mails',
      cell: ({ messages }) => html`${messages}<span class="narrow"> ${messages === 1 ? 'mail' : 'mails'}</span>`,
      align: 'right',
    },
    { title: 'Last change', cell: ({ updatedAt }) => time(updatedAt) },
  ],
})}
${links(filter, found)}</div>`,
  })
}

/** Tells the open list that something came. */
export async function tellTickets(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { db } = siteOf(request)
  const wanted = await toWanted(request, toFilter(fieldsOf(request.query)))
  return await tellChanges(request, reply, () => findListMark(db, wanted))
}

function toFilter({ status, account = '', kind }: Readonly<Record<string, string>>): Filter {
  return {
    status: status === 'closed' || status === 'all' ? status : 'open',
    account: plainLine(account).slice(0, 320),
    kind: toKind(kind),
  }
}

async function toWanted(request: FastifyRequest, { status, account, kind }: Filter): Promise<TicketFilter> {
  return {
    status: status === 'all' ? undefined : status,
    accountIds: account === '' ? undefined : await findAccountIds(siteOf(request).db, account),
    kind,
  }
}

function addressOf(
  { status, account, kind }: Filter,
  more: Readonly<Record<string, string>>,
  path = '/tickets',
): string {
  const query = new URLSearchParams({
    ...(status === 'open' ? {} : { status }),
    ...(account === '' ? {} : { account }),
    ...(kind === undefined ? {} : { kind }),
    ...more,
  }).toString()
  return query === '' ? path : `${path}?${query}`
}

/** An address that somebody cut short shows the first page. */
function toCursor(text: string | undefined): string | undefined {
  return pageCursor.safeParse(text).success ? text : undefined
}

function links(filter: Filter, { tickets, newer, older }: TicketPage): Html {
  const [first, last] = [tickets[0], tickets.at(-1)]
  const newest = addressOf(filter, {})
  return pager({
    newer: newer ? (first === undefined ? newest : addressOf(filter, { after: cursorOf(first) })) : undefined,
    older: older && last !== undefined ? addressOf(filter, { before: cursorOf(last) }) : undefined,
  })
}

/** More than these are not listed but typed. */
const maxAccounts = 100

function filterForm(filter: Filter, addresses: readonly string[]): Html {
  const kinds = Object.entries(kindWords).map(([kind, { many }]) => [kind, many] as const)
  return html`<form class="filters" method="get" action="/tickets">
${choice('status', 'Status', filter.status, [
  ['open', 'Open'],
  ['closed', 'Closed'],
  ['all', 'Open and closed'],
])}
${
  addresses.length > maxAccounts
    ? html`<div><label for="filter-account">Account</label><input id="filter-account" name="account" type="text" value="${filter.account}" placeholder="all" autocapitalize="none" spellcheck="false"></div>`
    : choice('account', 'Account', filter.account, [
        ['', 'All accounts'],
        ...addresses.map(each => [each, each] as const),
      ])
}
${choice('kind', 'Kind', filter.kind ?? '', [['', 'All kinds'], ...kinds])}
<button>Show</button>
</form>`
}

function choice(name: string, label: string, chosen: string, options: readonly (readonly [string, string])[]): Html {
  const id = `filter-${name}`
  return html`<div><label for="${id}">${label}</label><select id="${id}" name="${name}">${options.map(
    ([value, text]) => html`<option value="${value}"${attributes({ selected: value === chosen })}>${text}</option>`,
  )}</select></div>`
}

function nameCell({ id, ref, subject, status, kind, tags, undelivered }: ListedTicket): Content {
  return html`<a class="subject" href="/tickets/${id}"><bdi>${subjectOf(subject)}</bdi></a>
<span class="about"><code>${ref}</code> ${status === 'closed' && badge('closed')} ${kindBadge(kind)} ${
    undelivered && badge('mail came back', 'bad')
  } ${tags.slice(0, maxTags).map(tag => [badge(plainLine(tag), 'busy'), ' '])}</span>`
}

const maxTags = 5

/** Said anew when it changes, to those who do not see it happen. */
function arrival({ tickets, newer }: TicketPage): Content {
  const [latest] = tickets
  if (newer || latest === undefined) return null
  return html`<p class="hint" role="status">Latest: <code>${latest.ref}</code>, ${time(latest.updatedAt)}. New mail appears here by
itself<noscript>, within a minute</noscript>.</p>
`
}

function emptyWords({ status, account, kind }: Filter, { newer }: TicketPage): string {
  if (newer) return 'There is nothing older.'
  const of = [kind === undefined ? '' : ' of this kind', account === '' ? '' : ` of ${account}`].join('')
  if (status === 'open')
    return `No open tickets${of}. Everything is answered, or nothing has come yet: new mail appears here by itself.`
  return status === 'closed'
    ? `No closed tickets${of}.`
    : `No tickets${of} yet: mail that comes in appears here by itself.`
}
