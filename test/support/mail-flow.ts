// What must hold with every mail server: the whole daemon against it, MariaDB and Redis. Run for Dovecot among the ordinary tests,
// for others among the long ones.

import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSession } from '../../src/fetch/imap-session.ts'
import type { Destination } from '../../src/model/destination.ts'
import { getAccount } from '../../src/store/accounts/accounts.ts'
import { findSourceDetails } from '../../src/store/ingest/source-rows.ts'
import { openRawDirectory } from '../../src/store/raw/raw-directory.ts'
import { getRawLocation } from '../../src/store/tickets/attachment-locations.ts'
import { findMessages, getTicket } from '../../src/store/tickets/conversation.ts'
import { findTicketPage, type ListedTicket } from '../../src/store/tickets/ticket-list.ts'
import { createWorld, ends, until, type World } from './daemon.ts'
import type { FlowServer } from './flow-server.ts'
import { rawMail } from './messages.ts'

export function describeServer(name: string, start: () => Promise<FlowServer>): void {
  describe(name, () => {
    let server: FlowServer
    beforeAll(async () => {
      server = await start()
    }, 600_000)
    afterAll(async () => await server?.[Symbol.asyncDispose]())
    testMailFlow(() => server)
  })
}

let boxes = 0

function testMailFlow(server: () => FlowServer): void {
  /** A mailbox that no other test has. */
  const newBox = (): string => server().nameOf(`box-${++boxes}`)

  /** Adds an account and waits for its first poll. */
  async function polled(world: World, mailboxes: string[], change: Parameters<World['add']>[2] = {}): Promise<number> {
    const id = await world.add(server().destination('tls'), server().user.password, { mailboxes, ...change })
    await world.start()
    await until(async () => (await getAccount(world.db, String(id))).lastSuccessAt)
    return id
  }

  test('a mail becomes a ticket, its reply joins it, and the original is kept byte for byte', async () => {
    await using world = await createWorld()
    const box = newBox()
    const first = rawMail({ id: 'a@x', subject: 'Teapot broken' })
    const answers = { inReplyTo: 'a@x', references: ['a@x'] }
    const reply = rawMail({ id: 'b@x', subject: 'Re: Teapot broken', ...answers, body: 'It came.' })
    const stranger = rawMail({ id: 'c@x', from: 'Eve <eve@other.example>', inReplyTo: 'a@x', subject: 'Me too' })
    await server().deliver(box, [first, reply, stranger])
    await polled(world, [box])
    const tickets = await newest(world)
    expect(tickets.map(({ subject, messages, account }) => ({ subject, messages, account }))).toEqual([
      { subject: 'Me too', messages: 1, account: 'support@example.com' },
      { subject: 'Teapot broken', messages: 2, account: 'support@example.com' },
    ])
    const ticket = await getTicket(world.db, tickets[1]?.ref ?? '')
    const { messages } = await findMessages(world.db, ticket.id, {})
    expect(messages.map(message => message.reply.text)).toEqual(['Hello, where is my parcel?', 'It came.'])
    expect((await getTicket(world.db, String(tickets[0]?.id))).linked?.id).toBe(ticket.id)
    const raw = openRawDirectory(`${world.directory}/raw`)
    const kept = await Promise.all(messages.map(async message => raw.read(await getRawLocation(world.db, message.id))))
    expect(kept).toEqual([first, reply])
    expect((await server().mails(box)).map(mail => mail.flags.includes('\\Seen'))).toEqual([false, false, false])
  })

  test('mail is told of while the connection waits, though the next poll is an hour away', async context => {
    await using world = await createWorld()
    const box = newBox()
    await server().deliver(box, [rawMail({ id: 'first@x' })])
    const destination = server().destination('tls')
    await using session = await openSession({ id: 0 }, destination, Buffer.from(server().user.password))
    if (!session.capabilities.has('IDLE')) context.skip('this server has no IDLE')
    await polled(world, [box], { push: true })
    for (const id of ['second@x', 'third@x']) {
      const before = Number((await ends(world.db)).created)
      await server().deliver(box, [rawMail({ id })])
      // Some servers look only once a minute themselves.
      await until(async () => (await ends(world.db)).created === before + 1)
    }
  }, 600_000)

  test('odd bytes are kept as the server gives them', async () => {
    await using world = await createWorld()
    const box = newBox()
    const odd = [
      rawMail({ id: 'latin@x', body: 'no charset: \xfc\xdf' }).toString('utf8'),
      rawMail({ id: 'lf@x', body: 'one\ntwo\n' }).toString('utf8'),
      rawMail({ id: 'cr@x', body: 'one\rtwo\r' }).toString('utf8'),
      rawMail({ id: 'nul@x', body: 'a\0b' }).toString('utf8'),
      rawMail({ id: 'long@x', body: 'x'.repeat(70_000) }).toString('utf8'),
      rawMail({ id: 'dots@x', body: '.\r\n..\r\nFrom here\r\n>From there' }).toString('utf8'),
      rawMail({ id: 'end@x', body: 'no end of line' }).toString('utf8').trimEnd(),
      rawMail({ id: 'literal@x', body: '{5}\r\n* BYE\r\n)\r\na OK' }).toString('utf8'),
      'From: anna@example.org\r\n\r\n',
      'no header at all',
    ]
    let taken = 0
    for (const mail of odd) {
      // Cyrus takes neither NUL nor lines that end with LF alone.
      await server()
        .deliver(box, [Buffer.from(mail, 'latin1')])
        .then(
          () => taken++,
          () => {},
        )
    }
    expect(taken).toBeGreaterThan(5)
    await polled(world, [box])
    const given = await server().mails(box)
    expect(given).toHaveLength(taken)
    const raw = openRawDirectory(`${world.directory}/raw`)
    const sources = await findSourceDetails(world.db, { limit: 100 })
    const kept = await Promise.all(
      sources.map(async ({ uid, size, place }) => {
        if (place === null) throw new Error(`UID ${uid} is not kept`)
        const source = await raw.read(place)
        expect(size).toBe(source.length)
        return { uid, source }
      }),
    )
    expect(kept.sort((a, b) => a.uid - b.uid)).toEqual(given.map(({ uid, source }) => ({ uid, source })))
  })

  test('the same mailbox polled again doubles nothing, and a change of UIDVALIDITY finds everything known', async () => {
    await using world = await createWorld()
    const box = newBox()
    const mails = Array.from({ length: 30 }, (_, i) => rawMail({ id: `${i}@x`, subject: `mail ${i}` }))
    await server().deliver(box, mails)
    const id = await polled(world, [box])
    await world.poll(id)
    expect(await ends(world.db)).toEqual({ created: 30 })

    await server().resetUidValidity(box)
    await server().deliver(box, [rawMail({ id: 'new@x', subject: 'new one' })])
    await world.poll(id)
    expect(await ends(world.db)).toEqual({ created: 31, duplicate: 30 })
    expect(await newest(world)).toHaveLength(31)
  })

  test('after UIDVALIDITY changed, a mail whose header was rewritten is known by Message-ID, Date and From', async () => {
    await using world = await createWorld()
    const box = newBox()
    await server().deliver(box, [rawMail({ id: 'm@x' })])
    const id = await polled(world, [box])
    await server().deliver(box, [rawMail({ id: 'm@x', headers: ['X-Migrated: yes'] })])
    await server().resetUidValidity(box)
    await world.poll(id)
    const found = await findSourceDetails(world.db, { limit: 10 })
    expect(found.map(({ result, reason }) => `${result} ${reason}`).sort()).toEqual([
      'created new',
      'duplicate content',
      'duplicate rewritten',
    ])
  })

  test('the same Message-ID with other content is another mail', async () => {
    await using world = await createWorld()
    const box = newBox()
    await server().deliver(
      box,
      ['one', 'two', 'one'].map(body => rawMail({ id: 's@x', body })),
    )
    await polled(world, [box])
    expect(await ends(world.db)).toEqual({ created: 2, duplicate: 1 })
  })

  test('mailboxes in Japanese, with an ampersand and with umlauts are read and settled, each with its own cursor', async () => {
    await using world = await createWorld()
    const own = ++boxes
    const names = [['日本語'], ['Q & A'], ['Anfragen', 'Rückläufer'], ['~ "quoted" {1}']]
    const done = server().nameOf(`${own} Erledigt ✓`)
    await server().deliver(done, [])
    const mailboxes: string[] = []
    for (const levels of names) {
      const box = server().nameOf(`${own} ${levels[0]}`, ...levels.slice(1))
      // Not every server has mailboxes with quotation marks.
      await server()
        .deliver(box, [rawMail({ id: `${mailboxes.length}@x`, subject: box })])
        .then(
          () => mailboxes.push(box),
          () => {},
        )
    }
    expect(mailboxes.length).toBeGreaterThan(2)
    const id = await polled(world, mailboxes, {
      ...server().destination('starttls'),
      afterIngest: `move:${done}`,
    })
    const found = await findSourceDetails(world.db, { limit: 10 })
    expect(found.map(source => source.mailbox).sort()).toEqual([...mailboxes].sort())
    expect(await server().mails(done)).toHaveLength(mailboxes.length)
    await server().deliver(mailboxes[0] ?? '', [rawMail({ id: 'later@x', subject: 'later' })])
    await world.poll(id)
    expect(await ends(world.db)).toEqual({ created: mailboxes.length + 1 })
  })

  test('an oversize mail is not downloaded: its header is quarantined, it stays on the server, the others come in', async () => {
    await using world = await createWorld({ LETTERLOCK_MAIL_MAX_BYTES: '100000' })
    const box = newBox()
    const big = rawMail({ id: 'big@x', body: `${'x'.repeat(70)}\r\n`.repeat(3_000) })
    await server().deliver(box, [rawMail({ id: '1@x' }), big, rawMail({ id: '2@x', body: 'other' })])
    await polled(world, [box], { afterIngest: 'delete' })
    const [held] = await findSourceDetails(world.db, { limit: 1, result: 'quarantined' })
    expect(held).toMatchObject({ reason: 'too_large', complete: false, messageId: 'big@x', settledAt: null })
    expect(await ends(world.db)).toEqual({ created: 2, quarantined: 1 })
    const left = await server().mails(box)
    expect(left).toHaveLength(1)
    expect(held?.size).toBeGreaterThan(200_000)
  })

  test.each([
    ['keep', 2, 0],
    ['seen', 2, 0],
    ['move', 0, 2],
    ['delete', 0, 0],
  ] as const)('what is ours is settled on the server: %s', async (action, left, moved) => {
    await using world = await createWorld()
    const [box, done] = [newBox(), newBox()]
    await server().deliver(done, [])
    await server().deliver(box, [rawMail({ id: 'k1@x' }), rawMail({ id: 'k2@x', body: 'second' })])
    await polled(world, [box], { afterIngest: action === 'move' ? `move:${done}` : action })
    expect(await world.db('sources').whereNull('settled_at')).toEqual([])
    const mails = await server().mails(box)
    expect(mails).toHaveLength(left)
    expect(await server().mails(done)).toHaveLength(moved)
    expect(mails.filter(({ flags }) => flags.includes('\\Seen'))).toHaveLength(action === 'seen' ? 2 : 0)
    expect(mails.filter(({ flags }) => flags.includes('\\Deleted'))).toEqual([])
  })

  test('settling touches no mail that is not ours: another’s mark of deletion stays a mark', async () => {
    await using world = await createWorld()
    const box = newBox()
    await server().deliver(box, [rawMail({ id: 'ours@x' })])
    const id = await polled(world, [box], { startFrom: 'all', afterIngest: 'keep' })
    await server().mark(box, [1], '\\Deleted')
    await world.db('accounts').where({ id }).update({ after_ingest: 'delete' })
    await server().deliver(box, [rawMail({ id: 'next@x', body: 'next' })])
    await world.poll(id)
    expect(await ends(world.db)).toEqual({ created: 2 })
    expect((await server().mails(box)).map(({ uid }) => uid)).toEqual([1])
  })

  test('a target mailbox that is missing is reported, and mail comes in all the same', async () => {
    await using world = await createWorld()
    const box = newBox()
    await server().deliver(box, [rawMail({ id: 't@x' })])
    const id = await world.add(server().destination('tls'), server().user.password, {
      mailboxes: [box],
      afterIngest: `move:${server().nameOf('Nowhere')}`,
    })
    await world.start()
    await until(async () => (await getAccount(world.db, String(id))).code === 'imap.mailbox_missing')
    expect(await ends(world.db)).toEqual({ created: 1 })
    expect(await server().mails(box)).toHaveLength(1)
  })

  test('a mailbox that is missing is reported, and the others of the account are read', async () => {
    await using world = await createWorld()
    const box = newBox()
    await server().deliver(box, [rawMail({ id: 'o@x' })])
    const id = await world.add(server().destination('tls'), server().user.password, {
      mailboxes: [server().nameOf('Nowhere'), box],
    })
    await world.start()
    const { hint } = await until(async () => {
      const found = await getAccount(world.db, String(id))
      return found.code === 'imap.mailbox_missing' && found
    })
    expect(hint).toContain('Create it on the server')
    expect(await ends(world.db)).toEqual({ created: 1 })
  })

  test('an account that starts with new mail leaves what is there, and takes what comes', async () => {
    await using world = await createWorld()
    const box = newBox()
    await server().deliver(box, [rawMail({ id: 'old@x' })])
    const id = await polled(world, [box], { startFrom: 'new' })
    await server().deliver(box, [rawMail({ id: 'new@x', subject: 'new' })])
    await world.poll(id)
    expect((await newest(world)).map(ticket => ticket.subject)).toEqual(['new'])
  })

  test('an account that starts with a day takes what came since then', async () => {
    await using world = await createWorld()
    const box = newBox()
    const days = ['2026-09-01', '2026-10-01', '2026-10-15', '2026-11-01']
    for (const day of days) {
      const mail = rawMail({ id: `${day}@x`, subject: day })
      await server().deliver(box, [mail], new Date(`${day}T12:00:00Z`))
    }
    const id = await polled(world, [box], { startFrom: '2026-10-10' })
    expect((await newest(world)).map(ticket => ticket.subject).sort()).toEqual(days.slice(2))
    // Mail that is moved in later is taken, however old it is.
    await server().deliver(box, [rawMail({ id: 'moved@x', subject: 'moved in' })], new Date('2020-01-01T12:00:00Z'))
    await world.poll(id)
    expect(await ends(world.db)).toEqual({ created: 3 })
  })

  test('mail that others have read is taken, and what others delete leaves its ticket', async () => {
    await using world = await createWorld()
    const box = newBox()
    await server().deliver(
      box,
      [1, 2, 3, 4].map(i => rawMail({ id: `${i}@x`, body: `mail ${i}` })),
    )
    await server().mark(box, [2], '\\Seen')
    await server().remove(box, [3])
    const id = await polled(world, [box])
    expect(await ends(world.db)).toEqual({ created: 3 })
    await server().remove(box, [1, 4])
    await server().deliver(box, [rawMail({ id: '5@x', body: 'mail 5' })])
    await server().mark(box, [5], '\\Seen')
    await world.poll(id)
    expect(await ends(world.db)).toEqual({ created: 4 })
    expect(await newest(world)).toHaveLength(4)
  })

  test('a refused password suspends the account, says what to do, and appears nowhere', async () => {
    await using world = await createWorld()
    const secret = 'never-to-be-seen'
    const id = await world.add(server().destination('tls'), secret)
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

  test('a connection serves one poll after another', async () => {
    await using world = await createWorld()
    const box = newBox()
    await using between = await startCounting(server().destination('tls'))
    await server().deliver(box, [rawMail({ id: '1@x' })])
    const id = await polled(world, [box], between.destination)
    for (const i of [2, 3]) {
      await server().deliver(box, [rawMail({ id: `${i}@x`, body: `mail ${i}` })])
      await world.poll(id)
    }
    expect(await ends(world.db)).toEqual({ created: 3 })
    expect(between.accepted()).toBe(1)
  })

  test('a server that died between two polls and came back is not even noticed', async () => {
    await using world = await createWorld()
    const box = newBox()
    await server().deliver(box, [rawMail({ id: '1@x' })])
    const id = await polled(world, [box])
    await server().restart()
    await server().deliver(box, [rawMail({ id: '2@x', body: 'second' })])
    await world.poll(id)
    expect(await ends(world.db)).toEqual({ created: 2 })
    expect(await getAccount(world.db, String(id))).toMatchObject({ state: 'active', failures: 0 })
  })
}

async function newest(world: World): Promise<ListedTicket[]> {
  return (await findTicketPage(world.db, {}, { limit: 100 })).tickets
}

interface Counting extends AsyncDisposable {
  destination: Destination
  accepted(): number
}

/** A way to the server that counts who goes it. */
async function startCounting(to: Destination): Promise<Counting> {
  let accepted = 0
  const listener = createServer(near => {
    accepted += 1
    const far = connect(to.port, to.host)
    near.pipe(far).pipe(near)
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const)
      socket.on('error', () => {}).on('close', () => other.destroy())
  }).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  return {
    destination: { ...to, port: (listener.address() as AddressInfo).port },
    accepted: () => accepted,
    async [Symbol.asyncDispose]() {
      listener.close()
    },
  }
}
