// Whether the database stores mail at this moment: two mails of our own, one that opens a ticket and one that joins it, are written as all
// others are, and taken back. Where they go through, a mail that does not is at fault itself; where they do not, the database is.

import type { Knex } from 'knex'
import type { BatchTicket, MailOutcome } from '../../model/mail-outcome.ts'
import type { ParsedMessage } from '../../model/parsed-message.ts'
import { inTransaction } from '../../store/db/database.ts'
import { insertMails } from '../../store/ingest/ingest-messages.ts'
import { join, openTicket, untouchedTicket } from './batch-ticket.ts'

/** No server gives this UIDVALIDITY (RFC 9051 §2.3.1.1), and rows that let go of their UIDs have small numbers under it. */
const location = { uidValidity: 0, afterIngest: { kind: 'keep' } } as const
const uids = { opening: 2 ** 32 - 2, joining: 2 ** 32 - 1 }

/** Throws what the database says if it does not store mail of this mailbox now. Nothing of the probe stays. */
export async function probeStoring(db: Knex, mailbox: { id: number; accountId: number }): Promise<void> {
  const { parseMessage } = await import('../../parse/parse-message.ts')
  const message = await parseMessage(probe)
  const at = { ...location, accountId: mailbox.accountId, mailboxId: mailbox.id }
  const opened = openTicket(message, new Date(), null, { requester: 'from' })
  opened.awaits.add('probe-parent@letterlock.invalid')
  try {
    await inTransaction(db, async trx => {
      await insertMails(trx, at, [toEnd(message, uids.opening, opened)], new Map())
      const found = untouchedTicket({ ...opened, participants: new Set() })
      await insertMails(trx, at, [toEnd(message, uids.joining, found)], new Map())
      throw new TakenBack()
    })
  } catch (error) {
    if (!(error instanceof TakenBack)) throw error
  }
}

class TakenBack extends Error {}

const probe = Buffer.from(
  [
    'From: Probe <probe@letterlock.invalid>',
    'To: Probe <probe@letterlock.invalid>',
    'Subject: Probe',
    'Message-ID: <probe@letterlock.invalid>',
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary=b',
    '',
    '--b',
    'Content-Type: text/plain',
    '',
    'It is written and taken back, to see whether mail can be stored. '.repeat(50),
    '--b',
    'Content-Type: text/plain',
    'Content-Disposition: attachment; filename=probe.txt',
    '',
    'probe',
    '--b--',
    '',
  ].join('\r\n'),
)

function toEnd(message: ParsedMessage, uid: number, ticket: BatchTicket): MailOutcome {
  const receivedAt = new Date()
  join(ticket, message, receivedAt)
  const mail = { uid, size: probe.length, source: probe, complete: true, receivedAt }
  const raw = { batch: 'probe', offset: 0, size: probe.length, sha256: '0'.repeat(64) }
  return {
    archived: { mail, location: raw, parsed: message, fault: null },
    sender: null,
    fingerprint: null,
    result: ticket.opened === null ? 'appended' : 'created',
    reason: 'probe',
    ticket,
    waiting: [],
    original: null,
  }
}
