// PURE. A ticket that has mail in a batch: as it is found or opened, and what each mail adds to it.
import type { BatchTicket } from '../../model/mail-outcome.ts'
import type { Bounce, MessageFacts } from '../../model/parsed-message.ts'
import { personKey } from '../../model/person-key.ts'
import { isAutomatic, participantsOf, requesterOf, type ThreadPolicy } from '../../thread/thread-message.ts'

export function openTicket(
  message: MessageFacts,
  at: Date,
  linked: BatchTicket | null,
  policy: Pick<ThreadPolicy, 'requester'>,
): BatchTicket {
  const requester = requesterOf(message, policy) ?? { name: '', address: '' }
  return {
    ...untouchedTicket({
      id: null,
      participants: new Set(),
      requester: personKey(requester.address),
      closed: false,
    }),
    opened: { kind: message.kind, subject: message.subject, requester, at, linked },
    lastAt: at,
  }
}

/** A ticket as the batch finds it, nothing added yet. */
export function untouchedTicket(found: Pick<BatchTicket, 'id' | 'participants' | 'requester' | 'closed'>): BatchTicket {
  return {
    ...found,
    opened: null,
    added: 0,
    reopened: false,
    lastAt: new Date(0),
    newParticipants: new Set(),
    tags: new Set(),
    bounced: new Map(),
    awaits: new Set(),
  }
}

export function join(ticket: BatchTicket, message: MessageFacts, at: Date): void {
  ticket.added += 1
  if (at > ticket.lastAt) ticket.lastAt = at
  // A server that goes on trying has failed nobody.
  if (message.bounce !== null && !message.bounce.delayed) noteBounce(ticket, message.bounce)
  // A mail server does not take part, and a stranger must not by an answer that is joined by reference alone.
  if (isAutomatic(message.kind)) return
  for (const address of participantsOf(message).slice(0, maxParticipants)) {
    if (ticket.participants.has(address) || ticket.participants.size >= maxParticipants) continue
    ticket.participants.add(address)
    ticket.newParticipants.add(address)
  }
}

/** Participants whom a mail server could not reach are marked. */
function noteBounce(ticket: BatchTicket, { recipients, statuses }: Bounce): void {
  for (const recipient of recipients.map(personKey))
    if (ticket.participants.has(recipient)) ticket.bounced.set(recipient, statuses[0] ?? '')
}

/** A mail to thousands does not make thousands of rows. */
const maxParticipants = 200
