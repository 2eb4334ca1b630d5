// What a worker does on the server after it lost the account, without knowing it yet.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Knex } from 'knex'
import { expect, test } from 'vitest'
import { openSession } from '../../src/fetch/imap-session.ts'
import type { Mailbox } from '../../src/fetch/mailbox.ts'
import { parseMessage } from '../../src/parse/parse-message.ts'
import { createByteBudget } from '../../src/poll/batch/byte-budget.ts'
import { createTriagePolicy } from '../../src/poll/ingest/triage-policy.ts'
import { pollAccount } from '../../src/poll/poll-account.ts'
import type { PollDeps, PolledSession } from '../../src/poll/poll-context.ts'
import { insertAccount } from '../../src/store/accounts/account-changes.ts'
import { findDueAccount, type PolledAccount } from '../../src/store/accounts/polled-account.ts'
import { openRawDirectory } from '../../src/store/raw/raw-directory.ts'
import { startTestDovecot, user } from '../support/dovecot.ts'
import { rawMail } from '../support/messages.ts'
import { createTestDatabase, defaults, writeWithoutKey } from '../support/servers.ts'

/** What happens to a mailbox once it is open. */
type Wrap = (mailbox: Mailbox) => Promise<Mailbox>

test('a worker that lost the account moves nothing on paper: what its old view of the mailbox lacks is moved by the next owner', async () => {
  await using stack = new AsyncDisposableStack()
  const { db } = stack.use(await createTestDatabase())
  const dovecot = stack.use(await startTestDovecot())
  const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-two-owners-'))
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  dovecot.deliver(user.name, 'INBOX', [])
  dovecot.deliver(user.name, 'Done', [])
  const id = await insertAccount(
    db,
    {
      address: 'support@example.com',
      ...dovecot.destination('tls'),
      everySeconds: 60,
      push: false,
      enabled: true,
      afterIngest: 'move:Done',
      startFrom: 'all',
      mailboxes: ['INBOX'],
      password: user.password,
    },
    writeWithoutKey,
  )
  const poll = async (owner: string, wrap: Wrap = async mailbox => mailbox) =>
    await pollAccount(await take(db, id, owner), depsOf(db, directory, wrap), new AbortController().signal)

  const slow = poll('slow', async mailbox => {
    // Everybody thinks that the worker is gone.
    dovecot.deliver(user.name, 'INBOX', [rawMail({ id: '1@x' })])
    const dies = poll('quick', async opened => ({ ...opened, settle: () => Promise.reject(new Error('killed')) }))
    await expect(dies).rejects.toThrow('killed')
    return mailbox
  })
  await expect(slow).rejects.toMatchObject({ code: 'lease.lost' })
  expect(await db('sources').select('uid', 'settled_at')).toEqual([{ uid: 1, settled_at: null }])

  await poll('next')
  expect(dovecot.files(user.name, 'INBOX')).toEqual([])
  expect(dovecot.files(user.name, 'Done')).toHaveLength(1)
})

/** The account, as its new owner has it. */
async function take(db: Knex, id: number, owner: string): Promise<PolledAccount> {
  await db('accounts')
    .where({ id })
    .update({ lease_owner: owner, fence: db.raw('fence + 1') })
  const account = await findDueAccount(db, id, owner)
  if (account === undefined) throw new Error('it is not due')
  return account
}

function depsOf(db: Knex, directory: string, wrap: Wrap): PollDeps {
  return {
    db,
    raw: openRawDirectory(directory),
    parse: parseMessage,
    triage: createTriagePolicy(defaults, async () => undefined),
    limits: { bytes: 1e6, messages: 10, maxBytes: 1e6 },
    budget: createByteBudget(1e7),
    isCrowded: () => false,
    sliceMs: 60_000,
    async openSession({ id, destination }): Promise<PolledSession> {
      const session = await openSession({ id }, destination, Buffer.from(user.password))
      const { select } = session
      return Object.assign(session, {
        select: async (name: string, access: 'read-only' | 'read-write') => await wrap(await select(name, access)),
        waitFor: () => {},
      })
    },
  }
}
