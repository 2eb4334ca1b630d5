// PURE. What a failure of imapflow, of TLS or of a socket means for an account. The server's own words are kept in the cause
// only: they may hold addresses. A refusal of the login is permanent unless the server says that it is its own trouble
// (RFC 5530: UNAVAILABLE, INUSE, LIMIT, CONTACTADMIN …): nobody is locked out by our insisting, nobody is given up for an outage.
import { AccountError, type AccountErrorCode, IngestError } from '../errors.ts'

/** The fields by which imapflow and Node tell their failures apart. */
interface Failure {
  code?: string
  message?: string
  authenticationFailed?: boolean
  serverResponseCode?: string
  responseStatus?: string
  responseText?: string
  response?: unknown
  mailboxMissing?: boolean
  tlsFailed?: boolean
  throttleReset?: number
}

interface Meaning {
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
    ...(typeof retryAfterMs === 'number' && retryAfterMs > 0 ? { retryAfterMs } : {}),
  })
}

function meaningOf(failure: Failure): Meaning {
  return (
    throttled(failure) ??
    certificate(failure) ??
    starttls(failure) ??
    login(failure) ??
    network(failure) ??
    mailbox(failure) ??
    refusal(failure) ??
    lost
  )
}

const lost: Meaning = {
  code: 'imap.connection_lost',
  temporary: true,
  what: 'the connection to the server broke',
  hint: 'it is tried again by itself; if it goes on, look at the server and the network between',
}

function throttled(failure: Failure): Meaning | undefined {
  const asked = failure.code === 'ETHROTTLE' || failure.throttleReset !== undefined
  if (!asked && !(failure.authenticationFailed && /throttl|too many|rate limit/i.test(textOf(failure))))
    return undefined
  return {
    code: 'imap.throttled',
    temporary: true,
    what: 'the server asks us to come less often',
    hint: 'it is tried again later by itself; a longer --every, or fewer programs on this mailbox, may be needed',
  }
}

const untrusted: Readonly<Record<string, string>> = {
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
}

const renew = 'have it renewed on the server, or check this host’s clock'

function certificate({ code = '' }: Failure): Meaning | undefined {
  const what = untrusted[code]
  if (what === undefined) return undefined
  const ofTime = code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID'
  const hint =
    code === 'ERR_TLS_CERT_ALTNAME_INVALID'
      ? 'set --host to a name that the certificate bears'
      : 'give the CA’s certificate with --ca FILE if the server is one of your own; otherwise somebody may be in between'
  return { code: 'imap.tls_untrusted', temporary: false, what, hint: ofTime ? renew : hint }
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

/** Response codes with which a server says that a refused login is its own trouble (RFC 5530 §3). */
const ownTrouble = new Set(['UNAVAILABLE', 'INUSE', 'LIMIT', 'SERVERBUG', 'CONTACTADMIN', 'OVERQUOTA'])

function login(failure: Failure): Meaning | undefined {
  if (failure.message === 'Unsupported authentication mechanism') return noWayIn
  if (!failure.authenticationFailed) return undefined
  const code = failure.serverResponseCode?.toUpperCase() ?? ''
  const says = /unavailable|temporar|try again|internal error|backend|not connected/i.test(textOf(failure))
  if (ownTrouble.has(code) || (says && code !== 'AUTHENTICATIONFAILED')) {
    return {
      code: 'imap.auth_unavailable',
      temporary: true,
      what: 'the server cannot check the login at the moment',
      hint: 'it is tried again by itself; if it goes on, ask who runs the mail server',
    }
  }
  return {
    code: 'imap.auth_refused',
    temporary: false,
    what: 'the server refused the user name or the password',
    hint: 'set the password again with `letterlock account set ID --password-stdin`; some providers want an app password, or IMAP to be enabled first',
  }
}

const noWayIn: Meaning = {
  code: 'imap.refused',
  temporary: false,
  what: 'the server offers no way of logging in that is known here',
  hint: 'a password needs LOGIN or PLAIN there, OAuth needs OAUTHBEARER or XOAUTH2: choose the other one with `letterlock account set ID`, or enable it on the server',
}

const ofNetwork: Readonly<Record<string, Omit<Meaning, 'temporary'>>> = {
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
}

const sameAs: Readonly<Record<string, string>> = {
  EAI_AGAIN: 'ENOTFOUND',
  ENODATA: 'ENOTFOUND',
  ENETUNREACH: 'EHOSTUNREACH',
  EADDRNOTAVAIL: 'EHOSTUNREACH',
  ETIMEOUT: 'ETIMEDOUT',
  CONNECT_TIMEOUT: 'ETIMEDOUT',
  GREETING_TIMEOUT: 'ETIMEDOUT',
  GREEETING_TIMEOUT: 'ETIMEDOUT',
  UPGRADE_TIMEOUT: 'ETIMEDOUT',
}

function network({ code = '' }: Failure): Meaning | undefined {
  const found = ofNetwork[sameAs[code] ?? code]
  return found === undefined ? undefined : { ...found, temporary: true }
}

function mailbox(failure: Failure): Meaning | undefined {
  const code = failure.serverResponseCode?.toUpperCase()
  if (!failure.mailboxMissing && failure.code !== 'NotFound' && code !== 'NONEXISTENT' && code !== 'TRYCREATE')
    return undefined
  return {
    code: 'imap.mailbox_missing',
    temporary: false,
    what: 'the server has no such mailbox',
    hint: 'create it on the server, or correct the account’s mailboxes or --after move:MAILBOX',
  }
}

function refusal(failure: Failure): Meaning | undefined {
  if (failure.responseStatus !== 'NO' && failure.responseStatus !== 'BAD') return undefined
  return {
    code: 'imap.refused',
    temporary: true,
    what: `the server answered ${failure.responseStatus}`,
    hint: 'it is tried again by itself; the server’s own log says why',
  }
}

function textOf(failure: Failure): string {
  return `${failure.responseText ?? ''} ${typeof failure.response === 'string' ? failure.response : ''}`
}
