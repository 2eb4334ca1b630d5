// Where the bytes of mails and their attachments lie.

import type { Knex } from 'knex'
import { OperationError } from '../../errors/errors.ts'
import type { RawLocation } from '../../model/mail.ts'

/** Where the raw mail of a message lies. Throws OperationError where not all of its bytes are kept. */
export async function getRawLocation(db: Knex, messageId: number): Promise<RawLocation> {
  const row = await db('messages')
    .join('sources', 'sources.id', 'messages.source_id')
    .where('messages.id', messageId)
    .first('sources.batch', 'sources.batch_offset', 'sources.stored_size', 'sources.sha256')
  if (row?.batch == null) throw new OperationError('message.not_kept', { message: messageId })
  return { batch: row.batch, offset: row.batch_offset, size: row.stored_size, sha256: row.sha256 }
}

/** Where an attachment stands in the raw mail; without `part` it is found by its hash. */
export interface AttachmentLocation {
  messageId: number
  sha256: string
  part: { offset: number; length: number; encoding: 'identity' | 'base64' | 'quoted-printable' } | null
}

/** The ticket's attachment with this number (from 1). */
export async function findAttachmentLocation(
  db: Knex,
  ticketId: number,
  number: number,
): Promise<AttachmentLocation | undefined> {
  const row = await db('attachments')
    .join('messages', 'messages.id', 'attachments.of_message')
    .where('messages.ticket_id', ticketId)
    .orderBy(['attachments.of_message', 'attachments.position'])
    .offset(number - 1)
    .limit(1)
    .first('messages.id as message_id', 'attachments.sha256', 'part_offset', 'part_length', 'part_encoding')
  if (row === undefined) return undefined
  return toPlace(row)
}

export interface FoundFile extends AttachmentLocation {
  filename: string | null
  size: number
  ticketId: number
}

/** An attachment by its id; `ticketId`: if it is this ticket's. */
export async function findFile(db: Knex, id: number, ticketId?: number): Promise<FoundFile | undefined> {
  const row = await db('attachments')
    .join('messages', 'messages.id', 'attachments.of_message')
    .where({ 'attachments.id': id, ...(ticketId === undefined ? {} : { 'messages.ticket_id': ticketId }) })
    .first(
      'messages.id as message_id',
      'messages.ticket_id',
      'filename',
      'attachments.size',
      'attachments.sha256',
      'part_offset',
      'part_length',
      'part_encoding',
    )
  if (row === undefined) return undefined
  return { ...toPlace(row), ticketId: row.ticket_id, filename: row.filename, size: row.size }
}

interface PlaceRow {
  message_id: number
  sha256: string
  part_offset: number | null
  part_length: number
  part_encoding: NonNullable<AttachmentLocation['part']>['encoding']
}

function toPlace(row: PlaceRow): AttachmentLocation {
  const { message_id: messageId, sha256, part_offset: offset, part_length: length, part_encoding: encoding } = row
  return { messageId, sha256, part: offset === null ? null : { offset, length, encoding } }
}
