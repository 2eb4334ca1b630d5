// HTML is derived when somebody reads: once for all who ask at the same time, in its time, and with a reason where it cannot be.
import { mkdtempSync, rmSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { createHtmlReader, type HtmlReaderDeps, type HtmlSource } from '../../src/operations/read-html.ts'
import { parseHtml } from '../../src/parse/parse-message.ts'
import { openParsePool } from '../../src/parse/pool/parse-pool.ts'
import { openRawDirectory } from '../../src/store/raw/raw-directory.ts'
import { rawMail } from '../support/messages.ts'

const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-html-'))
const raw = openRawDirectory(path.join(directory, 'raw'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const misbehaving = new URL('../parse/misbehaving-thread.ts', import.meta.url)
const htmlMail = (body: string): Buffer => rawMail({ headers: ['Content-Type: text/html; charset=utf-8'], body })
let nextId = 1

async function kept(mail: Buffer, hasHtml: boolean | null = true): Promise<HtmlSource> {
  const facts = { accountId: 1, mailbox: 'INBOX', uidValidity: 1, uid: nextId, receivedAt: new Date(0), complete: true }
  const [location = null] = await raw.archive([{ ...facts, source: mail }])
  return { id: nextId++, accountId: 1, hasHtml, raw: location }
}

let parsed = 0
beforeEach(() => {
  parsed = 0
})

function readerOf(changes: Partial<HtmlReaderDeps> = {}) {
  return createHtmlReader({
    raw: async () => raw,
    async parseHtml(source) {
      parsed += 1
      return await parseHtml(Buffer.from(source))
    },
    ...changes,
  })
}

const hello = { state: 'shown', html: '<p>hello</p>\n', notes: { remoteImages: 0, trackingPixels: 0, flags: [] } }

test('whoever asks while another reads, and afterwards, gets what was made once', async () => {
  const [reader, source] = [readerOf(), await kept(htmlMail('<p>hello</p>'))]
  const asked = await Promise.all(Array.from({ length: 20 }, () => reader.read(source)))
  expect(asked).toEqual(asked.map(() => hello))
  expect(await reader.read(source)).toEqual(hello)
  expect(parsed).toBe(1)
})

test('mail without HTML is not read for it where that is known, and is read once where it is not', async () => {
  const [reader, known, unknown] = [readerOf(), await kept(rawMail(), false), await kept(rawMail(), null)]
  const expected = new Map([known, unknown].map(({ id }) => [id, { state: 'none' }]))
  expect(await reader.readAll([known, unknown])).toEqual(expected)
  expect(await reader.readAll([known, unknown])).toEqual(expected)
  expect(parsed).toBe(1)
})

test('what is kept is bounded, and what was not asked for longest goes first', async () => {
  const size = 10_000
  const reader = readerOf({ maxKeptBytes: 3 * (2 * size + 1_000) })
  const sources = await Promise.all(Array.from('abcd', letter => kept(htmlMail(`<p>${letter.repeat(size)}</p>`))))
  const [first, second, third, fourth] = sources as [HtmlSource, HtmlSource, HtmlSource, HtmlSource]
  for (const source of [first, second, third, first, fourth]) await reader.read(source)
  expect(parsed).toBe(4)
  await reader.read(first)
  expect(parsed).toBe(4)
  await reader.read(second)
  expect(parsed).toBe(5)
})

test('raw mail that is away is missing with its code, for nobody longer than it is away', async () => {
  const heard: string[] = []
  const reader = readerOf({ onFailure: (id, { code }) => heard.push(`${id} ${code}`) })
  const source = await kept(htmlMail('<p>hello</p>'))
  const file = path.join(directory, 'raw', source.raw?.batch ?? '')
  await rename(file, `${file}-away`)
  expect(await reader.read(source)).toMatchObject({ state: 'failed', failure: { code: 'raw.damaged' } })
  await rename(`${file}-away`, file)
  expect(await reader.read(source)).toEqual(hello)
  expect(heard).toEqual([`${source.id} raw.damaged`])
  const gone = { ...source, raw: null }
  expect(await reader.read(gone)).toMatchObject({ state: 'failed', failure: { code: 'message.not_kept' } })
})

test('HTML that takes too long says so, once; nobody waits for it longer than they want, and others are read', async () => {
  await using pool = openParsePool({ threads: 1, deadlineMs: 1_000, script: misbehaving })
  const reader = readerOf({
    async parseHtml(source, account) {
      parsed += 1
      return await pool.parseHtml(source, account)
    },
  })
  const [endless, ordinary] = [await kept(htmlMail('<p>HANG</p>')), await kept(htmlMail('<p>hello</p>'))]
  expect(await reader.readAll([endless], 1)).toEqual(new Map([[endless.id, { state: 'late' }]]))
  const late = { state: 'failed', failure: { code: 'message.parse_timeout', params: { reason: 'html' } } }
  const both = await reader.readAll([endless, ordinary])
  expect(both.get(endless.id)).toMatchObject(late)
  expect(both.get(ordinary.id)).toEqual(hello)
  expect(await reader.read(endless)).toMatchObject(late)
  expect(parsed).toBe(2)
})

test('a reader comes before mail that is parsed for nobody in particular', async () => {
  await using pool = openParsePool({ threads: 1, deadlineMs: 60_000 })
  await pool.parse(rawMail())
  const order: string[] = []
  const backlog = Array.from({ length: 40 }, (_, i) => pool.parse(rawMail({ subject: `${i}` })))
  const last = backlog.at(-1)?.then(() => order.push('backlog'))
  const read = pool.parseHtml(htmlMail('<p>hello</p>')).then(() => order.push('reader'))
  await Promise.all([...backlog, last, read])
  expect(order).toEqual(['reader', 'backlog'])
})
