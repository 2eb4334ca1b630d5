// PURE. Where to resume a mailbox. UIDs mean something only under their UIDVALIDITY (RFC 9051 §2.3.1.1): when it changes, the
// mailbox is read again from its start and what is known is recognised by its content.

import type { MailboxState } from '../fetch/mailbox.ts'
import type { MessageMeta, StartFrom } from '../model/mail.ts'

export interface Cursor {
  uidValidity: number
  lastUid: number
  startBeforeUid: number
  rereadBeforeUid: number
}

export type StoredCursor = { [K in keyof Cursor]: K extends 'uidValidity' ? number | null : number }

/** A server may omit UIDNEXT; then every UID counts as below it. */
export const afterEveryUid = 2 ** 32 - 1

/** The stored cursor where it still holds, or a new one from the start of the mailbox. */
export function resumeFrom(stored: StoredCursor, state: MailboxState, startFrom: StartFrom): Cursor {
  const { uidValidity, uidNext } = state
  if (stored.uidValidity === uidValidity) return { ...stored, uidValidity }
  const end = uidNext ?? afterEveryUid
  if (stored.uidValidity !== null) return readAgain(state)
  const lastUid = startFrom === 'new' && uidNext !== null ? uidNext - 1 : 0
  return { uidValidity, lastUid, startBeforeUid: end, rereadBeforeUid: 0 }
}

/** From the start of the mailbox: all that is there may be known already. */
export function readAgain({ uidValidity, uidNext }: MailboxState): Cursor {
  const end = uidNext ?? afterEveryUid
  return { uidValidity, lastUid: 0, startBeforeUid: end, rereadBeforeUid: end }
}

/**
 * True if the server has taken UIDs back that the cursor has passed, and may give them to other mails: it was restored from a backup, or it
 * named a UID of the future once. RFC 9051 §2.3.1.1 wants another UIDVALIDITY for that.
 */
export function isTakenBack(cursor: { uidValidity: number | null; lastUid: number }, state: MailboxState): boolean {
  return state.uidNext !== null && state.uidNext <= cursor.lastUid && state.uidValidity === cursor.uidValidity
}

/** The highest UID of which rows may be believed that they are of its mail: where a mailbox is read again, what the cursor has passed. */
export function lastCertainUid({ lastUid, rereadBeforeUid }: Pick<Cursor, 'lastUid' | 'rereadBeforeUid'>): number {
  return lastUid + 1 < rereadBeforeUid ? lastUid : afterEveryUid
}

/**
 * True if the message is to become ours, by the account's choice of what to take of the mail that was already there. One whose
 * date the server did not tell is taken: losing mail is worse.
 */
export function isWanted(meta: MessageMeta, cursor: Cursor, startFrom: StartFrom, accountCreatedAt: Date): boolean {
  if (startFrom === 'all' || meta.uid >= cursor.startBeforeUid || meta.receivedAt.getTime() === 0) return true
  return meta.receivedAt >= (startFrom === 'new' ? accountCreatedAt : startFrom)
}

/** True if the server says the same as when nothing was left to fetch: no need to open the mailbox. */
export function isUnchanged(
  stored: { uidValidity: number | null; seenUidNext: number | null; seenMessages: number | null },
  state: MailboxState,
): boolean {
  return (
    state.uidNext !== null &&
    stored.uidValidity === state.uidValidity &&
    stored.seenUidNext === state.uidNext &&
    stored.seenMessages === state.messages
  )
}
