// Mail in, rows out, with Dovecot: what every server must pass, and what one is enough for.
import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { attachmentBytes } from '../../src/parse/parse-message.ts'
import { getAccount } from '../../src/store/accounts/accounts.ts'
import { openRawDirectory } from '../../src/store/raw/raw-directory.ts'
import { findAttachmentLocation, getRawLocation } from '../../src/store/tickets/attachment-locations.ts'
import { findTicketPage } from '../../src/store/tickets/ticket-list.ts'
import { createWorld, ends, until, type World } from '../support/daemon.ts'
import { startTestDovecot, type TestDovecot, user } from '../support/dovecot.ts'
import { startFlowDovecot } from '../support/flow-dovecot.ts'
import { describeServer } from '../support/mail-flow.ts'
import { rawMail } from '../support/messages.ts'

describeServer('Dovecot', startFlowDovecot)

let dovecot: TestDovecot
let world: World

beforeAll(async () => {
  dovecot = await startTestDovecot()
})
afterAll(() => dovecot[Symbol.asyncDispose]())

async function freshWorld(env: Record<string, string> = {}): Promise<World> {
  world = await createWorld(env)
  return world
}

const raw = () => openRawDirectory(`${world.directory}/raw`)

test('a mail of 30 MB comes in whole, and its attachment is written as it was', { tags: ['scene'] }, async () => {
  await using _ = await freshWorld()
  const box = 'large'
  const content = randomBytes(22_000_000)
  const mail = Buffer.concat([
    Buffer.from(
      'From: a@example.org\r\nSubject: large\r\nMessage-ID: <l@x>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nsee below\r\n--b\r\nContent-Type: application/zip; name=a.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n',
    ),
    Buffer.from(content.toString('base64').replace(/.{76}/g, '$&\r\n')),
    Buffer.from('\r\n--b--\r\n'),
  ])
  expect(mail.length).toBeGreaterThan(29_000_000)
  dovecot.deliver(user.name, box, [mail])
  await world.add(dovecot.destination('tls'), user.password, { mailboxes: [box] })
  await world.start()
  const [ticket] = await until(async () => {
    const { tickets } = await findTicketPage(world.db, {}, { limit: 1 })
    return tickets.length > 0 && tickets
  })
  const place = await findAttachmentLocation(world.db, ticket?.id ?? 0, 1)
  const source = await raw().read(await getRawLocation(world.db, place?.messageId ?? 0))
  const bytes = await attachmentBytes(source, place as NonNullable<typeof place>)
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(createHash('sha256').update(content).digest('hex'))
})

test('an account that a helpdesk writes with plain SQL is polled', async () => {
  await using _ = await freshWorld()
  dovecot.deliver(user.name, 'INBOX', [rawMail({ id: 'sql@x', subject: 'by SQL' })])
  const { host, port, caPem } = dovecot.destination('tls')
  await world.start()
  await world.db.raw('INSERT INTO accounts (address, host, port, username, ca_pem) VALUES (?, ?, ?, ?, ?)', [
    'sql@example.com',
    host,
    port,
    user.name,
    caPem,
  ])
  await until(async () => (await getAccount(world.db, 'sql@example.com')).state === 'waiting')
  await world.db.raw(
    "INSERT INTO credentials (account_id, plaintext) SELECT id, ? FROM accounts WHERE address = 'sql@example.com'",
    [user.password],
  )
  const { id } = await getAccount(world.db, 'sql@example.com')
  await world.poll(id)
  const { tickets } = await findTicketPage(world.db, {}, { limit: 5 })
  expect(tickets.map(ticket => ticket.subject)).toEqual(['by SQL'])
  expect((await getAccount(world.db, String(id))).state).toBe('active')
})

/** `npm run test:long` has five thousand. */
const many = process.env.TEST_LONG ? 5_000 : 300

test(`${many} mails come in once each`, async () => {
  await using _ = await freshWorld({ LETTERLOCK_POLL_PARSE_THREADS: '2' })
  const box = 'many'
  dovecot.deliver(
    user.name,
    box,
    Array.from({ length: many }, (_, i) => rawMail({ id: `${i}@many`, subject: `mail ${i}`, body: `body ${i}` })),
  )
  await world.add(dovecot.destination('tls'), user.password, { mailboxes: [box] })
  await world.start()
  await until(async () => (await ends(world.db)).created === many)
  expect(await ends(world.db)).toEqual({ created: many })
  const [[row]] = await world.db.raw(
    'SELECT COUNT(*) AS n, SUM(messages) AS m, COUNT(DISTINCT ref) AS refs FROM tickets',
  )
  expect({ ...row, m: Number(row.m) }).toEqual({ n: many, m: many, refs: many })
})
