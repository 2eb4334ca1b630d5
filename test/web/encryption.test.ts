// Server > Encryption in a browser, beside a running daemon and a real mail server: on, checked, a new key, locked, off.
import { copyFileSync, existsSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Daemon } from '../../src/daemon.ts'
import { getAccount } from '../../src/store/accounts/accounts.ts'
import { keyPathsOf } from '../../src/vault/keys/keyring.ts'
import { readStatus } from '../../src/vault/sealing/status.ts'
import { proveBackup } from '../../src/vault/sealing/switches.ts'
import { openChromium } from '../support/chromium.ts'
import { createWorld, until, type World } from '../support/daemon.ts'
import { startTestDovecot, type TestDovecot, user } from '../support/dovecot.ts'
import { addUser, createWebClient, openWindow, type WebClient } from '../support/web.ts'

let dovecot: TestDovecot
let world: World
let daemon: Daemon
let browser: Browser
let accountId: number
const home = '/server/encryption'

beforeAll(async () => {
  dovecot = await startTestDovecot()
  world = await createWorld({ LETTERLOCK_POLL_KEEP_CONNECTIONS: '0' })
  accountId = await world.add(dovecot.destination('tls'), user.password)
  await addUser(world, 'ada', 'admin')
  ;[daemon, browser] = await Promise.all([world.start(), openChromium()])
  await until(async () => (await getAccount(world.db, String(accountId))).lastSuccessAt)
})
afterAll(async () => {
  await browser.close()
  await world[Symbol.asyncDispose]()
  await dovecot[Symbol.asyncDispose]()
})

const place = (name: string) => path.join(world.directory, name)
const keys = () => keyPathsOf(world.config.encryption.keyFile, {})
const status = () => readStatus(world.db, keys(), new Date())
const secrets = () => world.db('credentials').orderBy('id').select('plaintext', 'sealed')
const text = async (page: Page) => (await page.locator('main').textContent()) ?? ''

const open = (javaScript = true): Promise<Page> => openWindow(browser, daemon.url, 'ada', { javaScript })

async function admin(): Promise<WebClient> {
  const client = createWebClient(daemon.url)
  expect((await client.signIn('ada')).status).toBe(303)
  return client
}

/** Off, without any key, whatever the test before left. */
beforeEach(async () => {
  await world.noteSecrets()
  for (const name of readdirSync(world.directory).filter(entry => /^(encryption-key|can-)/.test(entry)))
    rmSync(place(name))
  // It must know that the key is gone before its rows are: else it would take it for a new one.
  daemon.lookAtKeys()
  await world.db('settings').where('name', 'like', 'encryption_%').delete()
  await world.db('credentials').update({ plaintext: user.password, sealed: null })
  await world.db('encryption_keys').delete()
})

test.each([true, false])(
  'turned on with both acknowledgements, and off with the proof; JavaScript: %s',
  async javaScript => {
    const page = await openWindow(browser, daemon.url, 'ada', { javaScript })
    await page.goto(home)
    expect(await text(page)).toContain('State: off')
    expect(await text(page)).toContain(place('encryption-key.bin'))
    const [loss, backup] = [page.locator('[name=accept-key-loss]'), page.locator('[name=have-key-backup]')]
    const button = page.getByRole('button', { name: 'Create the key file and enable encryption' })

    // The browser sends it only with both.
    await button.click()
    await loss.check()
    await button.click()
    await loss.uncheck()
    await backup.check()
    await button.click()
    expect(existsSync(place('encryption-key.bin'))).toBe(false)
    expect(new URL(page.url()).pathname).toBe(home)

    await loss.check()
    await button.click()
    await page.getByText(`The key file ${place('encryption-key.bin')} is made`).waitFor()
    await page.getByText('State: on').waitFor()
    await until(async () => (await status()).state === 'on')
    await world.noteSecrets()
    const { keyId } = await status()
    expect(await text(page)).toContain(keyId ?? 'none')
    const [row] = await secrets()
    expect(row).toMatchObject({ plaintext: null, sealed: expect.any(Buffer) })
    await world.poll(accountId)
    expect(await getAccount(world.db, String(accountId))).toMatchObject({ state: 'active' })

    const off = page.getByRole('button', { name: 'Put 1 password back in plaintext' })
    expect(await off.count()).toBe(0)
    const line = `echo ${keyId} > ${place('can-disable-encryption.txt')}`
    expect(await text(page)).toContain(line)
    writeFileSync(place('can-disable-encryption.txt'), `${keyId}\n`)
    if (!javaScript) await page.reload()
    await off.waitFor()
    await off.click()
    await page.getByText('State: off').waitFor()
    await until(async () => (await status()).state === 'off')
    expect(await secrets()).toEqual([{ plaintext: user.password, sealed: null }])
    await page.context().close()
  },
)

test('the server refuses too: without both acknowledgements, without the proof, and says what is missing', async () => {
  const client = await admin()
  const given = [
    {},
    { 'accept-key-loss': 'yes' },
    { 'have-key-backup': 'yes' },
    { 'accept-key-loss': 'no', 'have-key-backup': 'yes' },
  ]
  for (const fields of given) {
    const answer = await client.post(`${home}/enable`, fields)
    expect(answer).toMatchObject({ status: 422, text: expect.stringContaining('Nothing was done.') })
    expect(answer.text.includes('Tick that whoever loses')).toBe(fields['accept-key-loss'] !== 'yes')
    expect(answer.text.includes('Tick that a secure way')).toBe(fields['have-key-backup'] !== 'yes')
  }
  expect(existsSync(place('encryption-key.bin'))).toBe(false)
  expect(await status()).toMatchObject({ state: 'off', keyId: null })

  await turnOn(client)
  const { keyId } = await status()
  for (const content of [undefined, '', '0123456789abcdef']) {
    if (content !== undefined) writeFileSync(place('can-disable-encryption.txt'), content)
    await client.post(`${home}/disable`)
    const { text: shown } = await client.get(home)
    expect(shown).toContain('Prove your access to the server’s files')
    expect(shown).not.toContain('/server/encryption/disable')
    expect(shown).not.toContain('&#x2F;server&#x2F;encryption&#x2F;disable')
  }
  expect(await status()).toMatchObject({ state: 'on', keyId })
  expect(await client.post(`${home}/rotate`)).toMatchObject({ status: 422 })
  expect(existsSync(place('encryption-key.next.bin'))).toBe(false)
})

async function turnOn(client: WebClient): Promise<void> {
  expect(await client.post(`${home}/enable`, { 'accept-key-loss': 'yes', 'have-key-backup': 'yes' })).toMatchObject({
    status: 303,
  })
  const { text: said } = await client.get(home)
  expect(said).toContain('is made, and sealing begins')
  await until(async () => (await status()).state === 'on')
  await world.noteSecrets()
}

test('a backup is asked for until one is proven; all is checked; a new key is made', async () => {
  const client = await admin()
  await turnOn(client)
  const { keyId: old } = await status()
  expect((await client.get(home)).text).toContain('No backup of the key')
  copyFileSync(place('encryption-key.bin'), place('copy.bin'))
  await proveBackup(world.db, keys(), place('copy.bin'), 'test')
  rmSync(place('copy.bin'))
  expect((await client.get(home)).text).not.toContain('No backup of the key')

  await client.post(`${home}/verify`)
  expect((await client.get(home)).text).toContain('1 sealed password opens.')
  expect((await client.get(home)).text).not.toContain('1 sealed password opens.')

  expect(await client.post(`${home}/rotate`, { 'have-key-backup': 'yes' })).toMatchObject({ status: 303 })
  await until(async () => (await status()).state === 'on' && (await status()).keyId !== old)
  expect(existsSync(place(`encryption-key.retired-${old}.bin`))).toBe(true)
  const { text: copies } = await client.get(`${home}/copies`)
  for (const words of ['Plaintext horizon:', 'general log', 'table pages', 'encryption audit --scrub'])
    expect(copies).toContain(words)

  const { text: audit } = await client.get('/server/audit')
  for (const action of [
    'encryption.enable',
    'encryption.on',
    'encryption.verify',
    'encryption.rotate',
    'encryption.rotated',
  ])
    expect(audit).toContain(`<code>${action}</code>`)
  expect(audit).toContain('ada (web)')
})

test('a key that is gone: what is wrong and how it is mended is said, and nothing can be turned on or off', async () => {
  const client = await admin()
  await turnOn(client)
  const { keyId } = await status()
  renameSync(place('encryption-key.bin'), place('kept-for-the-test'))
  const page = await open()
  await page.goto(home)
  const shown = await text(page)
  for (const words of [
    'State: locked',
    'Put the file back from its backup',
    `the key ${keyId}`,
    'letterlock encryption recover',
  ])
    expect(shown).toContain(words)
  expect(await page.locator('main button').count()).toBe(0)
  await client.post(`${home}/enable`, { 'accept-key-loss': 'yes', 'have-key-backup': 'yes' })
  expect((await client.get(home)).text).toContain('no key is made now')
  expect(existsSync(place('encryption-key.bin'))).toBe(false)
  renameSync(place('kept-for-the-test'), place('encryption-key.bin'))
  await page.getByText('State: on').waitFor()
  await page.context().close()
})

test('progress is shown while passwords are sealed, and goes on by itself; a stream ends with its session', async () => {
  const other = await world.add(dovecot.destination('tls'), user.password, {
    address: 'other@example.com',
    enabled: false,
  })
  const client = await admin()
  const page = await open()
  await page.goto(home)
  const held = await world.db.transaction()
  await held('credentials').where({ account_id: other }).forUpdate().select('id')
  await client.post(`${home}/enable`, { 'accept-key-loss': 'yes', 'have-key-backup': 'yes' })
  await page.getByText('State: sealing').waitFor()
  await page.getByText('1 of 2 passwords').waitFor()
  expect(await page.locator('progress').getAttribute('value')).toBe('1')
  expect((await client.get(home)).text).toContain('http-equiv="refresh"')
  await held.rollback()
  await page.getByText('State: on').waitFor()
  await world.noteSecrets()

  const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const stream = await fetch(`${daemon.url}${home}/events`, { headers: { cookie } })
  expect(stream.headers.get('content-type')).toBe('text/event-stream')
  expect(stream.headers.get('content-security-policy')).toContain("default-src 'none'")
  await world.db('sessions').delete()
  expect(await stream.text()).toContain('retry:')
  await world.db('credentials').where({ account_id: other }).delete()
  await page.context().close()
})
