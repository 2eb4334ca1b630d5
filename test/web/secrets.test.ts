// That what searches all answers of all tests for secrets would find them.
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { createWorld, until } from '../support/daemon.ts'
import { addUser, createWebClient } from '../support/web.ts'

const destination = { host: '127.0.0.1', port: 9, security: 'tls', username: 'u', caPem: null } as const

test('an answer that holds a password, an envelope, a key, a hash or a session fails the test that it was given in', async () => {
  const world = await createWorld()
  const key = randomBytes(32)
  writeFileSync(path.join(world.directory, 'encryption-key.bin'), key, { mode: 0o600 })
  const daemon = await world.start()
  await until(async () => (await world.db('encryption_keys').where({ state: 'active' })).length === 1)
  const id = await world.add(destination, 'a <Passw0rd> & more')
  const { sealed } = await until(() => world.db('credentials').where({ account_id: id }).whereNotNull('sealed').first())
  await addUser(world, 'ada', 'admin')
  const admin = createWebClient(daemon.url)
  await admin.signIn('ada')
  const { password_hash: hash } = await world.db('users').first()
  await world.noteSecrets()
  expect(world.answers.find()).toEqual([])

  // The page shows what somebody looks for.
  const session = admin.cookies.get('letterlock') ?? ''
  for (const shown of ['a <Passw0rd> & more', sealed.toString('hex'), key.toString('base64'), hash, session])
    await admin.get(`/accounts?address=${encodeURIComponent(shown)}`)
  const found = world.answers.find()
  expect([...new Set(found.map(line => line.replace(/, .*/, '')))].sort()).toEqual(
    ['envelope', 'hash', 'key', 'password', 'session'].map(kind => `GET /accounts: ${kind}`),
  )
  await expect(world[Symbol.asyncDispose]()).rejects.toThrow('secrets in answers')
})
