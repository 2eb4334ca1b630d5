// One ticket as a conversation: what it is, the mails in the order in which they came, and closing or reopening it.
import type { FastifyReply, FastifyRequest } from 'fastify'
import {
  type Bounced,
  changeTicketStatus,
  findBounced,
  findLinking,
  findMessages,
  findTicket,
  findTicketMark,
  type MessagePage,
  type Ticket,
  type TicketName,
} from '../../../store/tickets/conversation.ts'
import { createTokens } from '../../../thread/token.ts'
import { openThreadSecret } from '../../../vault/secrets/thread-secret.ts'
import { NotFound } from '../../failures.ts'
import { type Content, type Html, html } from '../../layout/html.ts'
import { page } from '../../layout/layout.ts'
import { actionButton, badge, fieldsOf, time } from '../../layout/parts.ts'
import { tellChanges } from '../../live.ts'
import { goTo } from '../../security/session.ts'
import { actorOf, siteOf } from '../../site.ts'
import { plainLine } from './mail-files.ts'
import { messageArticle } from './message.ts'
import { kindBadge, people, person, subjectOf } from './words.ts'

const messagesAtOnce = 15
const maxShownCharacters = 20_000
/** Linked tickets, and people to whom mail could not be delivered. */
const maxNamed = 50

export async function showTicket(request: FastifyRequest, reply: FastifyReply): Promise<string> {
  const { db } = siteOf(request)
  const ticket = await ticketOf(request)
  const { before, links } = fieldsOf(request.query)
  const conversation = await findMessages(db, ticket.id, {
    beforeId: toNumber(before),
    limit: messagesAtOnce,
    maxCharacters: maxShownCharacters,
  })
  return await page(reply, {
    title: subjectOf(ticket.subject),
    section: 'tickets',
    ...(conversation.later ? {} : { live: `/tickets/${ticket.id}/changes` }),
    body: html`${await headSection(request, reply, ticket)}
${earlier(ticket, conversation)}
<div class="conversation">
${conversation.messages.map(
  (
    message,
    i,
  ) => html`${messageArticle(ticket, message, { links: toNumber(links) === message.id ? 'allowed' : 'blocked' })}
<div class="after" id="after-${message.id}" data-live>${i < conversation.messages.length - 1 && arrived(ticket)}</div>
`,
)}</div>
${conversation.later && html`<p><a href="/tickets/${ticket.id}">Later messages →</a></p>`}
<noscript><p class="hint">Reload this page to see new messages.</p></noscript>`,
  })
}

/** The ticket in the address. Throws NotFound. */
async function ticketOf(request: FastifyRequest): Promise<Ticket> {
  const { ticket } = request.params as { ticket: string }
  const found = await findTicket(siteOf(request).db, ticket)
  if (found === undefined) throw new NotFound()
  return found
}

function toNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

/**
 * What stands after a message that is not the last. The style shows it after the last one alone: there it comes when a fresh copy of the
 * page has more messages than this one.
 */
function arrived({ id }: TicketName): Html {
  return html`<p class="flash" role="status">New message. <a href="/tickets/${id}">Show</a></p>`
}

function earlier({ id, messages }: Ticket, conversation: MessagePage): Content {
  const [first] = conversation.messages
  if (!conversation.earlier || first === undefined) return null
  return html`<p><a href="/tickets/${id}?before=${first.id}">← Earlier messages</a> <span class="hint">${messages} in all</span></p>`
}

async function headSection(request: FastifyRequest, reply: FastifyReply, ticket: Ticket): Promise<Html> {
  const { db } = siteOf(request)
  const { id, ref, account, status, kind, createdAt, requester, tags, linked } = ticket
  const linking = await findLinking(db, id, maxNamed)
  const bounced = await findBounced(db, id, maxNamed)
  const token = await tokenOf(request, ref)
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
${token !== undefined && html`<dt>Reply code</dt><dd><code class="token">[${token}]</code> <span class="hint">Keep this in the subject so that replies reach this ticket.</span></dd>`}
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

/** What an answer may carry to find its way back; undefined where the secret for it cannot be opened now. */
async function tokenOf(request: FastifyRequest, ref: string): Promise<string | undefined> {
  const { db, keys } = siteOf(request)
  const secret = await openThreadSecret(db, keys)
  return secret && createTokens(secret).sign(ref)
}

/** Tells the open conversation that something came. */
export async function tellTicket(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { id } = await ticketOf(request)
  const { db } = siteOf(request)
  return await tellChanges(request, reply, () => findTicketMark(db, id))
}

export async function closeTicket(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  return await setStatus(request, reply, 'closed')
}

export async function reopenTicket(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  return await setStatus(request, reply, 'open')
}

async function setStatus(
  request: FastifyRequest,
  reply: FastifyReply,
  status: 'open' | 'closed',
): Promise<FastifyReply> {
  const { id, ref } = await ticketOf(request)
  const changed = await changeTicketStatus(siteOf(request).db, id, status, actorOf(request))
  const text = `${ref} is ${status}${changed ? '' : ' already'}.`
  return await goTo(request, reply, `/tickets/${id}`, { tone: 'good', text })
}
