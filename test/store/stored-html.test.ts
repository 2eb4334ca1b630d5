// The HTML that older programs stored goes when the last of them has ended, and in batches where the server cannot drop it at once.
import type { Knex } from 'knex'
import { expect, test } from 'vitest'
import { emptyHtml } from '../../migrations/20261129_21_no_stored_html.ts'
import { migrations, schemaVersion } from '../../migrations/all.ts'
import { readSchemaVersion } from '../../src/store/db/check-database.ts'
import { migrate } from '../../src/store/db/migrate.ts'
import { createTestDatabase, type TestDatabase } from '../support/servers.ts'

/** As version 9 left it, with three mails that it took in. */
async function createOldDatabase(): Promise<TestDatabase> {
  const database = await createTestDatabase({ migrated: false })
  const { db } = database
  const until = migrations.findIndex(({ name }) => name === '20261129_20_derived_html')
  for (const { up } of migrations.slice(0, until)) await up(db)
  await db('accounts').insert({ id: 1, address: 'support@example.com', host: 'imap.example.com' })
  await db('mailboxes').insert({ id: 1, account_id: 1, name: 'INBOX' })
  const people = { requester_name: 'Anna', requester_address: 'anna@example.org' }
  await db('tickets').insert({ id: 1, ref: 'LL-1', account_id: 1, subject: 'teapot', ...people })
  for (const [uid, html] of ['<p>one</p>', null, '<p>three</p>'].entries()) await insertAsVersion9(db, uid + 1, html)
  return database
}

async function insertAsVersion9(db: Knex, uid: number, html: string | null): Promise<void> {
  await db('sources').insert({
    ...{ id: uid, account_id: 1, mailbox_id: 1, uid_validity: 1, uid, size: 9 },
    result: 'created',
  })
  const notes = html === null ? null : '{"remoteImages":0,"trackingPixels":0,"flags":[]}'
  await db('messages').insert({
    ...{ ticket_id: 1, source_id: uid, kind: 'human', reasons_json: '[]', thread_reason: 'new', subject: 'teapot' },
    ...{ from_address: 'anna@example.org', from_name: 'Anna', to_json: '[]', cc_json: '[]', reply_to_json: '[]' },
    ...{ text: 'words', html, html_notes_json: notes },
  })
}

async function columnsOf(db: Knex): Promise<string[]> {
  return Object.keys(await db('messages').columnInfo())
}

const stored = ['html', 'html_notes_json']

test('while an older program runs anywhere its columns stay, and it goes on; then they go, and it is refused', async () => {
  await using database = await createOldDatabase()
  const { db } = database
  const lease = (seconds: number) => db.raw('UTC_TIMESTAMP(3) + INTERVAL ? SECOND', [seconds])
  await db('workers').insert({
    id: 'old',
    host: 'mail-1',
    version: '0.5.0',
    key_ids_json: '[]',
    lease_until: lease(600),
  })
  const first = await migrate(db)
  expect(first.applied).toContain('20261129_20_derived_html')
  expect(first.waiting).toEqual([{ name: '20261129_21_no_stored_html', hosts: ['mail-1'] }])
  expect(await readSchemaVersion(db)).toEqual({
    version: schemaVersion.version,
    compatibleFrom: schemaVersion.compatibleFrom,
  })
  await insertAsVersion9(db, 4, '<p>four</p>')
  expect(await columnsOf(db)).toEqual(expect.arrayContaining(stored))

  await db('workers').update({ lease_until: lease(-1) })
  const newer = { id: 'new', host: 'mail-2', version: '9', key_ids_json: '[]', schema_version: schemaVersion.version }
  await db('workers').insert({ ...newer, lease_until: lease(600) })
  expect(await migrate(db)).toEqual({ applied: ['20261129_21_no_stored_html'], waiting: [] })
  expect((await columnsOf(db)).filter(name => stored.includes(name))).toEqual([])
  expect((await readSchemaVersion(db))?.compatibleFrom).toBe(10)
  expect(await db('messages').pluck('text')).toEqual(['words', 'words', 'words', 'words'])
  expect(await migrate(db)).toEqual({ applied: [], waiting: [] })
})

test('a server that cannot drop them at once empties them in batches first, from where it was stopped', async () => {
  await using database = await createOldDatabase()
  const { db } = database
  await db.raw('ALTER TABLE messages ROW_FORMAT=COMPRESSED')
  await expect(db.raw('ALTER TABLE messages DROP COLUMN html, ALGORITHM=INSTANT')).rejects.toMatchObject({
    errno: expect.toSatisfy((errno: number) => errno === 1845 || errno === 1846),
  })
  await migrations.find(({ name }) => name === '20261129_20_derived_html')?.up(db)
  // Stopped after the first range.
  await db.transaction(async trx => {
    await emptyHtml(trx, 1)
    await trx('messages').where('id', '>', 1).update({ html: '<p>not yet</p>', has_html: null })
  })
  await emptyHtml(db, 2)
  expect(await db('messages').orderBy('id').select('html', 'html_notes_json', 'has_html')).toEqual([
    { html: null, html_notes_json: null, has_html: 1 },
    ...[2, 3].map(() => ({ html: null, html_notes_json: null, has_html: 1 })),
  ])
  expect((await migrate(db)).waiting).toEqual([])
  expect((await columnsOf(db)).filter(name => stored.includes(name))).toEqual([])
  expect(await db('messages').orderBy('id').pluck('has_html')).toEqual([1, 1, 1])
})
