// What a reader sees is derived from the raw mail, and equal to what the parser makes of it, for every lesson; when the raw mail is away,
// the text stays, and page and command say why.
import { globSync, readFileSync, renameSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createHtmlReader } from '../../src/operations/read-html.ts'
import { showTicket, toTicketJson } from '../../src/operations/tickets.ts'
import { openParsePool } from '../../src/parse/pool/parse-pool.ts'
import { openRawDirectory } from '../../src/store/raw/raw-directory.ts'
import { keysOf } from '../../src/vault/keys/keyring.ts'
import { letterlock } from '../cli/letterlock.ts'
import { commandEnv } from '../support/fleet.ts'
import { rawMail } from '../support/messages.ts'
import { openTicketDesk, type TicketDesk } from '../support/ticket-desk.ts'
import { createWebClient } from '../support/web.ts'

const folder = path.resolve(import.meta.dirname, '../fixtures/mail')
const lessons = globSync('*.eml', { cwd: folder })
  .sort()
  .map(name => path.join(folder, name))

let desk: TicketDesk
beforeAll(async () => {
  desk = await openTicketDesk()
})
afterAll(() => desk[Symbol.asyncDispose]())

async function json(...args: string[]): Promise<Record<string, unknown>[]> {
  const { stdout, code, stderr } = await letterlock(args, { env: commandEnv(desk.world) })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
}

test('for every lesson, a ticket has the HTML that parse prints of its original', async () => {
  const { world } = desk
  await desk.deliver(...lessons.map(file => readFileSync(file)))
  const exported = path.join(world.directory, 'exported')
  await letterlock(['source', 'export', exported], { env: commandEnv(world) })
  const originals = globSync('*.eml', { cwd: exported }).map(name => path.join(exported, name))
  const parsed = await json('parse', '--json', ...originals)
  const htmlOf = new Map(parsed.map(({ path: file, html }) => [path.basename(String(file), '.eml'), html]))

  await using pool = openParsePool({ threads: 1, deadlineMs: 60_000 })
  const raw = openRawDirectory(path.join(world.directory, 'raw'))
  const html = createHtmlReader({ raw: async () => raw, parseHtml: source => pool.parseHtml(source) })
  const deps = { db: world.db, keys: keysOf(world.config), html }
  const actor = { kind: 'command', name: 'test' } as const
  const shown: { sha256: string | null; html: string | null; notes: boolean }[] = []
  for (const id of await world.db('tickets').pluck('id')) {
    const { messages } = toTicketJson(await showTicket.run(deps, actor, { ticket: String(id), html: 'all' }))
    shown.push(...messages.map(({ source, html, htmlNotes }) => ({ ...source, html, notes: htmlNotes !== null })))
  }
  expect(shown).toHaveLength(Number((await world.db('messages').count({ n: '*' }).first())?.n))
  expect(shown.filter(({ html }) => html !== null).length).toBeGreaterThan(10)
  for (const { sha256, html, notes } of shown) {
    expect(htmlOf.get(sha256 ?? '')).toBe(html)
    expect(notes).toBe(html !== null)
  }
})

test('when the raw mail is away, page and command show the text and say why', async () => {
  const { world } = desk
  const headers = ['Content-Type: text/html; charset=utf-8']
  await desk.deliver(
    rawMail({ id: 'away@people', subject: 'a blue teapot', headers, body: '<p>Is it <b>here</b>?</p>' }),
  )
  const id = await desk.ticket('blue teapot')
  const message = await world.db('messages').where({ ticket_id: id }).first('id', 'has_html', 'source_id')
  expect(message).toMatchObject({ has_html: 1 })
  const { batch } = await world.db('sources').where({ id: message.source_id }).first('batch')
  const file = path.join(world.directory, 'raw', batch)
  const client = createWebClient(desk.daemon.url)
  await client.signIn('grace')
  const pages = { ticket: `/tickets/${id}`, frame: `/tickets/${id}/messages/${message.id}/html` }

  renameSync(file, `${file}-away`)
  const page = await client.get(pages.ticket)
  expect(page).toMatchObject({ status: 200, text: expect.stringContaining('Is it here?') })
  expect(page.text).toContain(
    'The original cannot be shown: raw mail damaged (<code>raw.damaged</code>). Its text is above.',
  )
  expect(page.text).not.toContain('<iframe')
  expect(await client.get(pages.frame)).toMatchObject({ status: 409, text: expect.stringContaining('cannot be shown') })
  const { code, stdout, stderr } = await letterlock(['ticket', 'show', String(id), '--json'], {
    env: commandEnv(world),
  })
  expect(code).toBe(0)
  expect(JSON.parse(stdout).messages).toMatchObject([
    { text: 'Is it here?', html: null, htmlNotes: null, htmlProblem: { code: 'raw.damaged' } },
  ])
  expect(stderr).toContain('the HTML of message 1 is missing (raw.damaged)')
  expect(world.log.filter(({ event }) => event === 'html')).toMatchObject([
    { message: message.id, code: 'raw.damaged' },
    { message: message.id, code: 'raw.damaged' },
  ])

  renameSync(`${file}-away`, file)
  expect((await client.get(pages.ticket)).text).toContain('<iframe')
  expect(await client.get(pages.frame)).toMatchObject({ status: 200, text: expect.stringContaining('<b>here</b>') })
  const [shown] = await json('ticket', 'show', String(id), '--json')
  expect(shown?.messages).toMatchObject([{ html: '<p>Is it <b>here</b>?</p>\n' }])
  expect(JSON.stringify(shown)).not.toContain('htmlProblem')
})
