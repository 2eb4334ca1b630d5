// The pages of quarantine: why a mail is there, what it says without anything of it coming to life, another try, and the original.
import { readdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Daemon } from '../../src/daemon.ts'
import { insertRule } from '../../src/store/ingest/stored-rules.ts'
import { openChromium } from '../support/chromium.ts'
import { createWorld, ends, until, type World } from '../support/daemon.ts'
import { startTestDovecot, type TestDovecot, user } from '../support/dovecot.ts'
import { rawMail } from '../support/messages.ts'
import { addUser, createWebClient, faultsOfPage, looks, openWindow, type WebClient } from '../support/web.ts'

let world: World
let daemon: Daemon
let dovecot: TestDovecot
let browser: Browser
let admin: WebClient
let agent: WebClient

const hostile = '<script>window.came=1</script><img src=x onerror="window.came=1">'
const mails = [
  rawMail({
    id: 'held@x',
    subject: `hold ${hostile} \u202egnp.exe`,
    from: `"${hostile.replaceAll('"', '')}" <m@example.org>`,
    body: `${hostile}\r\nreal words`,
  }),
  rawMail({ id: 'large@x', subject: 'a large one', body: 'x'.repeat(80_000) }),
  rawMail({ id: 'other@x', subject: 'hold another' }),
]

beforeAll(async () => {
  dovecot = await startTestDovecot()
  dovecot.deliver(user.name, 'INBOX', mails)
  world = await createWorld({ LETTERLOCK_MAIL_MAX_BYTES: '65536' })
  await insertRule(world.db, {
    ...{ name: 'look-first', position: 1, action: 'hold', tag: null, accountId: null },
    conditions: { subject: 'hold *' },
  })
  await world.add(dovecot.destination('tls'), user.password)
  daemon = await world.start()
  await addUser(world, 'ada', 'admin')
  await addUser(world, 'alan', 'agent')
  admin = createWebClient(daemon.url)
  agent = createWebClient(daemon.url)
  await admin.signIn('ada')
  await agent.signIn('alan')
  await until(async () => (await ends(world.db)).quarantined === 3)
  browser = await openChromium()
})
afterAll(async () => {
  await browser.close()
  await world[Symbol.asyncDispose]()
  await dovecot[Symbol.asyncDispose]()
})

async function idOf(messageId: string): Promise<number> {
  return (await world.db('sources').where({ message_id: messageId }).first('id')).id
}

test('why each is there is told in words, to whoever is signed in', async () => {
  const { text } = await agent.get('/quarantine')
  expect(text).toContain('The message is larger than the limit.')
  expect(text).toContain('The rule “look-first” holds it.')
  const id = await idOf('held@x')
  const shown = await agent.get(`/quarantine/${id}`)
  expect(shown.text).toContain('real words')
  expect(shown.text).toContain('\\u{202e}gnp.exe')
  expect(shown.text).not.toContain('\u202e')
  expect(shown.text).not.toContain('Try it again')
  const large = await agent.get(`/quarantine/${await idOf('large@x')}`)
  expect(large.text).toContain('its header')
  expect(large.text).toContain('a large one')
  for (const path of ['/quarantine/999999', '/quarantine/0', '/quarantine/1e3', '/quarantine/999999/original'])
    expect((await agent.get(path)).status).toBe(404)
})

test.each(looks)(
  'nothing of a mail comes to life, and nothing keeps anybody out: $scheme, $width pixels',
  async look => {
    const page = await openWindow(browser, daemon.url, 'ada', look)
    for (const path of ['/quarantine', `/quarantine/${await idOf('held@x')}`, `/quarantine/${await idOf('large@x')}`]) {
      expect(await faultsOfPage(page, path)).toEqual([])
      expect(await page.evaluate('window.came')).toBe(undefined)
    }
    await page.context().close()
  },
)

test('the original is saved byte for byte, under a harmless name and type', async () => {
  const id = await idOf('held@x')
  const cookie = [...agent.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const answer = await fetch(`${daemon.url}/quarantine/${id}/original`, { headers: { cookie } })
  const bytes = Buffer.from(await answer.arrayBuffer())
  // Dovecot keeps lines as they came; what was kept is what was delivered.
  expect(bytes.equals(mails[0] as Buffer)).toBe(true)
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'content-type': 'message/rfc822',
    'content-disposition': `attachment; filename="quarantine-${id}.eml"`,
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    'cache-control': 'no-store',
  })
  const [row] = await world.db('audit_log').where({ action: 'quarantine.export' })
  expect(row).toMatchObject({ actor: 'alan (web)', account_id: expect.any(Number) })
})

test.each([true, false])('an admin tries one again; JavaScript: %s', async javaScript => {
  const id = await idOf(javaScript ? 'held@x' : 'other@x')
  expect((await agent.post(`/quarantine/${id}/retry`)).status).toBe(403)
  const page = await openWindow(browser, daemon.url, 'ada', { javaScript })
  await page.goto('/quarantine')
  await page.locator(`a[href="/quarantine/${id}"]`).click()
  await page.getByRole('button', { name: 'Try it again' }).click()
  await page.getByText(/It is a ticket now\. It is in ticket \d+\./).waitFor()
  expect((await world.db('sources').where({ id }).first()).result).toBe('created')
  expect((await admin.get(`/quarantine/${id}`)).status).toBe(404)
  const [row] = await world.db('audit_log').where({ action: 'quarantine.retry' }).orderBy('id', 'desc')
  expect(row.actor).toBe('ada (web)')
  expect(JSON.parse(row.detail_json)).toMatchObject({ mail: id, result: 'created' })
  await page.context().close()
})

test('what has to be fetched again is fetched with the next poll, and damage is told', async () => {
  const id = await idOf('large@x')
  const { location } = await admin.post(`/quarantine/${id}/retry`)
  expect(location).toBe(`/quarantine/${id}`)
  expect((await admin.get(`/quarantine/${id}`)).text).toContain('fetched again with the next poll')
  for (const name of readdirSync(world.directory))
    if (name === 'raw') rmSync(path.join(world.directory, name), { recursive: true })
  const { status, text } = await admin.get(`/quarantine/${id}`)
  expect({ status, told: text.includes('raw.damaged') }).toEqual({ status: 200, told: true })
  expect((await admin.get(`/quarantine/${id}/original`)).headers.get('content-disposition')).toBe(null)
})
