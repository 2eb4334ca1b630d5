// Lists of tickets and mails: what is in them, in which order, and that they cost what they show, however much there is.
import type { Knex } from 'knex'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findAccountIds } from '../../src/store/accounts/account-addresses.ts'
import { findSourceDetails, findSources, getSource } from '../../src/store/ingest/source-rows.ts'
import { findUsedBatches } from '../../src/store/raw/raw-rows.ts'
import { findMessageId, findMessageInRaw, findMessages, getTicket } from '../../src/store/tickets/conversation.ts'
import { findTicketPage, type ListedTicket, type TicketFilter } from '../../src/store/tickets/ticket-list.ts'
import { createTestDatabase, type TestDatabase } from '../support/servers.ts'

const many = 4_000
let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
  const { db } = database
  await db('accounts').insert(['a', 'b'].map(name => ({ address: `${name}@example.com`, host: 'imap.example.com' })))
  await db('mailboxes').insert([1, 2].map(account_id => ({ account_id, name: 'INBOX' })))
  await db.batchInsert(
    'tickets',
    Array.from({ length: many }, (_, i) => ticket(i)),
  )
  await db.batchInsert(
    'sources',
    Array.from({ length: many }, (_, i) => source(i)),
  )
  await db.raw('ANALYZE TABLE tickets, sources, accounts, mailboxes')
})
afterAll(() => database[Symbol.asyncDispose]())

/** Account b has every hundredth; every third is closed. Updated in another order than that of the ids. */
function ticket(i: number): object {
  return {
    ref: `LL-${i}`,
    account_id: i % 100 === 0 ? 2 : 1,
    subject: `ticket ${i}`,
    requester_name: 'Anna',
    requester_address: 'anna@example.org',
    status: i % 3 === 0 ? 'closed' : 'open',
    updated_at: new Date(Date.UTC(2026, 0, 1) + ((i * 7_919) % many) * 1000),
  }
}

function source(i: number): object {
  const account = i % 100 === 0 ? 2 : 1
  return {
    account_id: account,
    mailbox_id: account,
    uid_validity: 1,
    uid: i + 1,
    sha256: i.toString(16).padStart(64, '0'),
    size: 1_000,
    result: i % 500 === 0 ? 'quarantined' : 'created',
    received_at: new Date(Date.UTC(2026, 0, 1) + i * 1000),
    ...(i % 2 === 0 ? { batch: `2026-01-01/${i % 10}`, batch_offset: i, stored_size: 1_000 } : {}),
  }
}

/** How many rows and index entries the server read for it. */
async function readsOf(work: (trx: Knex) => Promise<unknown>): Promise<number> {
  return await database.db.transaction(async trx => {
    const count = async (): Promise<number> => {
      const [rows] = (await trx.raw("SHOW SESSION STATUS LIKE 'Handler_read%'")) as [{ Value: string }[]]
      return rows.reduce((sum, row) => sum + Number(row.Value), 0)
    }
    const [before] = [await count(), await work(trx)]
    return (await count()) - before
  })
}

async function list(filter: TicketFilter, limit: number): Promise<ListedTicket[]> {
  return (await findTicketPage(database.db, filter, { limit })).tickets
}

test('tickets come newest first, whatever their status and account', async () => {
  const all = await list({}, 50)
  const times = all.map(found => found.updatedAt.getTime())
  expect(times).toEqual([...times].sort((a, b) => b - a))
  expect(times[0]).toBe(Date.UTC(2026, 0, 1) + (many - 1) * 1000)
  expect(new Set(all.map(found => found.status))).toEqual(new Set(['open', 'closed']))
  expect(all[49]?.updatedAt.getTime()).toBe((times[0] ?? 0) - 49_000)
})

test('tickets of an account and a status are these and no others', async () => {
  const accountIds = await findAccountIds(database.db, 'b@example.com')
  const closed = await list({ status: 'closed', accountIds }, many)
  expect(closed).toHaveLength(Math.ceil(many / 300))
  expect(closed.every(found => found.status === 'closed' && found.account === 'b@example.com')).toBe(true)
  expect(await list({ accountIds }, many)).toHaveLength(many / 100)
})

test('a list of tickets reads little more than it shows, at its hundredth page, too', async () => {
  const accountIds = await findAccountIds(database.db, 'a@example.com')
  const before = (await list({}, many / 2)).at(-1)
  for (const filter of [{}, { status: 'open' as const }, { accountIds }]) {
    expect(await readsOf(trx => findTicketPage(trx, filter, { limit: 20 }))).toBeLessThan(400)
    expect(await readsOf(trx => findTicketPage(trx, filter, { before, limit: 20 }))).toBeLessThan(400)
  }
})

test('a long list is whole and in order, however many statements it takes', async () => {
  const all = await list({}, many + 1)
  expect(new Set(all.map(found => found.id)).size).toBe(many)
  const times = all.map(found => found.updatedAt.getTime())
  expect(times).toEqual(times.toSorted((a, b) => b - a))
})

test('a ticket is found by its id and by its ref in any case', async () => {
  const { id } = await getTicket(database.db, 'll-77')
  expect(await getTicket(database.db, String(id))).toMatchObject({ ref: 'LL-77', messages: 0, linked: undefined })
  await expect(getTicket(database.db, '0')).rejects.toThrow('there is no ticket 0')
})

test('of the messages of a ticket a page reads the last, and of their texts the beginning', async () => {
  const { db } = database
  const { id: ticket_id } = await getTicket(db, 'LL-1')
  const long = `${'x'.repeat(29)}\u{1f4ee}${'y'.repeat(100)}`
  const message = (i: number): object => ({
    ...{ ticket_id, source_id: i, from_name: '', from_address: 'anna@example.org', subject: `${i}` },
    ...{ kind: 'human', message_id: `${i}@x`, text: long },
    ...{
      reply: i === 3 ? 'short' : null,
      has_html: i === 2 ? true : i === 3 ? null : false,
      to_json: '[]',
      cc_json: '[]',
    },
    ...{ reply_to_json: '[]', reasons_json: '[]', thread_reason: 'test' },
  })
  const sources: number[] = await db('sources').orderBy('id').limit(4).pluck('id')
  await db('messages').insert(sources.map(message))
  const page = await findMessages(db, ticket_id, { limit: 3, maxCharacters: 30 })
  expect(page).toMatchObject({ earlier: true, later: false })
  expect(page.messages.map(({ reply, quotes, hasHtml }) => ({ reply, quotes, hasHtml }))).toEqual([
    { reply: { text: `${'x'.repeat(29)}\ufffd`, cut: true }, quotes: false, hasHtml: true },
    { reply: { text: 'short', cut: false }, quotes: true, hasHtml: null },
    { reply: { text: `${'x'.repeat(29)}\ufffd`, cut: true }, quotes: false, hasHtml: false },
  ])
  const before = await findMessages(db, ticket_id, { beforeId: page.messages[0]?.id, limit: 3, maxCharacters: 30 })
  expect(before).toMatchObject({ earlier: false, later: true, messages: [{ subject: '1' }] })
  const whole = await findMessages(db, ticket_id, {})
  expect(whole.messages.map(({ text }) => text)).toEqual(sources.map(() => ({ text: long, cut: false })))
  const [second = 0, third = 0] = page.messages.map(({ id }) => id)
  expect(await findMessageInRaw(db, ticket_id, second)).toMatchObject({ hasHtml: true, raw: null, attachments: [] })
  expect(await findMessageInRaw(db, ticket_id, third)).toMatchObject({ hasHtml: null })
  expect(await findMessageInRaw(db, ticket_id + 1, second)).toBeUndefined()
  expect(await findMessageId(db, ticket_id, 2)).toBe(whole.messages[1]?.id)
  expect(await findMessageId(db, ticket_id, 5)).toBeUndefined()
})

test('mails page by page are all mails once, newest first', async () => {
  const seen: number[] = []
  for (let beforeId: number | undefined; ; ) {
    const page = await findSourceDetails(database.db, { limit: 999, ...(beforeId === undefined ? {} : { beforeId }) })
    seen.push(...page.map(found => found.uid))
    beforeId = page.at(-1)?.id
    if (page.length < 999) break
  }
  expect(seen).toEqual(Array.from({ length: many }, (_, i) => many - i))
})

test('all pages together read each mail once, also where an account is asked for', async () => {
  for (const account of ['a@example.com', 'b@example.com']) {
    const [{ id }] = await database
      .db('sources')
      .orderBy('id')
      .offset(many / 2)
      .limit(1)
      .select('id')
    const reads = await readsOf(trx => findSourceDetails(trx, { limit: 10, account, beforeId: id }))
    expect(reads).toBeLessThan(1_300)
  }
})

test('mails are found by account, end and time', async () => {
  expect(await findSources(database.db, { limit: many, account: 'b@example.com' })).toHaveLength(many / 100)
  await expect(findSources(database.db, { limit: many, account: 'nobody@example.com' })).rejects.toThrow(
    'there is no account nobody@example.com',
  )
  const held = await findSources(database.db, { limit: many, result: 'quarantined' })
  expect(held.map(found => found.uid)).toEqual([3501, 3001, 2501, 2001, 1501, 1001, 501, 1])
  const since = new Date(Date.UTC(2026, 0, 1, 0, 0, 10))
  const until = new Date(Date.UTC(2026, 0, 1, 0, 0, 12))
  const between = await findSources(database.db, { limit: many, since, until })
  expect(between.map(found => found.uid)).toEqual([12, 11])
})

test('a mail of which no bytes are kept has no place', async () => {
  const [second, first] = await findSources(database.db, { limit: 2 })
  expect((await getSource(database.db, second?.id ?? 0)).place).toBeNull()
  expect((await getSource(database.db, first?.id ?? 0)).place).toMatchObject({ batch: '2026-01-01/8', size: 1_000 })
  await expect(getSource(database.db, 0)).rejects.toThrow('there is no source 0')
})

test('of raw batches, those with rows are known', async () => {
  const found = await findUsedBatches(database.db, ['2026-01-01/8', '2026-01-01/7', '2026-01-02/8'])
  expect(found).toEqual(new Set(['2026-01-01/8']))
  expect(await findUsedBatches(database.db, [])).toEqual(new Set())
})
