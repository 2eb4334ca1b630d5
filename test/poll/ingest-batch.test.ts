// What a batch costs and writes, in a real database.

import { createHash } from 'node:crypto'
import type { Knex } from 'knex'
import { expect, test } from 'vitest'
import type { ArchivedMail } from '../../src/model/mail-outcome.ts'
import { parseMessage } from '../../src/parse/parse-message.ts'
import { triageMails, verifyTokens } from '../../src/poll/ingest/ingest-batch.ts'
import { createTriagePolicy } from '../../src/poll/ingest/triage-policy.ts'
import { getAccount } from '../../src/store/accounts/accounts.ts'
import { inTransaction } from '../../src/store/db/database.ts'
import { type MailFacts, rawMail } from '../support/messages.ts'
import { createTestDatabase, defaults } from '../support/servers.ts'

const hold = { ticketsPerHour: 100, sameSubject: 20 }
const triage = createTriagePolicy({ ...defaults, hold }, async () => Buffer.alloc(32, 7))
let lastUid = 0

async function keep(facts: MailFacts): Promise<ArchivedMail> {
  lastUid += 1
  const source = rawMail({ body: `mail ${lastUid}`, ...facts })
  const sha256 = createHash('sha256').update(source).digest('hex')
  return {
    mail: { uid: lastUid, size: source.length, receivedAt: new Date('2026-11-24T10:00:00Z'), complete: true, source },
    location: { batch: 'b', offset: 0, size: source.length, sha256 },
    parsed: await parseMessage(source),
    fault: null,
  }
}

/** Takes the mails in as one batch; returns how many statements it took. */
async function take(db: Knex, mails: readonly MailFacts[], account = 1): Promise<number> {
  let statements = 0
  const count = (): void => {
    statements += 1
  }
  db.on('query', count)
  const kept = await Promise.all(mails.map(keep))
  const judged = await verifyTokens(kept, triage)
  const place = { accountId: account, mailboxId: account, uidValidity: 1, afterIngest: { kind: 'keep' as const } }
  const cursor = { rereadBeforeUid: 0, startBeforeUid: 0, released: false }
  await inTransaction(db, trx => triageMails(trx, { ...place, ...cursor }, judged, triage))
  db.off('query', count)
  return statements
}

async function createAccount(db: Knex): Promise<void> {
  await db('accounts').insert({ id: 1, address: 'support@example.com', host: 'imap.example.com' })
  await db('mailboxes').insert({ id: 1, account_id: 1, name: 'INBOX', uid_validity: 1, last_uid: 0 })
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i)
const person = (i: number): string => `p${i}@example.org`

test('a batch costs as many statements for a hundred tickets as for five', async () => {
  await using database = await createTestDatabase()
  const { db } = database
  await createAccount(db)
  await db('rules').insert({ name: 'all', conditions_json: '{"from": "*"}', action: 'tag', tag: 'all' })
  const first = (i: number): MailFacts => ({ id: `a${i}@x`, from: person(i), subject: `mail ${i}` })
  const answer = (i: number): MailFacts => ({
    id: `b${i}@x`,
    from: person(i),
    inReplyTo: `a${i}@x`,
    subject: `mail ${i}`,
  })
  const stranger = (i: number): MailFacts => ({ from: person(i + 1_000), inReplyTo: `a${i}@x`, subject: `other ${i}` })
  const few = [
    await take(db, range(5).map(first)),
    await take(db, range(5).map(answer)),
    await take(db, range(5).map(stranger)),
  ]
  const later = range(100).map(i => i + 5)
  const many = [
    await take(db, later.map(first)),
    await take(db, later.map(answer)),
    await take(db, later.map(stranger)),
  ]
  expect(many).toEqual(few)
  expect(Math.max(...many)).toBeLessThan(30)
  const [[row]] = await db.raw(
    'SELECT COUNT(*) AS n, SUM(messages) AS m, SUM(linked_ticket_id IS NOT NULL) AS linked, SUM(tags_json = \'["all"]\') AS tagged FROM tickets',
  )
  expect(Object.values(row).map(Number)).toEqual([210, 315, 105, 210])
})

test('each ticket gets its own count, time and status in the one statement', async () => {
  await using database = await createTestDatabase()
  const { db } = database
  await createAccount(db)
  await take(
    db,
    range(3).map(i => ({ id: `a${i}@x`, from: person(i) })),
  )
  await db('tickets').update({ status: 'closed' })
  await take(db, [
    { from: person(0), inReplyTo: 'a0@x' },
    { from: person(1), inReplyTo: 'a1@x', headers: ['Auto-Submitted: auto-replied'] },
    { from: person(0), inReplyTo: 'a0@x' },
  ])
  const rows = await db('tickets').orderBy('id').select('messages', 'status')
  expect(rows).toEqual([
    { messages: 3, status: 'open' },
    { messages: 2, status: 'closed' },
    { messages: 1, status: 'closed' },
  ])
})

test('tickets that link to one of the same batch', async () => {
  await using database = await createTestDatabase()
  const { db } = database
  await createAccount(db)
  await take(db, [{ id: 'a0@x', from: person(0) }, ...range(3).map(i => ({ from: person(i + 1), inReplyTo: 'a0@x' }))])
  expect(await db('tickets').orderBy('id').pluck('linked_ticket_id')).toEqual([null, 1, 1, 1])
})

test('what a sender did lately is counted over batches, by the time of receipt', async () => {
  await using database = await createTestDatabase()
  const { db } = database
  await createAccount(db)
  for (const i of range(22)) await take(db, [{ from: person(1), subject: `${'Re: '.repeat(i % 3)}the same` }])
  const reasons: string[] = await db('sources').orderBy('id').pluck('reason')
  expect(reasons).toEqual([...range(20).map(() => 'new'), 'loop', 'loop'])
})

test('a reply whose sender fails at the trusted mail server opens a ticket of its own, with a link and the verdict', async () => {
  await using database = await createTestDatabase()
  const { db } = database
  await createAccount(db)
  await db('accounts').update({ authserv_ids: '["mx.example.net"]' })
  const says = (id: string, result: string) => [
    `Authentication-Results: ${id}; dmarc=${result} header.from=example.org`,
  ]
  const reply = (headers: string[]): MailFacts => ({ from: person(1), inReplyTo: 'a@x', headers })
  await take(db, [{ id: 'a@x', from: person(1), headers: says('mx.example.net', 'pass') }])
  await take(db, [reply(says('mx.example.net', 'fail'))])
  await take(db, [reply(says('mx.evil.example', 'pass')), reply([])])
  const rows = await db('messages')
    .join('tickets', 'tickets.id', 'messages.ticket_id')
    .orderBy('messages.id')
    .select('messages.thread_reason', 'tickets.linked_ticket_id', 'messages.auth_json')
  const verdicts = rows.map(({ auth_json: json }) => (json === null ? null : JSON.parse(json).verdict))
  expect(rows.map(row => row.thread_reason)).toEqual(['new', 'sender-failed', 'reference', 'reference'])
  expect(verdicts).toEqual(['pass', 'fail', 'none', 'none'])
  expect(rows[1].linked_ticket_id).not.toBeNull()
})

test('names of mail servers are collected where no sender can write them, until somebody decides', async () => {
  await using database = await createTestDatabase()
  const { db } = database
  await createAccount(db)
  const says = (id: string) => `Authentication-Results: ${id}; dmarc=pass header.from=example.org`
  const within = 'Received: from mx.example.net by imap.example.net with LMTP id 1; Sun, 29 Nov 2026 10:00:00 +0000'
  const border =
    'Received: from a.example.org (a.example.org [203.0.113.5]) by mx.example.net; Sun, 29 Nov 2026 10:00:00 +0000'
  const forged = [says('mx.evil.example'), says('mx.example.net')]
  const mail = (...headers: string[]): MailFacts => ({ from: person(1), headers })
  await take(db, [
    mail(within, says('mx.example.net'), says('mx.example.net'), says('spam.example.net'), border, ...forged),
    mail(within, says('mx.example.net'), border, ...forged),
    mail(border, ...forged),
    mail(...forged),
  ])
  await take(db, [mail(within, says('MX.example.net'), border)])
  const seen = () => db('seen_authserv_ids').orderBy('authserv_id').select('authserv_id', 'mails')
  const expected = [
    { authserv_id: 'mx.example.net', mails: 3 },
    { authserv_id: 'spam.example.net', mails: 1 },
  ]
  expect(await seen()).toEqual(expected)
  const [{ proposedServers, authservIds }, verdicts] = [
    await getAccount(db, '1'),
    await db('messages').whereRaw("JSON_VALUE(auth_json, '$.verdict') <> 'unknown'"),
  ]
  expect(proposedServers).toEqual(['mx.example.net'])
  expect(authservIds, 'what is proposed decides nothing').toBeNull()
  expect(verdicts).toEqual([])
  await db('accounts').update({ authserv_ids: '["mx.example.net"]' })
  await take(db, [mail(within, says('other.example.net'), border)])
  expect(await seen()).toEqual(expected)
  expect((await getAccount(db, '1')).proposedServers).toEqual([])
})

test('two of our helpdesks that acknowledge everything do not answer each other for ever', async () => {
  await using database = await createTestDatabase()
  const { db } = database
  await createAccount(db)
  await db('accounts').insert({ id: 2, address: 'billing@example.com', host: 'imap.example.com' })
  await db('mailboxes').insert({ id: 2, account_id: 2, name: 'INBOX', uid_validity: 1, last_uid: 0 })
  const [support, billing] = ['support@example.com', 'billing@example.com']
  const byProgram = ['Auto-Submitted: auto-generated']
  const end = async (facts: MailFacts, account: number): Promise<string> => {
    await take(db, [facts], account)
    const [{ result, reason }] = await db('sources').orderBy('id', 'desc').limit(1).select('result', 'reason')
    return `${result} ${reason}`
  }
  const ack = { id: 'n0@x', from: support, to: billing, headers: byProgram }
  expect(await end(ack, 2), 'a notification is news once').toBe('created new')
  const answer = { id: 'n1@x', from: billing, to: support, inReplyTo: 'n0@x', headers: byProgram }
  expect(await end(answer, 1), 'its acknowledgement is not').toBe('ignored own-notification')
  const vacation = { ...answer, id: 'n2@x', headers: ['Auto-Submitted: auto-replied'] }
  expect(await end(vacation, 1)).toBe('ignored own-notification')
  const person = { ...answer, id: 'n3@x', headers: [] }
  expect(await end(person, 1), 'what a person writes comes in').toBe('created new')
  const form = { ...answer, id: 'n4@x', inReplyTo: 'elsewhere@x' }
  expect(await end(form, 1), 'so does what a program sends of its own accord').toBe('created new')
  const monitor = { ...answer, id: 'n5@x', from: support, inReplyTo: 'n3@x' }
  expect(await end(monitor, 1), 'and what it sends to its own account').toBe('appended reference')
  const stranger = { ...answer, id: 'n6@x', from: 'p1@example.org' }
  expect(await end(stranger, 1), 'and what other people’s programs send').toBe('created new')
})
