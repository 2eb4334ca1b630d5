// `letterlock ticket …`: reading without a browser.
import { once } from 'node:events'
import { CommandError } from '../errors.ts'
import {
  findAttachmentPlace,
  findTickets,
  getRawPlace,
  getTicket,
  type MessageView,
  type TicketDetail,
} from '../store/tickets.ts'
import { type GlobalOptions, openRaw, withDatabase } from './connect.ts'
import { paint, print, printJson, printTable, time } from './terminal.ts'

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
    const tickets = await findTickets(db, {
      limit,
      ...(account === undefined ? {} : { account }),
      ...(status === undefined ? {} : { status }),
    })
    if (options.json) return await printJson(tickets)
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
    )
  })
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
  await withDatabase(options, async (db, config) => {
    const ticket = await getTicket(db, which)
    if (options.json) return await printJson([ticket])
    if (options.attachment !== undefined) {
      const place = await findAttachmentPlace(db, ticket.id, toNumber(options.attachment))
      if (place === undefined)
        throw new CommandError(
          `ticket ${ticket.id} has no attachment ${options.attachment}`,
          `\`letterlock ticket show ${ticket.id}\` lists them`,
        )
      const { attachmentBytes } = await import('../parse/parse-message.ts')
      const source = await (await openRaw(config)).read(await getRawPlace(db, place.messageId))
      return await writeBytes(await attachmentBytes(source, place))
    }
    if (options.raw)
      return await writeBytes(
        await (await openRaw(config)).read(await getRawPlace(db, pickMessage(ticket, options.message).id)),
      )
    await printTicket(ticket)
  })
}

function toNumber(text: string): number {
  const number = Number(text)
  if (Number.isInteger(number) && number > 0 && number < 100_000) return number
  throw new CommandError(`--attachment ${text}: must be a number from 1 on`, undefined, 2)
}

/** The message with this number (from 1), or the first one. */
function pickMessage(ticket: TicketDetail, number = '1'): MessageView {
  const message = ticket.messages[Number(number) - 1]
  if (message !== undefined) return message
  throw new CommandError(`ticket ${ticket.id} has no message ${number}`, `it has ${ticket.messages.length}`)
}

async function writeBytes(bytes: Buffer): Promise<void> {
  if (!process.stdout.write(bytes)) await once(process.stdout, 'drain')
}

async function printTicket(ticket: TicketDetail): Promise<void> {
  await print(`${paint('bold', ticket.subject || '(no subject)')}`)
  await print(`${ticket.ref} (${ticket.id}), ${ticket.status}, ${ticket.account}, since ${time(ticket.createdAt)}`)
  if (ticket.linkedTicket !== null) await print(`refers to ticket ${ticket.linkedTicket}`)
  for (const [i, message] of ticket.messages.entries()) await printMessage(message, i + 1)
}

async function printMessage(message: MessageView, number: number): Promise<void> {
  const person = ({ name, address }: { name: string; address: string }) =>
    name === '' ? address : `${name} <${address}>`
  const kind = message.kind === 'human' ? '' : ` [${message.kind}]`
  await print('')
  await print(paint('cyan', `── ${number} ── ${person(message.from)}, ${time(message.date)}${kind}`))
  if (message.to.length > 0) await print(`to ${message.to.map(person).join(', ')}`)
  if (message.cc.length > 0) await print(`cc ${message.cc.map(person).join(', ')}`)
  await print('')
  await print(harmless((message.reply || message.text).trim()))
  for (const attachment of message.attachments) {
    await print(
      `  [${attachment.number}] ${attachment.filename ?? '(no name)'}, ${attachment.contentType}, ${attachment.size} bytes${attachment.inline ? ', inline' : ''}`,
    )
  }
}

/** A mail must not steer the terminal. */
function harmless(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, '·')
}
