// What a server must not be believed: that less is the whole mail, that a UID is still the mail that it was, that there is mail in the future. Nothing
// is deleted, passed over or taken for complete on its word alone.
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Daemon } from '../../src/daemon.ts'
import { type AccountDetail, getAccount } from '../../src/store/accounts/accounts.ts'
import { takeAccounts } from '../../src/store/accounts/leases.ts'
import { findSourceDetails, type SourceDetail } from '../../src/store/ingest/source-rows.ts'
import { openRawDirectory } from '../../src/store/raw/raw-directory.ts'
import { createWorld, type World } from '../support/daemon.ts'
import { type Script, type ScriptedMail, type ScriptedServer, startScriptedServer } from '../support/imap-server.ts'
import { rawMail } from '../support/messages.ts'

let world: World
let daemon: Daemon
beforeAll(async () => {
  world = await createWorld({ LETTERLOCK_POLL_TIMEOUT_SECONDS: '20' })
  daemon = await world.start()
})
afterAll(() => world[Symbol.asyncDispose]())

const mailOf = (uid: number, subject = `mail ${uid}`): ScriptedMail => ({
  uid,
  source: rawMail({ id: `${subject.replaceAll(' ', '.')}@x`, subject, body: `body of ${subject}` }),
})
const mails = (count: number): ScriptedMail[] => Array.from({ length: count }, (_, i) => mailOf(i + 1))

type Change = Parameters<World['add']>[2]

interface Case extends AsyncDisposable {
  server: ScriptedServer
  id: number
  account(): Promise<AccountDetail>
  poll(): Promise<AccountDetail>
  /** What polls that worked in part said: the account's row says it until the next poll alone, which may begin at once. */
  told(): Record<string, unknown>[]
  /** What became of its mails, oldest first. */
  sources(): Promise<SourceDetail[]>
  /** The same in words, as `4 created`. */
  ends(): Promise<string[]>
}

let cases = 0

/** An account at a server that keeps to this script, after its first poll. */
async function startCase(script: Partial<Script>, change: Change = {}): Promise<Case> {
  const server = await startScriptedServer(script)
  cases += 1
  const address = `case${cases}@x`
  const id = await world.add(server.destination, 'never-to-be-seen', { address, ...change })
  // Not only at the daemon's next round.
  await takeAccounts(world.db, daemon.workerId, 1, 'all')
  await world.poll(id)
  const account = () => getAccount(world.db, String(id))
  const sources = async (): Promise<SourceDetail[]> => {
    const all = await findSourceDetails(world.db, { limit: 10_000 })
    return all.filter(source => source.account === address).sort((a, b) => a.id - b.id)
  }
  return {
    server,
    id,
    account,
    async poll() {
      await world.poll(id)
      return await account()
    },
    told: () => world.log.filter(line => line.account === id && line.msg === 'works in part'),
    sources,
    ends: async () => (await sources()).map(({ uid, result }) => `${uid} ${result}`),
    async [Symbol.asyncDispose]() {
      await world.db('accounts').where({ id }).update({ enabled: false })
      await server[Symbol.asyncDispose]()
    },
  }
}

/** Commands that change something on the server. */
const changes = ({ commands }: ScriptedServer): string[] =>
  commands.filter(line => /STORE|EXPUNGE|MOVE|COPY/.test(line))

test.each([
  ['nothing', () => Buffer.alloc(0)],
  ['half of it', (source: Buffer) => source.subarray(0, source.length / 2)],
  ['all but the last line', (source: Buffer) => source.subarray(0, source.length - 12)],
])(
  'a server sends %s of a mail: it did not come, is not deleted, and comes in when it is sent whole',
  async (_, cut) => {
    const all = mails(3)
    const body = cut(mailOf(2).source)
    await using it = await startCase({ mails: all, sentBodies: new Map([[2, body]]) }, { afterIngest: 'delete' })
    expect(await it.ends()).toEqual(['1 created'])
    expect(await it.account()).toMatchObject({ state: 'failing', code: 'imap.refused' })
    expect(changes(it.server).join()).not.toMatch(/STORE .*\b2\b.*\\Deleted|EXPUNGE .*\b2\b/)
    it.server.script.sentBodies.clear()
    expect(await it.poll()).toMatchObject({ state: 'active' })
    expect(await it.ends()).toEqual(['1 created', '2 created', '3 created'])
    expect((await it.sources())[1]?.size).toBe(mailOf(2).source.length)
  },
)

test('a mail that never comes whole is quarantined with what came at the fifth try, stays on the server, and the others come in', async () => {
  const body = mailOf(2).source.subarray(0, 100)
  await using it = await startCase({ mails: mails(3), sentBodies: new Map([[2, body]]) }, { afterIngest: 'delete' })
  for (let tries = 2; tries <= 6; tries++) await it.poll()
  expect(await it.account()).toMatchObject({ state: 'active' })
  const sources = await it.sources()
  expect(sources.map(({ uid, result }) => `${uid} ${result}`)).toEqual(['1 created', '2 quarantined', '3 created'])
  expect(sources[1]).toMatchObject({ reason: 'unfetchable', complete: false, size: mailOf(2).source.length })
  expect(await openRawDirectory(`${world.directory}/raw`).read(placeOf(sources[1]))).toEqual(body)
  expect(changes(it.server).join()).not.toMatch(/(STORE|EXPUNGE) (\S*[,:])?2\b/)
})

test('a mail that is shorter than stated by its line ends alone came whole, and is deleted', async () => {
  const source = Buffer.from(mailOf(1).source.toString('latin1').replaceAll('\r\n', '\n'), 'latin1')
  const claimedSizes = new Map([[1, mailOf(1).source.length]])
  await using it = await startCase({ mails: [{ uid: 1, source }], claimedSizes }, { afterIngest: 'delete' })
  expect(await it.account()).toMatchObject({ state: 'active' })
  expect(await it.ends()).toEqual(['1 created'])
  expect(changes(it.server).some(line => /STORE 1 .*\\Deleted/.test(line))).toBe(true)
})

test('Exchange states more bytes than a mail has: its mail comes in', async () => {
  const greeting = 'OK The Microsoft Exchange IMAP4 service is ready. [QQBNADYAUABSADA=]'
  await using it = await startCase({
    greeting,
    mails: mails(2),
    claimedSizes: new Map([
      [1, 4_000],
      [2, 9_000],
    ]),
  })
  expect(await it.ends()).toEqual(['1 created', '2 created'])
})

test('a mail whose raw bytes were damaged since is not deleted on the server, where its last copy is; the others are', async () => {
  await using it = await startCase(
    { mails: mails(2), refuse: { 'UID STORE': 'NO [INUSE] later' } },
    { afterIngest: 'delete' },
  )
  const place = placeOf((await it.sources())[0])
  const file = path.join(world.directory, 'raw', place.batch)
  const bytes = readFileSync(file)
  bytes[place.offset + 20] = 0
  writeFileSync(file, bytes, { mode: 0o600 })
  it.server.script.refuse = {}
  it.server.commands.length = 0
  expect(await it.poll()).toMatchObject({ code: 'raw.damaged' })
  expect(changes(it.server).filter(line => line.includes('STORE'))).toEqual([
    expect.stringMatching(/STORE 2 .*\\Deleted/),
  ])
})

test('what the server has under the UID is not of the size of what is kept: it is not deleted, and the account says so once', async () => {
  await using it = await startCase(
    { mails: mails(2), refuse: { 'UID STORE': 'NO [INUSE] later' } },
    { afterIngest: 'delete' },
  )
  it.server.script.mails = [mailOf(1, 'another mail that took its place'), mailOf(2)]
  it.server.script.refuse = {}
  it.server.commands.length = 0
  expect(await it.poll()).toMatchObject({ code: 'imap.refused', hint: expect.stringContaining('not deleted') })
  expect(changes(it.server).filter(line => line.includes('STORE'))).toEqual([
    expect.stringMatching(/STORE 2 .*\\Deleted/),
  ])
  expect(await it.poll()).toMatchObject({ state: 'active' })
})

test('a restored server gives UIDs again under the same UIDVALIDITY: new mail under them is read, known mail is not doubled', async () => {
  await using it = await startCase({ mails: mails(6) })
  it.server.script.mails = [...mails(3), mailOf(4, 'after the restore'), mailOf(5)]
  await it.poll()
  expect(it.told()).toMatchObject([{ code: 'imap.uids_reused', hint: expect.stringMatching(/"INBOX".*restored/) }])
  const sources = await it.sources()
  expect(sources.map(({ result }) => result)).toEqual([...Array(6).fill('created'), 'created'])
  expect(sources.map(({ uid, uidValidity }) => `${uidValidity}/${uid}`)).toEqual([
    ...['1/1', '1/2', '1/3', '0/2', '1/5', '0/1'],
    '1/4',
  ])
  expect(await it.poll()).toMatchObject({ state: 'active', code: null })
  it.server.script.mails.push(mailOf(6, 'the next day'))
  expect(await it.poll()).toMatchObject({ state: 'active' })
  expect((await it.sources()).at(-1)).toMatchObject({ uid: 6, uidValidity: 1, result: 'created' })
})

test('what was to be deleted before the restore is not done to the mails that have those UIDs now, before they are ours', async () => {
  await using it = await startCase(
    { mails: mails(4), refuse: { 'UID STORE': 'NO [INUSE] later' } },
    { afterIngest: 'delete' },
  )
  // Of the same size as what had the UID before.
  it.server.script.mails = [mailOf(1), mailOf(2, 'LAIM 2')]
  it.server.script.refuse = {}
  it.server.commands.length = 0
  await it.poll()
  expect(await it.ends()).toEqual(['1 created', '3 created', '1 created', '2 created', '2 created'])
  const done = it.server.commands.filter(line => /BODY.PEEK\[\]|STORE/.test(line))
  expect(done.map(line => line.split(' ').slice(0, 3).join(' '))).toEqual(['UID FETCH 1:2', 'UID STORE 1:2'])
})

const future = [4_000_000, 2 ** 32 - 1]

test.each(
  future.flatMap(
    uid =>
      [
        [`a line about flags of UID ${uid}`, { chatter: [`3 FETCH (UID ${uid} FLAGS (\\Seen))`] }],
        [
          `a line with the size of UID ${uid}`,
          { chatter: [`3 FETCH (UID ${uid} RFC822.SIZE 9 INTERNALDATE "24-Nov-2026 10:00:00 +0000")`] },
        ],
        [`SEARCH that names UID ${uid}`, { searched: [uid] }],
        [
          `SEARCH and a line with the size of UID ${uid}`,
          { searched: [uid], chatter: [`3 FETCH (UID ${uid} RFC822.SIZE 9)`] },
        ],
      ] as const,
  ),
)('%s of the future moves no cursor: the next mail comes in', async (_, script) => {
  const { searched, chatter } = { searched: [], chatter: [], ...script }
  await using it = await startCase({ mails: mails(3), searched: [...searched], chatter: [...chatter] })
  const lastUid = async () => (await world.db('mailboxes').where({ account_id: it.id }).first('last_uid'))?.last_uid
  expect(await lastUid()).toBe(3)
  it.server.script.mails.push(mailOf(4))
  expect(await it.poll()).toMatchObject({ state: 'active' })
  expect(await lastUid()).toBe(4)
  expect(await it.ends()).toEqual(['1 created', '2 created', '3 created', '4 created'])
})

test('a cursor that stands at the last UID of all, as an earlier version may have left it, is set back', async () => {
  await using it = await startCase({ mails: mails(3) })
  await world
    .db('mailboxes')
    .where({ account_id: it.id })
    .update({ last_uid: 2 ** 32 - 1 })
  it.server.script.mails.push(mailOf(4))
  await it.poll()
  expect(it.told()).toMatchObject([{ code: 'imap.uids_reused' }])
  expect(await it.ends()).toEqual(['1 created', '2 created', '3 created', '4 created'])
})

test('a server whose UIDNEXT never rises is read all the same, and each mail once', async () => {
  await using it = await startCase({ mails: mails(3), uidNext: 1 })
  expect(await it.account()).toMatchObject({ state: 'active' })
  it.server.script.mails.push(mailOf(4))
  it.server.commands.length = 0
  expect(await it.poll()).toMatchObject({ state: 'active' })
  expect(await it.ends()).toEqual(['1 created', '2 created', '3 created', '4 created'])
  expect(it.server.commands.filter(line => line.includes('BODY.PEEK[]'))).toEqual([
    expect.stringMatching(/^UID FETCH 4 /),
  ])
})

test('a mailbox that is gone waits alone: the hint names it, and INBOX is read at every poll as before', async () => {
  await using it = await startCase({ mails: mails(1), others: { Old: [] } }, { mailboxes: ['Old', 'INBOX'] })
  expect(await it.account()).toMatchObject({ state: 'active' })
  it.server.script.others = {}
  for (let count = 2; count <= 4; count++) {
    it.server.script.mails.push(mailOf(count))
    const account = await it.poll()
    expect(account).toMatchObject({ state: 'failing', code: 'imap.mailbox_missing', failures: 0 })
    expect(await backOff(it.id)).toBeNull()
    expect(account.hint).toContain('"Old"')
    expect(Date.now() - Number(account.lastSuccessAt)).toBeLessThan(60_000)
    expect(await it.ends()).toHaveLength(count)
  }
  expect(it.server.accepted()).toBe(1)
  it.server.script.others = { Old: [mailOf(7)] }
  expect(await it.poll()).toMatchObject({ state: 'active', code: null })
  expect(await it.ends()).toHaveLength(5)
})

test('the target of --after move is gone: the hint names it, mail comes in, and is moved once the target is there', async () => {
  await using it = await startCase(
    { mails: mails(1), refuse: { 'UID MOVE': 'NO [TRYCREATE] no such mailbox' } },
    { afterIngest: 'move:Done' },
  )
  it.server.script.mails.push(mailOf(2))
  const account = await it.poll()
  expect(account).toMatchObject({ state: 'failing', code: 'imap.mailbox_missing' })
  expect(await backOff(it.id)).toBeNull()
  expect(account.hint).toContain('"Done"')
  expect(await it.ends()).toEqual(['1 created', '2 created'])
  it.server.script.refuse = {}
  it.server.commands.length = 0
  await it.poll()
  expect(changes(it.server)[0]).toMatch(/^UID MOVE 1:2 "?Done/)
})

test('an account none of whose mailboxes is there is suspended as before', async () => {
  await using it = await startCase({ mails: mails(1) }, { mailboxes: ['Old'] })
  const account = await it.account()
  expect(account).toMatchObject({ state: 'failing', code: 'imap.mailbox_missing', failures: 1 })
  expect(Number(account.nextAttemptAt)).toBeGreaterThan(Date.now() + 50 * 60_000)
})

/** When the account may be polled again, if not at its next slot. */
async function backOff(id: number): Promise<Date | null> {
  return (await world.db('accounts').where({ id }).first('next_attempt_at'))?.next_attempt_at
}

function placeOf(source: SourceDetail | undefined): NonNullable<SourceDetail['place']> {
  if (!source?.place) throw new Error('nothing of it is kept')
  return source.place
}
