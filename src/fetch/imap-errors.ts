// PURE. What a failure of imapflow, of TLS or of a socket means for an account; login-errors.ts knows refused logins. The server's
// own words are in no message and no hint, which are logged: they may hold addresses (server-words.ts).
import { AccountError, type AccountErrorCode, IngestError } from '../errors/errors.ts'
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
  /** STARTTLS was offered, and answered with NO or BAD. */
  starttlsRefused?: boolean
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
    greeting(failure) ??
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

/** The words of an answer NO, BAD or BYE, without tag and response code; undefined where the server said nothing. */
export function answerOf({ responseText, reason }: Failure): string | undefined {
  // The library's own words for a BYE without any.
  return responseText ?? (reason === 'Server closed connection' ? undefined : reason)
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
    UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      'the server’s certificate comes from an unknown CA, or the server does not send the intermediate certificate',
    UNABLE_TO_GET_ISSUER_CERT: 'the server’s certificate comes from an unknown CA',
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the server’s certificate comes from an unknown CA',
    CERT_SIGNATURE_FAILURE: 'the server’s certificate has a wrong signature',
    CERT_REVOKED: 'the server’s certificate is revoked',
    CERT_UNTRUSTED: 'the server’s certificate is not trusted',
    CERT_REJECTED: 'the server’s certificate is not trusted',
    CERT_CHAIN_TOO_LONG: 'the chain of the server’s certificate is too long',
    PATH_LENGTH_EXCEEDED: 'the chain of the server’s certificate is longer than its CA allows',
    INVALID_CA: 'the server’s certificate is signed by a certificate that is no CA',
    INVALID_PURPOSE: 'the server’s certificate is not meant for servers',
    ERR_SSL_EE_KEY_TOO_SMALL: 'the key of the server’s certificate is too weak',
    ERR_SSL_CA_KEY_TOO_SMALL: 'the key of the CA of the server’s certificate is too weak',
    ERR_SSL_CA_MD_TOO_WEAK: 'the signature of the server’s certificate is too weak',
  }),
)

const renew = 'have it renewed on the server, or check this host’s clock'

/** OpenSSL's words for what Node has no code for. */
const weak = /(certificate key|signature digest algorithm|md) too weak|key too small/i

function certificate({ code = '', message = '' }: Failure): Meaning | undefined {
  const what = untrusted.get(code) ?? (weak.test(message) ? 'the server’s certificate is too weak' : undefined)
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
  if ((sameAs.get(code) ?? code) === 'ETIMEDOUT') return undefined
  if (code === 'STARTTLS_INJECTION') {
    return {
      code: 'imap.tls_attacked',
      temporary: false,
      what: 'somebody on the way put data into the beginning of the TLS connection, so nothing was sent',
      hint: 'use --security tls with its port (993), and find out who is between this host and the server',
    }
  }
  if (/STARTTLS/i.test(message)) {
    return {
      code: 'imap.starttls_missing',
      temporary: false,
      what: whyNoTls(failure),
      hint: 'use --security tls with its port (993), or find out who takes STARTTLS out on the way',
    }
  }
  if (failure.tlsFailed && brokenOff.has(code)) return handshakeLost
  if (!failure.tlsFailed && !/^(ERR_SSL_|ERR_TLS_|EPROTO)/.test(code)) return undefined
  return { code: 'imap.tls_failed', temporary: false, ...tlsWords(code) }
}

function whyNoTls({ message = '', starttlsRefused }: Failure): string {
  if (/PREAUTH/.test(message))
    return 'the server says that we are logged in already (PREAUTH), which leaves no way to STARTTLS, so nothing was sent to it'
  return starttlsRefused
    ? 'the server offers STARTTLS and refuses it, so nothing was sent to it'
    : 'the server offers no STARTTLS, so nothing was sent to it'
}

/** What a connection that ends in the middle of the handshake is called. A stall is a timeout. */
const brokenOff = new Set([
  '',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'NoConnection',
  'EConnectionClosed',
  'ClosedAfterConnectTLS',
])

const handshakeLost: Meaning = {
  code: 'imap.tls_failed',
  temporary: true,
  what: 'the connection broke in the middle of the TLS handshake',
  hint: 'it is tried again by itself; if it stays so, ask who runs the mail server',
}

const oldTls = /UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|VERSION_TOO_LOW/
const weakTls = /NO_SHARED_CIPHER|HANDSHAKE_FAILURE|NO_CIPHERS|DH_KEY_TOO_SMALL|INSUFFICIENT_SECURITY|NO_SUITABLE/

function tlsWords(code: string): Pick<Meaning, 'what' | 'hint'> {
  const upgrade = 'have TLS 1.2 or newer enabled on the server'
  if (oldTls.test(code)) return { what: 'the server knows only versions of TLS that are no longer safe', hint: upgrade }
  if (weakTls.test(code))
    return { what: 'the server offers only ciphers or keys that are no longer safe', hint: upgrade }
  return {
    what: 'TLS negotiation failed',
    hint: 'check that --port and --security belong together: 993 and tls, 143 and starttls',
  }
}

/** The first line was neither OK nor PREAUTH nor BYE (RFC 9051 §7.1). */
function greeting({ code, responseStatus }: Failure): Meaning | undefined {
  if (code !== 'BadGreeting') return undefined
  if (responseStatus === undefined) {
    return {
      code: 'imap.refused',
      temporary: false,
      what: 'what answers at this port is no IMAP server',
      hint: 'check --host, --port and --security: 993 and tls, 143 and starttls',
    }
  }
  return {
    code: 'imap.unavailable',
    temporary: true,
    what: `the server greets with ${responseStatus}: it takes no connections now`,
    hint: 'it is tried again by itself; if it stays so, ask who runs the mail server',
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
