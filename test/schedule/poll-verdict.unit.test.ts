import { expect, test } from 'vitest'
import { AccountError, MessageError, ServiceError } from '../../src/errors/errors.ts'
import { partialVerdictOf, verdictOf, waitMs } from '../../src/schedule/poll-verdict.ts'

test('suspends an account whose password is refused, and looks again in an hour', () => {
  const refused = new AccountError('imap.auth_refused', { account: 17 }, { temporary: false })
  expect(verdictOf(refused, 1)).toEqual({
    kind: 'suspend',
    code: 'imap.auth_refused',
    params: { account: 17 },
    hint: expect.stringMatching(/^The mail server refused the user name or the password\. .*letterlock account set 17/),
    afterMs: 3_600_000,
  })
})

test('waits without backoff for an account that has no password yet', () => {
  const missing = new AccountError('account.password_missing', {}, { temporary: false })
  expect(verdictOf(missing, 40).kind).toBe('wait')
})

test('honours the time that the server asked for', () => {
  const throttled = new AccountError('imap.throttled', {}, { temporary: true, retryAfterMs: 77_000 })
  expect(verdictOf(throttled, 9)).toMatchObject({ kind: 'retry', afterMs: 77_000 })
})

test('gives no account up for days because its server asked for them', () => {
  const asked = (retryAfterMs: number) =>
    verdictOf(new AccountError('imap.throttled', {}, { temporary: true, retryAfterMs }), 1)
  expect(asked(9e9)).toMatchObject({ kind: 'retry', afterMs: 3_600_000 })
  expect(asked(0.5)).toMatchObject({ kind: 'retry', afterMs: 1_000 })
})

test('presumes an unknown error to be temporary, and says nothing of its text', () => {
  const outcome = verdictOf(new TypeError('secret text'), 1, 0)
  expect(outcome).toMatchObject({ kind: 'retry', code: 'internal', afterMs: 2_500 })
  expect(JSON.stringify(outcome)).not.toContain('secret text')
})

test('retries what the database or one message refused', () => {
  expect(verdictOf(new ServiceError('db.failed', {}, { temporary: true }), 2).kind).toBe('retry')
  expect(verdictOf(new MessageError('message.unparseable', {}), 2).kind).toBe('retry')
})

test('waits twice as long each time, up to a quarter of an hour, never less than half of it', () => {
  expect([1, 2, 3, 4].map(attempt => waitMs(attempt, 1))).toEqual([5_000, 10_000, 20_000, 40_000])
  expect(waitMs(30, 0.999)).toBeLessThanOrEqual(900_000)
  expect(waitMs(1_000_000, 0)).toBe(450_000)
})

test('a mailbox that fails while others of its account are read has the account wait for its next slot at most', () => {
  const refused = new AccountError('imap.refused', {}, { temporary: true })
  expect(partialVerdictOf(refused, 1, 60_000, 1)).toMatchObject({ code: 'imap.refused', afterMs: 5_000, worked: false })
  expect(partialVerdictOf(refused, 12, 60_000, 1)).toMatchObject({ afterMs: null, worked: false })
})

test('a mailbox that does not exist has nobody wait', () => {
  const missing = new AccountError('imap.mailbox_missing', {}, { temporary: false })
  expect(partialVerdictOf(missing, 1, 60_000)).toMatchObject({ afterMs: null, worked: true })
})
