// Rows that somebody else wrote into the database: one that makes no sense spoils itself and not the page that it stands on, and letters that
// steer a terminal are shown by no command.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { letterlock } from '../cli/letterlock.ts'
import { until } from '../support/daemon.ts'
import { rawMail } from '../support/messages.ts'
import { openTicketDesk, type TicketDesk } from '../support/ticket-desk.ts'
import { createWebClient, type WebClient } from '../support/web.ts'

let desk: TicketDesk
let ada: WebClient
let id: number
beforeAll(async () => {
  desk = await openTicketDesk()
  await desk.deliver(
    rawMail({ id: 'one@people', subject: 'first words' }),
    rawMail({ id: 'two@people', subject: 'other words' }),
  )
  id = await desk.ticket('first words')
  ada = createWebClient(desk.daemon.url)
  await ada.signIn('ada')
})
afterAll(() => desk[Symbol.asyncDispose]())

/** No JSON, JSON of another shape, and JSON that was cut. */
const senseless = [
  '{',
  '"text"',
  '7',
  'null',
  '[{"name":1}]',
  '{"a":{"b":[]}}',
  '[null]',
  '',
  '[{"tone":"good","text":',
]

test('the control: the pages are there, and say what the rows say', async () => {
  expect((await ada.get('/tickets')).text).toContain('first words')
  expect((await ada.get(`/tickets/${id}`)).status).toBe(200)
  expect((await ada.get('/server/audit')).status).toBe(200)
})

test.each(senseless)('%s in a JSON column leaves every page as it was but for what it stood for', async json => {
  const { db } = desk.world
  await db('tickets').where({ id }).update({ tags_json: json })
  const columns = { to_json: json, cc_json: json, bounce_json: json }
  await db('messages').where({ ticket_id: id }).update(columns)
  await db('audit_log').insert({ actor: 'mallory', action: 'account.set', detail_json: json })
  await db('sessions').update({ flash_json: json })
  const list = await ada.get('/tickets')
  expect(list).toMatchObject({ status: 200, text: expect.stringContaining('other words') })
  await db('sessions').update({ flash_json: json })
  const ticket = await ada.get(`/tickets/${id}`)
  expect(ticket).toMatchObject({ status: 200, text: expect.stringContaining('first words') })
  expect(await ada.get('/server/audit')).toMatchObject({ status: 200, text: expect.stringContaining('mallory') })
})

test('mail joins a ticket whose tags make no sense, and a session whose row makes none can be ended', async () => {
  const { db } = desk.world
  await db('rules').insert({ name: 'tagged', conditions_json: '{"subject":"*"}', action: 'tag', tag: 'seen' })
  await db('tickets').update({ tags_json: '{' })
  await desk.deliver(rawMail({ id: 'three@people', inReplyTo: 'one@people', subject: 'Re: first words' }))
  await until(async () => (await db('tickets').where({ id }).first()).tags_json === '["seen"]')
  await db('sessions').update({ flash_json: '[{"tone":' })
  expect((await ada.post('/sign-out')).status).toBe(303)
})

test('no command lets a row steer the terminal, and JSON of it is the same value', async () => {
  const { db, config, directory } = desk.world
  const hostile = 'x\u001b]0;t\u0007\u009b31m\u007f\u202ey'
  const steers = /[^\P{Cc}\n\t]|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u
  await db('tickets').where({ id }).update({ ref: 'x\u001b]0;t\u0007', subject: hostile, requester_name: hostile })
  await db('workers').update({ host: hostile })
  const { account_id, ...row } = await db('sources').first()
  await db('sources').where({ id: row.id }).update({ message_id: hostile })
  await db('mailboxes').where({ account_id }).update({ name: hostile })
  // Last: the daemon would not dial it.
  await db('accounts').where({ id: account_id }).update({ host: hostile, username: hostile, code: 'x', hint: hostile })
  const env = {
    LETTERLOCK_DATABASE_URL: config.database.url,
    LETTERLOCK_REDIS_URL: config.redis.url,
    LETTERLOCK_DATA_DIRECTORY: directory,
  }
  const commands = [
    ['account', 'list'],
    ['account', 'show', String(account_id)],
    ['ticket', 'list'],
    ['ticket', 'show', String(id)],
    ['source', 'list'],
    ['source', 'show', String(row.id)],
    ['encryption', 'status'],
  ]
  const both = commands.flatMap(words => [words, [...words, '--json']])
  const printed = await Promise.all(both.map(command => letterlock(command, { env })))
  for (const [i, { stdout, stderr }] of printed.entries()) {
    expect(`${stdout}${stderr}`, both[i]?.join(' ')).not.toMatch(steers)
    expect(stdout, both[i]?.join(' ')).toContain('\\u202ey')
  }
  expect(JSON.parse(printed[1]?.stdout ?? '')).toMatchObject({ host: hostile })
})
