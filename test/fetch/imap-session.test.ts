import { afterAll, beforeAll, expect, test } from 'vitest'
import { openSession } from '../../src/fetch/imap-session.ts'
import type { ImapSession } from '../../src/fetch/mailbox.ts'
import { startTestDovecot, type TestDovecot, user } from '../support/dovecot.ts'
import { capabilities, startScriptedServer } from '../support/imap-server.ts'
import { rawMail } from '../support/messages.ts'
import { until } from '../support/until.ts'

let dovecot: TestDovecot
const account = { id: 17 }
const password = () => Buffer.from(user.password)

beforeAll(async () => {
  dovecot = await startTestDovecot()
})
afterAll(() => dovecot[Symbol.asyncDispose]())

async function readAll(mails: AsyncIterable<{ uid: number; source: Buffer }>) {
  const found: { uid: number; source: Buffer }[] = []
  for await (const { uid, source } of mails) found.push({ uid, source })
  return found
}

test.each(['tls', 'starttls', 'cleartext'] as const)('reads mail byte for byte over %s', async security => {
  const mail = rawMail({ id: `${security}@x`, body: 'ü'.repeat(1000) })
  dovecot.deliver(user.name, `Box-${security}`, [mail])
  await using session = await openSession(account, dovecot.destination(security), password())
  expect(await session.status(`Box-${security}`)).toMatchObject({ uidNext: 2, messages: 1 })
  const mailbox = await session.select(`Box-${security}`, 'read-only')
  const listed = await mailbox.list(1, 10)
  expect(listed).toMatchObject([{ uid: 1, size: mail.length }])
  expect(await readAll(mailbox.fetch([1], 1e6))).toEqual([{ uid: 1, source: mail }])
})

test('a wait that has only begun never has the commands after it work on another mailbox', async () => {
  dovecot.deliver(user.name, 'Elsewhere', [rawMail({ id: 'elsewhere@x' })])
  dovecot.deliver(user.name, 'INBOX', [rawMail({ id: 'inbox-1@x' }), rawMail({ id: 'inbox-2@x' })])
  await using session = await openSession(account, dovecot.destination('tls'), password())
  for (let i = 0; i < 20; i++) {
    const first = await session.select('Elsewhere', 'read-only')
    const waiting = session.watch(['INBOX'], () => {})
    expect(await session.isAlive()).toBe(true)
    const mailbox = await session.select('Elsewhere', 'read-write')
    expect(await mailbox.list(1, 10)).toHaveLength(1)
    expect(await waiting).toBe(true)
    expect(await mailbox.list(1, 10)).toHaveLength(1)
    // Of the one that was selected before nothing is asked any more.
    await expect(first.list(1, 10)).rejects.toMatchObject({ code: 'imap.connection_lost' })
  }
})

test.each<[string, string[]]>([
  ['MOVE', ['UIDPLUS', 'MOVE']],
  ['COPY and EXPUNGE', ['UIDPLUS']],
])('all that is left is moved where somebody else has just removed one of the mails, by %s', async (_, extensions) => {
  await using server = await startTestDovecot({ settings: `imap_capability = IMAP4rev1 ${extensions.join(' ')}` })
  server.deliver(
    user.name,
    'INBOX',
    [1, 2, 3, 4].map(n => rawMail({ id: `${n}@x` })),
  )
  server.deliver(user.name, 'Done', [])
  await using session = await openSession(account, server.destination('tls'), password())
  const mailbox = await session.select('INBOX', 'read-write')
  await using other = await openSession(account, server.destination('tls'), password())
  await (await other.select('INBOX', 'read-write')).settle([2], { kind: 'delete' })
  // Dovecot answers OK and leaves the other two where they are.
  const left = await mailbox.settle([1, 2, 3], { kind: 'move', mailbox: 'Done' })
  expect(left).toEqual(extensions.includes('MOVE') ? null : { kind: 'delete' })
  if (left !== null) await mailbox.settle([1, 2, 3], left)
  expect(server.files(user.name, 'INBOX')).toHaveLength(1)
  expect(server.files(user.name, 'Done')).toHaveLength(2)
})

test.each<[string, (session: ImapSession) => Promise<unknown>]>([
  ['SELECT', session => session.select('INBOX', 'read-only')],
  ['STATUS', session => session.status('Other')],
])('a server that says BYE while %s waits for the end of IDLE is known to be going down', async (command, ask) => {
  await using server = await startScriptedServer({
    capabilities: [...capabilities, 'IDLE'],
    idle: tag => ['* BYE going down', `${tag} OK done`],
  })
  await using session = await openSession(account, server.destination, password())
  await session.select('INBOX', 'read-only')
  const before = server.commands.length
  expect(await session.watch(['INBOX'], () => {})).toBe(true)
  await expect(ask(session)).rejects.toMatchObject({ code: 'imap.unavailable', temporary: true })
  expect(server.commands.slice(before).filter(line => line.startsWith(command))).toEqual([])
})

test('a connection that waits for longer than a silence may last is kept awake, and is good afterwards', async () => {
  await using server = await startScriptedServer({ mails: [{ uid: 1, source: rawMail({ id: '1@x' }) }] })
  await using session = await openSession(account, server.destination, password(), { timeoutMs: 3_000 })
  const mailbox = await session.select('INBOX', 'read-only')
  const asked = () => server.commands.filter(command => command === 'NOOP').length
  await mailbox.keepAwake(until(async () => asked() === 4))
  expect(await mailbox.list(1, 10)).toMatchObject([{ uid: 1 }])
  await expect(mailbox.keepAwake(Promise.reject(new Error('enough')))).rejects.toThrow('enough')
})
