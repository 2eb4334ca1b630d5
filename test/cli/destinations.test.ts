// Whoever can only write to the database must not have a password sent elsewhere, not by what a question shows, not between a question and
// its answer, not by a person who sets the password again without being told where it goes.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { newAccount, toNewAccount } from '../../src/operations/account-input.ts'
import { checkInput } from '../../src/operations/operation.ts'
import { insertAccount, updateAccount } from '../../src/store/accounts/account-changes.ts'
import { getDestination } from '../../src/store/accounts/destinations.ts'
import { keyPathsOf, readKeyring } from '../../src/vault/keys/keyring.ts'
import { adoptKey } from '../../src/vault/sealing/transitions.ts'
import { acceptDestination } from '../../src/vault/secrets/accept-destination.ts'
import { bindingOf } from '../../src/vault/secrets/bound-destination.ts'
import { toKey } from '../../src/vault/secrets/envelope.ts'
import { createSecretWriter } from '../../src/vault/secrets/write-secret.ts'
import { writeKey } from '../support/sealing.ts'
import { createTestDatabase, type TestDatabase } from '../support/servers.ts'
import { cleanEnv, letterlock, type Ran } from './letterlock.ts'

const main = path.resolve(import.meta.dirname, '../../src/main.ts')
const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-destinations-'))
const place = keyPathsOf(path.join(directory, 'encryption-key.bin'), {})
const writeSecret = createSecretWriter(place)

let database: TestDatabase
let id: number
let accounts = 0
beforeAll(async () => {
  database = await createTestDatabase()
  expect(await adoptKey(database.db, toKey(writeKey(place.file)), 'test')).toBe(true)
})
afterAll(async () => {
  await database[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true })
})

/** An account whose password is sealed for imap.good.example. */
beforeEach(async () => {
  const given = { address: `a${++accounts}@good.example`, host: 'imap.good.example', password: 'first' }
  const account = { ...toNewAccount(checkInput(newAccount, given)), enabled: false }
  id = await insertAccount(database.db, account, writeSecret)
})

const env = (): Record<string, string> => ({
  LETTERLOCK_DATABASE_URL: database.url,
  LETTERLOCK_DATA_DIRECTORY: directory,
})
const run = async (args: string[], stdin = ''): Promise<Ran> => await letterlock(args, { env: env(), stdin })
const writeRow = (row: object) => database.db('accounts').where({ id }).update(row)
const sealedNow = async (): Promise<string> =>
  (await database.db('credentials').where({ account_id: id }).first('sealed')).sealed.toString('hex')
const binding = async () => await bindingOf(database.db, readKeyring(place), id, await getDestination(database.db, id))

/** At a terminal; `onQuestion` is what happens when the question is there, and gives the answer. */
async function atTerminal(args: string[], question: string, onQuestion: () => Promise<string>): Promise<string> {
  const command = [process.execPath, main, ...args].map(word => `'${word}'`).join(' ')
  const child = spawn('script', ['-qefc', command, '-E', 'always', '/dev/null'], {
    env: cleanEnv({ TERM: 'xterm', ...env() }),
  })
  let screen = ''
  let asked = false
  child.stdout.on('data', async data => {
    screen += data
    if (asked || !screen.includes(question)) return
    asked = true
    child.stdin.write(await onQuestion())
  })
  await new Promise(resolve => child.on('close', resolve))
  expect(asked, screen).toBe(true)
  return screen
}

test('the control: the destination that a row names is accepted once it is shown and confirmed', async () => {
  await writeRow({ host: 'imap2.good.example' })
  expect(await binding()).toBe('changed')
  const screen = await atTerminal(['encryption', 'accept-destination', String(id)], '[y/N]', async () => 'y\r')
  expect(screen).toContain(`host imap2.good.example, port 993, security tls, user a${accounts}@good.example`)
  expect(await binding()).toBe('same')
})

test.each<[string, object, string]>([
  ['a host that writes over the line', { host: 'evil.example\r\u001b[2Kimap.good.example' }, '\\u000d\\u001b[2K'],
  ['a user name that turns the direction', { username: '\u202eelpmaxe' }, '\\u202e'],
  ['a user name with an invisible letter', { username: 'an\u200bna' }, '\\u200b'],
  ['a line of its own', { host: 'evil.example\n' }, '\\u000a'],
])('%s is shown as it is and is not accepted', async (_, row, shown) => {
  await writeRow(row)
  const before = await sealedNow()
  const accepted = await run(['encryption', 'accept-destination', String(id), '--yes'])
  expect(accepted).toMatchObject({ code: 1, stdout: '' })
  expect(accepted.stderr).toContain(shown)
  const set = await run(['account', 'set', String(id), '--password-stdin', '--yes'], 'second')
  expect(set).toMatchObject({ code: 2, stderr: expect.stringContaining(shown) })
  expect(await sealedNow()).toBe(before)
})

test('what changes between the question and the answer is not bound', async () => {
  const before = await sealedNow()
  await writeRow({ host: 'imap2.good.example' })
  const screen = await atTerminal(['encryption', 'accept-destination', String(id)], 'imap2.good.example', async () => {
    await writeRow({ host: 'evil.example' })
    return 'y\r'
  })
  expect(screen).toContain('somebody changed the destination')
  expect(await sealedNow()).toBe(before)
  // The same of a new password, whichever surface asked for it.
  const shown = { ...(await getDestination(database.db, id)), host: 'imap2.good.example' }
  await expect(updateAccount(database.db, id, { password: 'second' }, writeSecret, shown)).rejects.toThrow('meanwhile')
  await expect(acceptDestination(database.db, place, id, shown, 'test')).rejects.toThrow('meanwhile')
  expect(await sealedNow()).toBe(before)
})

test('a new password is asked for with the place that it goes to', async () => {
  const screen = await atTerminal(
    ['account', 'set', String(id), '--ask-password'],
    'New password: ',
    async () => 'second\r',
  )
  expect(screen).toContain(`host imap.good.example, port 993, security tls, user a${accounts}@good.example`)
  expect(screen).toContain('changed: password')
})

test('a destination that somebody changed in the database is confirmed before a password goes there', async () => {
  await writeRow({ host: 'evil.example', port: 1993 })
  const before = await sealedNow()
  const screen = await atTerminal(['account', 'set', String(id), '--ask-password'], '[y/N]', async () => 'n\r')
  expect(screen).toContain('host evil.example, port 1993, security tls')
  const refused = await run(['account', 'set', String(id), '--password-stdin'], 'second')
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('host evil.example, port 1993') })
  expect(await sealedNow()).toBe(before)
  // Put back, there is nothing to confirm; and who confirms it goes on.
  const back = ['--host', 'imap.good.example', '--port', '993', '--password-stdin']
  expect(await run(['account', 'set', String(id), ...back], 'second')).toMatchObject({ code: 0 })
  await writeRow({ host: 'imap2.good.example' })
  expect(await run(['account', 'set', String(id), '--password-stdin', '--yes'], 'third')).toMatchObject({ code: 0 })
  expect(await binding()).toBe('same')
})

test.each<[string, Buffer, number]>([
  ['in the code page of Windows', Buffer.from('a@b.example,h.example,pässword', 'latin1'), 2],
  ['as Unicode of two bytes', Buffer.from('\ufeffa@b.example,h.example,p', 'utf16le'), 2],
  ['cut in the middle of a letter', Buffer.from('a@b.example,h.example,ok\nc@b.example,h.example,p\xc3', 'latin1'), 3],
])('a file of accounts %s is refused, and nothing of it is stored', async (_, rows, line) => {
  const file = path.join(directory, 'ansi.csv')
  writeFileSync(file, Buffer.concat([Buffer.from('address,host,password\n'), rows]))
  const refused = await run(['account', 'import', file])
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining(`line ${line}: it is not UTF-8`) })
  expect(await database.db('accounts').where('address', 'like', '%@b.example')).toEqual([])
})

test('a file of accounts with control characters in a host or a user name is refused', async () => {
  const lines = ['address,host,username,password', 'x@good.example,imap.good.example,"a\u001b[2Kb",p']
  const file = path.join(directory, 'accounts.csv')
  writeFileSync(file, lines.join('\n'))
  const refused = await run(['account', 'import', file])
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('line 2: username') })
  expect(refused.stderr).not.toContain('\u001b[2K')
  expect(readFileSync(file, 'utf8')).toContain('\u001b[2K')
})
