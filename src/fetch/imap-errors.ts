// PURE. What a failure of imapflow, of TLS or of a socket means for an account; login-errors.ts knows refused logins. The server's
// own words are kept in the cause only: they may hold addresses.
import { AccountError, type AccountErrorCode, IngestError } from '../errors.ts'
import { loginMeaning } from './login-errors.ts'

/** The fields by which imapflow and Node tell their failures apart. */
export interface Failure {
  code?: string
  message?: string
  authenticationFailed?: boolean
  serverResponseCode?: string
  responseStatus?: string
  responseText?: string
  response?: unknown
  /** What the server said with BYE. */
  reason?: string
  mailboxMissing?: boolean
  tlsFailed?: boolean
  throttleReset?: number
}

export interface Meaning {
  code: AccountErrorCode
  temporary: boolean
  /** Completes "account 17: …". */
  what: string
  hint: string
}

/** `during` names the step, as `login` or `FETCH`. What is an error of ours already is returned as it is. */
export function toAccountError(error: unknown, accountId: number, during: string): IngestError {
  if (error instanceof IngestError) return error
  const failure = (error ?? {}) as Failure
  const { code, temporary, what, hint } = meaningOf(failure)
  const retryAfterMs = failure.throttleReset
  return new AccountError(code, `account ${accountId}: ${what} (${during})`, {
    temporary,
    hint,
    cause: error,
    ...(retryAfterMs !== undefined && retryAfterMs > 0 ? { retryAfterMs: Math.min(retryAfterMs, longestMs) } : {}),
  })
}

/** A server cannot turn an account off by asking for a year. */
const longestMs = 86_400_000

function meaningOf(failure: Failure): Meaning {
  const text = textOf(failure)
  return (
    tooLarge(failure) ??
    mailbox(failure) ??
    throttled(failure, text) ??
    certificate(failure) ??
    starttls(failure) ??
    loginMeaning(failure, responseCodeOf(failure), text) ??
    network(failure) ??
    unavailable(failure, text) ??
    refusal(failure) ??
    lost
  )
}

/** The response code (RFC 5530), in capitals; the library tells it of some commands only. */
function responseCodeOf({ serverResponseCode, response }: Failure): string {
  const answer = response as { attributes?: { section?: { value?: unknown }[] }[] } | string | undefined
  const first = typeof answer === 'object' ? answer?.attributes?.[0]?.section?.[0]?.value : undefined
  return (serverResponseCode ?? (typeof first === 'string' ? first : '')).toUpperCase()
}

function textOf(failure: Failure): string {
  const { responseText, response, reason, message } = failure
  if (reason !== undefined) return reason
  return responseText ?? (typeof response === 'string' ? response : (message ?? ''))
}

const lost: Meaning = {
  code: 'imap.connection_lost',
  temporary: true,
  what: 'the connection to the server broke',
  hint: 'it is tried again by itself; if it goes on, look at the server and the network between',
}

/** The bounds of answer-bounds.ts, and those of imapflow's parser. */
const ofBounds = new Set([
  'AnswerTooLarge',
  'LineTooLarge',
  'LiteralTooLarge',
  'ResponseTooLarge',
  'TooManyTokens',
  'TooManyResponses',
  'MAX_IMAP_NESTING_REACHED',
])

function tooLarge({ code = '' }: Failure): Meaning | undefined {
  if (!ofBounds.has(code)) return undefined
  return {
    code: 'imap.answer_too_large',
    temporary: true,
    what: 'the server answered with far more than was asked for, and the connection was closed',
    hint: 'it is tried again by itself; if it goes on, check --host, and ask who runs the mail server',
  }
}

/** In the words of Gmail, Exchange and Dovecot, with or without a response code. */
function throttled(failure: Failure, text: string): Meaning | undefined {
  const asked = failure.code === 'ETHROTTLE' || failure.throttleReset !== undefined
  const said = isAnswer(failure) && /throttl|too many|rate.?limit|maximum number of|bandwidth limit/i.test(text)
  if (!asked && !said && responseCodeOf(failure) !== 'THROTTLED') return undefined
  return { code: 'imap.throttled', temporary: true, what: 'the server asks us to come less often', hint: hintTo(text) }
}

function hintTo(text: string): string {
  if (/bandwidth/i.test(text))
    return 'the provider’s limit of what may be read in a day is used up; it goes on by itself when the provider allows it'
  if (/connections|sessions/i.test(text))
    return 'too many connections are open to the mailbox or the server: end other programs that use it; it is tried again by itself'
  return 'it is tried again later by itself; a longer --every, or fewer programs on this mailbox, may be needed'
}

/** True if the server itself said it: NO, BAD or BYE. */
function isAnswer({ authenticationFailed, responseStatus, reason }: Failure): boolean {
  return authenticationFailed === true || responseStatus !== undefined || reason !== undefined
}

const untrusted: ReadonlyMap<string, string> = new Map(
  Object.entries({
    CERT_HAS_EXPIRED: 'the server’s certificate has expired',
    CERT_NOT_YET_VALID: 'the server’s certificate is not valid yet',
    ERR_TLS_CERT_ALTNAME_INVALID: 'the server’s certificate is for another name',
    DEPTH_ZERO_SELF_SIGNED_CERT: 'the server’s certificate is signed by nobody but itself',
    SELF_SIGNED_CERT_IN_CHAIN: 'the server’s certificate comes from an unknown CA',
    UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the server’s certificate comes from an unknown CA',
    UNABLE_TO_GET_ISSUER_CERT: 'the server’s certificate comes from an unknown CA',
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the server’s certificate comes from an unknown CA',
    CERT_SIGNATURE_FAILURE: 'the server’s certificate has a wrong signature',
    CERT_REVOKED: 'the server’s certificate is revoked',
    CERT_UNTRUSTED: 'the server’s certificate is not trusted',
  }),
)

const renew = 'have it renewed on the server, or check this host’s clock'

function certificate({ code = '' }: Failure): Meaning | undefined {
  const what = untrusted.get(code)
  if (what === undefined) return undefined
  const ofTime = code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID'
  const hint =
    code === 'ERR_TLS_CERT_ALTNAME_INVALID'
      ? 'set --host to a name that the certificate bears'
      : 'give the CA’s certificate with --ca FILE if the server is one of your own; otherwise somebody may be in between'
  // Only of a clock that is wrong, here or there, does waiting cure anything.
  return { code: 'imap.tls_untrusted', temporary: code === 'CERT_NOT_YET_VALID', what, hint: ofTime ? renew : hint }
}

function starttls(failure: Failure): Meaning | undefined {
  const { code = '', message = '' } = failure
  if (/STARTTLS/i.test(message) && !/timeout/i.test(code)) {
    return {
      code: 'imap.starttls_missing',
      temporary: false,
      what: 'the server offers no STARTTLS, so nothing was sent to it',
      hint: 'use --security tls with its port (993), or find out who takes STARTTLS out on the way',
    }
  }
  if (!failure.tlsFailed && !/^(ERR_SSL_|ERR_TLS_|EPROTO)/.test(code)) return undefined
  return {
    code: 'imap.tls_failed',
    temporary: false,
    what: 'no TLS connection could be agreed on',
    hint: 'check that --port and --security belong together: 993 and tls, 143 and starttls',
  }
}

const ofNetwork: ReadonlyMap<string, Omit<Meaning, 'temporary'>> = new Map(
  Object.entries({
    ENOTFOUND: {
      code: 'imap.host_not_found',
      what: 'the server’s name is not known in the DNS',
      hint: 'check --host; if it is right, check this host’s resolver',
    },
    ECONNREFUSED: {
      code: 'imap.connection_refused',
      what: 'nothing listens at the server’s port',
      hint: 'check --host and --port, and that the mail server runs',
    },
    EHOSTUNREACH: {
      code: 'imap.host_unreachable',
      what: 'there is no way to the server',
      hint: 'check the network, the routes and the firewall of this host',
    },
    ETIMEDOUT: {
      code: 'imap.timeout',
      what: 'the server did not answer in time',
      hint: 'check --port and --security and the firewall on the way; it is tried again by itself',
    },
  }),
)

const sameAs: ReadonlyMap<string, string> = new Map(
  Object.entries({
    EAI_AGAIN: 'ENOTFOUND',
    ENODATA: 'ENOTFOUND',
    ENETUNREACH: 'EHOSTUNREACH',
    EADDRNOTAVAIL: 'EHOSTUNREACH',
    ETIMEOUT: 'ETIMEDOUT',
    CONNECT_TIMEOUT: 'ETIMEDOUT',
    GREETING_TIMEOUT: 'ETIMEDOUT',
    GREEETING_TIMEOUT: 'ETIMEDOUT',
    UPGRADE_TIMEOUT: 'ETIMEDOUT',
  }),
)

function network({ code = '' }: Failure): Meaning | undefined {
  const found = ofNetwork.get(sameAs.get(code) ?? code)
  return found === undefined ? undefined : { ...found, temporary: true }
}

function mailbox(failure: Failure): Meaning | undefined {
  const code = responseCodeOf(failure)
  if (!failure.mailboxMissing && failure.code !== 'NotFound' && code !== 'NONEXISTENT' && code !== 'TRYCREATE')
    return undefined
  return {
    code: 'imap.mailbox_missing',
    temporary: false,
    what: 'the server has no such mailbox',
    hint: 'create it on the server, or correct the account’s mailboxes or --after move:MAILBOX',
  }
}

/** What the server cannot do now for reasons of its own: RFC 5530, or Exchange’s “User is authenticated but not connected.” */
function unavailable(failure: Failure, text: string): Meaning | undefined {
  const code = responseCodeOf(failure)
  const says = /unavailable|temporar|try again|internal error|backend|not connected|shutting down|going down/i.test(
    text,
  )
  if (!isAnswer(failure) || (!ownTrouble.has(code) && !says)) return undefined
  return {
    code: 'imap.unavailable',
    temporary: true,
    what: 'the server is in trouble of its own',
    hint: 'it is tried again by itself; if it goes on, ask who runs the mail server',
  }
}

const ownTrouble = new Set(['UNAVAILABLE', 'INUSE', 'CONTACTADMIN'])

function refusal(failure: Failure): Meaning | undefined {
  if (failure.responseStatus !== 'NO' && failure.responseStatus !== 'BAD') return undefined
  const isFull = responseCodeOf(failure) === 'OVERQUOTA'
  return {
    code: 'imap.refused',
    temporary: true,
    what: isFull ? 'the mailbox on the server is full' : `the server answered ${failure.responseStatus}`,
    hint: isFull
      ? 'make room on the server; mail comes in meanwhile'
      : 'it is tried again by itself; the server’s own log says why',
  }
}
