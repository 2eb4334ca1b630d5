// `letterlock ticket …`: reading without a browser, closing and reopening.
import type { Knex } from 'knex'
import type { Config } from '../../config/config.ts'
import { CommandError } from '../../errors/errors.ts'
import { visible } from '../../foreign-text.ts'
import {
  closeTicket,
  listTickets as list,
  reopenTicket,
  showTicket as show,
  type TicketJson,
  toTicketJson,
  toTicketListJson,
} from '../../operations/tickets.ts'
import { cutAttachment } from '../../parse/pool/cut-attachment.ts'
import { findAttachmentLocation, getRawLocation } from '../../store/tickets/attachment-locations.ts'
import { findMessageId, getTicket, type Ticket } from '../../store/tickets/conversation.ts'
import { askFor, toNumber } from '../ask.ts'
import { type GlobalOptions, openRaw, withDatabase } from '../connect.ts'
import { paint, print, printBytes, printJson, printTable, remark, time } from '../terminal.ts'

export interface ListOptions extends GlobalOptions {
  json?: boolean
  account?: string
  status?: string
  limit: string
}

export async function listTickets(options: ListOptions): Promise<void> {
  const { account, status, limit } = options
  const { tickets, older } = await askFor(list, options, {
    input: { account, status, limit: toNumber(limit) },
    names: { account: '--account', status: '--status', limit: '--limit' },
    typed: { limit },
  })
  if (options.json) return await printJson(tickets.map(toTicketListJson))
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
  const attachment = options.attachment === undefined ? undefined : toPosition('--attachment', options.attachment)
  const message = toPosition('--message', options.message ?? '1')
  if (attachment !== undefined || options.raw) {
    return await withDatabase(options, async (db, config) => {
      const ticket = await getTicket(db, which)
      if (attachment === undefined) await writeOriginal(db, config, ticket, message)
      else await writeAttachment(db, config, ticket, attachment)
    })
  }
  const shown = toTicketJson(await askFor(show, options, oneTicket(which, options.json ? { html: 'all' } : {})))
  if (!options.json) return await printTicket(shown)
  await printJson([shown])
  for (const [i, { htmlProblem }] of shown.messages.entries())
    if (htmlProblem !== undefined)
      remark(`the HTML of message ${i + 1} is missing (${htmlProblem.code}): ${htmlProblem.hint}`)
}

function oneTicket(ticket: string, wanted: { html?: 'all' } = {}) {
  return { input: { ticket, ...wanted }, names: { ticket: 'the ticket' } }
}

export async function setTicketStatus(which: string, status: 'open' | 'closed', options: GlobalOptions): Promise<void> {
  const operation = status === 'closed' ? closeTicket : reopenTicket
  const { id, ref, changed } = await askFor(operation, options, oneTicket(which))
  await print(`ticket ${id} (${ref}) is ${status}${changed ? '' : ' already'}`)
}

/** A number from 1 on. */
function toPosition(option: string, text: string): number {
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
  const source = await (await openRaw(config)).read(await getRawLocation(db, place.messageId))
  await printBytes(await cutAttachment(source, place, config.poll.parseDeadlineMs))
}

/** The message with this number (from 1), as it was received. */
async function writeOriginal(db: Knex, config: Config, ticket: Ticket, number: number): Promise<void> {
  const id = await findMessageId(db, ticket.id, number)
  if (id === undefined)
    throw new CommandError(`ticket ${ticket.id} has no message ${number}`, `it has ${ticket.messages}`)
  await printBytes(await (await openRaw(config)).read(await getRawLocation(db, id)))
}

async function printTicket({ token, ...ticket }: TicketJson): Promise<void> {
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

async function printMessage(message: TicketJson['messages'][number], number: number): Promise<void> {
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
  if (message.authentication.verdict === 'fail')
    await print(paint('yellow', visible(senderWarning(message.authentication))))
  await print('')
  await print((message.reply || message.text).trim())
  for (const { number: at, filename, contentType, size, inline } of message.attachments) {
    await print(
      visible(`  [${at}] ${filename ?? '(no name)'}, ${contentType}, ${size} bytes${inline ? ', inline' : ''}`),
    )
  }
}

function senderWarning({ from, method, domain }: TicketJson['messages'][number]['authentication']): string {
  const who = from ?? domain ?? 'its sender'
  return `may not be from ${who}: your mail server could not confirm the sender (${method} failed)`
}

function person({ name, address }: { name: string; address: string }): string {
  return name === '' ? address : `${name} <${address}>`
}
