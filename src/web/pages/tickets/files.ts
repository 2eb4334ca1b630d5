// What came with mails, under addresses of their own: files to keep, pictures to look at, the HTML of a mail for its frame, its full text,
// the mail as it came. Everything here is hostile: nothing of it is ever an answer under the policy of our own pages (download-headers.ts,
// mail-html.ts). The headers are set first, so that a failure is under them, too.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { MessageError, OperationError, Refusal } from '../../../errors/errors.ts'
import { findPictureKey, writePictureKey } from '../../../store/people/sessions.ts'
import { type FoundFile, findFile, getRawLocation } from '../../../store/tickets/attachment-locations.ts'
import { findMessageInRaw, findMessageText, findTicket, hasMessage } from '../../../store/tickets/conversation.ts'
import { NotFound } from '../../failures.ts'
import { fieldsOf } from '../../layout/parts.ts'
import { comesFromHere } from '../../security/csrf.ts'
import {
  endOf,
  isPermitted,
  publicPartOf,
  readPermission,
  toPermission,
  toPictureKey,
} from '../../security/inline-permission.ts'
import { tokenOf } from '../../security/session.ts'
import { limitsOf, type Site, sessionOf, siteOf } from '../../site.ts'
import { toId } from '../people/self.ts'
import { fileHeaders, keepAs, pictureTypeOf, safeFileName } from './download-headers.ts'
import { mailDocument } from './mail-html.ts'

/** An attachment, to keep. */
export async function sendFile(request: FastifyRequest, reply: FastifyReply): Promise<Buffer> {
  reply.headers(fileHeaders)
  const site = siteOf(request)
  const { ticket, file: which } = numbersOf(request)
  const file = await foundFile(site, which, ticket)
  const bytes = await bytesOf(site, file)
  reply.header('content-disposition', keepAs(safeFileName(file.filename, `attachment-${which}`)))
  reply.type('application/octet-stream')
  return bytes
}

/** An attachment to look at, if it is a picture. */
export async function sendPicture(request: FastifyRequest, reply: FastifyReply): Promise<Buffer> {
  reply.headers(fileHeaders)
  const site = siteOf(request)
  const { ticket, file } = numbersOf(request)
  return picture(reply, await bytesOf(site, await foundFile(site, file, ticket)))
}

/** A picture inside a mail: its frame sends no cookies, the address itself is the permission. */
export async function sendInlinePicture(request: FastifyRequest, reply: FastifyReply): Promise<Buffer> {
  reply.headers({ ...fileHeaders, 'cross-origin-resource-policy': 'cross-origin' })
  const site = siteOf(request)
  const permission = readPermission((request.params as { permission: string }).permission)
  const key = permission && (await findPictureKey(site.db, permission.sessionId, limitsOf(site)))
  if (permission === undefined || key === undefined || !isPermitted(key, permission, new Date())) throw new NotFound()
  return picture(reply, await bytesOf(site, await foundFile(site, permission.fileId)))
}

function picture(reply: FastifyReply, bytes: Buffer): Buffer {
  const type = pictureTypeOf(bytes)
  if (type === undefined) throw new NotFound()
  reply.header('content-disposition', 'inline').type(type)
  return bytes
}

/** The document of a mail's frame. */
export async function showMailHtml(request: FastifyRequest, reply: FastifyReply): Promise<string> {
  reply.headers(fileHeaders)
  const site = siteOf(request)
  const { ticket, message } = numbersOf(request)
  const found = await findMessageInRaw(site.db, ticket, message)
  const { id: sessionId } = sessionOf(request)
  const token = tokenOf(request)
  if (found === undefined || token === undefined) throw new NotFound()
  const reading = await site.html.read(found)
  if (reading.state === 'failed')
    throw new OperationError('message.html_missing', { message }, { because: [reading.failure] })
  if (reading.state !== 'shown') throw new NotFound()
  const key = toPictureKey(token)
  await writePictureKey(site.db, sessionId, publicPartOf(key))
  const { images, links } = fieldsOf(request.query)
  const until = endOf(new Date())
  const { body, headers } = mailDocument(reading.html, {
    // Only by the button of our own page: a link in a mail may lead here, too.
    images: images === 'allowed' && comesFromHere(request) ? 'allowed' : 'blocked',
    links: links === 'allowed' ? 'allowed' : 'blocked',
    attachments: found.attachments,
    attachmentPath: ({ id }) => `/inline/${toPermission(key, { sessionId, until, fileId: id })}`,
  })
  reply.headers(headers)
  return body
}

/** All words of a mail. */
export async function showMailText(request: FastifyRequest, reply: FastifyReply): Promise<string> {
  reply.headers(fileHeaders)
  const { ticket, message } = numbersOf(request)
  const text = await findMessageText(siteOf(request).db, ticket, message)
  if (text === undefined) throw new NotFound()
  reply.type('text/plain; charset=utf-8')
  return text.toWellFormed()
}

/** The mail as it came. */
export async function sendOriginal(request: FastifyRequest, reply: FastifyReply): Promise<Buffer> {
  reply.headers(fileHeaders)
  const site = siteOf(request)
  const { ticket, message } = numbersOf(request)
  const head = await findTicket(site.db, String(ticket))
  if (head === undefined || !(await hasMessage(site.db, ticket, message))) throw new NotFound()
  const bytes = await site.raw.read(await getRawLocation(site.db, message))
  reply.header('content-disposition', keepAs(`${head.ref}-${message}.eml`)).type('application/octet-stream')
  return bytes
}

const hint = 'download the original of the mail and open it in a mail program'

/** Those in the address. Throws NotFound for what is no number. */
function numbersOf(request: FastifyRequest): { ticket: number; message: number; file: number } {
  const { ticket = '', message = '1', file = '1' } = request.params as Record<string, string>
  return { ticket: toId(ticket), message: toId(message), file: toId(file) }
}

async function foundFile({ db }: Site, id: number, ticketId?: number): Promise<FoundFile> {
  const file = await findFile(db, id, ticketId)
  if (file === undefined) throw new NotFound()
  return file
}

async function bytesOf({ db, raw, config }: Site, file: FoundFile): Promise<Buffer> {
  const source = await raw.read(await getRawLocation(db, file.messageId))
  const { cutAttachment } = await import('../../../parse/pool/cut-attachment.ts')
  try {
    return await cutAttachment(source, file, config.poll.parseDeadlineMs)
  } catch (error) {
    // It is the mail's fault, not ours.
    if (error instanceof MessageError) throw new Refusal('this attachment cannot be cut out of its mail', hint)
    throw error
  }
}
