// What a server says when it refuses a login is the account's, for admins, and the log's never.
import { expect, test } from 'vitest'
import { AccountError } from '../../src/errors/errors.ts'
import { openSession } from '../../src/fetch/imap-session.ts'
import { describeError } from '../../src/observe/log.ts'
import { verdictOf } from '../../src/schedule/poll-verdict.ts'
import { type Script, startScriptedServer } from '../support/imap-server.ts'

const secret = 'never-to-be-seen'

async function refusedBy(script: Partial<Script>): Promise<AccountError> {
  await using server = await startScriptedServer(script)
  const error = await openSession({ id: 17 }, server.destination, Buffer.from(secret)).catch((found: unknown) => found)
  if (error instanceof AccountError) return error
  throw error
}

test.each<[string, Partial<Script>, string]>([
  ['LOGIN', { login: 'NO [AUTHENTICATIONFAILED] joe@example.com is suspended' }, 'joe@example.com is suspended'],
  [
    'AUTHENTICATE',
    {
      capabilities: ['IMAP4rev1', 'AUTH=PLAIN', 'SASL-IR'],
      refuse: { AUTHENTICATE: 'NO pay the bill of joe@example.com' },
    },
    'pay the bill of joe@example.com',
  ],
  [
    'the connection',
    { greeting: 'BYE joe@example.com may not come from here' },
    'joe@example.com may not come from here',
  ],
])(
  'the sentence with which %s was refused reached nobody: it is kept, and not in what is logged',
  async (_, script, said) => {
    const error = await refusedBy(script)
    expect(error.said).toBe(said)
    expect(JSON.stringify([describeError(error), verdictOf(error, 1)])).not.toContain('joe@example.com')
  },
)

test('a server that echoes the password in its refusal: nothing of it is kept', async () => {
  const error = await refusedBy({ login: credentials => `NO [AUTHENTICATIONFAILED] not ${credentials}` })
  expect(error).toMatchObject({ code: 'imap.auth_refused', said: undefined })
  expect(JSON.stringify([describeError(error), verdictOf(error, 1)])).not.toContain(secret)
})
