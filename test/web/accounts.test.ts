// The pages of accounts, against a real mail server: adding and changing with a test before anything is saved, and who may do what.
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Daemon } from '../../src/daemon.ts'
import { openChromium } from '../support/chromium.ts'
import { createWorld, until, type World } from '../support/daemon.ts'
import { startTestDovecot, type TestDovecot, user } from '../support/dovecot.ts'
import { rawMail } from '../support/messages.ts'
import { addUser, createWebClient, type WebClient } from '../support/web.ts'

let world: World
let daemon: Daemon
let dovecot: TestDovecot
let browser: Browser
let admin: WebClient
let agent: WebClient
const clients: WebClient[] = []

beforeAll(async () => {
  dovecot = await startTestDovecot()
  dovecot.deliver(user.name, 'INBOX', [rawMail(), rawMail()])
  world = await createWorld()
  daemon = await world.start()
  await addUser(world, 'ada', 'admin')
  await addUser(world, 'alan', 'agent')
  admin = await signedIn('ada')
  agent = await signedIn('alan')
  browser = await openChromium()
})
afterAll(async () => {
  await browser.close()
  await world[Symbol.asyncDispose]()
  await dovecot[Symbol.asyncDispose]()
})

async function signedIn(name: string): Promise<WebClient> {
  const client = createWebClient(daemon.url)
  clients.push(client)
  await client.signIn(name)
  return client
}

/** What the form of a good account is filled in with. */
function goodForm(address: string): Record<string, string> {
  return {
    address,
    host: dovecot.host,
    port: String(dovecot.ports.tls),
    security: 'tls',
    username: user.name,
    password: user.password,
    mailboxes: 'INBOX',
    every: '1h',
    after: 'keep',
    start: 'all',
    ca: dovecot.caPem,
    do: 'test-save',
  }
}

const idOf = (path: string | null) => Number(/^\/accounts\/(\d+)$/.exec(path ?? '')?.[1])

/** Step, its end and the code, as they are shown. */
function stepsIn(html: string): string[] {
  return [...html.matchAll(/<li class="(ok|failed|untried)"><b>([^<]+)<\/b>.*?<\/li>/gs)].map(([item, end, name]) => {
    const code = /<code>((?:imap|vault|account|oauth)\.[a-z_]+)<\/code>/.exec(item)?.[1]
    return [name, end, code].filter(Boolean).join(' ')
  })
}

test('an account is tested, saved, polled, paused and resumed', async () => {
  const added = await admin.post('/accounts/new', goodForm('first@example.com'))
  expect(added).toMatchObject({ status: 303, location: expect.stringMatching(/^\/accounts\/\d+$/) })
  const id = idOf(added.location)
  expect((await admin.get(`/accounts/${id}`)).text).toContain(`first@example.com is account ${id}.`)
  await until(async () => (await world.db('accounts').where({ id }).first())?.last_success_at != null)
  expect((await agent.get('/accounts')).text).toMatch(/first@example\.com.*active/s)
  expect((await agent.post(`/accounts/${id}/poll`)).status).toBe(303)
  expect((await admin.post(`/accounts/${id}/pause`)).status).toBe(303)
  expect((await agent.get(`/accounts/${id}`)).text).toContain('an admin has stopped it')
  expect((await agent.post(`/accounts/${id}/poll`)).status).toBe(409)
  expect((await admin.post(`/accounts/${id}/resume`)).status).toBe(303)
  const { text } = await admin.post(`/accounts/${id}/test`)
  expect(stepsIn(text)).toEqual(['Connect ok', 'TLS ok', 'Log in ok', 'Mailboxes ok', 'Count ok'])
  expect(text).toContain('INBOX: 2 mails')
  const rows = await world.db('audit_log').where({ account_id: id }).orderBy('id').select('actor', 'action')
  expect(rows).toEqual(
    ['account.add', 'account.poll', 'account.pause', 'account.resume', 'account.test'].map(action => ({
      actor: action === 'account.poll' ? 'alan (web)' : 'ada (web)',
      action,
    })),
  )
})

test.each<[string, Record<string, string>, string[]]>([
  [
    'an unknown host',
    { host: 'nobody.invalid' },
    ['Connect failed imap.host_not_found', 'TLS untried', 'Log in untried', 'Mailboxes untried', 'Count untried'],
  ],
  [
    'a port where nobody listens',
    { port: '9' },
    ['Connect failed imap.connection_refused', 'TLS untried', 'Log in untried', 'Mailboxes untried', 'Count untried'],
  ],
  [
    'a certificate of an unknown CA',
    { ca: '' },
    ['Connect ok', 'TLS failed imap.tls_untrusted', 'Log in untried', 'Mailboxes untried', 'Count untried'],
  ],
  [
    'a wrong password',
    { password: 'a wrong Passw0rd' },
    ['Connect ok', 'TLS ok', 'Log in failed imap.auth_refused', 'Mailboxes untried', 'Count untried'],
  ],
  [
    'a mailbox that is not there',
    { mailboxes: 'INBOX\nNowhere' },
    ['Connect ok', 'TLS ok', 'Log in ok', 'Mailboxes failed imap.mailbox_missing', 'Count untried'],
  ],
])('%s is told at its step, and nothing is saved', async (_, wrong, steps) => {
  const before = await world.db('accounts').count({ n: '*' })
  const { status, text } = await admin.post('/accounts/new', { ...goodForm('wrong@example.com'), ...wrong })
  expect(status).toBe(422)
  expect(stepsIn(text)).toEqual(steps)
  expect(text).not.toMatch(/--[a-z]/)
  expect(await world.db('accounts').count({ n: '*' })).toEqual(before)
})
