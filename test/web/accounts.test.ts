// The pages of accounts, against a real mail server: adding and changing with a test before anything is saved, and who may do what.
import { rmSync } from 'node:fs'
import path from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Daemon } from '../../src/daemon.ts'
import { openChromium } from '../support/chromium.ts'
import { createWorld, until, type World } from '../support/daemon.ts'
import { startDnsServer, type TestDnsServer } from '../support/dns-server.ts'
import { startTestDovecot, type TestDovecot, user } from '../support/dovecot.ts'
import { startScriptedServer } from '../support/imap-server.ts'
import { rawMail } from '../support/messages.ts'
import { addUser, createWebClient, faultsOfPage, looks, openWindow, tokenOf, type WebClient } from '../support/web.ts'

let world: World
let daemon: Daemon
let dovecot: TestDovecot
let browser: Browser
let dns: TestDnsServer
let admin: WebClient
let agent: WebClient

beforeAll(async () => {
  dovecot = await startTestDovecot()
  dovecot.deliver(user.name, 'INBOX', [rawMail(), rawMail()])
  world = await createWorld()
  dns = await startDnsServer()
  daemon = await world.start({ LETTERLOCK_DNS_SERVERS: dns.address })
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
  await dns[Symbol.asyncDispose]()
})

async function signedIn(name: string): Promise<WebClient> {
  const client = createWebClient(daemon.url)
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
  return [...html.matchAll(/<li class="check-step (ok|failed|untried)"><b>([^<]+)<\/b>.*?<\/li>/gs)].map(
    ([item, end, name]) => {
      const code = /<code>((?:imap|vault|account|oauth)\.[a-z_]+)<\/code>/.exec(item)?.[1]
      return [name, end, code].filter(Boolean).join(' ')
    },
  )
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
  expect((await agent.get(`/accounts/${id}`)).text).toContain('paused by an admin')
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
  // Options of commands are no help at a page.
  expect(text).not.toMatch(/ --[a-z]/)
  expect(await world.db('accounts').count({ n: '*' })).toEqual(before)
})

test('the server is found by the address, filled in, and nothing is sent there until somebody has seen it', async () => {
  const record = { priority: 0, weight: 0, port: dovecot.ports.tls, name: 'localhost' }
  dns.records.set('_imaps._tcp.shop.test', { SRV: [record] })
  const typed = { ...goodForm('help@shop.test'), host: '', port: '' }
  const found = await admin.post('/accounts/new', { ...typed, password: '', start: '', do: 'find' })
  expect(found.status).toBe(200)
  expect(found.text).toContain('SRV record _imaps._tcp.shop.test')
  expect(found.text).toMatch(/name="host"[^>]*value="localhost"/)
  expect(found.text).toMatch(new RegExp(`name="port"[^>]*value="${dovecot.ports.tls}"`))
  expect(found.text).not.toContain('class="fault"')
  for (const does of ['test-save', 'test', 'save']) {
    const shown = await admin.post('/accounts/new', { ...typed, do: does })
    expect(shown).toMatchObject({ status: 422, text: expect.stringContaining('Your password was not sent there yet') })
    expect(stepsIn(shown.text)).toEqual([])
  }
  const nothing = await admin.post('/accounts/new', { ...typed, address: 'help@nowhere.test', do: 'find' })
  expect(nothing).toMatchObject({ status: 422, text: expect.stringContaining('No mail server was found') })
  expect(await world.db('accounts').whereIn('address', ['help@shop.test', 'help@nowhere.test'])).toEqual([])
  expect((await agent.post('/accounts/new', { ...typed, do: 'find' })).status).toBe(403)
})

test('what the server says is not shown, and STARTTLS that is not there is told at the step of TLS', async () => {
  await using server = await startScriptedServer({ login: 'NO [AUTHENTICATIONFAILED] go away, mallory@example.net' })
  const { host, port } = server.destination
  const plain = { host, port: String(port), security: 'cleartext', ca: '' }
  const refused = await admin.post('/accounts/new', { ...goodForm('scripted@example.com'), ...plain })
  expect(stepsIn(refused.text)[2]).toBe('Log in failed imap.auth_refused')
  expect(refused.text).not.toMatch(/mallory|go away/)
  const upgrade = await admin.post('/accounts/new', {
    ...goodForm('scripted@example.com'),
    ...{ ...plain, security: 'starttls' },
  })
  expect(stepsIn(upgrade.text).slice(0, 3)).toEqual([
    'Connect ok',
    'TLS failed imap.starttls_missing',
    'Log in untried',
  ])
  // Of the second connection no login was heard.
  expect(server.commands.filter(command => command.startsWith('LOGIN'))).toHaveLength(1)
})

test('faults of a form are told at their fields, all at once, and nobody is asked', async () => {
  const { status, text } = await admin.post('/accounts/new', {
    ...goodForm('not an address'),
    ...{ host: 'imaps://imap.example.com', port: '99999', every: 'often', password: '', start: '', after: 'move' },
    ca: 'no certificate',
  })
  expect(status).toBe(422)
  expect(stepsIn(text)).toEqual([])
  const faults = [...text.matchAll(/<p class="fault"[^>]*>([^<]+)</g)].map(([, words = '']) => words)
  expect(faults.map(words => words.replace(/&[^;]+;/g, '"'))).toEqual([
    expect.stringContaining('ust be an address'),
    'The password is missing.',
    expect.stringContaining('ust be a host name'),
    expect.stringContaining('from 1 to 65535'),
    expect.stringContaining('Choose what becomes'),
    expect.stringContaining('ust be keep, seen, delete'),
    expect.stringContaining('from 1s to 24h'),
    expect.stringContaining('PEM form'),
  ])
})

test('a new server wants the password again; the rest does not', async () => {
  const { location } = await admin.post('/accounts/new', goodForm('edited@example.com'))
  const id = idOf(location)
  const form = async (): Promise<Record<string, string>> => {
    const { address: _, start: __, password: ___, ...rest } = goodForm('edited@example.com')
    return { ...rest, password: '' }
  }
  const changes: [Record<string, string>, string][] = [
    [{ host: 'evil.example.net' }, 'host'],
    [{ port: '993' }, 'port'],
    [{ security: 'starttls' }, 'security'],
    [{ username: 'somebody' }, 'user name'],
    [{ ca: '' }, 'CA'],
  ]
  for (const [change, word] of changes)
    for (const does of ['test-save', 'test', 'save']) {
      const refused = await admin.post(`/accounts/${id}/edit`, { ...(await form()), ...change, do: does })
      expect(refused).toMatchObject({
        status: 422,
        text: expect.stringContaining(`The ${word} changes: type the password again.`),
      })
      expect(stepsIn(refused.text)).toEqual([])
    }
  const before = await world.db('accounts').where({ id }).first('host', 'port', 'security', 'username', 'ca_pem')
  expect(before).toMatchObject({ host: dovecot.host, port: dovecot.ports.tls, username: user.name })
  expect((await admin.post(`/accounts/${id}/edit`, await form())).location).toBe(`/accounts/${id}`)
  expect((await admin.get(`/accounts/${id}`)).text).toContain('Nothing was changed.')

  dovecot.deliver(user.name, 'Done', [])
  const softer = { ...(await form()), every: '2h', push: 'yes', after: 'move', moveTo: 'Done' }
  expect((await admin.post(`/accounts/${id}/edit`, softer)).location).toBe(`/accounts/${id}`)
  const starttls = { security: 'starttls', port: String(dovecot.ports.starttls), password: user.password }
  expect((await admin.post(`/accounts/${id}/edit`, { ...softer, ...starttls })).location).toBe(`/accounts/${id}`)
  const row = await world.db('accounts').where({ id }).first()
  expect(row).toMatchObject({ security: 'starttls', poll_every_s: 7_200, push: 1, after_ingest: 'move:Done' })
  const audit = await world.db('audit_log').where({ account_id: id, action: 'account.set' }).orderBy('id')
  expect(audit.map(({ detail_json }) => JSON.parse(detail_json).changed)).toEqual([
    'interval, push, after',
    'port, security, password',
  ])
})

test('an account that signs in with OAuth is moved by signing in again only, and keeps its way of doing so', async () => {
  const client = { issuer: 'https://accounts.google.com', tokenEndpoint: 'https://oauth2.googleapis.com/token' }
  const id = await world.add({ ...dovecot.destination('tls'), host: 'imap.invalid' }, '', {
    ...{ address: 'oauth@example.com', password: null, enabled: false },
    oauth: {
      client: { ...client, clientId: 'c', clientAuth: 'post', scope: 's' },
      refreshToken: 'refresh-of-the-test',
      clientSecret: 'secret-of-the-client',
    },
  })
  for (const secret of ['refresh-of-the-test', 'secret-of-the-client']) world.answers.add('password', secret)
  const { text } = await admin.get(`/accounts/${id}`)
  expect(text).toContain(`letterlock account set ${id} --oauth google`)
  const fields = { ...goodForm(''), host: 'other.invalid', do: 'save', password: '' }
  const refused = await admin.post(`/accounts/${id}/edit`, fields)
  expect(refused).toMatchObject({ status: 422, text: expect.stringContaining('sign in again') })
  expect((await admin.get(`/accounts/${id}/edit`)).status).toBe(200)
})

/** Fills the form in. */
async function fill(page: Page, fields: Record<string, string>): Promise<void> {
  for (const [name, value] of Object.entries(fields)) {
    if (name === 'do') continue
    if (name === 'start') await page.locator(`[name=start][value=${value}]`).check()
    else if (name === 'security' || name === 'after') await page.locator(`[name=${name}]`).selectOption(value)
    else {
      if (name === 'ca') await page.locator('details:has([name=ca])').evaluate('node => { node.open = true }')
      await page.locator(`[name=${name}]`).fill(value)
    }
  }
}

test.each([true, false])('added, edited and paused in a browser; JavaScript: %s', async javaScript => {
  const page = await openWindow(browser, daemon.url, 'ada', { javaScript })
  const address = `browser-${javaScript}@example.com`
  await page.goto('/accounts')
  await page.getByRole('link', { name: 'Add an account' }).click()
  await page.getByRole('link', { name: 'Fastmail' }).click()
  expect(await page.locator('[name=host]').inputValue()).toBe('imap.fastmail.com')
  expect(await page.locator('main').textContent()).toContain('an app password')
  await page.goto('/accounts/new')
  const { ca, ...rest } = goodForm(address)
  await fill(page, rest)
  await page.getByText('A server of your own').click()
  await page.locator('[name=ca]').fill(ca ?? '')
  await page.locator('[name=password]').fill('a wrong Passw0rd')
  await page.getByRole('button', { name: 'Test and save' }).click()
  await page.getByText('imap.auth_refused').waitFor()
  // What was typed is there still; the password where the page was not left.
  expect(await page.locator('[name=address]').inputValue()).toBe(address)
  expect(await page.locator('[name=password]').inputValue()).toBe(javaScript ? 'a wrong Passw0rd' : '')
  await page.locator('[name=password]').fill(user.password)
  await page.getByRole('button', { name: 'Only test' }).click()
  // How many it has depends on whether the account that moves them was polled.
  await page.getByText(/INBOX: \d+ mails?/).waitFor()
  if (javaScript) expect(await page.locator('[name=password]').inputValue()).toBe(user.password)
  else await page.locator('[name=password]').fill(user.password)
  await page.getByRole('button', { name: 'Test and save' }).click()
  await page.getByRole('heading', { name: address, level: 1 }).waitFor()
  await page.getByRole('link', { name: 'Edit' }).click()
  await page.locator('[name=every]').fill('5m')
  await page.getByRole('button', { name: 'Save without a test' }).click()
  await page.getByText('Changed: interval.').waitFor()
  await page.getByRole('button', { name: 'Pause' }).click()
  await page.getByText('paused by an admin').waitFor()
  if (javaScript) {
    // Somebody else resumes it: the page says so by itself.
    const id = Number(new URL(page.url()).pathname.split('/').at(-1))
    expect((await admin.post(`/accounts/${id}/resume`)).status).toBe(303)
    await page.getByText('receiving mail').first().waitFor()
  }
  await page.context().close()
})

test('many accounts: paged by key, found by state and a part of the address', async () => {
  const hint =
    'account 1: the server refused the user name or the password (login): set the password again with `letterlock account set ID --password-stdin`; some providers want an app password, or IMAP to be enabled first'
  const rows = Array.from({ length: 300 }, (_, i) => ({
    ...{ address: `many-${i}@a-long-domain.example.com`, host: 'imap.a-long-domain.example.com', port: 993 },
    ...{ enabled: true, state: 'failing', code: 'imap.auth_refused', hint, failures: 3 },
    next_attempt_at: '2030-01-01 00:00:00',
  }))
  await world.db.batchInsert('accounts', rows, 100)
  const all = await admin.get('/accounts')
  expect(Buffer.byteLength(all.text)).toBeLessThan(45_000)
  const seen = new Set<string>()
  for (let path: string | undefined = '/accounts?address=many-'; path !== undefined; ) {
    const { text } = await agent.get(path)
    for (const [, address = ''] of text.matchAll(/>(many-\d+)@/g)) seen.add(address)
    path = /rel="next" href="([^"]+)"/
      .exec(text)?.[1]
      ?.replaceAll('&amp;', '&')
      .replaceAll('&#x2F;', '/')
      .replaceAll('&#x3D;', '=')
  }
  expect(seen.size).toBe(300)
  expect((await agent.get('/accounts?state=unwell&address=many-299')).text).toMatch(/many-299@.*app password/s)
  expect((await agent.get('/accounts?state=paused&address=many-')).text).toContain('No account matches.')
  expect((await agent.get('/accounts?address=%25')).text).toContain('No account matches.')
  expect((await agent.get('/accounts/999999')).status).toBe(404)
})

test.each(looks)('nothing keeps anybody out: $scheme, $width pixels', async look => {
  const page = await openWindow(browser, daemon.url, 'ada', look)
  const { id } = await world.db('accounts').where({ address: 'edited@example.com' }).first('id')
  const failing = await world.db('accounts').where({ address: 'many-7@a-long-domain.example.com' }).first('id')
  for (const path of [
    '/accounts',
    '/accounts/new?provider=gmail',
    `/accounts/${id}`,
    `/accounts/${id}/edit`,
    `/accounts/${failing.id}`,
  ])
    expect(await faultsOfPage(page, path)).toEqual([])
  await page.context().close()
})

test('too many tests are refused, and saving is not', async () => {
  await addUser(world, 'bob', 'admin')
  const bob = await signedIn('bob')
  const _csrf = await tokenOf(bob)
  const tries = await Promise.all(
    Array.from({ length: 5 }, () => bob.post('/accounts/new', { ...goodForm('x@example.com'), port: '9', _csrf })),
  )
  // Of those at the same time some may have found no place.
  expect(tries.map(({ status }) => status).filter(status => status !== 422 && status !== 429)).toEqual([])
  let last = 0
  let tested = 0
  for (; tested < 60 && last !== 429; tested++)
    last = (await bob.post('/accounts/new', { ...goodForm('x@example.com'), port: '9', _csrf })).status
  expect({ last, few: tested <= 41 && tested > 30 }).toEqual({ last: 429, few: true })
  const saved = await bob.post('/accounts/new', { ...goodForm('x@example.com'), do: 'save', _csrf })
  expect(saved.location).toMatch(/^\/accounts\/\d+$/)
})

test('what a provider says when it refuses a login reached nobody: admins read it, agents and the log do not', async () => {
  await using server = await startScriptedServer({
    login: 'NO [AUTHENTICATIONFAILED] joe@example.com owes us <b>much',
  })
  const id = await world.add(server.destination, 'refused', { address: 'owing@example.com' })
  const row = async () => await world.db('accounts').where({ id }).first()
  await until(async () => (await row()).code === 'imap.auth_refused')
  expect((await row()).hint).toMatch(/; the server said: “joe@example\.com owes us <b>much”$/)
  const words = 'The server said: “joe@example.com owes us &lt;b&gt;much”'
  expect((await admin.get(`/accounts/${id}`)).text).toContain(words)
  for (const path of [`/accounts/${id}`, '/accounts?address=owing'])
    expect((await agent.get(path)).text).toMatch(/^(?!.*owes us).*imap\.auth_refused/s)
  const logged = world.log.filter(line => line.account === id)
  expect(logged.some(line => line.msg === 'fail')).toBe(true)
  expect(JSON.stringify(logged)).not.toContain('owes us')
})

test('“Poll now”, “Test” and “Resume” do not have a refused password tried again and again, and an agent not at all', async () => {
  const id = await world.add(dovecot.destination('tls'), 'refused', { address: 'refused@example.com' })
  const row = async () => await world.db('accounts').where({ id }).first()
  const attempts = () => world.log.filter(line => line.event === 'poll' && line.account === id && line.msg === 'start')
  await until(async () => (await row()).code === 'imap.auth_refused')
  const { last_attempt_at: refusedAt } = await row()
  const before = attempts().length
  expect((await agent.get(`/accounts/${id}`)).text).not.toContain('Poll now')
  expect((await agent.post(`/accounts/${id}/poll`)).status).toBe(403)
  for (let i = 0; i < 7; i++) {
    await admin.post(`/accounts/${id}/${['poll', 'pause', 'resume'][i % 3]}`)
    const { next_attempt_at: next } = await row()
    expect(next?.getTime() - refusedAt.getTime()).toBe(60_000)
  }
  expect((await admin.get(`/accounts/${id}`)).text).toContain('Its login was refused a moment ago')
  expect(stepsIn((await admin.post(`/accounts/${id}/test`)).text)).toContain('Log in failed imap.auth_refused')
  expect(attempts().length).toBe(before)

  // Once the minute is over it is tried, and then counts again.
  const past = world.db.raw('UTC_TIMESTAMP(3) - INTERVAL 61 SECOND')
  await world.db('accounts').where({ id }).update({ last_attempt_at: past })
  await admin.post(`/accounts/${id}/poll`)
  await until(async () => attempts().length === before + 1 && (await row()).last_attempt_at > refusedAt)
  // Another password is tried at once.
  const edited = { ...goodForm('refused@example.com'), do: 'save' }
  expect((await admin.post(`/accounts/${id}/edit`, edited)).status).toBe(303)
  expect((await row()).next_attempt_at).toBeNull()
  await admin.post(`/accounts/${id}/pause`)
})

test('once a key is in use a password is sealed before it is stored, and refused where the key is gone', async () => {
  const both = { 'accept-key-loss': 'yes', 'have-key-backup': 'yes' }
  expect((await admin.post('/server/encryption/enable', both)).status).toBe(303)
  await until(async () => (await world.db('encryption_keys').first()) !== undefined)
  const { location } = await admin.post('/accounts/new', goodForm('sealed@example.com'))
  const secret = await world
    .db('credentials')
    .where({ account_id: idOf(location) })
    .first()
  expect(secret).toMatchObject({ plaintext: null, sealed: expect.any(Buffer) })
  rmSync(path.join(world.directory, 'encryption-key.bin'))
  const refused = await admin.post('/accounts/new', { ...goodForm('lacking@example.com'), do: 'save' })
  expect(refused).toMatchObject({ status: 422, text: expect.stringContaining('cannot be sealed') })
  expect(refused.text).not.toContain('run the command')
  expect(await world.db('accounts').where({ address: 'lacking@example.com' })).toEqual([])
  daemon.lookAtKeys()
  const locked = await admin.post(`/accounts/${idOf(location)}/test`)
  expect(stepsIn(locked.text).slice(0, 3)).toEqual([
    'Connect untried',
    'TLS untried',
    'Log in failed vault.key_missing',
  ])
})

test('no password is in the log', () => {
  expect(JSON.stringify(world.log)).not.toContain(user.password)
})
