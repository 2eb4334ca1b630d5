// New mail of one mailbox, batch by batch: while two batches are archived, parsed and committed, the next one is on the wire.
//
// Before a batch is fetched it is marked as in flight in the mailbox's row; the ingest transaction clears the mark. A poll that finds a
// mark knows that the last attempt died, with the process or with the connection. It fetches the same mail again in halves, down to single
// mails. A mail that fails alone five times is quarantined as unfetchable, and the mailbox goes on. Before the fifth attempt the server must
// deliver another mail: a server that delivers none, or floods every request, proves nothing about one mail.
//
// Every batch needs a reservation in the worker's byte budget before it is fetched. If the budget is used up, the batches at hand are
// committed first. If other accounts wait, a backlog stops after its slice of bytes, mails or time, and goes on at its next turn.
// A server so slow that others would have to wait for it loses its connection (byte-budget.ts); no mail is blamed for that.

import { AccountError, isAbort, ServiceError } from '../errors/errors.ts'
import type { Mailbox } from '../fetch/mailbox.ts'
import type { FetchedMessage, MessageMeta } from '../model/mail.ts'
import type { ArchivedMail, MailOutcome } from '../model/mail-outcome.ts'
import type { SenderVerdict } from '../model/sender-verdict.ts'
import { lockLease } from '../store/accounts/leases.ts'
import { type InFlight, type MailboxChange, type StoredMailbox, updateMailbox } from '../store/accounts/mailboxes.ts'
import { deleteUidsToRead, findUidsToRead, insertUidsToRead, updateReceivedAt } from '../store/accounts/uids-to-read.ts'
import { inTransaction } from '../store/db/database.ts'
import { insertUnfetchable } from '../store/ingest/ingest-messages.ts'
import { clearRetry, type Retry, requestRetry } from '../store/ingest/quarantine-rows.ts'
import type { Reservation } from './batch/byte-budget.ts'
import { type FetchedBatch, fetchBatch } from './batch/fetch-batch.ts'
import { type PlannedBatch, planBatches } from './batch/plan-batches.ts'
import { releaseBytes } from './batch/release-bytes.ts'
import { afterEveryUid, type Cursor, isWanted } from './cursor.ts'
import { archiveBatch, type BatchContext } from './ingest/ingest-batch.ts'
import { probeStoring } from './ingest/probe-storing.ts'
import { RefusedMail, storeMails } from './ingest/store-mails.ts'
import type { Poll } from './poll-context.ts'

/** An open mailbox; its cursor moves with every batch. */
export interface OpenMailbox {
  mailbox: Mailbox
  stored: StoredMailbox
  cursor: Cursor
}

/** UIDs that are listed at once. */
const windowSize = 1000
/** Tries of one mail alone. */
const maxFailures = 5

/** What a backlog may ingest in one go while other accounts wait. */
const sliceBytes = 67_108_864
const sliceMails = 2 * windowSize

/**
 * Ingests everything past the cursor and returns true, or ingests a slice of it and returns false because other accounts wait. `settle` is
 * called while no fetch is open and nothing waits to be committed.
 */
export async function ingestMailbox(poll: Poll, box: OpenMailbox, settle: () => Promise<void>): Promise<boolean> {
  const inFlight = inFlightOf(poll, box)
  if (inFlight !== null) {
    await ingestCautiously(poll, box, inFlight)
    await settle()
  }
  const whole = await ingestBacklog(poll, box, settle)
  await settle()
  return whole
}

/** The bytes to reserve for a batch. Many small mails cost as much work as few large ones. */
function costOf({ deps }: Poll, batch: PlannedBatch): number {
  const { bytes, messages } = deps.limits
  return Math.max(batch.bytes, batch.uids.length * (bytes / messages))
}

/** Reserves bytes for a batch. If the budget is used up, the pipeline is committed first: a poll that waits holds nothing. */
async function reserve(poll: Poll, box: OpenMailbox, batch: PlannedBatch, pipeline?: Pipeline): Promise<Reservation> {
  const cost = costOf(poll, batch)
  const { budget } = poll.deps
  const reservation = budget.tryTake(poll.account.id, cost)
  if (reservation !== undefined) return reservation
  if (pipeline !== undefined) await box.mailbox.keepAwake(pipeline.end())
  return await box.mailbox.keepAwake(budget.take(poll.account.id, cost, poll.signal))
}

/** The connection was closed because it is slow and others wait. This is no failure: the account goes on when the slow lane has room. */
export class YieldedConnection extends Error {
  override readonly name = 'GaveWay'
}

/** Fetches a batch within its reservation. */
async function fetchWithin(
  poll: Poll,
  box: OpenMailbox,
  batch: PlannedBatch,
  reservation: Reservation,
): Promise<FetchedBatch> {
  reservation.begin(poll.hangUp)
  try {
    const fetched = await fetchBatch(poll, box.mailbox, batch)
    return fetched.failure !== null && reservation.givenUp ? { ...fetched, failure: new YieldedConnection() } : fetched
  } finally {
    reservation.arrived()
  }
}

/** Batch after batch without a pause. Returns false if the slice was over before the backlog was. */
async function ingestBacklog(poll: Poll, box: OpenMailbox, settle: () => Promise<void>): Promise<boolean> {
  const planned = createPlan(poll, box)
  const slice = createSlice(poll)
  /** The cursor once everything that was fetched is committed. */
  let { lastUid } = box.cursor
  let batch = await planned.next(lastUid)
  if (batch === undefined) return true
  await markInFlight(poll, box, toInFlight(batch))
  const pipeline = createPipeline(poll, box)
  // A slow database or store is no silence of the server.
  const commitAll = () => box.mailbox.keepAwake(pipeline.end())
  let isOver = false
  try {
    while (batch !== undefined && !isOver) {
      poll.signal.throwIfAborted()
      const reservation = await reserve(poll, box, batch, pipeline)
      const fetched = await fetchWithin(poll, box, batch, reservation).catch(error => {
        reservation[Symbol.dispose]()
        throw error
      })
      lastUid = Math.max(lastUid, fetched.lastUid)
      slice.add(fetched)
      const { following, failure } = await planned.after(fetched, lastUid)
      isOver = following !== undefined && slice.isOver()
      const inFlight = fetched.failure === null ? toInFlight(isOver ? undefined : following) : suspect(fetched)
      await box.mailbox.keepAwake(pipeline.add(fetched, { lastUid: fetched.lastUid, inFlight }, reservation))
      if (failure !== null) throw failure
      if (following !== undefined && planned.isNewWindow() && poll.account.afterIngest.kind !== 'keep') {
        await commitAll()
        await settle()
      }
      batch = following
    }
    await commitAll()
  } finally {
    await pipeline.end()
  }
  return !isOver
}

interface Plan {
  /** The next batch; undefined: nothing is left. A window of UIDs is listed whenever the last one is used up. */
  next(lastUid: number): Promise<PlannedBatch | undefined>
  /**
   * The one after a batch that was fetched. It is known before that batch is committed, so that the server lists the next window while the last
   * batches are parsed and stored. `failure`: why the batch did not come whole, or the next window was not listed.
   */
  after(fetched: FetchedBatch, lastUid: number): Promise<{ following: PlannedBatch | undefined; failure: unknown }>
  /** True if the batch that was given last is the first of its window. */
  isNewWindow(): boolean
}

function createPlan(poll: Poll, box: OpenMailbox): Plan {
  let window: PlannedBatch[] = []
  let [given, listedAfter] = [0, -1]
  const next = async (lastUid: number): Promise<PlannedBatch | undefined> => {
    if (given === window.length) {
      // What is listed past UIDNEXT and does not come is not there: if it is, UIDNEXT says so at the next poll.
      if (lastUid === listedAfter) return undefined
      listedAfter = lastUid
      window = plan(poll, box, await box.mailbox.list(lastUid + 1, windowSize), poll.deps.limits.messages)
      given = 0
    }
    return window[given++]
  }
  return {
    next,
    async after(fetched, lastUid) {
      if (fetched.failure !== null) return { following: undefined, failure: fetched.failure }
      try {
        return { following: await next(lastUid), failure: null }
      } catch (failure) {
        return { following: undefined, failure }
      }
    },
    isNewWindow: () => given === 1,
  }
}

interface Slice {
  add(fetched: FetchedBatch): void
  /** True if it is the turn of other accounts. */
  isOver(): boolean
}

function createSlice({ deps }: Poll): Slice {
  const startedAt = performance.now()
  let [bytes, mails] = [0, 0]
  return {
    add(fetched) {
      mails += fetched.mails.length
      for (const { source } of fetched.mails) bytes += source.length
    },
    isOver() {
      const isLong = bytes >= sliceBytes || mails >= sliceMails || performance.now() - startedAt >= deps.sliceMs
      return isLong && deps.isCrowded()
    },
  }
}

function plan(poll: Poll, box: OpenMailbox, listed: readonly MessageMeta[], messages: number): PlannedBatch[] {
  const { account, deps } = poll
  const wanted = (meta: MessageMeta) => isWanted(meta, box.cursor, account.startFrom, account.createdAt)
  return planBatches(listed, wanted, { ...deps.limits, messages })
}

function toInFlight(batch: PlannedBatch | undefined): InFlight | null {
  const [uid] = batch?.uids ?? []
  return batch === undefined || uid === undefined ? null : { uid, size: batch.uids.length, failures: 0 }
}

interface Pipeline {
  /**
   * Accepts a fetched batch: it is archived and parsed at once, and committed after all before it. Resolves when there is room for another one;
   * throws what an earlier commit failed with. `reservation` is released when this batch is committed, or will not be.
   */
  add(fetched: FetchedBatch, change: MailboxChange, reservation: Disposable): Promise<void>
  /** Waits until everything is committed, also when fetching failed. */
  end(): Promise<void>
}

/** So many batches are archived, parsed and committed behind the one on the wire. */
const batchesBehind = 2

function createPipeline(poll: Poll, box: OpenMailbox): Pipeline {
  const commits: Promise<void>[] = []
  let last = Promise.resolve()
  const commitAfter = async (
    before: Promise<void>,
    archived: Promise<ArchivedMail[]>,
    change: MailboxChange,
  ): Promise<void> => {
    // After a batch that failed nothing is committed.
    await before
    const mails = await archived
    await commit(poll, box, mails, change)
    releaseBytes(mails)
  }
  return {
    async add(fetched, change, reservation) {
      const archived = archive(poll, box, fetched.mails)
      archived.catch(() => {})
      last = commitAfter(last, archived, change).finally(() => reservation[Symbol.dispose]())
      last.catch(() => {})
      commits.push(last)
      if (commits.length > batchesBehind) await commits.shift()
    },
    end: () => last,
  }
}

async function archive(poll: Poll, box: OpenMailbox, mails: readonly FetchedMessage[]): Promise<ArchivedMail[]> {
  return mails.length === 0 ? [] : await archiveBatch(poll.deps, contextOf(poll, box), mails)
}

async function commit(
  poll: Poll,
  box: OpenMailbox,
  archived: readonly ArchivedMail[],
  change: MailboxChange,
  context = contextOf(poll, box),
): Promise<void> {
  const stored = (outcomes: readonly MailOutcome[], { lastUid = 0 }: MailboxChange): void => {
    box.cursor.lastUid = Math.max(box.cursor.lastUid, lastUid)
    for (const { result, archived, sender } of outcomes) {
      poll.report[result] += 1
      if (sender !== null) countSender(poll, sender)
      poll.report.bytes += archived.mail.source.length
    }
  }
  const lastUid = Math.max(box.cursor.lastUid, change.lastUid ?? 0)
  try {
    await storeMails(poll.deps, context, archived, { ...change, lastUid }, stored)
  } catch (error) {
    if (error instanceof RefusedMail && context.released === undefined && context.aside === undefined)
      await markInFlight(poll, box, { uid: error.uid, size: 1, failures: 1 })
    throw error
  }
}

function countSender({ report: { senders } }: Poll, { verdict, method }: SenderVerdict): void {
  const name = `${verdict} ${method ?? 'none'}` as const
  senders[name] = (senders[name] ?? 0) + 1
}

function contextOf(poll: Poll, box: OpenMailbox): BatchContext {
  return { account: poll.account, mailbox: box.stored, cursor: box.cursor, again: box.stored.inFlight !== null }
}

/** The mail that did not come is fetched alone next time, unless the failure only asks to wait. */
function suspect(fetched: FetchedBatch): InFlight | null {
  if (fetched.missing === null || !blamesMail(fetched.failure)) return null
  return { uid: fetched.missing, size: 1, failures: 1 }
}

/** The service is never a mail's fault: what the database refuses for one mail alone is a RefusedMail. */
function blamesMail(failure: unknown): boolean {
  if (failure instanceof ServiceError || failure instanceof YieldedConnection) return false
  return !(failure instanceof AccountError) || (failure.code !== 'lease.lost' && failure.code !== 'imap.throttled')
}

/** Fetches again what was in flight when the last attempt died: in halves, one batch at a time. */
async function ingestCautiously(poll: Poll, box: OpenMailbox, died: InFlight): Promise<void> {
  const listed = await box.mailbox.list(box.cursor.lastUid + 1, died.size)
  const batches = plan(poll, box, listed, Math.max(1, Math.floor(died.size / 2)))
  for (const batch of batches) {
    poll.signal.throwIfAborted()
    const [first] = batch.uids
    if (first === undefined) continue
    const failures = died.size === 1 && first === died.uid ? died.failures : 0
    if (failures >= maxFailures) await giveUp(poll, box, listed.find(meta => meta.uid === first) as MessageMeta)
    else await tryAlone(poll, box, batch, failures)
  }
  await markInFlight(poll, box, null)
}

/** Fetches one batch with nothing beside it. The failure is counted before the attempt, because the process may not survive it. */
async function tryAlone(poll: Poll, box: OpenMailbox, batch: PlannedBatch, failures: number): Promise<void> {
  const inFlight = {
    uid: batch.uids[0] as number,
    size: batch.uids.length,
    failures: batch.uids.length === 1 ? failures + 1 : 0,
  }
  const isLast = inFlight.failures === maxFailures
  if (isLast) await checkServer(poll, box, batch)
  using reservation = await reserve(poll, box, batch)
  await markInFlight(poll, box, inFlight)
  try {
    const fetched = await fetchWithin(poll, box, batch, reservation)
    if (isLast && fetched.cut !== null && fetched.cut.source.length > 0) return await archiveCut(poll, box, fetched.cut)
    const next = fetched.missing === inFlight.uid ? inFlight : suspect(fetched)
    await box.mailbox.keepAwake(commitAlone(poll, box, fetched, { lastUid: fetched.lastUid, inFlight: next }, isLast))
    if (fetched.failure !== null) throw fetched.failure
  } catch (error) {
    if (isAbort(error, poll.signal) || !blamesMail(error)) await withdrawAttempt(poll, box, { ...inFlight, failures })
    else if (inFlight.size === 1) await markInFlight(poll, box, inFlight)
    throw error
  }
}

/** So many UIDs before the suspect, and so many mails in all, are looked at for another one. */
const neighbours = { before: 20, all: 41 }

/**
 * Asks for another mail, not always the same one, and throws what breaks the connection: then it is the server's fault. Where there is no other mail
 * the suspect's own header has to keep to the bounds, and no more: what breaks in another way may well be that mail.
 */
async function checkServer(poll: Poll, box: OpenMailbox, suspected: PlannedBatch): Promise<void> {
  const [uid = 0] = suspected.uids
  // With the suspect itself: what is not listed is asked for as if it were small.
  const listed = await box.mailbox.list(Math.max(1, uid - neighbours.before), neighbours.all)
  const others = listed.filter(meta => meta.uid !== uid)
  const other = others[Math.floor(Math.random() * others.length)]
  const { limits } = poll.deps
  const asked = other === undefined ? { ...poll, deps: { ...poll.deps, limits: { ...limits, maxBytes: 0 } } } : poll
  const batch =
    other === undefined
      ? suspected
      : { uids: [other.uid], lastUid: other.uid, bytes: Math.min(other.size, limits.maxBytes) }
  using reservation = await reserve(poll, box, batch)
  const { failure } = await fetchWithin(asked, box, batch, reservation)
  if (failure instanceof YieldedConnection) throw failure
  if (!(failure instanceof AccountError) || failure.code === 'imap.refused') return
  if (other !== undefined || failure.code === 'imap.answer_too_large') throw failure
}

/** The attempt does not count. If that cannot be written, this process remembers it for the next poll. */
async function withdrawAttempt(poll: Poll, box: OpenMailbox, inFlight: InFlight): Promise<void> {
  await markInFlight(poll, box, inFlight).catch(() => poll.deps.withdrawn?.set(box.stored.id, inFlight))
}

/** The mark that the last attempt left, corrected by what could not be written then. */
function inFlightOf({ deps }: Poll, { stored }: OpenMailbox): InFlight | null {
  const back = deps.withdrawn?.get(stored.id)
  deps.withdrawn?.delete(stored.id)
  return back !== undefined && back.uid === stored.inFlight?.uid ? back : stored.inFlight
}

/** Commits one mail. At the last attempt, a mail whose rows the database refuses is quarantined with its bytes. */
async function commitAlone(
  poll: Poll,
  box: OpenMailbox,
  fetched: FetchedBatch,
  change: MailboxChange,
  last: boolean,
): Promise<void> {
  const archived = await archive(poll, box, fetched.mails)
  try {
    await commit(poll, box, archived, change)
  } catch (error) {
    if (!last || !(error instanceof RefusedMail)) throw error
    const refused = archived.map(mail => ({ ...mail, fault: 'unstorable', parsed: null }))
    await commit(poll, box, refused, change)
  }
}

/** The fifth time that less came than was stated: what came is kept in quarantine, and the mail stays on the server. */
async function archiveCut(poll: Poll, box: OpenMailbox, cut: FetchedMessage): Promise<void> {
  const archived = await archive(poll, box, [{ ...cut, complete: false }])
  const held = archived.map(mail => ({ ...mail, fault: 'unfetchable' }))
  await commit(poll, box, held, { lastUid: cut.uid, inFlight: null })
}

/** The fifth failure: the mail stays on the server, its row says why, and the cursor passes it if UIDNEXT covers it. */
async function giveUp(poll: Poll, box: OpenMailbox, meta: MessageMeta): Promise<void> {
  const { account, deps } = poll
  const place = { accountId: account.id, mailboxId: box.stored.id, afterIngest: account.afterIngest, ...box.cursor }
  // Where the database is in trouble, nothing is known of the mail.
  await probeStoring(deps.db, box.stored)
  const lastUid = meta.uid < (box.mailbox.state.uidNext ?? 0) ? meta.uid : box.cursor.lastUid
  await inTransaction(deps.db, async trx => {
    await lockLease(trx, account.lease)
    await insertUnfetchable(trx, place, meta)
    await updateMailbox(trx, box.stored.id, account.lease, { lastUid, inFlight: null })
  })
  box.cursor.lastUid = lastUid
  poll.report.quarantined += 1
}

async function markInFlight(poll: Poll, box: OpenMailbox, inFlight: InFlight | null): Promise<void> {
  await updateMailbox(poll.deps.db, box.stored.id, poll.account.lease, { inFlight })
}

/** Fetches the mails that an operator wants retried. The cursor stays; a mail that does not come keeps its row in quarantine. */
export async function retryMails(poll: Poll, box: OpenMailbox, retries: readonly Retry[]): Promise<void> {
  for (const retry of retries) {
    poll.signal.throwIfAborted()
    // One attempt per request, cleared before it is made: a mail that breaks the connection or the process must not do so at every poll.
    await clearRetry(poll.deps.db, retry.id)
    try {
      await retryOne(poll, box, retry)
    } catch (error) {
      if (isAbort(error, poll.signal) || !blamesMail(error)) await requestRetry(poll.deps.db, retry.id).catch(() => {})
      throw error
    }
  }
}

async function retryOne(poll: Poll, box: OpenMailbox, { uid, size }: Retry): Promise<void> {
  const batch = { uids: [uid], lastUid: uid, bytes: Math.min(size, poll.deps.limits.maxBytes) }
  using reservation = await reserve(poll, box, batch)
  const fetched = await fetchWithin(poll, box, batch, reservation)
  if (fetched.failure !== null) throw fetched.failure
  const context = { ...contextOf(poll, box), released: true as const }
  if (fetched.mails.length > 0)
    await commit(poll, box, await archiveBatch(poll.deps, context, fetched.mails), {}, context)
}

/**
 * Reads the mails that are asked for beside the cursor, which stays. A batch is asked for once: a mail that does not come must not be tried at
 * every poll, and the next comparison with the server finds it again. What is known already by its bytes or its fingerprint is not doubled.
 */
export async function readAsked(poll: Poll, box: OpenMailbox): Promise<void> {
  const { deps, signal } = poll
  const place = { mailboxId: box.stored.id, uidValidity: box.cursor.uidValidity }
  for (;;) {
    const uids = await findUidsToRead(deps.db, place, windowSize)
    if (uids.length === 0) return
    const there = await box.mailbox.stillThere(uids)
    const gone = uids.filter(uid => !there.has(uid))
    await deleteUidsToRead(deps.db, box.stored.id, gone)
    const sizes = await box.mailbox.sizes([...there])
    const listed = uids
      .filter(uid => there.has(uid))
      .map(uid => ({ uid, size: sizes.get(uid) ?? 0, receivedAt: new Date(0) }))
    for (const batch of planBatches(listed, () => true, deps.limits)) {
      signal.throwIfAborted()
      await readAside(poll, box, batch)
    }
    poll.report.more ||= deps.isCrowded()
    if (poll.report.more) return
  }
}

async function readAside(poll: Poll, box: OpenMailbox, batch: PlannedBatch): Promise<void> {
  const { db } = poll.deps
  const place = { mailboxId: box.stored.id, uidValidity: box.cursor.uidValidity }
  await deleteUidsToRead(db, box.stored.id, batch.uids)
  try {
    using reservation = await reserve(poll, box, batch)
    const { mails, failure } = await fetchWithin(poll, box, batch, reservation)
    await box.mailbox.keepAwake(commitAside(poll, box, mails))
    if (failure !== null) throw failure
  } catch (error) {
    if (isAbort(error, poll.signal) || !blamesMail(error)) await insertUidsToRead(db, place, batch.uids).catch(() => {})
    throw error
  }
}

async function commitAside(poll: Poll, box: OpenMailbox, mails: readonly FetchedMessage[]): Promise<void> {
  if (mails.length === 0) return
  const cursor = { ...box.cursor, startBeforeUid: afterEveryUid, rereadBeforeUid: afterEveryUid }
  const context = { ...contextOf(poll, box), cursor, aside: true as const }
  await commit(poll, box, await archiveBatch(poll.deps, context, mails), {}, context)
  const place = { mailboxId: box.stored.id, uidValidity: cursor.uidValidity }
  for (const { uid, receivedAt } of mails) await updateReceivedAt(poll.deps.db, place, uid, receivedAt)
}
