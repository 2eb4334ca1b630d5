// Mail in, rows out: the whole daemon against Dovecot, MariaDB and Redis.
import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { attachmentBytes } from '../../src/parse/parse-message.ts'
import { getAccount } from '../../src/store/accounts.ts'
import { openRawDirectory } from '../../src/store/raw-directory.ts'
import { findSourceDetails } from '../../src/store/sources.ts'
import { findAttachmentPlace, findTickets, getRawPlace, getTicket } from '../../src/store/tickets.ts'
import { createWorld, ends, until, type World } from '../support/daemon.ts'
import { startTestDovecot, type TestDovecot, user } from '../support/dovecot.ts'
import { rawMail } from '../support/messages.ts'

let dovecot: TestDovecot
let world: World

beforeAll(async () => {
  dovecot = await startTestDovecot()
})
afterAll(() => dovecot[Symbol.asyncDispose]())

async function freshWorld(): Promise<World> {
  world = await createWorld()
  return world
}

const raw = () => openRawDirectory(`${world.directory}/raw`)

test('a mail becomes a ticket, its reply joins it, and the original is kept byte for byte', async () => {
  await using _ = await freshWorld()
  const box = 'thread'
  const first = rawMail({ id: 'a@x', subject: 'Teapot broken' })
  const reply = rawMail({
    id: 'b@x',
    subject: 'Re: Teapot broken',
    inReplyTo: 'a@x',
    references: ['a@x'],
    body: 'It came.',
  })
  const stranger = rawMail({ id: 'c@x', from: 'Eve <eve@other.example>', inReplyTo: 'a@x', subject: 'Me too' })
  dovecot.deliver(user.name, box, [first, reply, stranger])
  const id = await world.add(dovecot.destination('tls'), user.password, { mailboxes: [box] })
  await world.start()
  await until(async () => (await getAccount(world.db, String(id))).lastSuccessAt)

  const tickets = await findTickets(world.db, { limit: 10 })
  expect(tickets.map(({ subject, messages, account }) => ({ subject, messages, account }))).toEqual([
    { subject: 'Me too', messages: 1, account: 'support@example.com' },
    { subject: 'Teapot broken', messages: 2, account: 'support@example.com' },
  ])
  const ticket = await getTicket(world.db, tickets[1]?.ref ?? '')
  expect(ticket.messages.map(message => message.reply)).toEqual(['Hello, where is my parcel?', 'It came.'])
  expect((await getTicket(world.db, String(tickets[0]?.id))).linkedTicket).toBe(ticket.id)
  const kept = await Promise.all(
    ticket.messages.map(async message => raw().read(await getRawPlace(world.db, message.id))),
  )
  expect(kept).toEqual([first, reply])
})

test('the same mailbox polled again doubles nothing, and UIDVALIDITY reset finds everything known', async () => {
  await using _ = await freshWorld()
  const box = 'again'
  dovecot.deliver(
    user.name,
    box,
    Array.from({ length: 30 }, (_, i) => rawMail({ id: `${i}@x`, subject: `mail ${i}` })),
  )
  const id = await world.add(dovecot.destination('tls'), user.password, { mailboxes: [box] })
  await world.start()
  await until(async () => (await ends(world.db)).created === 30)
  await world.poll(id)
  expect(await ends(world.db)).toEqual({ created: 30 })

  dovecot.resetUidValidity(user.name, box)
  dovecot.deliver(user.name, box, [rawMail({ id: 'new@x', subject: 'new one' })])
  await world.poll(id)
  expect(await ends(world.db)).toEqual({ created: 31, duplicate: 30 })
  expect(await findTickets(world.db, { limit: 100 })).toHaveLength(31)
})

test('after UIDVALIDITY changed, a mail whose header the server rewrote is known by Message-ID, Date and From', async () => {
  await using _ = await freshWorld()
  const box = 'moved'
  dovecot.deliver(user.name, box, [rawMail({ id: 'm@x' })])
  const id = await world.add(dovecot.destination('tls'), user.password, { mailboxes: [box] })
  await world.start()
  await until(async () => (await ends(world.db)).created === 1)
  dovecot.deliver(user.name, box, [rawMail({ id: 'm@x', headers: ['X-Migrated: yes'] })])
  dovecot.resetUidValidity(user.name, box)
  await world.poll(id)
  const found = await findSourceDetails(world.db, { limit: 10 })
  expect(found.map(({ result, reason }) => `${result} ${reason}`).sort()).toEqual([
    'created new',
    'duplicate content',
    'duplicate rewritten',
  ])
})

test('the same Message-ID with other content is another mail', async () => {
  await using _ = await freshWorld()
  const box = 'sameid'
  dovecot.deliver(user.name, box, [
    rawMail({ id: 's@x', body: 'one' }),
    rawMail({ id: 's@x', body: 'two' }),
    rawMail({ id: 's@x', body: 'one' }),
  ])
  await world.add(dovecot.destination('tls'), user.password, { mailboxes: [box] })
  await world.start()
  await until(async () => (await ends(world.db)).created === 2)
  expect(await ends(world.db)).toEqual({ created: 2, duplicate: 1 })
})

test('mailbox names in Japanese, with an ampersand and with umlauts are read', async () => {
  await using _ = await freshWorld()
  const boxes = ['日本語', 'Q & A', 'Anfragen/Rückläufer']
  for (const box of boxes) dovecot.deliver(user.name, box, [rawMail({ id: `${box.length}@x`, subject: box })])
  await world.add(dovecot.destination('starttls'), user.password, { mailboxes: boxes })
  await world.start()
  await until(async () => (await ends(world.db)).created === 3)
  const found = await findSourceDetails(world.db, { limit: 10 })
  expect(found.map(source => source.mailbox).sort()).toEqual([...boxes].sort())
})

test('a mail of 30 MB comes in whole, and its attachment is written as it was', async () => {
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
    const found = await findTickets(world.db, { limit: 1 })
    return found.length > 0 && found
  })
  const place = await findAttachmentPlace(world.db, ticket?.id ?? 0, 1)
  const source = await raw().read(await getRawPlace(world.db, place?.messageId ?? 0))
  const bytes = await attachmentBytes(source, place as NonNullable<typeof place>)
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(createHash('sha256').update(content).digest('hex'))
})

test('an oversize mail is not downloaded: its header is quarantined, it stays on the server, the others come in', async () => {
  world = await createWorld({ LETTERLOCK_MAIL_MAX_BYTES: '100000' })
  await using _ = world
  const box = 'oversize'
  const big = rawMail({ id: 'big@x', body: 'x'.repeat(200_000) })
  dovecot.deliver(user.name, box, [rawMail({ id: '1@x' }), big, rawMail({ id: '2@x', body: 'other' })])
  const id = await world.add(dovecot.destination('tls'), user.password, { mailboxes: [box], afterIngest: 'delete' })
  await world.start()
  await until(async () => (await getAccount(world.db, String(id))).lastSuccessAt)
  const [held] = await findSourceDetails(world.db, { limit: 1, result: 'quarantined' })
  expect(held).toMatchObject({
    reason: 'too_large',
    complete: false,
    size: big.length,
    messageId: 'big@x',
    settledAt: null,
  })
  expect(await ends(world.db)).toEqual({ created: 2, quarantined: 1 })
  expect(dovecot.files(user.name, box)).toHaveLength(1)
})

test.each([
  ['keep', 2, 0],
  ['seen', 2, 0],
  ['move:Done', 0, 2],
  ['delete', 0, 0],
])('what is ours is settled on the server: %s', async (afterIngest, left, moved) => {
  await using _ = await freshWorld()
  const box = `settle-${afterIngest.slice(0, 4)}`
  dovecot.deliver(user.name, 'Done', [])
  const before = dovecot.files(user.name, 'Done').length
  dovecot.deliver(user.name, box, [rawMail({ id: 'k1@x' }), rawMail({ id: 'k2@x', body: 'second' })])
  const id = await world.add(dovecot.destination('tls'), user.password, { mailboxes: [box], afterIngest })
  await world.start()
  await until(async () => (await getAccount(world.db, String(id))).lastSuccessAt)
  expect(await world.db('sources').whereNull('settled_at')).toEqual([])
  const files = dovecot.files(user.name, box)
  expect(files).toHaveLength(left)
  expect(dovecot.files(user.name, 'Done')).toHaveLength(before + moved)
  expect(files.filter(file => /:2,.*S/.test(file))).toHaveLength(afterIngest === 'seen' ? 2 : 0)
})

test('a target mailbox that is missing is reported, and mail comes in all the same', async () => {
  await using _ = await freshWorld()
  const box = 'notarget'
  dovecot.deliver(user.name, box, [rawMail({ id: 't@x' })])
  const id = await world.add(dovecot.destination('tls'), user.password, {
    mailboxes: [box],
    afterIngest: 'move:Nowhere',
  })
  await world.start()
  await until(async () => (await getAccount(world.db, String(id))).code === 'imap.mailbox_missing')
  expect(await ends(world.db)).toEqual({ created: 1 })
  expect(dovecot.files(user.name, box)).toHaveLength(1)
})

test('an account that starts with new mail leaves what is there, and takes what comes', async () => {
  await using _ = await freshWorld()
  const box = 'startnew'
  dovecot.deliver(user.name, box, [rawMail({ id: 'old@x' })])
  const id = await world.add(dovecot.destination('tls'), user.password, { mailboxes: [box], startFrom: 'new' })
  await world.start()
  await until(async () => (await getAccount(world.db, String(id))).lastSuccessAt)
  dovecot.deliver(user.name, box, [rawMail({ id: 'new@x', subject: 'new' })])
  await world.poll(id)
  expect((await findTickets(world.db, { limit: 5 })).map(ticket => ticket.subject)).toEqual(['new'])
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
  expect((await findTickets(world.db, { limit: 5 })).map(ticket => ticket.subject)).toEqual(['by SQL'])
  expect((await getAccount(world.db, String(id))).state).toBe('active')
})

test('five thousand mails come in once each', async () => {
  await using _ = await freshWorld()
  const box = 'many'
  dovecot.deliver(
    user.name,
    box,
    Array.from({ length: 5_000 }, (_, i) => rawMail({ id: `${i}@many`, subject: `mail ${i}`, body: `body ${i}` })),
  )
  await world.add(dovecot.destination('tls'), user.password, { mailboxes: [box] })
  await world.start()
  await until(async () => (await ends(world.db)).created === 5_000)
  expect(await ends(world.db)).toEqual({ created: 5_000 })
  const [[row]] = await world.db.raw(
    'SELECT COUNT(*) AS n, SUM(messages) AS m, COUNT(DISTINCT ref) AS refs FROM tickets',
  )
  expect({ ...row, m: Number(row.m) }).toEqual({ n: 5_000, m: 5_000, refs: 5_000 })
})
