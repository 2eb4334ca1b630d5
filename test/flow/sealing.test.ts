// Encryption in a running daemon: a key file appears, everything is sealed, and every mailbox goes on being polled.
import { randomBytes } from 'node:crypto'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { getAccount } from '../../src/store/accounts/accounts.ts'
import { createWorld, until, type World } from '../support/daemon.ts'
import { startTestDovecot, type TestDovecot, user } from '../support/dovecot.ts'

let dovecot: TestDovecot
beforeAll(async () => {
  dovecot = await startTestDovecot()
})
afterAll(() => dovecot[Symbol.asyncDispose]())

const keyFile = (world: World) => world.config.encryption.keyFile

function dropKey(world: World): string {
  writeFileSync(keyFile(world), randomBytes(32), { mode: 0o600 })
  return keyFile(world)
}

const actions = async (world: World): Promise<string[]> =>
  await world.db('audit_log').where('action', 'like', 'encryption.%').orderBy('id').pluck('action')

const isOn = (world: World) => until(async () => (await actions(world)).includes('encryption.on'))

const codeOf = async (world: World, id: number) => (await getAccount(world.db, String(id))).code

test('a key that is dropped seals every password within seconds, and polls go on', async () => {
  await using world = await createWorld()
  const id = await world.add(dovecot.destination('tls'), user.password)
  await world.start()
  await until(async () => (await getAccount(world.db, String(id))).lastSuccessAt)
  dropKey(world)
  await isOn(world)
  expect(await world.db('credentials').select('plaintext', world.db.raw('LENGTH(sealed) AS size'))).toEqual([
    { plaintext: null, size: 49 + 64 + 16 },
  ])
  await world.poll(id)
  expect(await getAccount(world.db, String(id))).toMatchObject({ state: 'active', failures: 0 })
})

test('a key that goes away stops new logins with a code, and all resumes when it is back', async () => {
  await using world = await createWorld({ LETTERLOCK_POLL_KEEP_CONNECTIONS: '0' })
  const id = await world.add(dovecot.destination('tls'), user.password)
  dropKey(world)
  const daemon = await world.start()
  await isOn(world)
  renameSync(keyFile(world), path.join(world.directory, 'away'))
  daemon.lookAtKeys()
  await world.poll(id)
  expect(await getAccount(world.db, String(id))).toMatchObject({ state: 'waiting', code: 'vault.key_missing' })
  const ready = await until(async () => {
    const answer = await fetch(`${daemon.url}/ready`)
    return answer.status === 503 && answer.json()
  })
  expect(ready).toMatchObject({
    problems: [{ part: 'key', code: 'vault.locked', hint: expect.stringContaining(keyFile(world)) }],
  })
  renameSync(path.join(world.directory, 'away'), keyFile(world))
  await until(async () => (await codeOf(world, id)) === null)
  rmSync(keyFile(world))
})
