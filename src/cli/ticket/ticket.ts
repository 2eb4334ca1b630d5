// `letterlock ticket …`: reading without a browser, closing and reopening.
import type { Knex } from 'knex'
import type { Config } from '../../config/config.ts'
import { CommandError } from '../../errors/errors.ts'
import { visible } from '../../foreign-text.ts'
import { findAttachmentLocation, getRawLocation } from '../../store/tickets/attachment-locations.ts'
import {
  changeTicketStatus,
  findBounced,
  findHtmlOfTicket,
  findMessageId,
  findMessages,
  getTicket,
  type Message,
  type Ticket,
} from '../../store/tickets/conversation.ts'
import { findAccountIds, findTicketPage, type ListedTicket } from '../../store/tickets/ticket-list.ts'
import { actor } from '../actor.ts'
import { type GlobalOptions, openRaw, withDatabase } from '../connect.ts'
import { paint, print, printBytes, printJson, printTable, remark, time } from '../terminal.ts'

export interface ListOptions extends GlobalOptions {
  json?: boolean
  account?: string
  status?: string
  limit: string
}

export async function listTickets(options: ListOptions): Promise<void> {
  const { account, status } = options
  if (status !== undefined && status !== 'open' && status !== 'closed')
    throw new CommandError(`--status ${status}: must be open or closed`, undefined, 2)
  const limit = toLimit(options.limit)
  await withDatabase(options, async db => {
    const accountIds = account === undefined ? undefined : await findAccountIds(db, account)
    const { tickets, older } = await findTicketPage(db, { status, accountIds }, { limit })
    if (options.json) return await printJson(tickets.map(toListJson))
    if (tickets.length === 0) return await print('no tickets')
    await printTable(
      ['ID', 'REF', 'STATUS', 'MAILS', 'UPDATED', 'REQUESTER', 'SUBJECT'],
      tickets.map(ticket => [
        String(ticket.id),
        ticket.ref,
        ticket.status,
        String(ticket.messages),
        time(ticket.updatedAt),
        ticket.requester.name || ticket.requester.address,
        ticket.subject,
      ]),
      (cell, column) => (column === 2 && cell === 'closed' ? 'dim' : undefined),
    )
    if (older) remark(`the newest ${limit}; --limit N shows more`)
  })
}

/** As `ticket list --json` prints it. */
function toListJson(ticket: ListedTicket): object {
  const { id, ref, subject, requester, account, status, messages, createdAt, updatedAt } = ticket
  return { id, ref, subject, requester, account, status, messages, createdAt, updatedAt }
}

/** How many are listed; a number from 1 to a million. */
export function toLimit(text: string): number {
  const limit = Number(text)
  if (Number.isInteger(limit) && limit > 0 && limit <= 1_000_000) return limit
  throw new CommandError(`--limit ${text}: must be a number from 1 to 1000000`, undefined, 2)
}

export interface ShowOptions extends GlobalOptions {
  json?: boolean
  raw?: boolean
  message?: string
  attachment?: string
}

export async function showTicket(which: string, options: ShowOptions): Promise<void> {
  const ways = [options.json, options.raw, options.attachment !== undefined].filter(Boolean)
  if (ways.length > 1) throw new CommandError('only one of --json, --raw and --attachment can be given', undefined, 2)
  if (options.message !== undefined && !options.raw)
    throw new CommandError('--message goes with --raw only', 'attachments are numbered through the whole ticket', 2)
  const attachment = options.attachment === undefined ? undefined : toNumber('--attachment', options.attachment)
  const message = toNumber('--message', options.message ?? '1')
  await withDatabase(options, async (db, config) => {
    const ticket = await getTicket(db, which)
    if (attachment !== undefined) return await writeAttachment(db, config, ticket, attachment)
    if (options.raw) return await writeOriginal(db, config, ticket, message)
    const shown = await readWhole(db, config, ticket)
    if (options.json) return await printJson([shown])
    await printTicket(shown)
  })
}

export async function setTicketStatus(which: string, status: 'open' | 'closed', options: GlobalOptions): Promise<void> {
  await withDatabase(options, async db => {
    const ticket = await getTicket(db, which)
    const changed = await changeTicketStatus(db, ticket.id, status, actor())
    await print(`ticket ${ticket.id} (${ticket.ref}) is ${status}${changed ? '' : ' already'}`)
  })
}

/** A number from 1 on. */
function toNumber(option: string, text: string): number {
  const number = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (number > 0) return number
  throw new CommandError(`${option} ${text}: must be a number from 1 on`, undefined, 2)
}

async function writeAttachment(db: Knex, config: Config, ticket: Ticket, number: number): Promise<void> {
  const place = await findAttachmentLocation(db, ticket.id, number)
  if (place === undefined) {
    throw new CommandError(
      `ticket ${ticket.id} has no attachment ${number}`,
      `\`letterlock ticket show ${ticket.id}\` lists what there is`,
    )
  }
  const { attachmentBytes } = await import('../../parse/parse-message.ts')
  const source = await (await openRaw(config)).read(await getRawLocation(db, place.messageId))
  await printBytes(await attachmentBytes(source, place))
}

/** The message with this number (from 1), as it was received. */
async function writeOriginal(db: Knex, config: Config, ticket: Ticket, number: number): Promise<void> {
  const id = await findMessageId(db, ticket.id, number)
  if (id === undefined)
    throw new CommandError(`ticket ${ticket.id} has no message ${number}`, `it has ${ticket.messages}`)
  await printBytes(await (await openRaw(config)).read(await getRawLocation(db, id)))
}

type WholeTicket = Awaited<ReturnType<typeof readWhole>>

/** The ticket with all of its messages and all of their words, as `ticket show --json` prints it. */
async function readWhole(db: Knex, config: Config, ticket: Ticket) {
  const { id, ref, subject, requester, account, status, createdAt, updatedAt, linked, tags } = ticket
  const { messages } = await findMessages(db, id, {})
  const html = await findHtmlOfTicket(db, id)
  let attachments = 0
  return {
    ...{ id, ref, subject, requester, account, status, createdAt, updatedAt, linkedTicket: linked?.id ?? null, tags },
    bounced: await findBounced(db, id),
    messages: messages.map(message => ({
      id: message.id,
      from: message.from,
      to: message.to,
      cc: message.cc,
      date: message.date,
      kind: message.kind,
      subject: message.subject,
      text: message.text.text,
      html: html.get(message.id) ?? null,
      htmlNotes: message.htmlNotes,
      reply: message.reply.text,
      // Numbered through the whole ticket, for `--attachment N`.
      attachments: message.attachments.map(({ id: _, ...attachment }) => ({ number: ++attachments, ...attachment })),
      messageId: message.messageId,
      bounce: message.bounce,
      source: toSourceJson(message.source),
    })),
    token: await tokenOf(db, config, ref),
  }
}

function toSourceJson({ account, mailbox, uidValidity, uid, sha256, size }: Message['source']) {
  return { account, mailbox, uidValidity, uid, sha256, size }
}

/** What an answer may carry to find its way back, or null where the secret for it cannot be opened here. */
async function tokenOf(db: Knex, config: Config, ref: string): Promise<string | null> {
  const { openThreadSecret } = await import('../../vault/secrets/thread-secret.ts')
  const { keysOf } = await import('../../vault/keys/keyring.ts')
  const { createTokens } = await import('../../thread/token.ts')
  const secret = await openThreadSecret(db, keysOf(config))
  return secret === undefined ? null : createTokens(secret).sign(ref)
}

async function printTicket({ token, ...ticket }: WholeTicket): Promise<void> {
  await print(paint('bold', visible(ticket.subject || '(no subject)')))
  const { id, ref, status, account, createdAt } = ticket
  await print(visible(`${ref} (${id}), ${status}, ${account}, since ${time(createdAt)}`))
  if (token !== null) await print(`answers find it by [${token}] in the subject`)
  if (ticket.tags.length > 0) await print(`tags: ${visible(ticket.tags.join(', '))}`)
  if (ticket.linkedTicket !== null) await print(`refers to ticket ${ticket.linkedTicket}`)
  for (const bounced of ticket.bounced) {
    const why = bounced.status === null ? '' : ` (${bounced.status})`
    await print(paint('yellow', visible(`mail to ${bounced.address} could not be delivered${why}`)))
  }
  for (const [i, message] of ticket.messages.entries()) await printMessage(message, i + 1)
}

async function printMessage(message: WholeTicket['messages'][number], number: number): Promise<void> {
  const kind = message.kind === 'human' ? '' : ` [${message.kind}]`
  await print('')
  await print(paint('cyan', visible(`── ${number} ── ${person(message.from)}, ${time(message.date)}${kind}`)))
  if (message.to.length > 0) await print(visible(`to ${message.to.map(person).join(', ')}`))
  if (message.cc.length > 0) await print(visible(`cc ${message.cc.map(person).join(', ')}`))
  if (message.bounce !== null) {
    const { recipients, statuses, delayed } = message.bounce
    await print(
      visible(
        `not delivered ${delayed ? 'yet ' : ''}to ${recipients.join(', ') || 'somebody'} (${statuses.join(', ') || 'no code'})`,
      ),
    )
  }
  await print('')
  await print((message.reply || message.text).trim())
  for (const { number: at, filename, contentType, size, inline } of message.attachments) {
    await print(
      visible(`  [${at}] ${filename ?? '(no name)'}, ${contentType}, ${size} bytes${inline ? ', inline' : ''}`),
    )
  }
}

function person({ name, address }: { name: string; address: string }): string {
  return name === '' ? address : `${name} <${address}>`
}
