// The demo's mailboxes: what is in them at the first start, and at the next.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ImapFlow } from 'imapflow'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Demo, type DemoAccount, insertDemoAccounts, startDemo } from '../../src/embedded/demo.ts'
import { createTestDatabase, writeWithoutKey } from '../support/servers.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'letterlock-demo-'))
})
afterEach(() => {
  rmSync(readState().mail, { recursive: true, force: true })
  rmSync(directory, { recursive: true, force: true })
})

const stateFile = () => path.join(directory, 'demo.json')

function readState(): { mail: string; delivered: Record<string, number> } {
  return JSON.parse(readFileSync(stateFile(), 'utf8'))
}

const start = (): Promise<Demo> => startDemo({ directory, progress: () => {}, signal: new AbortController().signal })

async function withMailbox<T>(account: DemoAccount, use: (imap: ImapFlow) => Promise<T>): Promise<T> {
  const { host, port, username, password, caPem } = account
  const imap = new ImapFlow({
    host,
    port,
    secure: true,
    tls: { ca: caPem },
    auth: { user: username, pass: password },
    logger: false,
  })
  await imap.connect()
  const lock = await imap.getMailboxLock('INBOX')
  try {
    return await use(imap)
  } finally {
    lock.release()
    await imap.logout()
  }
}

/** The mails of each mailbox. */
function mailsOf(demo: Demo): Promise<string[][]> {
  return Promise.all(
    demo.accounts.map(account =>
      withMailbox(account, async imap => {
        const mails = await imap.fetchAll('1:*', { source: true })
        return mails.map(({ source }) => String(source))
      }),
    ),
  )
}

test('three mailboxes hold at least 25 mails, and each mail is there once whatever is started how often', async () => {
  const first = await start()
  const before = await mailsOf(first)
  expect(first.accounts.map(account => account.address)).toEqual([
    'support@shop.example',
    'billing@shop.example',
    'support@shop.example.jp',
  ])
  expect(before.flat().length).toBeGreaterThanOrEqual(25)
  expect(new Set(before.flat()).size).toBe(before.flat().length)
  first.dropMail()
  expect((await mailsOf(first))[0]).toHaveLength((before[0] as string[]).length + 1)
  await first[Symbol.asyncDispose]()

  await using second = await start()
  expect(second.accounts).toEqual(first.accounts)
  const after = await mailsOf(second)
  expect(after[0]?.slice(0, -1)).toEqual(before[0])
  expect(after.slice(1)).toEqual(before.slice(1))
})

test('a mail that was deleted does not come back, and a start that was cut short goes on where it was', async () => {
  const first = await start()
  const [support, billing] = first.accounts as [DemoAccount, DemoAccount]
  const counts = (await mailsOf(first)).map(mails => mails.length)
  await withMailbox(support, imap => imap.messageDelete('1'))
  await withMailbox(billing, imap => imap.messageDelete('*'))
  await first[Symbol.asyncDispose]()
  const state = readState()
  const cutShort = { ...state, delivered: { ...state.delivered, billing: (state.delivered.billing ?? 0) - 1 } }
  writeFileSync(stateFile(), JSON.stringify(cutShort))

  await using second = await start()
  const now = (await mailsOf(second)).map(mails => mails.length)
  expect(now).toEqual([(counts[0] ?? 0) - 1, ...counts.slice(1)])
})

test('its accounts are written with the passwords in plaintext, once', async () => {
  await using database = await createTestDatabase()
  await using demo = await start()
  await insertDemoAccounts(database.db, demo.accounts, writeWithoutKey)
  await insertDemoAccounts(
    database.db,
    demo.accounts.map(account => ({ ...account, port: 1 })),
    writeWithoutKey,
  )
  expect(await database.db('accounts').pluck('port')).toEqual([1, 1, 1])
  expect(await database.db('credentials').pluck('plaintext')).toEqual(demo.accounts.map(({ password }) => password))
})
