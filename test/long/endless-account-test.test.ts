// `account test` against servers that never come to an end, with the limits that people have: it ends by itself, within a minute.
import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { insertAccount } from '../../src/store/accounts/account-changes.ts'
import { letterlock } from '../cli/letterlock.ts'
import { startScriptedServer } from '../support/imap-server.ts'
import { createTestDatabase, writeWithoutKey } from '../support/servers.ts'

async function* holdOn(): AsyncIterable<string> {
  for (;;) {
    yield '* OK hold on\r\n'
    await wait(1_000)
  }
}

/** Each answer comes, and each takes long. */
async function* late(tag: string): AsyncIterable<string> {
  await wait(15_000)
  yield `* STATUS "INBOX" (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 1)\r\n${tag} OK done\r\n`
}

test.each([
  ['says “hold on” to LOGIN for ever', 'LOGIN', holdOn, '(login)'],
  ['takes long over each of many mailboxes', 'STATUS', late, 'did not end within 50 s'],
])(
  'a server that %s held `account test` for ever: it ends with what was waited for',
  async (_, command, answer, words) => {
    await using database = await createTestDatabase()
    await using server = await startScriptedServer({ instead: { [command]: answer } })
    const mailboxes = ['INBOX', 'a', 'b', 'c', 'd', 'e']
    const settings = { startFrom: 'all', afterIngest: 'keep', everySeconds: 60, push: true, mailboxes, enabled: true }
    const id = await insertAccount(
      database.db,
      { address: 'support@example.com', password: 'pw', ...settings, ...server.destination } as const,
      writeWithoutKey,
    )
    const ran = await letterlock(['account', 'test', String(id)], { env: { LETTERLOCK_DATABASE_URL: database.url } })
    expect(ran).toMatchObject({ code: 1, stderr: expect.stringContaining(words) })
  },
  120_000,
)
