// New mail of one mailbox, batch by batch: while batch n is parsed and committed, batch n+1 is on the wire.
//
// What is tried is noted in the mailbox's row before it is tried, and the transaction that makes it ours clears the note. A note
// that is found means that the last try died, with the process or the connection: then the same mail is tried in halves, down
// to one; a mail that dies five times alone is quarantined as unfetchable, and the mailbox goes on. Before the last try the server has to
// send another mail: one that sends none, or floods whoever asks for any, makes no mail a bad one.
//
// Every batch gets room in the worker's byte budget before it is fetched. Where others wait for room, what is in hand is committed
// first; and where accounts wait for their turn, a backlog stops after its slice, of bytes, mails or time, and goes on when it is its
// turn again. A server that is so slow that others would wait for it loses its connection (byte-budget.ts), and no mail is blamed for that.
import { AccountError, isAbort, ServiceError } from '../errors/errors.ts'
import type { FetchedMessage, Mailbox, MessageMeta } from '../fetch/mailbox.ts'
import { lockLease } from '../store/accounts/leases.ts'
import { type MailboxChange, type StoredMailbox, type Trying, updateMailbox } from '../store/accounts/mailboxes.ts'
import { inTransaction } from '../store/db/database.ts'
import { insertUnfetchable } from '../store/ingest/ingest-messages.ts'
import { clearRetry, type Retry, requestRetry } from '../store/ingest/quarantine.ts'
import type { Reservation } from './batch/byte-budget.ts'
import { type FetchedBatch, fetchBatch } from './batch/fetch-batch.ts'
import { type PlannedBatch, planBatches } from './batch/plan-batches.ts'
import { type Cursor, isWanted } from './cursor.ts'
import type { KeptMail, MailEnd } from './ingest/decide-outcomes.ts'
import { type BatchContext, keepBatch } from './ingest/ingest-batch.ts'
import { probeStoring } from './ingest/probe-storing.ts'
import { RefusedMail, storeMails } from './ingest/store-mails.ts'
import type { Poll } from './poll-account.ts'

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

/** What a backlog may take at a stretch while other accounts wait for their turn. */
const sliceBytes = 67_108_864
const sliceMails = 2 * windowSize

/**
 * Takes in everything past the cursor, or a slice of it where other accounts wait: then false. `settle` is called between windows, while
 * no fetch is open.
 */
export async function takeMail(poll: Poll, box: OpenMailbox, settle: () => Promise<void>): Promise<boolean> {
  const trying = tryingOf(poll, box)
  if (trying !== null) {
    await takeCautiously(poll, box, trying)
    await settle()
  }
  const before = { bytes: poll.report.bytes, mails: mailsOf(poll) }
  const startedAt = performance.now()
  const isLong = () => poll.deps.isCrowded() && performance.now() - startedAt >= poll.deps.sliceMs
  const isSlice = () => poll.report.bytes - before.bytes >= sliceBytes || mailsOf(poll) - before.mails >= sliceMails
  for (;;) {
    poll.signal.throwIfAborted()
    const listed = await box.mailbox.list(box.cursor.lastUid + 1, windowSize)
    if (listed.length === 0) return true
    if (isSlice() && poll.deps.isCrowded()) return false
    const { lastUid } = box.cursor
    const whole = await takeWindow(poll, box, listed, isLong)
    await settle()
    if (!whole) return false
    // What is listed past UIDNEXT and does not come is not there: if it is, UIDNEXT says so at the next poll.
    if (box.cursor.lastUid === lastUid) return true
  }
}

function mailsOf({ report }: Poll): number {
  return report.created + report.appended + report.ignored + report.duplicate + report.quarantined
}

/** Room for a batch. Many small mails cost as much work as few large ones. */
function costOf({ deps }: Poll, batch: PlannedBatch): number {
  const { bytes, messages } = deps.limits
  return Math.max(batch.bytes, batch.uids.length * (bytes / messages))
}

/** Where the budget is used up, what is in hand is committed first: whoever waits holds nothing. */
async function takeRoom(poll: Poll, box: OpenMailbox, batch: PlannedBatch, line?: Line): Promise<Reservation> {
  const cost = costOf(poll, batch)
  const { budget } = poll.deps
  const room = budget.tryTake(poll.account.id, cost)
  if (room !== undefined) return room
  await line?.end()
  return await box.mailbox.keepAwake(budget.take(poll.account.id, cost, poll.signal))
}

/** The connection was given up because it is slow and others wait. Nobody failed: the account goes on when there is room for slow ones. */
export class GaveWay extends Error {
  override readonly name = 'GaveWay'
}

/** A batch off the wire, with what was lent for it. */
async function fetchWithin(
  poll: Poll,
  box: OpenMailbox,
  batch: PlannedBatch,
  room: Reservation,
): Promise<FetchedBatch> {
  room.begin(poll.hangUp)
  try {
    const fetched = await fetchBatch(poll, box.mailbox, batch)
    return fetched.failure !== null && room.givenUp ? { ...fetched, failure: new GaveWay() } : fetched
  } finally {
    room.arrived()
  }
}

/** False where its time was over before all of it was fetched. */
async function takeWindow(
  poll: Poll,
  box: OpenMailbox,
  listed: readonly MessageMeta[],
  isLong: () => boolean,
): Promise<boolean> {
  const batches = plan(poll, box, listed, poll.deps.limits.messages)
  await note(poll, box, toTrying(batches[0]))
  const line = createLine(poll, box)
  let whole = true
  try {
    for (const [i, batch] of batches.entries()) {
      whole = i === 0 || !isLong()
      if (!whole) break
      const room = await takeRoom(poll, box, batch, line)
      const fetched = await fetchWithin(poll, box, batch, room).catch(error => {
        room[Symbol.dispose]()
        throw error
      })
      const trying = fetched.failure === null ? toTrying(batches[i + 1]) : suspect(fetched)
      await line.add(fetched, { lastUid: fetched.lastUid, trying }, room)
      if (fetched.failure !== null) throw fetched.failure
    }
  } finally {
    await line.end()
  }
  // The next batch was not tried.
  if (!whole) await note(poll, box, null)
  return whole
}

function plan(poll: Poll, box: OpenMailbox, listed: readonly MessageMeta[], messages: number): PlannedBatch[] {
  const { account, deps } = poll
  const wanted = (meta: MessageMeta) => isWanted(meta, box.cursor, account.startFrom, account.createdAt)
  return planBatches(listed, wanted, { ...deps.limits, messages })
}

function toTrying(batch: PlannedBatch | undefined): Trying | null {
  const [uid] = batch?.uids ?? []
  return batch === undefined || uid === undefined ? null : { uid, size: batch.uids.length, failures: 0 }
}

interface Line {
  /** Takes a fetched batch on, once the one before the last is committed; `room` is given back when this one is. */
  add(fetched: FetchedBatch, change: MailboxChange, room: Disposable): Promise<void>
  /** Waits until all of it is ours, also when the wire failed. */
  end(): Promise<void>
}

/** Two batches behind the wire: one is written and parsed while the one before it is committed. */
function createLine(poll: Poll, box: OpenMailbox): Line {
  let keeping: { kept: Promise<KeptMail[]>; change: MailboxChange; room: Disposable } | null = null
  let committing = Promise.resolve()
  const commitKept = () => {
    if (keeping === null) return
    const { kept, change, room } = keeping
    keeping = null
    committing = kept.then(mails => commit(poll, box, mails, change)).finally(() => room[Symbol.dispose]())
    committing.catch(() => {})
  }
  return {
    async add(fetched, change, room) {
      await committing.catch(error => {
        room[Symbol.dispose]()
        throw error
      })
      commitKept()
      const kept = keep(poll, box, fetched.mails)
      kept.catch(() => {})
      keeping = { kept, change, room }
    },
    async end() {
      try {
        await committing
        commitKept()
        await committing
      } finally {
        // What follows a batch that failed is not committed.
        keeping?.room[Symbol.dispose]()
        keeping = null
      }
    },
  }
}

async function keep(poll: Poll, box: OpenMailbox, mails: readonly FetchedMessage[]): Promise<KeptMail[]> {
  return mails.length === 0 ? [] : await keepBatch(poll.deps, contextOf(poll, box), mails)
}

async function commit(
  poll: Poll,
  box: OpenMailbox,
  kept: readonly KeptMail[],
  change: MailboxChange,
  context = contextOf(poll, box),
): Promise<void> {
  const stored = (ends: readonly MailEnd[], { lastUid = 0 }: MailboxChange): void => {
    box.cursor.lastUid = Math.max(box.cursor.lastUid, lastUid)
    for (const { result, kept } of ends) {
      poll.report[result] += 1
      poll.report.bytes += kept.mail.source.length
    }
  }
  const lastUid = Math.max(box.cursor.lastUid, change.lastUid ?? 0)
  try {
    await storeMails(poll.deps, context, kept, { ...change, lastUid }, stored)
  } catch (error) {
    if (error instanceof RefusedMail && context.released === undefined)
      await note(poll, box, { uid: error.uid, size: 1, failures: 1 })
    throw error
  }
}

function contextOf(poll: Poll, box: OpenMailbox): BatchContext {
  return { account: poll.account, mailbox: box.stored, cursor: box.cursor, again: box.stored.trying !== null }
}

/** The mail that did not come is tried alone next time; unless waiting, and not the mail, is what the failure asks for. */
function suspect(fetched: FetchedBatch): Trying | null {
  if (fetched.missing === null || !blamesMail(fetched.failure)) return null
  return { uid: fetched.missing, size: 1, failures: 1 }
}

/** The service is never a mail's fault: what the database refuses for one mail alone is a RefusedMail. */
function blamesMail(failure: unknown): boolean {
  if (failure instanceof ServiceError || failure instanceof GaveWay) return false
  return !(failure instanceof AccountError) || (failure.code !== 'lease.lost' && failure.code !== 'imap.throttled')
}

/** Tries again what died, in halves and one batch at a time. */
async function takeCautiously(poll: Poll, box: OpenMailbox, died: Trying): Promise<void> {
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
  await note(poll, box, null)
}

/** One batch with nothing beside it. Its failure is counted before it happens, because the process may not live to count it. */
async function tryAlone(poll: Poll, box: OpenMailbox, batch: PlannedBatch, failures: number): Promise<void> {
  const trying = {
    uid: batch.uids[0] as number,
    size: batch.uids.length,
    failures: batch.uids.length === 1 ? failures + 1 : 0,
  }
  const isLast = trying.failures === maxFailures
  if (isLast) await checkServer(poll, box, batch)
  using room = await takeRoom(poll, box, batch)
  await note(poll, box, trying)
  try {
    const fetched = await fetchWithin(poll, box, batch, room)
    if (isLast && fetched.cut !== null && fetched.cut.source.length > 0) return await keepCut(poll, box, fetched.cut)
    const next = fetched.missing === trying.uid ? trying : suspect(fetched)
    await takeAlone(poll, box, fetched, { lastUid: fetched.lastUid, trying: next }, isLast)
    if (fetched.failure !== null) throw fetched.failure
  } catch (error) {
    if (isAbort(error, poll.signal) || !blamesMail(error)) await takeBack(poll, box, { ...trying, failures })
    else if (trying.size === 1) await note(poll, box, trying)
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
  using room = await takeRoom(poll, box, batch)
  const { failure } = await fetchWithin(asked, box, batch, room)
  if (failure instanceof GaveWay) throw failure
  if (!(failure instanceof AccountError) || failure.code === 'imap.refused') return
  if (other !== undefined || failure.code === 'imap.answer_too_large') throw failure
}

/** The try does not count. Where that cannot be written, this process remembers it: the next poll goes on from there. */
async function takeBack(poll: Poll, box: OpenMailbox, trying: Trying): Promise<void> {
  await note(poll, box, trying).catch(() => poll.deps.takenBack?.set(box.stored.id, trying))
}

/** The note that the last try left, less what should have been taken back. */
function tryingOf({ deps }: Poll, { stored }: OpenMailbox): Trying | null {
  const back = deps.takenBack?.get(stored.id)
  deps.takenBack?.delete(stored.id)
  return back !== undefined && back.uid === stored.trying?.uid ? back : stored.trying
}

/** At the last try, a mail whose rows the database refuses is quarantined with its bytes. */
async function takeAlone(
  poll: Poll,
  box: OpenMailbox,
  fetched: FetchedBatch,
  change: MailboxChange,
  last: boolean,
): Promise<void> {
  const kept = await keep(poll, box, fetched.mails)
  try {
    await commit(poll, box, kept, change)
  } catch (error) {
    if (!last || !(error instanceof RefusedMail)) throw error
    const refused = kept.map(mail => ({ ...mail, fault: 'unstorable', parsed: null }))
    await commit(poll, box, refused, change)
  }
}

/** The fifth time that less came than was stated: what came is kept in quarantine, and the mail stays on the server. */
async function keepCut(poll: Poll, box: OpenMailbox, cut: FetchedMessage): Promise<void> {
  const kept = await keep(poll, box, [{ ...cut, complete: false }])
  const held = kept.map(mail => ({ ...mail, fault: 'unfetchable' }))
  await commit(poll, box, held, { lastUid: cut.uid, trying: null })
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
    await updateMailbox(trx, box.stored.id, account.lease, { lastUid, trying: null })
  })
  box.cursor.lastUid = lastUid
  poll.report.quarantined += 1
}

async function note(poll: Poll, box: OpenMailbox, trying: Trying | null): Promise<void> {
  await updateMailbox(poll.deps.db, box.stored.id, poll.account.lease, { trying })
}

/** Mails that an operator asked for again; the cursor stays. What does not come keeps its row in quarantine. */
export async function retakeMail(poll: Poll, box: OpenMailbox, retries: readonly Retry[]): Promise<void> {
  for (const retry of retries) {
    poll.signal.throwIfAborted()
    // One try each time that it is asked for, noted before: a mail that breaks the connection or the process does not do so at every poll.
    await clearRetry(poll.deps.db, retry.id)
    try {
      await retakeOne(poll, box, retry)
    } catch (error) {
      if (isAbort(error, poll.signal) || !blamesMail(error)) await requestRetry(poll.deps.db, retry.id).catch(() => {})
      throw error
    }
  }
}

async function retakeOne(poll: Poll, box: OpenMailbox, { uid, size }: Retry): Promise<void> {
  const batch = { uids: [uid], lastUid: uid, bytes: Math.min(size, poll.deps.limits.maxBytes) }
  using room = await takeRoom(poll, box, batch)
  const fetched = await fetchWithin(poll, box, batch, room)
  if (fetched.failure !== null) throw fetched.failure
  const context = { ...contextOf(poll, box), released: true as const }
  if (fetched.mails.length > 0) await commit(poll, box, await keepBatch(poll.deps, context, fetched.mails), {}, context)
}
