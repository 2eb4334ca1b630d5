// PURE. What a failure of imapflow, of TLS or of a socket means for an account. The server's own words are in no error, which is logged: they
// may hold addresses (server-words.ts). A refused login is permanent unless the server says that it is its own trouble (RFC 5530: UNAVAILABLE,
// INUSE, LIMIT, CONTACTADMIN …): nobody is locked out by our insisting, nobody is given up for an outage. Providers that want something else than
// another password say so in words only; those of the large ones are known here.
import type { Told } from '../errors/catalogue.ts'
import { AccountError, type AccountErrorCode, IngestError, ServiceError } from '../errors/errors.ts'
import type { CertificateFault, LoginRefusal, TlsFault } from '../errors/mail.ts'
import { isShortage } from '../errors/shortage.ts'

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

/** An error's code and values, but for the account and the step, and whether waiting cures it. */
type Meaning = Told<AccountErrorCode, [detail: { temporary: boolean }]>

const temporary = { temporary: true }
const permanent = { temporary: false }

/** `during` names the step, as `login` or `FETCH`. What is an error of ours already is returned as it is. */
export function toAccountError(error: unknown, accountId: number, during: string): IngestError {
  if (error instanceof IngestError) return error
  const failure = (error ?? {}) as Failure
  if (isShortage(failure.code))
    return new ServiceError('host.exhausted', { why: failure.code }, { temporary: true, cause: error })
  const [code, params, detail] = meaningOf(failure)
  const retryAfterMs = failure.throttleReset
  const told = [code, { ...params, account: accountId, during }] as Told<AccountErrorCode>
  return new AccountError(...told, {
    ...detail,
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

const lost: Meaning = ['imap.connection_lost', {}, temporary]

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
  return ofBounds.has(code) ? ['imap.answer_too_large', {}, temporary] : undefined
}

/** In the words of Gmail, Exchange and Dovecot, with or without a response code. */
function throttled(failure: Failure, text: string): Meaning | undefined {
  const asked = failure.code === 'ETHROTTLE' || failure.throttleReset !== undefined
  const said = isAnswer(failure) && /throttl|too many|rate.?limit|maximum number of|bandwidth limit/i.test(text)
  if (!asked && !said && responseCodeOf(failure) !== 'THROTTLED') return undefined
  if (/bandwidth/i.test(text)) return ['imap.throttled', { reason: 'daily_limit' }, temporary]
  return ['imap.throttled', /connections|sessions/i.test(text) ? { reason: 'connections' } : {}, temporary]
}

/** True if the server itself said it: NO, BAD or BYE. */
function isAnswer({ authenticationFailed, responseStatus, reason }: Failure): boolean {
  return authenticationFailed === true || responseStatus !== undefined || reason !== undefined
}

const untrusted: ReadonlyMap<string, CertificateFault> = new Map(
  Object.entries({
    CERT_HAS_EXPIRED: 'expired',
    CERT_NOT_YET_VALID: 'not_yet_valid',
    ERR_TLS_CERT_ALTNAME_INVALID: 'other_name',
    DEPTH_ZERO_SELF_SIGNED_CERT: 'self_signed',
    SELF_SIGNED_CERT_IN_CHAIN: 'unknown_ca',
    UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'no_intermediate',
    UNABLE_TO_GET_ISSUER_CERT: 'unknown_ca',
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'unknown_ca',
    CERT_SIGNATURE_FAILURE: 'bad_signature',
    CERT_REVOKED: 'revoked',
    CERT_UNTRUSTED: 'not_trusted',
    CERT_REJECTED: 'not_trusted',
    CERT_CHAIN_TOO_LONG: 'chain_too_long',
    PATH_LENGTH_EXCEEDED: 'chain_too_long',
    INVALID_CA: 'not_a_ca',
    INVALID_PURPOSE: 'not_for_servers',
    ERR_SSL_EE_KEY_TOO_SMALL: 'weak_key',
    ERR_SSL_CA_KEY_TOO_SMALL: 'weak_ca_key',
    ERR_SSL_CA_MD_TOO_WEAK: 'weak_signature',
  } satisfies Record<string, CertificateFault>),
)

/** OpenSSL's words for what Node has no code for. */
const weak = /(certificate key|signature digest algorithm|md) too weak|key too small/i

function certificate({ code = '', message = '' }: Failure): Meaning | undefined {
  const reason = untrusted.get(code) ?? (weak.test(message) ? 'weak' : undefined)
  // Only of a clock that is wrong, here or there, does waiting cure anything.
  return reason && ['imap.tls_untrusted', { reason }, { temporary: reason === 'not_yet_valid' }]
}

function starttls(failure: Failure): Meaning | undefined {
  const { code = '', message = '' } = failure
  if ((sameAs.get(code) ?? code) === 'ETIMEDOUT') return undefined
  if (code === 'STARTTLS_INJECTION') return ['imap.tls_attacked', {}, permanent]
  if (/STARTTLS/i.test(message)) return ['imap.starttls_missing', { reason: whyNoTls(failure) }, permanent]
  if (failure.tlsFailed && brokenOff.has(code)) return ['imap.tls_failed', { reason: 'broken_off' }, temporary]
  if (!failure.tlsFailed && !/^(ERR_SSL_|ERR_TLS_|EPROTO)/.test(code)) return undefined
  return ['imap.tls_failed', { reason: tlsFaultOf(code) }, permanent]
}

function whyNoTls({ message = '', starttlsRefused }: Failure): 'preauth' | 'refused' | 'not_offered' {
  if (/PREAUTH/.test(message)) return 'preauth'
  return starttlsRefused ? 'refused' : 'not_offered'
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

const oldTls = /UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|VERSION_TOO_LOW/
const weakTls = /NO_SHARED_CIPHER|HANDSHAKE_FAILURE|NO_CIPHERS|DH_KEY_TOO_SMALL|INSUFFICIENT_SECURITY|NO_SUITABLE/

function tlsFaultOf(code: string): TlsFault {
  if (oldTls.test(code)) return 'old_version'
  return weakTls.test(code) ? 'weak_cipher' : 'negotiation'
}

/** The first line was neither OK nor PREAUTH nor BYE (RFC 9051 §7.1). */
function greeting({ code, responseStatus }: Failure): Meaning | undefined {
  if (code !== 'BadGreeting') return undefined
  if (responseStatus === undefined) return ['imap.refused', { reason: 'not_imap' }, permanent]
  return ['imap.unavailable', { greeting: responseStatus }, temporary]
}

const ofNetwork: ReadonlyMap<
  string,
  'imap.host_not_found' | 'imap.connection_refused' | 'imap.host_unreachable' | 'imap.timeout'
> = new Map([
  ['ENOTFOUND', 'imap.host_not_found'],
  ['ECONNREFUSED', 'imap.connection_refused'],
  ['EHOSTUNREACH', 'imap.host_unreachable'],
  ['ETIMEDOUT', 'imap.timeout'],
])

const sameAs: ReadonlyMap<string, string> = new Map(
  Object.entries({
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
  // The resolver did not answer, which says nothing of the name.
  if (code === 'EAI_AGAIN') return ['imap.host_not_found', { reason: 'no_resolver' }, temporary]
  const found = ofNetwork.get(sameAs.get(code) ?? code)
  return found && [found, {}, temporary]
}

function mailbox(failure: Failure): Meaning | undefined {
  const code = responseCodeOf(failure)
  if (!failure.mailboxMissing && failure.code !== 'NotFound' && code !== 'NONEXISTENT' && code !== 'TRYCREATE')
    return undefined
  return ['imap.mailbox_missing', {}, permanent]
}

/** What the server cannot do now for reasons of its own: RFC 5530, or Exchange’s “User is authenticated but not connected.” */
function unavailable(failure: Failure, text: string): Meaning | undefined {
  const code = responseCodeOf(failure)
  const says = /unavailable|temporar|try again|internal error|backend|not connected|shutting down|going down/i.test(
    text,
  )
  if (!isAnswer(failure) || (!ownTrouble.has(code) && !says)) return undefined
  return ['imap.unavailable', {}, temporary]
}

const ownTrouble = new Set(['UNAVAILABLE', 'INUSE', 'CONTACTADMIN'])

function refusal({ responseStatus, ...failure }: Failure): Meaning | undefined {
  if (responseStatus !== 'NO' && responseStatus !== 'BAD') return undefined
  if (responseCodeOf(failure) === 'OVERQUOTA') return ['imap.refused', { reason: 'full' }, temporary]
  return ['imap.refused', { reason: 'answer', answer: responseStatus }, temporary]
}

/** `code` is the response code in capitals, `text` what the server said. */
function loginMeaning(failure: Failure, code: string, text: string): Meaning | undefined {
  if (failure.message === 'Unsupported authentication mechanism')
    return ['imap.refused', { reason: 'no_login_method' }, permanent]
  if (!failure.authenticationFailed) return undefined
  const says = /unavailable|temporar|try again|internal error|backend|not connected/i.test(text)
  if (ownTroubleOfLogin.has(code) || (says && code !== 'AUTHENTICATIONFAILED'))
    return ['imap.auth_unavailable', {}, temporary]
  const [, reason] = wishes.find(([words]) => words.test(`[${code}] ${text}`)) ?? [undefined, 'password' as const]
  return ['imap.auth_refused', { reason }, permanent]
}

/** Response codes with which a server says that a refused login is its own trouble (RFC 5530 §3). */
const ownTroubleOfLogin = new Set(['UNAVAILABLE', 'INUSE', 'LIMIT', 'SERVERBUG', 'CONTACTADMIN', 'OVERQUOTA'])

/** What a provider wants, by its words; the first that fits counts. */
const wishes: readonly (readonly [words: RegExp, reason: LoginRefusal])[] = [
  [/application-specific password|app(lication)?[- ]password/i, 'app_password'],
  [/WEBALERT|web login required|log ?in via your web browser/i, 'web_login'],
  [/not enabled for imap|imap (access |use )?(is )?(disabled|not enabled)|enable .{0,40}imap/i, 'imap_disabled'],
  [/basic auth|login is disabled/i, 'needs_oauth'],
  [/\[PRIVACYREQUIRED\]/, 'needs_tls'],
  [/\[EXPIRED\]/, 'expired'],
  [/^\[\w*\] *(authenticate|login) failed\.?$/i, 'maybe_oauth'],
]
