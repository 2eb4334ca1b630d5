// Tickets: the list, one with its messages, closing and reopening.
import { z } from 'zod'
import { sentencesForCommand } from '../errors/hints.ts'
import type { HtmlNotes } from '../model/parsed-message.ts'
import { unknownSender } from '../parse/authentication/judge-sender.ts'
import { getAccountIds } from '../store/accounts/account-addresses.ts'
import { inTransaction } from '../store/db/database.ts'
import {
  type Bounced,
  findBounced,
  findLinking,
  findMessages,
  getTicket,
  type Message,
  type MessagePage,
  type Ticket,
  type TicketName,
  updateTicketStatus,
} from '../store/tickets/conversation.ts'
import {
  findTicketPage,
  type ListedTicket,
  type PageCursor,
  type TicketPage,
  type TicketStatus,
} from '../store/tickets/ticket-list.ts'
import { kinds } from '../thread/rules.ts'
import { createTokens } from '../thread/token.ts'
import { openThreadSecret } from '../vault/secrets/thread-secret.ts'
import type { Deps } from './deps.ts'
import { type Call, defineOperation, id, listLimit } from './operation.ts'
import type { HtmlReading } from './read-html.ts'

/** Where a page of the list begins, as `1795600000000-17`. */
export const pageCursor = z.string().transform((text, context): PageCursor => {
  const [, at, ticket] = /^(\d{1,14})-(\d{1,15})$/.exec(text) ?? []
  if (at !== undefined) return { updatedAt: new Date(Number(at)), id: Number(ticket) }
  context.addIssue('is no place in this list')
  return z.NEVER
})

/** For `before` or `after`. */
export function cursorOf({ updatedAt, id }: PageCursor): string {
  return `${updatedAt.getTime()}-${id}`
}

export const listTickets = defineOperation({
  name: 'ticket.list',
  who: 'agent',
  summary: 'list tickets, those with the latest change first',
  input: z.strictObject({
    status: z
      .enum(['open', 'closed'], { error: 'must be open or closed' })
      .optional()
      .describe('only tickets with this status: open or closed'),
    account: z.string().max(320).optional().describe('only of accounts with this address'),
    kind: z.enum(kinds).optional().describe('only tickets opened by mail of this kind'),
    before: pageCursor.optional().describe('only tickets that come after this one in the list'),
    after: pageCursor.optional().describe('only tickets that come before this one in the list'),
    limit: listLimit,
  }),
  async work({ db }: Pick<Deps, 'db'>, { input }): Promise<TicketPage> {
    const { account, status, kind, ...page } = input
    const accountIds = account === undefined ? undefined : await getAccountIds(db, account)
    return await findTicketPage(db, { status, kind, accountIds }, page)
  },
})

/** As `ticket list --json` prints it. */
export function toTicketListJson(ticket: ListedTicket): object {
  const { id, ref, subject, requester, account, status, messages, createdAt, updatedAt } = ticket
  return { id, ref, subject, requester, account, status, messages, createdAt, updatedAt }
}

const whichTicket = z.string().min(1).max(64).describe('id or LL-…')

export interface ShownTicket extends MessagePage {
  ticket: Ticket
  /** The newest tickets whose first mail refers to this one. */
  linking: TicketName[]
  bounced: Bounced[]
  /** What a reply may carry in its subject to reach this ticket; null where the secret for it cannot be opened here. */
  token: string | null
  /** By the ids of messages; empty where nobody asked for it. */
  html: ReadonlyMap<number, HtmlReading>
}

/** How long a page waits for the HTML of its messages. */
const patienceMs = 2_000
/** Of one page: linked tickets, and participants to whom mail could not be delivered. */
const maxNamed = 50

export const showTicket = defineOperation({
  name: 'ticket.show',
  who: 'agent',
  summary: 'show one ticket with its messages: all, or a page of them with the beginning of their texts',
  input: z.strictObject({
    ticket: whichTicket,
    before: id.optional().describe('only messages before the one with this id'),
    limit: z.int().min(1).max(1_000).optional().describe('how many messages at most, the last ones; default: all'),
    maxCharacters: z.int().min(1).optional().describe('how much of each text; default: all of it'),
    html: z.enum(['soon', 'all']).optional().describe('their HTML: all of it, or what is there soon; default: none'),
  }),
  async work({ db, keys, html }: Pick<Deps, 'db' | 'keys' | 'html'>, { input }): Promise<ShownTicket> {
    const { before: beforeId, limit, maxCharacters, html: wanted } = input
    const ticket = await getTicket(db, input.ticket)
    const readPage = async (): Promise<MessagePage & Pick<ShownTicket, 'html'>> => {
      const page = await findMessages(db, ticket.id, { beforeId, limit, maxCharacters })
      if (wanted === undefined) return { ...page, html: new Map() }
      return { ...page, html: await html.readAll(page.messages, wanted === 'soon' ? patienceMs : undefined) }
    }
    const [page, linking, bounced, token] = await Promise.all([
      readPage(),
      findLinking(db, ticket.id, maxNamed),
      findBounced(db, ticket.id, limit === undefined ? undefined : maxNamed),
      tokenOf(db, keys, ticket.ref),
    ])
    return { ticket, linking, bounced, token, ...page }
  },
})

async function tokenOf(db: Deps['db'], keys: Deps['keys'], ref: string): Promise<string | null> {
  const secret = await openThreadSecret(db, keys)
  return secret === undefined ? null : createTokens(secret).sign(ref)
}

export type TicketJson = ReturnType<typeof toTicketJson>

/** As `ticket show --json` prints a ticket that was read as a whole. Attachments are numbered through all of it, for `--attachment N`. */
export function toTicketJson({ ticket, bounced, messages, html, token }: ShownTicket) {
  const { id, ref, subject, requester, account, status, createdAt, updatedAt, linked, tags } = ticket
  let attachments = 0
  return {
    ...{ id, ref, subject, requester, account, status, createdAt, updatedAt },
    ...{ linkedTicket: linked?.id ?? null, tags, bounced },
    messages: messages.map(message => ({
      ...wordsOf(message),
      ...htmlOf(html.get(message.id)),
      attachments: message.attachments.map(({ id: _, ...attachment }) => ({ number: ++attachments, ...attachment })),
      messageId: message.messageId,
      bounce: message.bounce,
      authentication: toAuthenticationJson(message),
      source: sourceOf(message.source),
    })),
    token,
  }
}

function wordsOf({ id, from, to, cc, date, kind, subject, text, reply }: Message) {
  return { id, from, to, cc, date, kind, subject, text: text.text, reply: reply.text }
}

/** HTML that cannot be told says why. */
function htmlOf(reading: HtmlReading | undefined): {
  html: string | null
  htmlNotes: HtmlNotes | null
  htmlProblem?: { code: string; hint: string }
} {
  if (reading?.state === 'shown') return { html: reading.html, htmlNotes: reading.notes }
  const none = { html: null, htmlNotes: null }
  if (reading?.state !== 'failed') return none
  const { failure } = reading
  return { ...none, htmlProblem: { code: failure.code, hint: sentencesForCommand(failure) } }
}

/** As `parse --json` prints it. */
function toAuthenticationJson({ authentication, from }: Pick<Message, 'authentication' | 'from'>) {
  const { verdict, method, domain, aligned, from: address } = authentication ?? unknownSender(from.address || null)
  return { verdict, method, domain, aligned, from: address }
}

function sourceOf({ account, mailbox, uidValidity, uid, sha256, size }: Message['source']) {
  return { account, mailbox, uidValidity, uid, sha256, size }
}

const oneTicket = z.strictObject({ ticket: whichTicket })

export const closeTicket = defineOperation({
  name: 'ticket.close',
  who: 'agent',
  summary: 'close a ticket; thread.closed decides what a later reply does',
  input: oneTicket,
  work: (deps: Pick<Deps, 'db'>, call) => setStatus(deps, call, 'closed'),
})

export const reopenTicket = defineOperation({
  name: 'ticket.reopen',
  who: 'agent',
  summary: 'reopen a ticket',
  input: oneTicket,
  work: (deps: Pick<Deps, 'db'>, call) => setStatus(deps, call, 'open'),
})

export interface StatusSet {
  id: number
  ref: string
  /** False if it had this status already: then nothing is written. */
  changed: boolean
}

async function setStatus(
  { db }: Pick<Deps, 'db'>,
  { input, audit }: Call<{ ticket: string }>,
  status: TicketStatus,
): Promise<StatusSet> {
  return await inTransaction(db, async trx => {
    const { id, ref } = await getTicket(trx, input.ticket)
    const changed = await updateTicketStatus(trx, id, status)
    if (changed) await audit(trx, { detail: { ticket: id } })
    return { id, ref, changed }
  })
}
