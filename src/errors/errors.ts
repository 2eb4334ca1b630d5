// Three kinds of failure, by how far the damage reaches: one message, one account, the service. Each also says whether
// waiting can cure it (RFC 3463: 4.x or 5.x). Messages name the thing by its id and never carry secrets, addresses or
// mail text; the hint says what to do next. A code is added only when somebody acts differently on it.

export type MessageErrorCode =
  | 'message.too_large'
  | 'message.unfetchable'
  | 'message.unparseable'
  | 'message.parse_timeout'
  | 'message.unstorable'

export type AccountErrorCode =
  | 'account.misconfigured'
  | 'account.password_missing'
  | 'imap.answer_too_large'
  | 'imap.auth_refused'
  | 'imap.auth_unavailable'
  | 'imap.connection_lost'
  | 'imap.connection_refused'
  | 'imap.host_crowded'
  | 'imap.host_not_found'
  | 'imap.host_unreachable'
  | 'imap.mailbox_missing'
  | 'imap.refused'
  | 'imap.starttls_missing'
  | 'imap.throttled'
  | 'imap.timeout'
  | 'imap.tls_failed'
  | 'imap.tls_untrusted'
  | 'imap.tls_attacked'
  | 'imap.uid_invalid'
  | 'imap.uids_reused'
  | 'imap.unavailable'
  | 'lease.lost'
  | 'oauth.client_refused'
  | 'oauth.consent_needed'
  | 'oauth.token_refused'
  | 'oauth.unavailable'
  | 'oauth.unreachable'
  | 'vault.destination_changed'
  | 'vault.key_missing'
  | 'vault.tampered'
  | 'vault.unsupported_version'

export type ServiceErrorCode =
  | 'config.invalid'
  | 'config.unreadable'
  | 'db.access_denied'
  | 'db.constraint'
  | 'db.failed'
  | 'db.full'
  | 'db.schema_new'
  | 'db.schema_old'
  | 'db.unreachable'
  | 'db.unsupported'
  | 'embedded.failed'
  | 'embedded.not_running'
  | 'embedded.programs_missing'
  | 'encryption.state_forged'
  | 'raw.damaged'
  | 'raw.missing'
  | 'raw.unreadable'
  | 'raw.unwritable'
  | 'redis.access_denied'
  | 'redis.evicting'
  | 'redis.unsupported'
  | 'redis.unreachable'
  | 'vault.locked'
  | 'web.busy'
  | 'web.starting'
  | 'web.unavailable'

export type ErrorCode = MessageErrorCode | AccountErrorCode | ServiceErrorCode

export interface ErrorDetail {
  /** What to do next, a sentence. */
  hint?: string
  /** How long the far side asked us to wait, in milliseconds. */
  retryAfterMs?: number
  cause?: unknown
}

/** A failure with a scope, a code and an opinion on whether waiting cures it. */
export abstract class IngestError extends Error {
  abstract readonly scope: 'message' | 'account' | 'service'
  abstract readonly code: ErrorCode
  readonly temporary: boolean
  readonly hint: string | undefined
  readonly retryAfterMs: number | undefined

  constructor(message: string, temporary: boolean, detail: ErrorDetail) {
    super(message, { cause: detail.cause })
    this.temporary = temporary
    this.hint = detail.hint
    this.retryAfterMs = detail.retryAfterMs
  }
}

/** One message is at fault; its mailbox goes on. */
export class MessageError extends IngestError {
  override readonly name = 'MessageError'
  readonly scope = 'message'
  readonly code: MessageErrorCode

  constructor(code: MessageErrorCode, message: string, detail: ErrorDetail & { temporary?: boolean } = {}) {
    super(message, detail.temporary ?? false, detail)
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

  constructor(code: AccountErrorCode, message: string, detail: ErrorDetail & { temporary: boolean }) {
    super(message, detail.temporary, detail)
    this.code = code
  }
}

/** MySQL, Redis, the raw store or the configuration: everything waits (temporary) or the process halts (permanent). */
export class ServiceError extends IngestError {
  override readonly name = 'ServiceError'
  readonly scope = 'service'
  readonly code: ServiceErrorCode

  constructor(code: ServiceErrorCode, message: string, detail: ErrorDetail & { temporary: boolean }) {
    super(message, detail.temporary, detail)
    this.code = code
  }
}

/** A command that cannot do what it was asked for: exit 1, or 2 where the usage is at fault. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly hint: string | undefined
  readonly exitCode: 1 | 2

  constructor(message: string, hint?: string, exitCode: 1 | 2 = 1) {
    super(message)
    this.hint = hint
    this.exitCode = exitCode
  }
}

/** A command's answer to a failure: 2 = configuration (systemd must not restart), 75 = come back later (EX_TEMPFAIL), 1 = the rest. */
export function exitCodeOf(error: unknown): 1 | 2 | 75 {
  if (error instanceof CommandError) return error.exitCode
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
