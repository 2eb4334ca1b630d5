// Mail that the server tells of: with IDLE, with NOTIFY, and where a server promises both and keeps neither. The accounts here have
// an interval of an hour: what comes sooner came by push.
import { expect, test } from 'vitest'
import type { Daemon } from '../../src/daemon.ts'
import { createWorld, ends, until, type World } from '../support/daemon.ts'
import { connectToDovecot, startTestDovecot, user } from '../support/dovecot.ts'
import { capabilities, startScriptedServer } from '../support/imap-server.ts'
import { rawMail } from '../support/messages.ts'

const withIdle = [...capabilities, 'IDLE']
const password = 'a password'

async function metric(daemon: Daemon, name: string): Promise<number> {
  const text = await (await fetch(`${daemon.url}/metrics`)).text()
  const line = text.split('\n').find(found => found.startsWith(`${name} `))
  return Number(line?.split(' ').at(-1) ?? Number.NaN)
}

async function countTickets(world: World): Promise<number> {
  return Number((await world.db('tickets').count({ n: '*' }).first())?.n ?? 0)
}

test('a mail becomes a ticket as soon as the server tells of it, again and again, on one connection', async () => {
  await using dovecot = await startTestDovecot()
  await using world = await createWorld()
  await world.add(dovecot.destination('tls'), user.password, { push: true })
  const daemon = await world.start()
  for (let i = 1; i <= 5; i++) {
    await until(async () => (await metric(daemon, 'letterlock_imap_connections{state="open"}')) === 1)
    await dovecot.deliver(user.name, 'INBOX', [rawMail({ id: `${i}@x`, subject: `mail ${i}` })])
    await until(async () => (await countTickets(world)) === i)
  }
  expect(await ends(world.db)).toEqual({ created: 5 })
  expect(await metric(daemon, 'letterlock_push_total{what="lost"}')).toBe(0)
  expect(await metric(daemon, 'letterlock_push_total{what="missed"}')).toBe(0)
})

test('the other mailboxes of an account are told of too, where the server has NOTIFY', async () => {
  await using dovecot = await startTestDovecot()
  await using world = await createWorld()
  const mailboxes = ['Büro & Co', 'INBOX', 'Sales']
  // Dovecot tells of mailboxes by its indexes, which a file that is merely put there does not change: another client brings the mail.
  const client = await connectToDovecot(dovecot)
  await dovecot.deliver(user.name, 'Büro & Co', [])
  await dovecot.deliver(user.name, 'Sales', [])
  await world.add(dovecot.destination('tls'), user.password, { push: true, mailboxes })
  await world.start()
  for (const [i, mailbox] of mailboxes.entries()) {
    await until(async () => world.log.filter(({ event, msg }) => event === 'poll' && msg === 'done').length > i)
    await client.append(mailbox, rawMail({ id: `${i}@x`, subject: `in ${mailbox}` }))
    await until(async () => (await countTickets(world)) === i + 1)
  }
  await client.logout()
})

test('an account that wants no push has no IDLE', async () => {
  await using server = await startScriptedServer({ capabilities: withIdle })
  await using world = await createWorld()
  const id = await world.add(server.destination, password, { push: false })
  await world.start()
  await world.poll(id)
  expect(server.commands).not.toContain('IDLE')
})

test('a push that died silently is noticed by the next poll, and its connection is opened anew', async () => {
  await using server = await startScriptedServer({ capabilities: withIdle, tells: false })
  await using world = await createWorld()
  await world.add(server.destination, password, { push: true, everySeconds: 2 })
  const daemon = await world.start()
  await until(async () => server.idling() === 1)
  server.deliver(rawMail({ id: '1@x', subject: 'nobody told' }))
  await until(async () => (await countTickets(world)) === 1)
  await until(async () => (await metric(daemon, 'letterlock_push_total{what="missed"}')) === 1)
  await until(async () => server.accepted() === 2 && server.idling() === 1)
})

test('a connection that breaks while it waits is opened again, unless the server lets nobody stay', async () => {
  await using server = await startScriptedServer({ capabilities: withIdle })
  await using world = await createWorld()
  await world.add(server.destination, password, { push: true })
  const daemon = await world.start()
  await until(async () => server.idling() === 1)
  server.drop()
  await until(async () => (await metric(daemon, 'letterlock_push_total{what="lost"}')) === 1)
  // It had lived for a moment only: the next slot is soon enough.
  expect(server.accepted()).toBe(1)
  expect(await metric(daemon, 'letterlock_push_total{what="news"}')).toBe(0)
})

test('what comes between a poll and the wait is not left lying', async () => {
  await using server = await startScriptedServer({ capabilities: withIdle })
  await using world = await createWorld()
  const id = await world.add(server.destination, password, { push: true })
  await world.start()
  await until(async () => server.idling() === 1)
  for (let i = 1; i <= 20; i++) {
    const polled = world.poll(id)
    server.deliver(rawMail({ id: `${i}@x`, subject: `mail ${i}` }))
    await polled
    await until(async () => (await countTickets(world)) === i)
  }
})

test('the connection of an account that is no longer this worker’s is closed', async () => {
  await using server = await startScriptedServer({ capabilities: withIdle })
  await using world = await createWorld()
  const id = await world.add(server.destination, password, { push: true })
  await world.start()
  await until(async () => server.idling() === 1)
  await world.db('accounts').where({ id }).update({ enabled: false })
  await until(async () => server.connections() === 0)
})

test('a new password is tried at the next poll, though the connection of the old one still stands', async () => {
  await using server = await startScriptedServer({ capabilities: withIdle })
  await using world = await createWorld()
  const id = await world.add(server.destination, password, { push: true })
  await world.start()
  await until(async () => server.idling() === 1)
  server.script.login = 'NO [AUTHENTICATIONFAILED] no'
  await world.poll(id)
  expect(await world.db('accounts').where({ id }).first('state')).toEqual({ state: 'active' })
  await world.db('credentials').where({ account_id: id }).update({ plaintext: 'another password' })
  await world.poll(id)
  expect(await world.db('accounts').where({ id }).first('state', 'code')).toEqual({
    state: 'failing',
    code: 'imap.auth_refused',
  })
  expect(server.connections()).toBe(0)
})
