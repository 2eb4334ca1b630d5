// One batch off the wire. Servers refuse a batch for one mail of it, omit mails, send them late, and send less than they stated: what came whole
// is handed on, up to the first mail that did not.

import { AccountError } from '../../errors/errors.ts'
import type { Mailbox } from '../../fetch/mailbox.ts'
import type { FetchedMessage } from '../../model/mail.ts'
import type { Poll } from '../poll-context.ts'
import type { PlannedBatch } from './plan-batches.ts'
import { isWhole, showsEstimates } from './stated-size.ts'

/** What came of a batch. */
export interface FetchedBatch {
  mails: FetchedMessage[]
  /**
   * The cursor once these are ours; 0: it stays. It passes a UID that the server did not answer only where UIDNEXT covers it, or a later mail came:
   * any line may name a UID of the future.
   */
  lastUid: number
  /** Why the rest is missing; null: nothing is. */
  failure: unknown
  /** The first mail that did not come. */
  missing: number | null
  /** What came of that one where it is less than was stated. */
  cut: FetchedMessage | null
}

/** Fetches a batch. What came before a failure is not lost: the mails up to the first one that is missing are handed on. */
export async function fetchBatch(poll: Poll, mailbox: Mailbox, batch: PlannedBatch): Promise<FetchedBatch> {
  const found: Found = { whole: new Map(), cut: new Map() }
  let failure = await fetchInto(poll, mailbox, batch.uids, found)
  if (isRefusal(failure)) failure = await fetchSingly(poll, mailbox, batch.uids, found)
  let absent = absentOf(batch.uids, found)
  if (failure === null && absent.length > 0) {
    try {
      absent = await fetchOmitted(poll, mailbox, absent, found)
    } catch (error) {
      failure = error
    }
  }
  poll.signal.throwIfAborted()
  if (absent.length === 0)
    return { lastUid: batch.lastUid, mails: inOrder(batch.uids, found), failure: null, missing: null, cut: null }
  const proven = Math.max((mailbox.state.uidNext ?? 0) - 1, ...found.whole.keys())
  const missing = absent.find(uid => failure !== null || uid <= proven) ?? null
  const lastProven = batch.uids.findLast(uid => uid <= proven) ?? 0
  if (missing === null)
    return { mails: inOrder(batch.uids, found), lastUid: lastProven, failure: null, missing, cut: null }
  const cut = found.cut.get(missing) ?? null
  return {
    mails: inOrder(batch.uids, found).filter(({ uid }) => uid < missing),
    lastUid: missing <= proven ? missing - 1 : lastProven,
    failure: failure ?? (cut === null ? withheld(poll, missing) : cutShort(poll, cut)),
    missing,
    cut,
  }
}

interface Found {
  whole: Map<number, FetchedMessage>
  /** Less came of these than the server stated. */
  cut: Map<number, FetchedMessage>
}

async function fetchInto(poll: Poll, mailbox: Mailbox, uids: readonly number[], found: Found): Promise<unknown> {
  if (uids.length === 0) return null
  try {
    for await (const mail of mailbox.fetch(uids, poll.deps.limits.maxBytes)) found.whole.set(mail.uid, mail)
    return null
  } catch (error) {
    return error
  } finally {
    partCut(mailbox, found)
  }
}

/** A mail that is shorter than was stated did not come: it is asked for again. */
function partCut(mailbox: Mailbox, { whole, cut }: Found): void {
  const estimates = mailbox.estimatesSizes || showsEstimates(whole.values())
  for (const [uid, mail] of whole) {
    if (isWhole(mail, estimates)) cut.delete(uid)
    else {
      whole.delete(uid)
      cut.set(uid, mail)
    }
  }
}

function isRefusal(failure: unknown): boolean {
  return failure instanceof AccountError && failure.code === 'imap.refused'
}

/** A server may refuse a whole batch for one mail of it: that one is found by asking for each. */
async function fetchSingly(poll: Poll, mailbox: Mailbox, uids: readonly number[], found: Found): Promise<unknown> {
  for (const uid of uids) {
    poll.signal.throwIfAborted()
    const failure = found.whole.has(uid) ? null : await fetchInto(poll, mailbox, [uid], found)
    if (failure !== null) return failure
  }
  return null
}

/** A UID that an answer omits is asked for again before it counts as gone: servers omit and deliver late. Those that are there and do not come. */
async function fetchOmitted(poll: Poll, mailbox: Mailbox, omitted: readonly number[], found: Found): Promise<number[]> {
  const there = [...(await mailbox.stillThere(omitted))].sort((a, b) => a - b)
  const failure = await fetchInto(poll, mailbox, there, found)
  if (failure !== null) throw failure
  return absentOf(there, found)
}

function absentOf(uids: readonly number[], { whole }: Found): number[] {
  return uids.filter(uid => !whole.has(uid))
}

function inOrder(uids: readonly number[], found: Found): FetchedMessage[] {
  return uids.flatMap(uid => found.whole.get(uid) ?? [])
}

function withheld(poll: Poll, uid: number): AccountError {
  return new AccountError('imap.refused', { account: poll.account.id, reason: 'not_sent', uid }, { temporary: true })
}

function cutShort(poll: Poll, { uid, size, source }: FetchedMessage): AccountError {
  return new AccountError(
    'imap.refused',
    { account: poll.account.id, reason: 'wrong_size', uid, statedBytes: size, sentBytes: source.length },
    { temporary: true },
  )
}
