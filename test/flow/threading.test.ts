// How mail finds its ticket, with the whole daemon, the program itself and real servers.
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findSources } from '../../src/store/ingest/source-rows.ts'
import { nextName } from '../../src/vault/keys/place-key-file.ts'
import { letterlock } from '../cli/letterlock.ts'
import { createWorld, ends, until, type World } from '../support/daemon.ts'
import { startTestDovecot, type TestDovecot, user } from '../support/dovecot.ts'
import { type MailFacts, rawMail } from '../support/messages.ts'
import { hexOf, keyFileOf, untilAction, writeKey, writeProof } from '../support/sealing.ts'

let dovecot: TestDovecot
beforeAll(async () => {
  dovecot = await startTestDovecot()
})
afterAll(() => dovecot[Symbol.asyncDispose]())

interface Desk extends AsyncDisposable {
  world: World
  /** Delivers mails and has them read. */
  deliver(...mails: (MailFacts | Buffer)[]): Promise<void>
  cli(...args: string[]): Promise<string>
  json<T = Record<string, unknown>>(...args: string[]): Promise<T[]>
  ticket(id: number): Promise<Ticket>
  /** `created new`, oldest first. */
  sources(): Promise<string[]>
  restart(env?: Record<string, string>): Promise<void>
}

interface Ticket {
  token: string | null
  status: string
  linkedTicket: number | null
  tags: string[]
  bounced: { address: string; status: string | null }[]
  messages: { kind: string; text: string }[]
}

let boxes = 0

/** A daemon with one account, whose mailbox is empty. */
async function openDesk(env: Record<string, string> = {}): Promise<Desk> {
  const world = await createWorld(env)
  const box = `desk${++boxes}`
  dovecot.deliver(user.name, box, [])
  const account = await world.add(dovecot.destination('tls'), user.password, { mailboxes: [box] })
  let daemon = await world.start()
  await world.poll(account)
  const cli = async (...args: string[]): Promise<string> => {
    const { config } = world
    const ran = await letterlock(args, {
      env: {
        LETTERLOCK_DATABASE_URL: config.database.url,
        LETTERLOCK_REDIS_URL: config.redis.url,
        LETTERLOCK_REDIS_PREFIX: config.redis.prefix,
        LETTERLOCK_DATA_DIRECTORY: world.directory,
        ...env,
      },
    })
    expect(ran, args.join(' ')).toMatchObject({ code: 0 })
    return ran.stdout
  }
  const json = async <T>(...args: string[]): Promise<T[]> =>
    (await cli(...args, '--json'))
      .split('\n')
      .filter(line => line !== '')
      .map(line => JSON.parse(line))
  return {
    world,
    cli,
    json,
    async deliver(...mails) {
      dovecot.deliver(
        user.name,
        box,
        mails.map(mail => (Buffer.isBuffer(mail) ? mail : rawMail(mail))),
      )
      await world.poll(account)
    },
    async ticket(id) {
      const [found] = await json<Ticket>('ticket', 'show', String(id))
      return found as Ticket
    },
    async sources() {
      const found = await findSources(world.db, { limit: 100 })
      return found.map(({ result, reason }) => `${result} ${reason}`).reverse()
    },
    async restart(more = {}) {
      await daemon[Symbol.asyncDispose]()
      daemon = await world.start(more)
    },
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  }
}

const first = { id: 'a@x', subject: 'Teapot broken' }
const carl = 'carl@example.edu'

test('a token brings an unknown address into the ticket, a forged one opens a new one', async () => {
  await using desk = await openDesk()
  await desk.deliver(first)
  const { token } = await desk.ticket(1)
  expect(token).toMatch(/^LL-.{4}-.{4}-.{16}$/)
  const forged = `${token?.slice(0, -1)}${token?.endsWith('7') ? '8' : '7'}`
  await desk.deliver(
    { from: carl, subject: `Re: [${token}] Teapot`, body: 'by subject' },
    { from: carl, to: `support+${token?.toLowerCase()}@example.com`, body: 'by address' },
    { from: 'eve@evil.example', subject: `Re: [${forged}] Teapot`, body: 'forged' },
    { from: carl, inReplyTo: 'a@x', body: 'takes part by now' },
  )
  expect(await desk.sources()).toEqual([
    'created new',
    'appended token',
    'appended token',
    'created forged-token',
    'appended reference',
  ])
  expect((await desk.ticket(1)).messages).toHaveLength(4)
})

test('a reply that is delivered before its parent gets it, and a parent that goes elsewhere is linked', async () => {
  await using desk = await openDesk()
  const bob = 'Bob <bob@example.net>'
  await desk.deliver({ id: 'c@x', inReplyTo: 'b@x', headers: [`Cc: ${bob}`] })
  await desk.deliver({ id: 'b@x', from: bob, to: 'anna@example.org, support@example.com', inReplyTo: 'a@x' })
  await desk.deliver({ id: 'd@x', from: carl, inReplyTo: 'a@x' })
  await desk.deliver(first)
  expect(await desk.sources()).toEqual(['created new', 'appended awaited', 'created new', 'appended awaited'])
  expect(await desk.ticket(1)).toMatchObject({ linkedTicket: null, messages: [{}, {}, {}] })
  expect(await desk.ticket(2)).toMatchObject({ linkedTicket: 1, messages: [{}] })
})

test('a stranger who calls his mail an automatic answer takes part in nothing', async () => {
  await using desk = await openDesk()
  await desk.deliver(first)
  await desk.deliver({ from: 'eve@evil.example', inReplyTo: 'a@x', headers: ['Auto-Submitted: auto-replied'] })
  await desk.deliver({ from: 'eve@evil.example', inReplyTo: 'a@x' })
  expect(await desk.sources()).toEqual(['created new', 'appended auto-reply', 'created stranger-reference'])
  expect(await desk.ticket(2)).toMatchObject({ linkedTicket: 1 })
})

test('an answer to a closed ticket opens it, or a new one that links to it', async () => {
  await using desk = await openDesk()
  await desk.deliver(first)
  expect(await desk.cli('ticket', 'close', '1')).toMatch(/^ticket 1 \(LL-.*\) is closed\n$/)
  expect(await desk.cli('ticket', 'close', '1')).toMatch(/is closed already\n$/)
  await desk.deliver({ id: 'b@x', inReplyTo: 'a@x' })
  expect(await desk.ticket(1)).toMatchObject({ status: 'open', messages: [{}, {}] })
  await desk.cli('ticket', 'close', '1')
  await desk.restart({ LETTERLOCK_THREAD_CLOSED: 'new' })
  await desk.deliver({ id: 'c@x', inReplyTo: 'b@x', references: ['a@x', 'b@x'] })
  await desk.deliver({ id: 'd@x', inReplyTo: 'c@x', references: ['a@x', 'b@x', 'c@x'] })
  expect(await desk.ticket(1)).toMatchObject({ status: 'closed', messages: [{}, {}] })
  expect(await desk.ticket(2)).toMatchObject({ status: 'open', linkedTicket: 1, messages: [{}, {}] })
  await desk.cli('ticket', 'reopen', '1')
  const audit = await desk.world.db('audit_log').where('action', 'like', 'ticket.%').orderBy('id')
  expect(audit.map(row => [row.action, JSON.parse(row.detail_json)])).toEqual([
    ['ticket.close', { ticket: 1 }],
    ['ticket.close', { ticket: 1 }],
    ['ticket.reopen', { ticket: 1 }],
  ])
}, 600_000)

test('a bounce that names the original only in what is attached marks the participant', async () => {
  await using desk = await openDesk()
  await desk.deliver({ ...first, headers: ['Cc: Bob@Example.net'] })
  const report = {
    id: 'report@mx',
    from: 'mailer-daemon@mx.example.net',
    headers: ['MIME-Version: 1.0', 'Content-Type: multipart/report; report-type=delivery-status; boundary=r'],
    body: '--r\r\n\r\nnot delivered\r\n--r\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\nFinal-Recipient: rfc822; bob@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\n--r\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <out@helpdesk>\r\nReferences: <a@x>\r\n\r\nhello\r\n--r--',
  }
  await desk.cli('ticket', 'close', '1')
  await desk.deliver(report)
  expect(await desk.ticket(1)).toMatchObject({
    status: 'closed',
    bounced: [{ address: 'bob@example.net', status: '5.1.1' }],
    messages: [{ kind: 'human' }, { kind: 'bounce' }],
  })
})

test('what a helpdesk sends is known by its Message-ID, or by the token in it', async () => {
  await using desk = await openDesk()
  await desk.deliver(first)
  const { token } = await desk.ticket(1)
  await desk.world.db.raw(
    "INSERT INTO message_ids (account_id, ticket_id, message_id_sha256) VALUES (1, 1, UNHEX(SHA2('out@helpdesk', 256)))",
  )
  await desk.world.db('participants').insert({ ticket_id: 1, address: 'Carl@Example.edu' })
  await desk.deliver(
    { id: 'out@helpdesk', from: 'Support <support@example.com>', to: carl, body: 'our answer' },
    { id: `${token}.2@helpdesk`, from: 'Support <support@example.com>', to: carl, body: 'our next answer' },
    { from: carl, inReplyTo: 'out@helpdesk', body: 'thanks' },
    { from: 'dora@example.org', inReplyTo: `${token}.2@helpdesk`, body: 'thanks too' },
  )
  expect(await desk.sources()).toEqual([
    'created new',
    'ignored own-mail',
    'ignored own-mail',
    'appended reference',
    'appended token',
  ])
})

test('a flood is held, a loop is cut, and what is released becomes a ticket', async () => {
  await using desk = await openDesk({ LETTERLOCK_HOLD_TICKETS_PER_HOUR: '10', LETTERLOCK_HOLD_SAME_SUBJECT: '5' })
  const flood = Array.from({ length: 30 }, (_, i) => ({ from: 'eve@evil.example', subject: `mail ${i}`, body: `${i}` }))
  await desk.deliver(...flood.slice(0, 4))
  await desk.deliver(...flood.slice(4))
  expect(await ends(desk.world.db)).toEqual({ created: 10, quarantined: 20 })
  const held = await desk.json<{ id: number; reason: string }>('quarantine', 'list')
  expect(new Set(held.map(mail => mail.reason))).toEqual(new Set(['held']))
  expect(await desk.cli('quarantine', 'retry', String(held[0]?.id))).toContain('created (new), ticket 11')
  expect(await ends(desk.world.db)).toEqual({ created: 11, quarantined: 19 })

  await desk.deliver(first)
  const loop = Array.from({ length: 9 }, (_, i) => ({ inReplyTo: 'a@x', subject: 'Re: Teapot broken', body: `${i}` }))
  for (const mails of [loop.slice(0, 3), loop.slice(3)]) await desk.deliver(...mails)
  const reasons = (await desk.sources()).slice(-10)
  expect(reasons).toEqual([
    'created new',
    ...Array.from({ length: 4 }, () => 'appended reference'),
    ...Array.from({ length: 5 }, () => 'quarantined loop'),
  ])
})

test('rules drop, hold and tag, and every decision bears the name of the rule', async () => {
  await using desk = await openDesk()
  await desk.cli('rule', 'add', 'no-spam', '--from', '*@spam.example', '--drop')
  await desk.cli('rule', 'add', 'flagged', '--header', 'X-Spam-Flag: yes', '--hold', '--account', 'support@example.com')
  await desk.cli('rule', 'add', 'tea', '--subject', '*teapot*', '--tag', 'tea', '--position', '1')
  // What others wrote wrong must not stop the mail.
  await desk.world.db('rules').insert([
    { name: 'broken', conditions_json: '{"from": 5', action: 'drop' },
    { name: 'unknown', conditions_json: '{"weather": "rain"}', action: 'drop' },
  ])
  await desk.deliver(
    { from: 'eve@spam.example', body: 'spam' },
    { headers: ['X-Spam-Flag: YES'], subject: 'Teapots', body: 'flagged' },
    { ...first, body: 'X-Spam-Flag: yes' },
    { id: 'b@x', inReplyTo: 'a@x', subject: 'teapot', body: 'again' },
  )
  const listed = await desk.json<{ result: string; reason: string }>('source', 'list')
  expect(listed.map(({ result, reason }) => `${result} ${reason}`).reverse()).toEqual([
    'ignored rule:no-spam',
    'quarantined rule:flagged',
    'created new',
    'appended reference',
  ])
  expect(await desk.ticket(1)).toMatchObject({ tags: ['tea'], messages: [{}, {}] })
  const [held] = await desk.json<{ id: number }>('quarantine', 'list')
  await desk.cli('quarantine', 'retry', String(held?.id))
  expect(await desk.ticket(2)).toMatchObject({ tags: ['tea'] })
  const states = await desk.json<{ name: string; fault: string | null }>('rule', 'list')
  expect(states.filter(rule => rule.fault !== null).map(rule => rule.name)).toEqual(['broken', 'unknown'])
  const findings = await desk.json<{ check: string; level: string; message: string }>('doctor')
  expect(findings.find(finding => finding.check === 'rules')).toMatchObject({
    level: 'note',
    message: expect.stringContaining('broken, unknown'),
  })
  await desk.cli('rule', 'disable', 'no-spam')
  await desk.deliver({ from: 'eve@spam.example', body: 'more spam' })
  expect((await desk.sources()).at(-1)).toBe('created new')
  expect(await desk.world.db('audit_log').where('action', 'like', 'rule.%').orderBy('id').pluck('action')).toEqual([
    'rule.add',
    'rule.add',
    'rule.add',
    'rule.disable',
  ])
}, 600_000)

test('the secret of tokens is sealed with the passwords; tokens hold through a restart, a rotation and the end of encryption', async () => {
  await using desk = await openDesk()
  const { world } = desk
  const form = async (): Promise<string> => {
    const row = await world.db('secrets').where({ name: 'thread-token' }).first('plaintext', 'sealed')
    return row.sealed === null ? 'plaintext' : Buffer.from(row.sealed).subarray(1, 9).toString('hex')
  }
  await desk.deliver(first)
  const { token } = await desk.ticket(1)
  let mails = 0
  const holds = async (): Promise<void> => {
    await desk.deliver({ from: `p${++mails}@example.edu`, subject: `[${token}]`, body: `mail ${mails}` })
    expect((await desk.sources()).at(-1)).toBe('appended token')
  }
  expect(await form()).toBe('plaintext')

  const key = writeKey(keyFileOf(world))
  await untilAction(world.db, 'encryption.on')
  await until(async () => (await form()) === hexOf(key))
  await holds()
  await desk.restart()
  await holds()

  const next = randomBytes(32)
  writeFileSync(nextName(keyFileOf(world)), next, { mode: 0o600 })
  await untilAction(world.db, 'encryption.rotated')
  await until(async () => (await form()) === hexOf(next))
  await holds()

  writeProof(world, hexOf(next))
  await desk.cli('encryption', 'disable', '--yes')
  await untilAction(world.db, 'encryption.off')
  await until(async () => (await form()) === 'plaintext')
  await holds()
  await desk.restart()
  await holds()
  expect((await desk.ticket(1)).token).toBe(token)
}, 600_000)

test('a daemon that starts without the key proves tokens as soon as it is back, and calls nobody a forger before', async () => {
  await using desk = await openDesk({ LETTERLOCK_POLL_KEEP_CONNECTIONS: '10' })
  const { world } = desk
  await desk.deliver(first)
  const { token } = await desk.ticket(1)
  const key = writeKey(keyFileOf(world))
  await untilAction(world.db, 'encryption.on')
  await until(async () => (await world.db('secrets').first('sealed')).sealed !== null)
  // The account's own password is given anew in plaintext, as a helpdesk does it: it polls, whatever becomes of the key.
  writeFileSync(keyFileOf(world), randomBytes(32), { mode: 0o600 })
  await world.db('credentials').update({ plaintext: user.password })
  await desk.restart()
  await desk.deliver({ from: carl, subject: `[${token}]`, body: 'too early' })
  expect((await desk.sources()).at(-1)).toBe('created new')
  writeFileSync(keyFileOf(world), key, { mode: 0o600 })
  await desk.deliver({ from: carl, subject: `[${token}]`, body: 'in time' })
  expect((await desk.sources()).at(-1)).toBe('appended token')
})
