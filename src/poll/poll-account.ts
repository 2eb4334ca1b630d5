// One poll of an account, from the open connection to the last cursor. Read this file first.
//
// The server is asked for STATUS first; only a mailbox that has something is opened. What waits to be flagged, moved or deleted
// from an earlier poll comes first, then new mail in windows, batch by batch (ingest-mailbox.ts). One mailbox that fails does not
// keep the others of its account from being polled, now or at the next poll, and a server that will not flag or move does not keep mail
// from coming in.

import type { Knex } from 'knex'
import { AccountError, type IngestError, isAbort, MessageError, ServiceError } from '../errors/errors.ts'
import type { ImapSession, Mailbox, MailboxState } from '../fetch/mailbox.ts'
import type { StartFrom } from '../model/mail.ts'
import type { PollReport } from '../model/poll.ts'
import { lockLease } from '../store/accounts/leases.ts'
import { findMailboxes, type StoredMailbox, updateMailbox } from '../store/accounts/mailboxes.ts'
import type { PolledAccount } from '../store/accounts/polled-account.ts'
import { inTransaction } from '../store/db/database.ts'
import { findUidsFrom, releaseUids } from '../store/ingest/find-duplicates.ts'
import { findRetries, type Retry } from '../store/ingest/quarantine-rows.ts'
import { findUnsettled } from '../store/ingest/unsettled.ts'
import { checkCoverage, isCoverageDue } from './coverage/check-coverage.ts'
import { type Cursor, isTakenBack, isUnchanged, lastCertainUid, readAgain, resumeFrom } from './cursor.ts'
import { ingestMailbox, retryMails, YieldedConnection } from './ingest-mailbox.ts'
import { nameMissing } from './missing-mailbox.ts'
import type { Poll, PollDeps } from './poll-context.ts'
import { settleMail } from './settle-mail.ts'

/** Polls every enabled mailbox of the account. Throws the first failure where none could be read, or all must wait for it. */
export async function pollAccount(account: PolledAccount, deps: PollDeps, signal: AbortSignal): Promise<PollReport> {
  const none = { created: 0, appended: 0, ignored: 0, duplicate: 0, quarantined: 0, bytes: 0, senders: {} }
  const report: PollReport = { ...none, more: false, failure: null }
  await using session = await deps.openSession(account, signal)
  const failures: IngestError[] = []
  const read: string[] = []
  for (const mailbox of await findMailboxes(deps.db, account.id)) {
    try {
      await pollMailbox({ account, deps, signal, report, hangUp: () => session.close() }, session, mailbox, failures)
      read.push(mailbox.name)
    } catch (error) {
      if (error instanceof YieldedConnection) return { ...report, more: true }
      noteFailure(failures, nameMissing(error, account.id, mailbox.name, 'read'), session, signal)
    }
  }
  if (account.push) session.waitFor(read)
  const [failure] = failures
  // It may be the connection that is at fault (some servers let us in and then say that they are not connected): it is not kept.
  if (!failures.every(isClear)) session.close()
  if (failure !== undefined && read.length === 0) throw failure
  return { ...report, failure: failure ?? null }
}

/** True for a failure of which the connection is certainly innocent. */
function isClear({ code }: IngestError): boolean {
  return code === 'imap.mailbox_missing' || code === 'imap.uids_reused'
}

/** What fails one mailbox alone is told when the poll is over; the others are polled meanwhile. */
function noteFailure(failures: IngestError[], error: unknown, session: ImapSession, signal: AbortSignal): void {
  if (!isAbort(error, signal) && session.usable && isOfMailbox(error)) return void failures.push(error)
  session.close()
  throw error
}

/** True for a failure that the other mailboxes of the account need not share. */
function isOfMailbox(error: unknown): error is IngestError {
  if (error instanceof ServiceError) return error.code === 'raw.damaged'
  if (error instanceof MessageError) return true
  return error instanceof AccountError && ofMailbox.has(error.code)
}

const ofMailbox: ReadonlySet<string> = new Set([
  'imap.mailbox_missing',
  'imap.refused',
  'imap.uid_invalid',
  'imap.unavailable',
])

async function pollMailbox(
  poll: Poll,
  session: ImapSession,
  stored: StoredMailbox,
  failures: IngestError[],
): Promise<void> {
  const { account, deps, signal } = poll
  signal.throwIfAborted()
  const work = await findWork(deps.db, stored)
  if (!work.any && isNothingNew(stored, await session.status(stored.name))) return
  const mailbox = await session.select(stored.name, work.unsettled || changesMail(account) ? 'read-write' : 'read-only')
  const cursor = await resume(poll, mailbox, stored, failures)
  const box = { mailbox, stored, cursor }

  const settle = () =>
    settleMail(poll, mailbox, stored, cursor).catch(error => noteFailure(failures, error, session, signal))
  await settle()
  if (!(await ingestMailbox(poll, box, settle))) {
    poll.report.more = true
    return
  }
  await updateMailbox(deps.db, stored.id, account.lease, { seen: mailbox.state })
  await checkCoverage(poll, box)
  // After new mail: whatever a retry comes to, it keeps no other mail waiting.
  await retryMails(poll, box, work.retries)
}

function isNothingNew(stored: StoredMailbox, state: MailboxState): boolean {
  return isUnchanged(stored, state) && !isTakenBack(stored, state)
}

/** What is to be done even where the server has no new mail. */
async function findWork(
  db: Knex,
  stored: StoredMailbox,
): Promise<{ any: boolean; unsettled: boolean; retries: Retry[] }> {
  const { id, accountId, uidValidity } = stored
  if (uidValidity === null) return { any: true, unsettled: false, retries: [] }
  const last = lastCertainUid(stored)
  const unsettled = (await findUnsettled(db, { id, accountId, uidValidity }, { after: 0, last }, 1)).length > 0
  const retries = await findRetries(db, { id, uidValidity, last })
  const stale = stored.listedSecondsAgo === null || stored.listedSecondsAgo > listAgainSeconds
  const isOpened = unsettled || retries.length > 0 || stored.inFlight !== null || stale
  return { any: isOpened || stored.hasUidsToRead || isCoverageDue(stored), unsettled, retries }
}

/** STATUS is believed for so long; then the UIDs are listed even if nothing seems to be new. */
const listAgainSeconds = 900

function changesMail(account: PolledAccount): boolean {
  return account.afterIngest.kind !== 'keep' || account.canary
}

/** The cursor to go on from; a new one (first poll, UIDVALIDITY changed, UIDs taken back) is written down before it is used. */
async function resume(poll: Poll, mailbox: Mailbox, stored: StoredMailbox, failures: IngestError[]): Promise<Cursor> {
  const { account, deps } = poll
  const cursor = resumeFrom(stored, mailbox.state, account.startFrom)
  if (await isRestored(mailbox, cursor)) {
    failures.push(uidsReused(poll, mailbox))
    return await restart(poll, mailbox, stored)
  }
  if (cursor.uidValidity === stored.uidValidity) return cursor
  const lastUid =
    account.startFrom instanceof Date ? await uidBefore(mailbox, account.startFrom, cursor) : cursor.lastUid
  await updateMailbox(deps.db, stored.id, account.lease, { ...cursor, lastUid, inFlight: null })
  stored.inFlight = null
  return { ...cursor, lastUid }
}

/** UIDNEXT is not believed where the server still has what the cursor has passed: some never raise it. */
async function isRestored(mailbox: Mailbox, cursor: Cursor): Promise<boolean> {
  if (!mailbox.statesUidNext || !isTakenBack(cursor, mailbox.state)) return false
  return (await mailbox.list(cursor.lastUid, 1)).length === 0
}

/** Reads the mailbox from its start; rows whose UIDs are not given any more let go of them, so that other mail can have them. */
async function restart({ account, deps }: Poll, mailbox: Mailbox, stored: StoredMailbox): Promise<Cursor> {
  const cursor = readAgain(mailbox.state)
  await inTransaction(deps.db, async trx => {
    await lockLease(trx, account.lease)
    await releaseUids(trx, stored.id, await findUidsFrom(trx, stored.id, cursor.uidValidity, cursor.rereadBeforeUid))
    await updateMailbox(trx, stored.id, account.lease, { ...cursor, inFlight: null })
  })
  stored.inFlight = null
  return cursor
}

function uidsReused({ account }: Poll, mailbox: Mailbox): AccountError {
  return new AccountError('imap.uids_reused', { account: account.id, mailbox: mailbox.name }, { temporary: true })
}

const dayMs = 86_400_000

/** The highest UID that need not be listed for `--start DATE`. SEARCH SINCE disregards time and zone (RFC 9051 §6.4.4): a day earlier is safe. */
async function uidBefore(mailbox: Mailbox, start: Exclude<StartFrom, string>, cursor: Cursor): Promise<number> {
  const since = await mailbox.listSince(new Date(start.getTime() - dayMs))
  return Math.max(0, since.reduce((lowest, uid) => Math.min(lowest, uid), cursor.startBeforeUid) - 1)
}
