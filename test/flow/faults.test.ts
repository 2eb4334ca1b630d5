// What goes wrong at the server: each end of an account has its state, code and hint, and nothing is lost.
import { expect, test } from 'vitest'
import { parseMessage } from '../../src/parse/parse-message.ts'
import { retryQuarantined } from '../../src/poll/ingest/retry-quarantined.ts'
import { createTriagePolicy } from '../../src/poll/ingest/triage-policy.ts'
import { getAccount } from '../../src/store/accounts/accounts.ts'
import { findSourceDetails } from '../../src/store/ingest/source-rows.ts'
import { openRawStore } from '../../src/store/raw/open-raw-store.ts'
import { createWorld, ends, until } from '../support/daemon.ts'
import { startTestDovecot, user } from '../support/dovecot.ts'
import { type ScriptedMail, startScriptedServer } from '../support/imap-server.ts'
import { rawMail } from '../support/messages.ts'

const secret = 'never-to-be-seen'

function mails(count: number): ScriptedMail[] {
  return Array.from({ length: count }, (_, i) => ({
    uid: i + 1,
    source: rawMail({ id: `${i + 1}@x`, subject: `mail ${i + 1}` }),
  }))
}

test('a refused password suspends the account, says what to do, and appears nowhere', async () => {
  await using dovecot = await startTestDovecot()
  await using world = await createWorld()
  const id = await world.add(dovecot.destination('tls'), secret)
  await world.start()
  const account = await until(async () => {
    const found = await getAccount(world.db, String(id))
    return found.code !== null && found
  })
  expect(account).toMatchObject({ state: 'failing', code: 'imap.auth_refused', failures: 1 })
  expect(account.hint).toContain('--password-stdin')
  expect(account.nextAttemptAt?.getTime()).toBeGreaterThan(Date.now() + 50 * 60_000)
  expect(JSON.stringify(world.log)).not.toContain(secret)
})

test('an expired certificate and one of an unknown CA are told apart', async () => {
  await using old = await startTestDovecot({ expired: true })
  await using stranger = await startTestDovecot()
  await using world = await createWorld()
  const expired = await world.add(old.destination('tls'), secret)
  const unknown = await world.add({ ...stranger.destination('starttls'), caPem: null }, secret, {
    address: 'b@example.com',
  })
  await world.start()
  const hintOf = (id: number) =>
    until(async () => {
      const { code, hint } = await getAccount(world.db, String(id))
      return code === 'imap.tls_untrusted' && hint
    })
  expect(await hintOf(expired)).toContain('has expired')
  expect(await hintOf(unknown)).toContain('unknown CA')
})

test.each([
  ['refused connection', 'imap.connection_refused', {}, { port: 1 }],
  ['stripped STARTTLS', 'imap.starttls_missing', {}, { security: 'starttls' as const }],
  ['TLS on a cleartext port', 'imap.tls_failed', {}, { security: 'tls' as const }],
  ['login that the server cannot check', 'imap.auth_unavailable', { login: 'NO [UNAVAILABLE] later' }, {}],
  ['BYE at SELECT', 'imap.unavailable', { byeAt: new Set(['EXAMINE']) }, {}],
  ['NO to everything', 'imap.auth_refused', { login: 'NO go away' }, {}],
])('%s: the account has the code %s', async (_, code, script, change) => {
  await using server = await startScriptedServer({ mails: mails(3), ...script })
  await using world = await createWorld()
  const id = await world.add({ ...server.destination, ...change }, secret)
  await world.start()
  const found = await until(async () => (await getAccount(world.db, String(id))).code)
  expect(found).toBe(code)
  if (code === 'imap.starttls_missing') expect(server.commands.join()).not.toContain(secret)
  expect(JSON.stringify(world.log)).not.toContain(secret)
})

test('a server that hangs after login is left after a while, and its account says so', async () => {
  await using server = await startScriptedServer({
    mails: mails(3),
    hangAt: new Set(['STATUS', 'EXAMINE', 'NAMESPACE']),
  })
  await using world = await createWorld({ LETTERLOCK_POLL_TIMEOUT_SECONDS: '2' })
  const id = await world.add(server.destination, secret)
  await world.start()
  expect(await until(async () => (await getAccount(world.db, String(id))).code)).toBe('imap.timeout')
})

test('a line that drops in the middle of a mail loses nothing: what came before is ours, the rest follows', async () => {
  await using server = await startScriptedServer({ mails: mails(20), dropAt: new Set([12]) })
  await using world = await createWorld()
  const id = await world.add(server.destination, secret)
  await world.start()
  await until(async () => (await getAccount(world.db, String(id))).code)
  expect(await ends(world.db)).toEqual({ created: 11 })
  server.script.dropAt.clear()
  await world.poll(id)
  expect(await ends(world.db)).toEqual({ created: 20 })
  expect((await getAccount(world.db, String(id))).state).toBe('active')
})

test('a mail that always breaks the connection is quarantined after five tries, and the mailbox goes on', async () => {
  await using server = await startScriptedServer({ mails: mails(20), dropAt: new Set([12]) })
  await using world = await createWorld()
  const id = await world.add(server.destination, secret)
  await world.start()
  await until(async () => (await getAccount(world.db, String(id))).code)
  for (let tries = 1; tries <= 5; tries++) {
    expect(await ends(world.db)).toEqual({ created: 11 })
    await world.poll(id)
  }
  expect(await ends(world.db)).toEqual({ created: 19, quarantined: 1 })
  const [held] = await findSourceDetails(world.db, { limit: 1, result: 'quarantined' })
  expect(held).toMatchObject({ uid: 12, reason: 'unfetchable', complete: false, place: null })
  const tried = server.commands.filter(command => /^UID FETCH (12|\d+:\d+) .*BODY\.PEEK\[\]/.test(command))
  expect(tried.length).toBeGreaterThanOrEqual(5)
})

test('a mail that the server lists and does not send is asked for again, not passed over', async () => {
  await using server = await startScriptedServer({ mails: mails(6), withheld: new Set([4]) })
  await using world = await createWorld()
  const id = await world.add(server.destination, secret)
  await world.start()
  await until(async () => (await getAccount(world.db, String(id))).code === 'imap.refused')
  expect(await ends(world.db)).toEqual({ created: 3 })
  server.script.withheld.clear()
  await world.poll(id)
  expect(await ends(world.db)).toEqual({ created: 6 })
})

test('a mail that is removed while it is fetched, and comes as NIL, keeps no other from coming in', async () => {
  await using server = await startScriptedServer({ mails: mails(6), nil: new Set([4]) })
  await using world = await createWorld()
  const id = await world.add(server.destination, secret)
  await world.start()
  await until(async () => (await getAccount(world.db, String(id))).code)
  expect((await getAccount(world.db, String(id))).code).toBe('imap.refused')
  expect(await ends(world.db)).toEqual({ created: 3 })
  server.script.mails = server.script.mails.filter(({ uid }) => uid !== 4)
  await world.poll(id)
  expect(await ends(world.db)).toEqual({ created: 5 })
})

test('a server without UIDPLUS is never asked to expunge: the mail is marked and stays', async () => {
  await using server = await startScriptedServer({ mails: mails(2), capabilities: ['IMAP4rev1'] })
  await using world = await createWorld()
  const id = await world.add(server.destination, secret, { afterIngest: 'delete' })
  await world.start()
  await until(async () => (await getAccount(world.db, String(id))).lastSuccessAt)
  expect(server.commands.some(command => /UID STORE 1:2 \+FLAGS.*\\Deleted/.test(command))).toBe(true)
  expect(server.commands.filter(command => /EXPUNGE|CLOSE/.test(command))).toEqual([])
})

test('a mail that cannot be parsed in time is quarantined with its bytes, and can be retried', async () => {
  await using server = await startScriptedServer({ mails: mails(3) })
  server.script.mails[1] = { uid: 2, source: rawMail({ id: 'slow@x', body: 'HANG' }) }
  await using world = await createWorld({ LETTERLOCK_POLL_PARSE_DEADLINE_MS: '1000' })
  const id = await world.add(server.destination, secret)
  await world.start({}, { parseScript: new URL('../parse/misbehaving-thread.ts', import.meta.url) })
  await until(async () => (await getAccount(world.db, String(id))).lastSuccessAt)
  expect(await ends(world.db)).toEqual({ created: 2, quarantined: 1 })
  const [held] = await findSourceDetails(world.db, { limit: 1, result: 'quarantined' })
  expect(held).toMatchObject({ uid: 2, reason: 'parse_timeout', complete: true })
  expect(held?.place).not.toBeNull()
  const raw = await openRawStore(world.config)
  const triage = createTriagePolicy(world.config, async () => undefined)
  const retried = await retryQuarantined(
    { db: world.db, raw, parse: source => parseMessage(source), triage },
    Number(held?.id),
  )
  expect(retried).toMatchObject({ result: 'created', ticket: expect.any(Number) })
  expect(await ends(world.db)).toEqual({ created: 3 })
})

test('an account without a password waits without a single connection', async () => {
  await using server = await startScriptedServer()
  await using world = await createWorld()
  const id = await world.add(server.destination, secret, { password: null })
  await world.start()
  expect(await until(async () => (await getAccount(world.db, String(id))).code)).toBe('account.password_missing')
  expect(await getAccount(world.db, String(id))).toMatchObject({ state: 'waiting' })
  expect(server.commands).toEqual([])
})

test('the password is not kept after the login, and the connection is used again', async () => {
  await using server = await startScriptedServer({ mails: mails(1) })
  await using world = await createWorld()
  const id = await world.add(server.destination, user.password)
  await world.start()
  await until(async () => (await getAccount(world.db, String(id))).lastSuccessAt)
  server.script.mails = mails(2)
  await world.poll(id)
  expect(await ends(world.db)).toEqual({ created: 2 })
  expect(server.commands.filter(command => command.startsWith('LOGIN'))).toHaveLength(1)
})
