// One ticket as a conversation: what it is, the mails in the order in which they came, and closing or reopening it.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { OperationError } from '../../../errors/errors.ts'
import { InputError } from '../../../operations/operation.ts'
import {
  closeTicket as close,
  reopenTicket as reopen,
  type ShownTicket,
  showTicket as show,
} from '../../../operations/tickets.ts'
import { type Bounced, findTicketMark, getTicket, type TicketName } from '../../../store/tickets/conversation.ts'
import { NotFound } from '../../failures.ts'
import { type Content, type Html, html } from '../../layout/html.ts'
import { page } from '../../layout/layout.ts'
import { actionButton, badge, fieldsOf, time } from '../../layout/parts.ts'
import { tellChanges } from '../../live.ts'
import { goTo } from '../../security/session.ts'
import { depsOf, siteOf, userActor } from '../../site.ts'
import { plainLine } from './download-headers.ts'
import { messageArticle } from './message.ts'
import { kindBadge, people, person, subjectOf } from './words.ts'

const messagesAtOnce = 20
const maxShownCharacters = 20_000

export async function showTicket(request: FastifyRequest, reply: FastifyReply): Promise<string> {
  const { before, links } = fieldsOf(request.query)
  const shown = await show
    .run(depsOf(request), userActor(request), {
      ticket: nameOf(request),
      before: toNumber(before),
      limit: messagesAtOnce,
      maxCharacters: maxShownCharacters,
      html: 'soon',
    })
    .catch(notFound)
  const { ticket } = shown
  return await page(reply, {
    title: subjectOf(ticket.subject),
    section: 'tickets',
    ...(shown.later ? {} : { live: `/tickets/${ticket.id}/changes` }),
    body: html`${headSection(reply, shown)}
${earlier(shown)}
<div class="conversation">
${shown.messages.map(
  (message, i) => html`${messageArticle(ticket, message, {
    reading: shown.html.get(message.id),
    links: toNumber(links) === message.id ? 'allowed' : 'blocked',
  })}
<div class="after" id="after-${message.id}" data-live>${i < shown.messages.length - 1 && arrived(ticket)}</div>
`,
)}</div>
${shown.later && html`<p><a href="/tickets/${ticket.id}">Later messages →</a></p>`}
<noscript><p class="hint">Reload this page to see new messages.</p></noscript>`,
  })
}

/** The id or ref in the address. */
function nameOf(request: FastifyRequest): string {
  return (request.params as { ticket: string }).ticket
}

/** What is no id or ref of a ticket is no page. */
function notFound(error: unknown): never {
  const isUnknown = error instanceof OperationError && error.code === 'ticket.not_found'
  throw isUnknown || error instanceof InputError ? new NotFound() : error
}

function toNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9]\d{0,14}$/.test(text) ? Number(text) : undefined
}

/**
 * What stands after a message that is not the last. The style shows it after the last one alone: there it comes when a fresh copy of the
 * page has more messages than this one.
 */
function arrived({ id }: TicketName): Html {
  return html`<p class="flash" role="status">New message. <a href="/tickets/${id}">Show</a></p>`
}

function earlier({ ticket: { id, messages: count }, messages, earlier }: ShownTicket): Content {
  const [first] = messages
  if (!earlier || first === undefined) return null
  return html`<p><a href="/tickets/${id}?before=${first.id}">← Earlier messages</a> <span class="hint">${count} in all</span></p>`
}

function headSection(reply: FastifyReply, { ticket, linking, bounced, token }: ShownTicket): Html {
  const { id, ref, account, status, kind, createdAt, requester, tags, linked } = ticket
  const action = status === 'open' ? 'close' : 'reopen'
  // It changes when the ticket does, not with the token of its form.
  const version = [status, linked?.id, linking[0]?.id, bounced.length, tags.length].join()
  return html`<section class="ticket-head" id="head" data-live="${version}">
<p class="about"><code>${ref}</code> ${status === 'open' ? badge('open', 'good') : badge('closed')} ${kindBadge(kind)} ${tags.map(
    tag => [badge(plainLine(tag), 'busy'), ' '],
  )}</p>
${bounced.map(undelivered)}
<dl class="facts">
<dt>From</dt><dd>${person(requester)}</dd>
<dt>To account</dt><dd>${account}</dd>
<dt>Opened</dt><dd>${time(createdAt)}</dd>
${token !== null && html`<dt>Reply code</dt><dd><code class="token">[${token}]</code> <span class="hint">Keep this in the subject so that replies reach this ticket.</span></dd>`}
${linked !== undefined && html`<dt>Refers to</dt><dd>${ticketLink(linked)}</dd>`}
${linking.length > 0 && html`<dt>Referred to by</dt><dd><ul class="plain">${linking.map(each => html`<li>${ticketLink(each)}</li>`)}</ul></dd>`}
</dl>
<div class="actions">${actionButton(reply, `/tickets/${id}/${action}`, status === 'open' ? 'Close ticket' : 'Reopen ticket')}</div>
</section>`
}

function undelivered({ address, status, at }: Bounced): Html {
  return html`<p class="flash bad">Mail to ${people([{ name: '', address }])} could not be delivered${
    status !== null && status !== '' && html` (<code>${plainLine(status)}</code>)`
  }, ${time(at)}.</p>
`
}

function ticketLink({ id, ref, subject }: TicketName): Html {
  return html`<a href="/tickets/${id}"><code>${ref}</code> <bdi>${subjectOf(subject)}</bdi></a>`
}

/** Tells the open conversation that something came. */
export async function tellTicket(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { db } = siteOf(request)
  const { id } = await getTicket(db, nameOf(request)).catch(notFound)
  return await tellChanges(request, reply, () => findTicketMark(db, id))
}

export async function closeTicket(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  return await setStatus(request, reply, close)
}

export async function reopenTicket(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  return await setStatus(request, reply, reopen)
}

async function setStatus(request: FastifyRequest, reply: FastifyReply, operation: typeof close): Promise<FastifyReply> {
  const asked = operation.run(depsOf(request), userActor(request), { ticket: nameOf(request) })
  const { id, ref, changed } = await asked.catch(notFound)
  const text = `${ref} is ${operation === close ? 'closed' : 'open'}${changed ? '' : ' already'}.`
  return await goTo(request, reply, `/tickets/${id}`, { tone: 'good', text })
}
