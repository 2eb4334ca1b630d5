// PURE. Floods and loops: one sender opens no more than so many tickets an hour, and does not write the same subject again and again. What
// is too much is held in quarantine, where it is shown and can be released: nothing is lost.
import { baseSubject } from './subject.ts'

export interface HoldLimits {
  /** Tickets that one sender may open in an hour; 0: any number. */
  ticketsPerHour: number
  /** Mails with one subject that one sender may write in ten minutes; 0: any number. */
  sameSubject: number
}

/** What a sender did lately: grows with the mails of a batch. */
export interface SenderHistory {
  /** Tickets opened in the last hour. */
  tickets: number
  /** Mails of the last ten minutes by their base subject. */
  subjects: Map<string, number>
}

export function emptyHistory(): SenderHistory {
  return { tickets: 0, subjects: new Map() }
}

/** The reason to hold the mail, or null. */
export function holdReason(
  subject: string,
  opens: boolean,
  history: SenderHistory,
  limits: HoldLimits,
): 'held' | 'loop' | null {
  const same = history.subjects.get(baseSubject(subject)) ?? 0
  if (limits.sameSubject > 0 && same >= limits.sameSubject) return 'loop'
  return opens && limits.ticketsPerHour > 0 && history.tickets >= limits.ticketsPerHour ? 'held' : null
}

/** Notes a mail that was let through. */
export function noteMail(history: SenderHistory, subject: string, opened: boolean): void {
  const base = baseSubject(subject)
  history.subjects.set(base, (history.subjects.get(base) ?? 0) + 1)
  if (opened) history.tickets += 1
}
