// PURE. Kinds of failure, by how far the damage reaches: one message, one account, the service. Each also says whether waiting can cure it
// (RFC 3463: 4.x or 5.x). An error carries a code, its values and the remedy as data, never a sentence that names a command or a page: the
// catalogue has the words for every surface. None carries secrets, addresses or mail text.
import type {
  AccountErrorCode,
  Code,
  Failure,
  MessageErrorCode,
  OperationErrorCode,
  ServiceErrorCode,
  Told,
} from './catalogue.ts'
import { entryOf } from './catalogue.ts'
import type { Params } from './entry.ts'
import { hintForCommand, messageOf, remediesOf } from './hints.ts'
import type { Remedy } from './remedy.ts'

export type { AccountErrorCode, MessageErrorCode, OperationErrorCode, ServiceErrorCode } from './catalogue.ts'

export type ErrorCode = MessageErrorCode | AccountErrorCode | ServiceErrorCode

export interface ErrorDetail {
  /** How long the far side asked us to wait, in milliseconds. */
  retryAfterMs?: number
  /** The problems behind it, which say what to do. */
  because?: readonly Failure<Code>[]
  cause?: unknown
}

/** A failure with a scope, a code and an opinion on whether waiting cures it. */
export abstract class IngestError extends Error {
  abstract readonly scope: 'message' | 'account' | 'service'
  abstract readonly code: ErrorCode
  readonly params: Params
  readonly because: readonly Failure<Code>[]
  readonly temporary: boolean
  readonly retryAfterMs: number | undefined

  constructor(failure: Failure<ErrorCode>, temporary: boolean, detail: ErrorDetail) {
    super(messageOf(failure), { cause: detail.cause })
    this.params = failure.params
    this.because = detail.because ?? []
    this.temporary = temporary
    this.retryAfterMs = detail.retryAfterMs
  }

  /** What a person can do about it; undefined: nothing, or only what the advice says. */
  get remedy(): Remedy | undefined {
    return remediesOf(this)[0]
  }

  /** The words for a terminal. */
  get hint(): string | undefined {
    return hintForCommand(this)
  }
}

/** One message is at fault; its mailbox goes on. */
export class MessageError extends IngestError {
  override readonly name: string = 'MessageError'
  readonly scope = 'message'
  readonly code: MessageErrorCode

  constructor(
    ...[code, params, detail = {}]: Told<MessageErrorCode, [detail?: ErrorDetail & { temporary?: boolean }]>
  ) {
    super({ code, params }, detail.temporary ?? false, detail)
    this.code = code
  }
}

/** One account is at fault; the others go on. */
export class AccountError extends IngestError {
  override readonly name = 'AccountError'
  readonly scope = 'account'
  readonly code: AccountErrorCode
  /** What the server said when it refused the login (server-words.ts). It may hold addresses: for admins, never for the log. */
  said: string | undefined

  constructor(...[code, params, detail]: Told<AccountErrorCode, [detail: ErrorDetail & { temporary: boolean }]>) {
    super({ code, params }, detail.temporary, detail)
    this.code = code
  }

  /** The same failure told once more: after another time, or to another account that it also concerns. */
  again(retryAfterMs: number | undefined, otherAccount?: number): AccountError {
    const params = otherAccount === undefined ? this.params : { ...this.params, account: otherAccount, elsewhere: true }
    return new AccountError(...([this.code, params] as Told<AccountErrorCode>), {
      temporary: otherAccount === undefined ? this.temporary : true,
      cause: otherAccount === undefined ? this.cause : undefined,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    })
  }
}

/** MySQL, Redis, the raw store or the configuration: everything waits (temporary) or the process halts (permanent). */
export class ServiceError extends IngestError {
  override readonly name = 'ServiceError'
  readonly scope = 'service'
  readonly code: ServiceErrorCode

  constructor(...[code, params, detail]: Told<ServiceErrorCode, [detail: ErrorDetail & { temporary: boolean }]>) {
    super({ code, params }, detail.temporary, detail)
    this.code = code
  }
}

/** Nothing was done, and whoever asked is told why. `exitCode`: 2 where the request itself is at fault, 1 where it does not fit what is there. */
export class Refusal extends Error {
  override readonly name: string = 'Refusal'
  readonly exitCode: 1 | 2
  readonly #hint: string | undefined

  constructor(message: string, hint?: string, exitCode: 1 | 2 = 1) {
    super(message)
    this.#hint = hint
    this.exitCode = exitCode
  }

  get hint(): string | undefined {
    return this.#hint
  }
}

/** What the command line itself refuses. Its words may name options, which are its own. */
export class CommandError extends Refusal {
  override readonly name = 'CommandError'
}

/** An operation that is refused, by a code of the catalogue: each surface has its own words for what to do. */
export class OperationError extends Refusal {
  override readonly name = 'OperationError'
  readonly scope = 'operation'
  readonly code: OperationErrorCode
  readonly params: Params
  readonly because: readonly Failure<Code>[]
  /** As HTTP has it. */
  readonly status: 404 | 409 | 422

  constructor(
    ...[code, params, detail = {}]: Told<OperationErrorCode, [detail?: Pick<ErrorDetail, 'because' | 'cause'>]>
  ) {
    const { status = 409 } = entryOf(code)
    super(messageOf({ code, params }), undefined, status === 422 ? 2 : 1)
    this.cause = detail.cause
    this.code = code
    this.params = params
    this.because = detail.because ?? []
    this.status = status
  }

  get remedy(): Remedy | undefined {
    return remediesOf(this)[0]
  }

  override get hint(): string | undefined {
    return hintForCommand(this)
  }
}

/** A command's answer to a failure: 2 = configuration (systemd must not restart), 75 = come back later (EX_TEMPFAIL), 1 = the rest. */
export function exitCodeOf(error: unknown): 1 | 2 | 75 {
  if (error instanceof Refusal) return error.exitCode
  if (!(error instanceof ServiceError)) return 1
  if (error.code === 'db.unreachable' || error.code === 'redis.unreachable' || error.code === 'embedded.not_running')
    return 75
  if (error.code === 'embedded.programs_missing' || error.code === 'embedded.failed') return 1
  return error.temporary && error.code !== 'config.unreadable' && error.code !== 'db.unsupported' ? 1 : 2
}

/** True if the failure is our own wish to stop: no attempt is counted, no alarm is raised. */
export function isAbort(error: unknown, signal: AbortSignal): boolean {
  return signal.aborted && (error === signal.reason || (error instanceof Error && error.name === 'AbortError'))
}
