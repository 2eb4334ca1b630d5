// The form of an account whose server was changed in the database: a password that is typed there goes nowhere before somebody says yes to
// that very server.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Daemon } from '../../src/daemon.ts'
import { createWorld, until, type World } from '../support/daemon.ts'
import { startScriptedServer } from '../support/imap-server.ts'
import { keyFileOf, untilAction, writeKey } from '../support/sealing.ts'
import { addUser, createWebClient, type WebClient } from '../support/web.ts'

let world: World
let daemon: Daemon
let ada: WebClient
beforeAll(async () => {
  world = await createWorld()
  daemon = await world.start()
  await addUser(world, 'ada', 'admin')
  ada = createWebClient(daemon.url)
  await ada.signIn('ada')
  writeKey(keyFileOf(world))
  await untilAction(world.db, 'encryption.on')
})
afterAll(() => world[Symbol.asyncDispose]())

test('a server that was changed in the database is confirmed before a password is tried or stored', async () => {
  await using home = await startScriptedServer()
  await using away = await startScriptedServer()
  const id = await world.add(home.destination, 'the first password', { enabled: false })
  const sealed = async (): Promise<string> =>
    (await world.db('credentials').where({ account_id: id }).first()).sealed?.toString('hex')
  await until(sealed)
  const page = `/accounts/${id}/edit`
  expect((await ada.get(page)).text).not.toContain('name="confirm"')
  const before = await sealed()
  await world.db('accounts').where({ id }).update({ port: away.destination.port })

  const shown = await ada.get(page)
  expect(shown.text).toContain(`port ${away.destination.port}`)
  const value = /name="confirm" value="([0-9a-f]+)"/.exec(shown.text)?.[1] ?? ''
  expect(value).not.toBe('')
  const { host, port, security, username } = away.destination
  const form = {
    ...{ host, port: String(port), security, username, mailboxes: 'INBOX', every: '1h', after: 'keep', ca: '' },
    password: 'the second password',
  }
  for (const does of ['test', 'test-save', 'save']) {
    const refused = await ada.post(page, { ...form, do: does })
    expect(refused).toMatchObject({ status: 422, text: expect.stringContaining('changed server') })
  }
  // Said of another destination, it is no answer to this one.
  expect((await ada.post(page, { ...form, host: 'localhost', confirm: value, do: 'save' })).status).toBe(422)
  expect(await sealed()).toBe(before)
  expect(away.commands.join('\n')).not.toContain('LOGIN')

  // The control: with a yes to what was shown it is stored for that server.
  expect((await ada.post(page, { ...form, confirm: value, do: 'save' })).status).toBe(303)
  expect(await sealed()).not.toBe(before)
})
