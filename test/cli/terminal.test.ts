// What only happens at a terminal: questions, secrets without an echo, colours. `script` (bsdutils, on every Debian) gives the
// program a terminal of its own.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openRawDirectory } from '../../src/store/raw/raw-directory.ts'
import { startTestDovecot, type TestDovecot, user } from '../support/dovecot.ts'
import { rawMail } from '../support/messages.ts'
import { createTestDatabase, type TestDatabase } from '../support/servers.ts'
import { cleanEnv } from './letterlock.ts'

const main = path.resolve(import.meta.dirname, '../../src/main.ts')
const enter = '\r'

let dovecot: TestDovecot
let database: TestDatabase
beforeAll(async () => {
  dovecot = await startTestDovecot()
  database = await createTestDatabase()
})
afterAll(async () => {
  await dovecot[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

/** At a terminal that echoes: what is on the screen at the end. Each answer is typed when its question has appeared. */
function atTerminal(
  args: readonly string[],
  answers: readonly (readonly [question: string, answer: string])[] = [],
  env: Record<string, string> = {},
): Promise<{ code: number | null; screen: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ code: number | null; screen: string }>()
  const command = [process.execPath, main, ...args].map(word => `'${word}'`).join(' ')
  const child = spawn('script', ['-qefc', command, '-E', 'always', '/dev/null'], {
    env: cleanEnv({ TERM: 'xterm', LETTERLOCK_DATABASE_URL: database.url, ...env }),
  })
  const left = [...answers]
  const bytes: Buffer[] = []
  child.stdout.on('data', data => {
    bytes.push(data)
    const [question, answer] = left[0] ?? []
    if (question === undefined || !Buffer.concat(bytes).includes(question)) return
    left.shift()
    child.stdin.write(answer ?? '')
  })
  child.on('error', reject)
  child.on('close', code => resolve({ code, screen: Buffer.concat(bytes).toString().replaceAll('\r\n', '\n') }))
  return promise
}

function way(): string[] {
  const { host, port, username } = dovecot.destination('cleartext')
  return ['--host', host, '--port', String(port), '--security', 'cleartext', '--username', username]
}

test('a password is asked for, is not shown, and is stored as it was typed', async () => {
  const { code, screen } = await atTerminal(
    ['account', 'add', 'typed@example.com', ...way()],
    [['Password for typed@example.com: ', `${user.password}x\u007f${enter}`]],
  )
  expect(screen).toContain('account 1 added')
  expect(screen).not.toContain(user.password.slice(0, 7))
  expect(code).toBe(0)
  expect(await database.db('credentials').pluck('plaintext')).toEqual([user.password])
  expect((await database.db('accounts').first('start_from')).start_from).toBe('all')
})

test('where more than 500 mails are there already, a person is asked what becomes of them', async () => {
  dovecot.deliver(
    user.name,
    'INBOX',
    Array.from({ length: 501 }, (_, i) => rawMail({ id: `${i}@many` })),
  )
  const { code, screen } = await atTerminal(
    ['account', 'add', 'many@example.com', ...way()],
    [
      ['Password for many@example.com: ', `${user.password}${enter}`],
      ['There are 501 mails already', `2026-11-01${enter}`],
    ],
  )
  expect(screen).toContain('account 2 added')
  expect(code).toBe(0)
  expect((await database.db('accounts').where({ id: 2 }).first('start_from')).start_from).toBe('2026-11-01')
})

test('another server asks for the password again, and Ctrl-C leaves everything as it was', async () => {
  const args = ['account', 'set', '1', '--host', 'other.example.com']
  const refused = await atTerminal(args, [['Its password again: ', '\u0003']])
  expect(refused).toMatchObject({ code: 1, screen: expect.stringContaining('nothing was done') })
  expect((await database.db('accounts').where({ id: 1 }).first('host')).host).toBe(dovecot.host)
  const done = await atTerminal(args, [['Its password again: ', `another Passw0rd${enter}`]])
  expect(done).toMatchObject({ code: 0, screen: expect.stringContaining('account 1 changed: host, password') })
  expect(done.screen).not.toContain('another Passw0rd')
})

test('a new password alone is asked for with --ask-password', async () => {
  const done = await atTerminal(['account', 'set', '1', '--ask-password'], [['New password: ', `third${enter}`]])
  expect(done).toMatchObject({ code: 0, screen: expect.stringContaining('account 1 changed: password') })
  expect(await database.db('credentials').where({ account_id: 1 }).pluck('plaintext')).toEqual(['third'])
})

test('what destroys asks, and takes no for an answer', async () => {
  for (const answer of [`n${enter}`, enter, '\u0004', '\u0003']) {
    const { code, screen } = await atTerminal(['account', 'remove', '2'], [['Its tickets stay. [y/N] ', answer]])
    expect({ code, screen }).toEqual({ code: 1, screen: expect.stringContaining('nothing was done') })
  }
  const { code } = await atTerminal(['account', 'remove', '2'], [['Its tickets stay. [y/N] ', `y${enter}`]])
  expect(code).toBe(0)
  expect(await database.db('accounts').whereNull('removed_at').pluck('id')).toEqual([1])
})

test('colours are for terminals, and not for those who refuse them', async () => {
  const coloured = '\u001b[32mactive'
  expect((await atTerminal(['account', 'list'])).screen).toContain(coloured)
  const plain = await atTerminal(['account', 'list'], [], { NO_COLOR: '1' })
  expect(plain.screen).toContain('active')
  expect(plain.screen).not.toContain('\u001b')
})

test('bytes of a mail are not written to a terminal', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-terminal-'))
  const mail = { accountId: 1, mailbox: 'INBOX', uidValidity: 1, uid: 1, receivedAt: new Date(), complete: true }
  const [place] = await openRawDirectory(path.join(directory, 'raw')).archive([{ ...mail, source: rawMail() }])
  const [box] = await database.db('mailboxes').where({ account_id: 1 }).select('id')
  const [id] = await database.db('sources').insert({
    ...{ account_id: 1, mailbox_id: box.id, uid_validity: 1, uid: 1, result: 'quarantined', size: place?.size },
    ...{ batch: place?.batch, batch_offset: place?.offset, stored_size: place?.size, sha256: place?.sha256 },
  })
  const args = ['quarantine', 'export', String(id)]
  const shown = await atTerminal(args, [], { LETTERLOCK_DATA_DIRECTORY: directory })
  expect(shown).toMatchObject({ code: 2, screen: expect.stringContaining('this is not for a terminal') })
  expect(shown.screen).not.toContain('Subject')
  rmSync(directory, { recursive: true })
})
