// Reading what a daemon took in, with the program itself: names of fields to the letter, bytes as they were.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, truncateSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createWorld, ends, until, type World } from '../support/daemon.ts'
import { startTestDovecot, type TestDovecot, user } from '../support/dovecot.ts'
import { rawMail } from '../support/messages.ts'
import { letterlock, letterlockBytes, type Ran } from './letterlock.ts'

const pdf = Buffer.from([0x25, 0x50, 0x44, 0x46, 0x00, 0xff, 0x1b, 0x0a, 0x0d])
const withAttachment = rawMail({
  id: 'pdf@example.org',
  subject: 'an invoice \u001b]0;owned\u0007',
  headers: ['MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary=b'],
  body: [
    '--b',
    'Content-Type: text/plain; charset=utf-8',
    '',
    'See the invoice. \u001b[2J\u202etxt',
    '--b',
    'Content-Type: application/pdf; name=invoice.pdf',
    'Content-Disposition: attachment; filename=invoice.pdf',
    'Content-Transfer-Encoding: base64',
    '',
    pdf.toString('base64'),
    '--b--',
  ].join('\r\n'),
})
const reply = rawMail({
  id: 'reply@example.org',
  inReplyTo: 'pdf@example.org',
  subject: 'Re: an invoice',
  headers: ['MIME-Version: 1.0', 'Content-Type: text/html; charset=utf-8'],
  body: '<p onclick="x()">hello</p><img src="https://example.net/t" width="1" height="1">',
})
const oversize = rawMail({ id: 'big@example.org', subject: 'too big', body: 'x'.repeat(70_000) })

let dovecot: TestDovecot
let world: World
let accountId: number
beforeAll(async () => {
  dovecot = await startTestDovecot()
  world = await createWorld({ LETTERLOCK_MAIL_MAX_BYTES: '65536' })
  dovecot.deliver(user.name, 'INBOX', [withAttachment, reply, oversize])
  await world.start()
  accountId = await world.add(dovecot.destination('tls'), user.password)
  await world.poll(accountId)
  expect(await ends(world.db)).toEqual({ appended: 1, created: 1, quarantined: 1 })
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
  await dovecot[Symbol.asyncDispose]()
})

function env(change: Record<string, string> = {}): { env: Record<string, string> } {
  const { config } = world
  return {
    env: {
      LETTERLOCK_DATABASE_URL: config.database.url,
      LETTERLOCK_REDIS_URL: config.redis.url,
      LETTERLOCK_REDIS_PREFIX: config.redis.prefix,
      LETTERLOCK_DATA_DIRECTORY: world.directory,
      LETTERLOCK_MAIL_MAX_BYTES: '65536',
      ...change,
    },
  }
}

async function cli(line: string): Promise<Ran> {
  return await letterlock(line.split(' '), env())
}

async function json(line: string): Promise<Record<string, unknown>[]> {
  const { code, stdout, stderr } = await cli(`${line} --json`)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
    .split('\n')
    .filter(text => text !== '')
    .map(text => JSON.parse(text))
}

test('tickets are listed and shown with exactly the promised fields', async () => {
  const [ticket, ...others] = await json('ticket list')
  expect(others).toEqual([])
  expect(Object.keys(ticket ?? {})).toEqual([
    'id',
    'ref',
    'subject',
    'requester',
    'account',
    'status',
    'messages',
    'createdAt',
    'updatedAt',
  ])
  expect(ticket).toMatchObject({
    ref: expect.stringMatching(/^LL-[0-9A-Z]{4}-[0-9A-Z]{4}$/),
    requester: { name: 'Anna', address: 'anna@example.org' },
    account: 'support@example.com',
    status: 'open',
    messages: 2,
  })
  const [shown] = await json(`ticket show ${String(ticket?.ref).toLowerCase()}`)
  const [first, second] = (shown?.messages ?? []) as Record<string, unknown>[]
  const names = [
    'id',
    'from',
    'to',
    'cc',
    'date',
    'kind',
    'text',
    'html',
    'htmlNotes',
    'reply',
    'attachments',
    'messageId',
    'source',
  ]
  expect(Object.keys(first ?? {})).toEqual(expect.arrayContaining(names))
  expect(Object.keys(first?.source ?? {}).sort()).toEqual([
    'account',
    'mailbox',
    'sha256',
    'size',
    'uid',
    'uidValidity',
  ])
  expect(first).toMatchObject({
    messageId: 'pdf@example.org',
    attachments: [{ number: 1, filename: 'invoice.pdf', contentType: 'application/pdf', size: pdf.length }],
    source: { account: 'support@example.com', mailbox: 'INBOX', uid: 1, size: withAttachment.length },
  })
  expect(first).toMatchObject({ html: null, htmlNotes: null })
  expect(second).toMatchObject({
    messageId: 'reply@example.org',
    html: '<p>hello</p>\n',
    htmlNotes: { remoteImages: 0, trackingPixels: 1, flags: ['active-content'] },
    attachments: [],
  })
})

test('filters of tickets find by account and status', async () => {
  expect(await json('ticket list --account support@example.com --status open')).toHaveLength(1)
  expect(await json('ticket list --account support@example.com --status closed')).toEqual([])
  expect(await cli('ticket list --account other@example.com')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('there is no account other@example.com'),
  })
})

test('originals and attachments are written as they were', async () => {
  const [{ id } = {}] = await json('ticket list')
  const attachment = await letterlockBytes(['ticket', 'show', String(id), '--attachment', '1'], env())
  expect(attachment).toEqual({ code: 0, stdout: pdf, stderr: '' })
  const original = await letterlockBytes(['ticket', 'show', String(id), '--raw'], env())
  expect(original.stdout.equals(withAttachment)).toBe(true)
  const second = await letterlockBytes(['ticket', 'show', String(id), '--raw', '--message', '2'], env())
  expect(second.stdout.equals(reply)).toBe(true)
  expect(await cli(`ticket show ${id} --attachment 2`)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`ticket ${id} has no attachment 2`),
  })
  expect(await cli(`ticket show ${id} --raw --message 3`)).toMatchObject({ code: 1, stdout: '' })
})

test('a mail cannot steer the terminal of its reader', async () => {
  const [{ id } = {}] = await json('ticket list')
  const { stdout } = await cli(`ticket show ${id}`)
  expect(stdout).toContain('See the invoice.')
  expect(stdout).toContain('[1] invoice.pdf, application/pdf, 9 bytes')
  expect((await cli('ticket list')).stdout + stdout).not.toMatch(/(?!\n)[\p{Cc}\u202e]/u)
})

test('every mail is listed with exactly the promised fields, and found by its end, account and time', async () => {
  const sources = await json('source list')
  expect(sources.map(source => source.result)).toEqual(['quarantined', 'appended', 'created'])
  for (const source of sources) {
    expect(Object.keys(source)).toEqual([
      'id',
      'account',
      'mailbox',
      'uidValidity',
      'uid',
      'sha256',
      'size',
      'messageId',
      'result',
      'reason',
      'ticket',
      'receivedAt',
    ])
  }
  expect(await json('source list --result created --account support@example.com')).toEqual([sources[2]])
  expect(await json('source list --since 2000-01-01 --until 2000-01-02')).toEqual([])
  expect(await json('source list --since 2000-01-01T00:00 --limit 2')).toEqual(sources.slice(0, 2))
  const [detail] = await json(`source show ${sources[2]?.id}`)
  expect(detail).toMatchObject({ ...sources[2], complete: true })
})

test('originals are exported under their hashes, again without a change, and a damaged one keeps none of the others back', async () => {
  const directory = path.join(world.directory, 'export')
  const hash = (mail: Buffer) => `${createHash('sha256').update(mail).digest('hex')}.eml`
  expect(await cli(`source export ${directory} --result created`)).toMatchObject({ code: 2 })
  expect(await cli(`source export ${directory}`)).toEqual({
    code: 0,
    stdout: `3 mails written to ${directory}, 0 were there already, of 0 no bytes are kept\n`,
    stderr: '',
  })
  expect(readdirSync(directory)).toHaveLength(3)
  expect(readFileSync(path.join(directory, hash(withAttachment))).equals(withAttachment)).toBe(true)
  expect(readFileSync(path.join(directory, hash(reply))).equals(reply)).toBe(true)
  truncateSync(path.join(directory, hash(reply)), 5)
  expect(await cli(`source export ${directory}`)).toMatchObject({
    stdout: expect.stringMatching(/^1 mails written.*2 were/),
  })
  expect(readFileSync(path.join(directory, hash(reply))).equals(reply)).toBe(true)
  const [source] = await world.db('sources').where({ result: 'created' }).select('id', 'batch_offset')
  await world
    .db('sources')
    .where({ id: source.id })
    .update({ batch_offset: source.batch_offset + 1 })
  const damaged = await cli(`source export ${directory}`)
  await world.db('sources').where({ id: source.id }).update({ batch_offset: source.batch_offset })
  expect(damaged).toMatchObject({ code: 1, stdout: expect.stringContaining('2 were there already') })
  expect(damaged.stderr).toMatch(new RegExp(`mail ${source.id}: raw batch \\S+ in /\\S+/raw: `))
})

test('a quarantined mail is listed, shown, exported and retried', async () => {
  const [mail, ...others] = await json('quarantine list')
  expect(others).toEqual([])
  expect(mail).toMatchObject({ result: 'quarantined', reason: 'too_large', size: oversize.length, ticket: null })
  expect((await json(`quarantine show ${mail?.id}`))[0]).toMatchObject({ ...mail, complete: false })
  const kept = await letterlockBytes(['quarantine', 'export', String(mail?.id)], env())
  expect(oversize.subarray(0, kept.stdout.length).equals(kept.stdout)).toBe(true)
  expect(kept.stdout.length).toBeGreaterThan(100)
  expect(await cli(`quarantine retry ${mail?.id}`)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`mail ${mail?.id}: `),
  })
  const [created] = await json('source list --result created')
  expect(await cli(`quarantine show ${created?.id}`)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`source ${created?.id} is not in quarantine`),
  })
})

test('doctor sees the daemon, and mails whose rows a restored database lacks, which recover takes in again', async () => {
  expect(await json('account list')).toMatchObject([{ state: 'active', code: null, behindSeconds: 0 }])
  expect((await cli('doctor')).stdout).toMatch(/ok {4}daemon +runs on /)
  const { db } = world
  await db('messages').delete()
  await db('message_ids').delete()
  await db('sources').delete()
  await db('tickets').delete()
  const doctor = await cli('doctor')
  expect(doctor.stdout).toMatch(/note {2}raw mail +\d+ of \d+ batches have no rows/)
  expect(await cli('source recover')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^3 mails of \d batch/) })
  expect(await cli('source recover')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^0 mails of 0 batch/) })
  expect(await json('ticket list')).toMatchObject([{ messages: 2 }])
})

test('a poll that is asked for happens at once', async () => {
  dovecot.deliver(user.name, 'INBOX', [rawMail({ id: 'now@example.org', subject: 'now' })])
  expect(await cli(`account poll ${accountId}`)).toEqual({
    code: 0,
    stdout: `account ${accountId} is polled now\n`,
    stderr: '',
  })
  await until(async () => (await json('ticket list')).some(ticket => ticket.subject === 'now'))
})

test('an address that was removed and comes back goes on where it stopped: nothing is doubled, nothing is left out', async () => {
  const before = await json('ticket list')
  expect(await cli(`account remove ${accountId} --yes`)).toMatchObject({ code: 0 })
  expect(await world.db('credentials')).toEqual([])
  dovecot.deliver(user.name, 'INBOX', [
    rawMail({ id: 'between@example.org', inReplyTo: 'now@example.org', subject: 'Re: now' }),
  ])
  const id = await world.add(dovecot.destination('tls'), user.password)
  expect(id).toBe(accountId)
  await world.poll(id)
  const after = await json('ticket list')
  expect(after).toHaveLength(before.length)
  expect(after.find(ticket => ticket.subject === 'now')).toMatchObject({ messages: 2 })
})
