import { expect, test } from 'vitest'
import { toAccountError } from '../../src/fetch/imap-errors.ts'

const no = (responseText: string, code = '') => ({
  responseStatus: 'NO',
  responseText,
  response: { attributes: code === '' ? [] : [{ section: [{ value: code }] }] },
})
const login = (response: string, serverResponseCode?: string) => ({
  authenticationFailed: true,
  response,
  ...(serverResponseCode === undefined ? {} : { serverResponseCode }),
})

test.each<[string, object]>([
  ['imap.auth_refused', login('A1 NO [AUTHENTICATIONFAILED] Authentication failed.', 'AUTHENTICATIONFAILED')],
  ['imap.auth_refused', login('A1 NO Login failed.')],
  ['imap.auth_refused', login('A1 NO [AUTHENTICATIONFAILED] Temporary lock? No: wrong', 'AUTHENTICATIONFAILED')],
  ['imap.auth_unavailable', login('A1 NO [UNAVAILABLE] Temporary authentication failure.', 'UNAVAILABLE')],
  ['imap.auth_unavailable', login('A1 NO [CONTACTADMIN] Ask us', 'CONTACTADMIN')],
  ['imap.auth_unavailable', login('A1 NO Server busy, try again later')],
  ['imap.throttled', login('A1 NO [LIMIT] Rate limit hit', 'LIMIT')],
  ['imap.throttled', login('A1 NO Too many login attempts')],
  ['imap.throttled', no('later', 'THROTTLED')],
  ['imap.throttled', { code: 'NoConnection', reason: 'Too many connections from your address' }],
  ['imap.throttled', { code: 'ETHROTTLE', throttleReset: 5 }],
  ['imap.mailbox_missing', no('Mailbox does not exist: Too many, unavailable', 'NONEXISTENT')],
  ['imap.mailbox_missing', no('Create it first: throttled', 'TRYCREATE')],
  ['imap.unavailable', no('later', 'INUSE')],
  ['imap.unavailable', { responseStatus: 'BAD', responseText: 'User is authenticated but not connected.' }],
  ['imap.unavailable', { code: 'NoConnection', reason: 'Server shutting down.' }],
  ['imap.refused', no('Quota exceeded', 'OVERQUOTA')],
  ['imap.refused', no('no')],
  ['imap.connection_lost', { code: 'NoConnection' }],
  ['imap.connection_lost', new Error('temporary, too many, throttled: not the server’s words')],
  ['imap.timeout', { code: 'ETIMEOUT' }],
  ['imap.connection_lost', { code: 'ECONNRESET', message: 'read ECONNRESET' }],
])('%s for %o', (code, failure) => {
  const error = toAccountError(failure, 17, 'FETCH')
  expect(error.code).toBe(code)
  expect(error.cause).toBe(failure)
  expect(error.temporary).toBe(code !== 'imap.auth_refused' && code !== 'imap.mailbox_missing')
})

test('the server’s words stay in the cause', () => {
  const { message, hint } = toAccountError(
    login('A1 NO somebody@example.com is disabled, IMAP is disabled'),
    17,
    'login',
  )
  expect(`${message} ${hint}`).not.toContain('somebody')
  expect(hint).toContain('Turn IMAP on')
})

test.each([
  [92_415, 92_415],
  [1e15, 86_400_000],
  [0, undefined],
])('asked to wait for %i ms, the account waits so long, but no longer than a day', (throttleReset, waits) => {
  expect(toAccountError({ code: 'ETHROTTLE', throttleReset }, 17, 'FETCH').retryAfterMs).toBe(waits)
})

const tls = (code: string, message = '') => ({ code, message, tlsFailed: true })

test.each<[what: RegExp, code: string, temporary: boolean, failure: object]>([
  [/broke in the middle of the TLS handshake/, 'imap.tls_failed', true, tls('ECONNRESET')],
  [/broke in the middle of the TLS handshake/, 'imap.tls_failed', true, tls('NoConnection')],
  [/did not answer in time/, 'imap.timeout', true, tls('UPGRADE_TIMEOUT', 'Failed to upgrade connection')],
  [/not meant for servers/, 'imap.tls_untrusted', false, tls('INVALID_PURPOSE')],
  [/too weak/, 'imap.tls_untrusted', false, tls('UNSPECIFIED', 'EE certificate key too weak')],
  [/intermediate/, 'imap.tls_untrusted', false, { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' }],
  [
    /put data into the beginning/,
    'imap.tls_attacked',
    false,
    tls('STARTTLS_INJECTION', 'Server sent data after STARTTLS'),
  ],
  [/no longer safe/, 'imap.tls_failed', false, tls('ERR_SSL_UNSUPPORTED_PROTOCOL')],
  [/no longer safe/, 'imap.tls_failed', false, { code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' }],
  [/ciphers or keys/, 'imap.tls_failed', false, { code: 'ERR_SSL_DH_KEY_TOO_SMALL' }],
  [/\(PREAUTH\)/, 'imap.starttls_missing', false, tls('', 'STARTTLS is not possible after a PREAUTH greeting')],
  [/offers no STARTTLS/, 'imap.starttls_missing', false, tls('', 'Server does not support STARTTLS')],
  [
    /offers STARTTLS and refuses it/,
    'imap.starttls_missing',
    false,
    { ...tls('', 'Server does not support STARTTLS'), starttlsRefused: true },
  ],
  [/no IMAP server/, 'imap.refused', false, { code: 'BadGreeting' }],
  [/greets with NO/, 'imap.unavailable', true, { code: 'BadGreeting', responseStatus: 'NO' }],
])('what fails around TLS and the greeting has words of its own: %s', (what, code, temporary, failure) => {
  const error = toAccountError(failure, 17, 'login')
  expect(error.message).toMatch(what)
  expect(error).toMatchObject({ code, temporary })
})

test('a resolver that does not answer says nothing of the name, and files that this host lacks nothing of the account', () => {
  expect(toAccountError({ code: 'ENOTFOUND' }, 4, 'login')).toMatchObject({
    code: 'imap.host_not_found',
    params: { account: 4 },
  })
  expect(toAccountError({ code: 'EAI_AGAIN' }, 4, 'login')).toMatchObject({
    code: 'imap.host_not_found',
    params: { reason: 'no_resolver' },
    temporary: true,
  })
  expect(toAccountError({ code: 'EMFILE' }, 4, 'login')).toMatchObject({ code: 'host.exhausted', temporary: true })
})
