// PURE. Whose mail is parsed next. Mail that costs much delays the mail of its own account: what an account's mails have cost lately, beyond what
// any mail may cost, is its bill, which is forgotten with time. Mail of an account with a high bill, and large mail of which nobody knows what
// it costs, comes after the others and never has all threads; since bills shrink while it waits, its turn comes. A backlog of ordinary mail owes
// nothing, however long it is.

/** An account's bill: milliseconds, at a time. */
export interface Bill {
  ms: number
  at: number
}

export interface Waiting {
  /** Whose mail it is. */
  account: number
  bytes: number
}

/** What any mail may cost: a thread that has a group of such mails in hand is soon free again. */
const ordinaryMs = 30
/** What a mail cost is forgotten at this rate, so that a costly one of a second weighs for four. */
const forgottenPerMs = 0.25
/** Nobody waits much longer than it takes to forget this. */
const maxBillMs = 10_000
const costlyMs = 1_000
/** Bytes of a mail that might cost a second. */
const largeBytes = 1_048_576

export function billAt(bill: Bill | undefined, now: number): number {
  return bill === undefined ? 0 : Math.max(0, bill.ms - forgottenPerMs * (now - bill.at))
}

/** The bill with another mail on it. */
export function charged(bill: Bill | undefined, ms: number, now: number): Bill {
  return { ms: Math.min(maxBillMs, billAt(bill, now) + Math.max(0, ms - ordinaryMs)), at: now }
}

/** How mails are handed to a thread. */
export interface Group {
  mails: number
  bytes: number
}

/** Whether a mail may hold its thread for long. */
export function mayCost({ account, bytes }: Waiting, billOf: (account: number) => number): boolean {
  return bytes >= largeBytes || billOf(account) >= costlyMs
}

/**
 * The places in `waiting` of those that a thread gets now: a group of ordinary mails in their order, or, unless the thread is `reserved` for
 * those, one that may cost much, alone.
 */
export function nextTurn(
  waiting: readonly Waiting[],
  most: Group,
  { billOf, reserved }: { billOf(account: number): number; reserved: boolean },
): number[] {
  const group: number[] = []
  let [bytes, costly, least] = [0, -1, Number.POSITIVE_INFINITY]
  for (const [i, mail] of waiting.entries()) {
    if (mayCost(mail, billOf)) {
      const bill = billOf(mail.account)
      if (bill < least) [costly, least] = [i, bill]
      continue
    }
    if (group.length >= most.mails || (group.length > 0 && bytes + mail.bytes > most.bytes)) break
    group.push(i)
    bytes += mail.bytes
  }
  if (group.length > 0) return group
  return costly < 0 || reserved ? [] : [costly]
}
