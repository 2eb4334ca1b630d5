// PURE. Floods and loops: one sender opens no more than so many tickets in an hour, and does not write the same subject again and again.
// What is too much is held in quarantine, where it is shown and can be released: nothing is lost. What counts is when the mail server
// received the mails: those of a weekend that are read on Monday are no flood.

import type { MessageFacts } from '../model/parsed-message.ts'
import type { SenderHistory, Tally } from '../model/rule.ts'
import { baseSubject } from './subject.ts'

export interface HoldLimits {
  /** Tickets that one sender may open in an hour; 0: any number. */
  ticketsPerHour: number
  /** Mails with one subject that one sender may write in ten minutes; 0: any number. */
  sameSubject: number
}

export function emptyHistory(): SenderHistory {
  return { tickets: [], subjects: new Map() }
}

export const hourMs = 3_600_000
const subjectWindowMs = 600_000

type Counted = Pick<MessageFacts, 'kind' | 'subject'>

/** The reason to hold the mail, or null. */
export function holdReason(
  message: Counted,
  at: Date,
  opens: boolean,
  history: SenderHistory,
  limits: HoldLimits,
): 'held' | 'loop' | null {
  const same = countNear(history.subjects.get(baseSubject(message.subject)), at, subjectWindowMs)
  if (limits.sameSubject > 0 && same >= limits.sameSubject && !isReport(message)) return 'loop'
  const opened = countNear(history.tickets, at, hourMs)
  return opens && limits.ticketsPerHour > 0 && opened >= limits.ticketsPerHour ? 'held' : null
}

/** Notes a mail that was let through. */
export function noteMail(history: SenderHistory, message: Counted, at: Date, opened: boolean): void {
  const base = baseSubject(message.subject)
  const subjects = history.subjects.get(base) ?? []
  history.subjects.set(base, subjects)
  subjects.push({ at: at.getTime(), count: 1 })
  if (opened) history.tickets.push({ at: at.getTime(), count: 1 })
}

/** Mails do not always come in the order of their times. */
function countNear(tally: Tally | undefined, at: Date, withinMs: number): number {
  return (tally ?? []).reduce(
    (sum, { at: then, count }) => (Math.abs(at.getTime() - then) < withinMs ? sum + count : sum),
    0,
  )
}

/** Servers give all their reports one subject, whatever they are about. */
function isReport({ kind }: Counted): boolean {
  return kind === 'bounce' || kind === 'feedback-report'
}
