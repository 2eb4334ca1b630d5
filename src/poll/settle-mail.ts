// Flags, moves or deletes on the server what is ours by now. A deletion cannot be taken back, so each is checked against both copies first:
// the raw bytes are read again from the store, by their hash, and what the server has under the UID must be of their size. A mail whose bytes
// are not there waits, because somebody may put them back; one of another size stays on the server for good, and its account says so once.

import { AccountError, isAbort, ServiceError } from '../errors/errors.ts'
import type { Mailbox } from '../fetch/mailbox.ts'
import type { StoredMailbox } from '../store/accounts/mailboxes.ts'
import { findUnsettled, type UnsettledMail, updateLeft, updateSettled } from '../store/ingest/unsettled.ts'
import { isSameSize } from './batch/stated-size.ts'
import { type Cursor, lastCertainUid } from './cursor.ts'
import { nameMissing } from './missing-mailbox.ts'
import type { Poll } from './poll-context.ts'

const settleAtOnce = 500

/** Settles what waits for it. Throws what kept a mail from being settled once the others are. */
export async function settleMail(poll: Poll, mailbox: Mailbox, stored: StoredMailbox, cursor: Cursor): Promise<void> {
  const { account, deps } = poll
  const box = { id: stored.id, accountId: stored.accountId, uidValidity: cursor.uidValidity }
  const failures: unknown[] = []
  for (let after = 0; ; ) {
    const groups = await findUnsettled(deps.db, box, { after, last: lastCertainUid(cursor) }, settleAtOnce)
    if (groups.length === 0) break
    let isDone = true
    for (const { action, mails } of groups) {
      poll.signal.throwIfAborted()
      const checked = action.kind === 'delete' ? await checkDeletable(poll, mailbox, mails) : allOf(mails)
      if (checked.failure !== null) failures.push(checked.failure)
      if (checked.left.length > 0) await updateLeft(deps.db, box, account.lease, checked.left)
      const left = await mailbox.settle(checked.sure, action).catch(error => {
        throw action.kind === 'move' ? nameMissing(error, account.id, action.mailbox, 'move') : error
      })
      await updateSettled(deps.db, box, account.lease, checked.sure, left)
      // What was copied is to be deleted now.
      if (left !== null) isDone = false
    }
    if (isDone) after = Math.max(...groups.flatMap(({ mails }) => mails.map(({ uid }) => uid)))
  }
  if (failures.length > 0) throw failures[0]
}

interface Checked {
  /** UIDs that may be settled. */
  sure: number[]
  /** UIDs that are to stay on the server. */
  left: number[]
  failure: unknown
}

function allOf(mails: readonly UnsettledMail[]): Checked {
  return { sure: mails.map(({ uid }) => uid), left: [], failure: null }
}

async function checkDeletable(poll: Poll, mailbox: Mailbox, mails: readonly UnsettledMail[]): Promise<Checked> {
  const uids = mails.map(({ uid }) => uid)
  const sizes = await mailbox.sizes(uids)
  // An answer that omits a UID is no proof that the mail is gone.
  const there = await mailbox.stillThere(uids.filter(uid => !sizes.has(uid)))
  const told = mails.filter(({ uid }) => !there.has(uid))
  return await mailbox.keepAwake(compareWithStore(poll, mailbox, told, sizes))
}

async function compareWithStore(
  poll: Poll,
  mailbox: Mailbox,
  mails: readonly UnsettledMail[],
  sizes: ReadonlyMap<number, number>,
): Promise<Checked> {
  const checked: Checked = { sure: [], left: [], failure: null }
  for (const { uid, place } of mails) {
    poll.signal.throwIfAborted()
    try {
      const source = await poll.deps.raw.read(place)
      const size = sizes.get(uid)
      if (size === undefined || isSameSize(size, source, mailbox.estimatesSizes)) checked.sure.push(uid)
      else checked.left.push(uid)
    } catch (error) {
      if (isAbort(error, poll.signal) || !(error instanceof ServiceError) || error.code !== 'raw.damaged') throw error
      checked.failure = error
    }
  }
  if (checked.left.length > 0) checked.failure ??= otherSize(poll, mailbox, checked.left)
  return checked
}

function otherSize(poll: Poll, mailbox: Mailbox, uids: readonly number[]): AccountError {
  return new AccountError(
    'imap.refused',
    {
      account: poll.account.id,
      reason: 'not_deleted',
      uid: uids[0] ?? 0,
      ...(uids.length > 1 ? { mails: uids.length } : {}),
      mailbox: mailbox.name,
    },
    { temporary: true },
  )
}
