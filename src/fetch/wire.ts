// What a session lends its mailboxes: the library's client, and the one way of running a command on it.
import type { ImapFlow } from 'imapflow'
import { AccountError, type IngestError } from '../errors/errors.ts'
import type { AnswerBounds, Bounds } from './answer-bounds.ts'
import type { MailboxState } from './mailbox.ts'
import { toCount, toUidNext, toUidValidity } from './numbers.ts'
import type { Watch } from './watch.ts'

/** What every command of a session goes through. */
export interface Wire {
  client: ImapFlow
  accountId: number
  /** A connection that is silent for so long counts as broken. */
  silenceMs: number
  /** Runs a command; its failure becomes an AccountError. `during` names it, `bounds` are those of its answer where they are not the ordinary ones. */
  run<T>(during: string, command: () => Promise<T>, bounds?: Partial<Bounds>): Promise<T>
  /** Has the connection end if mail does not keep coming. To be disposed when the last one came. */
  expectMail(bounds: Partial<Bounds>): ExpectedMail
  answers: AnswerBounds
  /** A literal of a mail may have so many bytes. */
  maxLiteralBytes: number
  /** Turns a failure, knowing what the socket said and whether we closed it ourselves. */
  toError(error: unknown, during: string): unknown
  /** What a command was refused with, where the library only answers `false`. */
  refusal(during: string): unknown
  watch: Watch
}

export interface ExpectedMail extends Disposable {
  /** True while a mail that came is looked at: nothing is read meanwhile, and nothing is overdue. */
  isHeld: boolean
  /** A whole mail is progress, however small it is. */
  hasCome: boolean
}

/** Throws where the server gives no UIDVALIDITY: nothing could be remembered of its mail. */
export function toState(
  wire: Pick<Wire, 'accountId'>,
  found: { exists?: number | undefined; uidNext?: number | undefined; uidValidity?: bigint | false | undefined },
): MailboxState {
  if (typeof found.uidValidity !== 'bigint') throw withoutUidValidity(wire.accountId)
  return {
    uidValidity: toUidValidity(found.uidValidity),
    uidNext: toUidNext(found.uidNext),
    messages: toCount(found.exists),
  }
}

function withoutUidValidity(accountId: number): IngestError {
  return new AccountError('imap.refused', { account: accountId, reason: 'no_uidvalidity' }, { temporary: true })
}
