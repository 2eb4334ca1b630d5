// `letterlock encryption …` beside a running daemon: every way in and out, and every refusal with what to do.
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Daemon } from '../../src/daemon.ts'
import { getAccount } from '../../src/store/accounts/accounts.ts'
import { keyPathsOf } from '../../src/vault/keys/keyring.ts'
import { readStatus } from '../../src/vault/sealing/status.ts'
import { createWorld, until, type World } from '../support/daemon.ts'
import { startTestDovecot, type TestDovecot, user } from '../support/dovecot.ts'
import { letterlock, type Ran } from './letterlock.ts'

let dovecot: TestDovecot
let world: World
let daemon: Daemon
let accountId: number

beforeAll(async () => {
  dovecot = await startTestDovecot()
  world = await createWorld({ LETTERLOCK_POLL_KEEP_CONNECTIONS: '0' })
  accountId = await world.add(dovecot.destination('tls'), user.password)
  daemon = await world.start()
  await until(async () => (await getAccount(world.db, String(accountId))).lastSuccessAt)
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
  await dovecot[Symbol.asyncDispose]()
})

const outputs: Ran[] = []
const place = (name: string) => path.join(world.directory, name)

async function encryption(...args: string[]): Promise<Ran> {
  const { database, redis } = world.config
  const ran = await letterlock(['encryption', ...args], {
    env: {
      LETTERLOCK_DATABASE_URL: database.url,
      LETTERLOCK_REDIS_URL: redis.url,
      LETTERLOCK_DATA_DIRECTORY: world.directory,
    },
  })
  outputs.push(ran)
  return ran
}

/** What `encryption status --json` prints, without the process. */
const status = async () =>
  JSON.parse(JSON.stringify(await readStatus(world.db, keyPathsOf(world.config.encryption.keyFile, {}), new Date())))
const both = ['--i-accept-key-loss', '--i-have-a-key-backup']
const secretsOf = () => world.db('credentials').orderBy('id').select('plaintext', 'sealed')

async function enable(): Promise<string> {
  expect(await encryption('enable', ...both)).toMatchObject({ code: 0 })
  return (await status()).keyId
}

/** Off, without any key, whatever the test before left. */
beforeEach(async () => {
  for (const name of readdirSync(world.directory).filter(
    entry => entry.startsWith('encryption-key') || entry.startsWith('can-'),
  ))
    rmSync(place(name))
  // It must know that the key is gone before its rows are: else it would take it for a new one.
  daemon.lookAtKeys()
  await world.db('settings').where('name', 'like', 'encryption_%').delete()
  await world.db('credentials').update({ plaintext: user.password, sealed: null })
  await world.db('encryption_keys').delete()
})

test('enable demands both acknowledgements, and does nothing without', async () => {
  for (const given of [[], both.slice(0, 1), both.slice(1)]) {
    const { code, stderr } = await encryption('enable', ...given)
    expect(code).toBe(2)
    for (const flag of both) expect(stderr.includes(`${flag} (`)).toBe(!given.includes(flag))
  }
  expect(existsSync(place('encryption-key.bin'))).toBe(false)
  expect(await status()).toMatchObject({
    state: 'off',
    keyId: null,
    sealed: 0,
    plaintext: 1,
    backup: null,
    progress: null,
  })
})

test('enable makes a key for the service alone, seals, and says what comes next', async () => {
  const ran = await encryption('enable', ...both)
  expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining('on: every password is sealed') })
  expect(ran.stderr).toContain('change the passwords of the mailboxes')
  const [row] = await secretsOf()
  expect(row).toMatchObject({ plaintext: null, sealed: expect.any(Buffer) })
  const found = JSON.parse((await encryption('status', '--json')).stdout)
  const { problems: _, ...facts } = await status()
  expect(found).toEqual({ ...facts, problems: found.problems, workers: found.workers })
  expect(found).toMatchObject({
    state: 'on',
    keyFile: place('encryption-key.bin'),
    keyId: row.sealed.toString('hex', 1, 9),
    nextKeyId: null,
    sealed: 1,
    plaintext: 0,
    unreadable: 0,
    lastPlaintextSeenAt: expect.any(String),
    workers: [{ host: expect.any(String), keyIds: [row.sealed.toString('hex', 1, 9)], lastSeenAt: expect.any(String) }],
    problems: [{ code: 'backup.unproven' }],
  })
  expect(await encryption('enable', ...both)).toMatchObject({ code: 0 })
})

test('a file in place that is no good key is refused with the line that mends it, and nothing changes', async () => {
  writeFileSync(place('encryption-key.bin'), randomBytes(32), { mode: 0o644 })
  const { code, stderr } = await encryption('enable', ...both)
  expect(code).toBe(1)
  expect(stderr).toContain(`chmod 400 ${place('encryption-key.bin')}`)
  expect((await status()).problems).toMatchObject([{ code: 'key_file.mode' }])
  writeFileSync(place('encryption-key.bin'), 'correct horse battery staple 1234')
  chmodSync(place('encryption-key.bin'), 0o600)
  expect((await encryption('enable', ...both)).stderr).toContain('has 33 bytes instead of 32')
  expect(await secretsOf()).toEqual([{ plaintext: user.password, sealed: null }])
})

test('a backup is proven by another file with the same key, and by no other', async () => {
  expect(await encryption('backup', '--verify', '/nonexistent')).toMatchObject({ code: 1 })
  const keyId = await enable()
  const copy = place('copy.bin')
  expect((await encryption('backup', '--verify', place('encryption-key.bin'))).stderr).toContain(
    'is the key file itself',
  )
  writeFileSync(copy, randomBytes(32))
  expect((await encryption('backup', '--verify', copy)).stderr).toContain(`the one in use is ${keyId}`)
  writeFileSync(copy, readFileSync(place('encryption-key.bin')).subarray(0, 31))
  expect((await encryption('backup', '--verify', copy)).stderr).toContain('has 31 bytes')
  expect((await status()).backup).toBeNull()
  rmSync(copy)
  copyFileSync(place('encryption-key.bin'), copy)
  expect(await encryption('backup', '--verify', copy, '--json')).toMatchObject({
    code: 0,
    stdout: `${JSON.stringify({ keyId, proven: true })}\n`,
  })
  expect(await status()).toMatchObject({ backup: { provenAt: expect.any(String) }, problems: [] })
  rmSync(copy)
})

test('rotate asks, makes a new key, and keeps the old one', async () => {
  expect((await encryption('rotate', '--yes')).stderr).toContain('a key is rotated only while it is on')
  const old = await enable()
  expect(await encryption('rotate')).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') })
  expect(await encryption('rotate', '--dry-run')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('would make'),
  })
  expect(await encryption('rotate', '--yes')).toMatchObject({ code: 0 })
  const { keyId, state, unreadable } = await status()
  expect({ state, unreadable, isOld: keyId === old }).toEqual({ state: 'on', unreadable: 0, isOld: false })
  expect(existsSync(place(`encryption-key.retired-${old}.bin`))).toBe(true)
  expect(existsSync(place('encryption-key.next.bin'))).toBe(false)
  expect(await encryption('verify')).toMatchObject({ code: 0, stdout: '1 of 1 sealed passwords open\n' })
  await world.poll(accountId)
  expect(await getAccount(world.db, String(accountId))).toMatchObject({ state: 'active' })
})

test('disable refuses without the proof, with an empty one and with another key’s, then restores; enable works again', async () => {
  const keyId = await enable()
  const proof = place('can-disable-encryption.txt')
  const refused = async (why: string) => {
    const { code, stderr } = await encryption('disable', '--yes')
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(why) })
    expect(stderr).toContain(`echo ${keyId} > ${proof}`)
  }
  await refused('is not there')
  writeFileSync(proof, '')
  await refused('is empty')
  writeFileSync(proof, '0123456789abcdef\n')
  await refused('names another key')
  writeFileSync(proof, `${keyId}\n`)
  expect(await encryption('disable')).toMatchObject({ code: 2 })
  expect(await encryption('disable', '--dry-run')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('would put 1'),
  })
  expect((await status()).state).toBe('on')
  expect(await encryption('disable', '--yes')).toMatchObject({ code: 0 })
  expect(await secretsOf()).toEqual([{ plaintext: user.password, sealed: null }])
  await until(async () => !existsSync(proof) && !existsSync(place('encryption-key.bin')))
  expect(existsSync(place(`encryption-key.retired-${keyId}.bin`))).toBe(true)
  expect(await enable()).not.toBe(keyId)
})

test('a lost key: nothing is made or written, the accounts are listed, and a new key is adopted only for the old one’s id', async () => {
  const lost = await enable()
  expect(await encryption('recover')).toMatchObject({ code: 0, stdout: expect.stringContaining('is not lost') })
  renameSync(place('encryption-key.bin'), place('kept-for-the-test'))
  await until(async () => (await status()).state === 'locked')
  expect((await encryption('enable', ...both)).stderr).toContain('no key is made now')
  expect((await encryption('recover')).stdout).toContain(`letterlock account set ${accountId} --ask-password`)
  expect((await encryption('recover', '--old-key-id', lost, '--yes')).stderr).toContain('there is no new key in place')
  writeFileSync(place('encryption-key.bin'), randomBytes(32), { mode: 0o600 })
  expect((await encryption('recover', '--old-key-id', '0123456789abcdef', '--yes')).stderr).toContain(lost)
  const [before] = await secretsOf()
  expect(await encryption('recover', '--old-key-id', lost, '--yes')).toMatchObject({ code: 0 })
  expect(await secretsOf()).toEqual([before])
  expect(await encryption('verify', '--json')).toMatchObject({
    code: 1,
    stdout: `${JSON.stringify({ sealed: 1, readable: 0, unreadable: [{ account: accountId, code: 'vault.key_missing' }] })}\n`,
  })
  await until(async () => (await status()).state === 'on')
  const set = await letterlock(['account', 'set', String(accountId), '--password-stdin'], {
    env: { LETTERLOCK_DATABASE_URL: world.config.database.url, LETTERLOCK_DATA_DIRECTORY: world.directory },
    stdin: user.password,
  })
  expect(set).toMatchObject({ code: 0 })
  expect(await encryption('verify')).toMatchObject({ code: 0 })
  await world.poll(accountId)
  expect(await getAccount(world.db, String(accountId))).toMatchObject({ state: 'active' })
})

test('a moved account waits until its destination is accepted on the server', async () => {
  await enable()
  await world.db('accounts').where({ id: accountId }).update({ host: 'localhost' })
  await world.poll(accountId)
  expect(await getAccount(world.db, String(accountId))).toMatchObject({
    state: 'waiting',
    code: 'vault.destination_changed',
  })
  expect(await encryption('verify')).toMatchObject({
    code: 1,
    stdout: expect.stringContaining(`account ${accountId}: vault.destination_changed`),
  })
  expect(await encryption('accept-destination', String(accountId))).toMatchObject({ code: 2 })
  expect(await encryption('accept-destination', String(accountId), '--yes')).toMatchObject({ code: 0 })
  expect(await encryption('verify')).toMatchObject({ code: 0 })
  await world.db('accounts').where({ id: accountId }).update({ host: dovecot.host })
  expect(await encryption('accept-destination', String(accountId), '--yes')).toMatchObject({ code: 0 })
})

test('audit names every place with its state, gives the first advice, and says what a scrub would write', async () => {
  await enable()
  const { code, stdout } = await encryption('audit', '--json')
  const audit = JSON.parse(stdout)
  expect({ code, scrub: audit.scrub }).toEqual({ code: 0, scrub: null })
  expect(audit.firstAdvice).toContain('change the mailbox passwords')
  expect(audit.residues.map((found: { place: string }) => found.place)).toEqual(
    expect.arrayContaining(['general-log', 'binary-log', 'table-pages', 'undo', 'redo', 'backups', 'disk']),
  )
  expect((await encryption('audit')).stdout).toContain('Plaintext horizon:')
  expect(await encryption('audit', '--scrub')).toMatchObject({ code: 2 })
  expect((await encryption('audit', '--scrub', '--dry-run')).stdout).toContain('would rebuild')
})

test('keys that systemd gives are taken as they are, and the commands say what to change instead of writing', async () => {
  const credentials = place('credentials')
  mkdirSync(credentials, { recursive: true })
  const env = {
    LETTERLOCK_DATABASE_URL: world.config.database.url,
    LETTERLOCK_DATA_DIRECTORY: world.directory,
    CREDENTIALS_DIRECTORY: credentials,
  }
  await enable()
  renameSync(place('encryption-key.bin'), path.join(credentials, 'encryption-key.bin'))
  chmodSync(path.join(credentials, 'encryption-key.bin'), 0o444)
  const status = await letterlock(['encryption', 'status', '--json'], { env })
  expect(JSON.parse(status.stdout)).toMatchObject({
    state: 'on',
    keyFile: path.join(credentials, 'encryption-key.bin'),
  })
  const rotate = await letterlock(['encryption', 'rotate', '--yes'], { env })
  expect(rotate).toMatchObject({ code: 1, stderr: expect.stringContaining('LoadCredential=encryption-key.next.bin') })
  expect(readdirSync(credentials)).toEqual(['encryption-key.bin'])
})

test('nothing that any command printed holds a password, a key or an envelope', async () => {
  expect(outputs.length).toBeGreaterThan(30)
  const keys = readdirSync(world.directory).filter(name => name.startsWith('encryption-key'))
  const secrets = [
    user.password,
    ...keys.flatMap(name => ['hex', 'base64'].map(form => readFileSync(place(name)).toString(form as 'hex'))),
  ]
  const printed = outputs.map(({ stdout, stderr }) => stdout + stderr).join('\n')
  expect(secrets.filter(secret => printed.includes(secret))).toEqual([])
  expect(JSON.stringify(world.log)).not.toContain(user.password)
})
