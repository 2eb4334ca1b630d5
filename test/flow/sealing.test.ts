// Encryption in a running daemon: a key file appears, everything is sealed, every mailbox goes on being polled, and no password is left in
// what the service writes; test/scenes searches a whole installation.
import { randomBytes } from 'node:crypto'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openRedis } from '../../src/schedule/redis.ts'
import { getAccount } from '../../src/store/accounts/accounts.ts'
import { createWorld, until, type World } from '../support/daemon.ts'
import { startTestDovecot, type TestDovecot, user } from '../support/dovecot.ts'
import { readKeys, webAnswers } from '../support/forensic-places.ts'
import { findSecrets } from '../support/forensics.ts'
import { startScriptedServer } from '../support/imap-server.ts'

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

test('once sealed, a password is in no row, log line, job, answer or file, not even one that a server refuses and repeats', async () => {
  await using refusing = await startScriptedServer({
    login: given => `NO [AUTHENTICATIONFAILED] wrong: LOGIN ${given}`,
  })
  await using world = await createWorld({ LETTERLOCK_LOG_LEVEL: 'trace', LETTERLOCK_POLL_KEEP_CONNECTIONS: '0' })
  const refused = `pw-${randomBytes(16).toString('base64url')}`
  const secrets = [user.password, refused]
  const good = await world.add(dovecot.destination('tls'), user.password)
  const bad = await world.add(refusing.destination, refused, { address: 'refused@example.com' })
  // The search is not blind.
  expect(new Set(findSecrets(await rowsOf(world), secrets).map(({ secret }) => secret))).toEqual(new Set(secrets))

  const daemon = await world.start()
  await until(async () => (await codeOf(world, bad)) === 'imap.auth_refused')
  dropKey(world)
  await isOn(world)
  await world.poll(bad)
  await world.poll(good)
  expect(refusing.commands.filter(command => command.includes(refused)).length).toBeGreaterThan(1)
  const redis = openRedis(world.config.redis.url, world.config.redis, 'commands')
  await redis.connect()
  const places = {
    rows: await rowsOf(world),
    log: Buffer.from(world.log.map(line => JSON.stringify(line)).join('\n')),
    jobs: await readKeys({ redis }, `${world.config.redis.prefix}:*`),
    answers: await webAnswers(daemon.url),
    files: world.directory,
  }
  redis.disconnect()
  for (const [place, where] of Object.entries(places)) expect([place, findSecrets(where, secrets)]).toEqual([place, []])
})

/** All rows of all tables; bytes letter for letter. */
async function rowsOf({ db }: World): Promise<Buffer> {
  const [tables] = await db.raw('SHOW FULL TABLES')
  const rows: unknown[] = []
  for (const table of tables as Record<string, string>[]) rows.push(...(await db(Object.values(table)[0] ?? '')))
  const letters = (_: string, value: unknown): unknown => {
    const bytes = value as { type?: string; data?: number[] } | null
    return bytes?.type === 'Buffer' ? Buffer.from(bytes.data ?? []).toString('latin1') : value
  }
  return Buffer.from(JSON.stringify(rows, letters))
}
