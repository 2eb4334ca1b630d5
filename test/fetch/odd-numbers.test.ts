// Numbers and dates that are larger than RFC 9051 allows, or missing: what comes in is bounded to what our columns hold, and the rest of the mail comes.

import { expect, test } from 'vitest'
import { openSession } from '../../src/fetch/imap-session.ts'
import type { ImapSession } from '../../src/fetch/mailbox.ts'
import { dateIn, toUidValidity } from '../../src/fetch/numbers.ts'
import type { FetchedMessage } from '../../src/model/mail.ts'
import { type Script, startScriptedServer } from '../support/imap-server.ts'
import { rawMail } from '../support/messages.ts'

const source = Buffer.from('Date: Tue, 3 Nov 2026 10:00:00 +0100 (CET)\r\nSubject: x\r\n\r\nhello\r\n')
const maxUid = 4_294_967_295

async function open(script: Partial<Script>) {
  const server = await startScriptedServer({ mails: [{ uid: 1, source }], ...script })
  const session = await openSession({ id: 17 }, server.destination, Buffer.from('pw'), { timeoutMs: 30_000 })
  return { server, session, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

async function fetchOne(session: ImapSession): Promise<FetchedMessage | undefined> {
  const mailbox = await session.select('INBOX', 'read-only')
  await mailbox.list(1, 10)
  for await (const mail of mailbox.fetch([1], 1_000_000)) return mail
  return undefined
}

test('UIDVALIDITY of 64 bits is folded into 32, and UIDNEXT that cannot be counts as not told', async () => {
  await using world = await open({ uidValidity: 2 ** 40 + 7, uidNext: 9_999_999_999 })
  const state = { uidValidity: toUidValidity(BigInt(2 ** 40 + 7)), uidNext: null, messages: 1 }
  expect(state.uidValidity).toBeLessThanOrEqual(maxUid)
  expect(await world.session.status('INBOX')).toEqual(state)
  expect((await world.session.select('INBOX', 'read-only')).state).toEqual({ ...state, uidNext: 2 })
  expect(toUidValidity(7n)).toBe(7)
})

test('a mail with a UID of more than 32 bits is told once all the others came', async () => {
  const mails = [1, 2, 8_589_934_592].map(uid => ({ uid, source: rawMail({ id: `${uid}@x` }) }))
  await using world = await open({ mails })
  const mailbox = await world.session.select('INBOX', 'read-only')
  expect((await mailbox.list(1, 10)).map(({ uid }) => uid)).toEqual([1, 2])
  await expect(mailbox.list(3, 10)).rejects.toMatchObject({ code: 'imap.uid_invalid', temporary: true })
})

test('a size of 64 bits is the largest that there can be, and a count as well', async () => {
  await using world = await open({ claimedSizes: new Map([[1, 2 ** 52]]) })
  const mailbox = await world.session.select('INBOX', 'read-only')
  expect(await mailbox.list(1, 10)).toMatchObject([{ uid: 1, size: maxUid }])
  expect(await mailbox.sizes([1])).toEqual(new Map([[1, maxUid]]))
})

test.each(['NIL', '"01-Jan-1601 00:00:00 +0000"', '"24-Nov-99999 10:00:00 +0000"', '"no date"'])(
  'where INTERNALDATE is %s the mail has the date that stands in it',
  async internalDate => {
    await using world = await open({ internalDate })
    expect((await fetchOne(world.session))?.receivedAt).toEqual(new Date('2026-11-03T09:00:00Z'))
  },
)

test('a mail without any date came now', async () => {
  const before = Date.now()
  await using world = await open({
    internalDate: 'NIL',
    mails: [{ uid: 1, source: Buffer.from('Subject: x\r\n\r\nDate: 1 Jan 2020\r\n') }],
  })
  expect((await fetchOne(world.session))?.receivedAt.getTime()).toBeGreaterThanOrEqual(before)
})

test.each([
  ['is missing', ''],
  ['is NIL', ' INTERNALDATE NIL'],
])(
  'a listing and a mail that come in two parts are put together; where INTERNALDATE of the mail %s the listing has it',
  async (_, told) => {
    const date = '"24-Nov-2026 10:00:00 +0000"'
    await using world = await open({
      instead: {
        'UID FETCH': (tag, rest) => [
          ...(rest.includes('BODY')
            ? [
                `* 1 FETCH (UID 1 RFC822.SIZE 71${told})\r\n`,
                `* 1 FETCH (UID 1 BODY[] {${source.length}}\r\n${source})\r\n`,
              ]
            : ['* 1 FETCH (UID 1 RFC822.SIZE 71)\r\n', `* 1 FETCH (UID 1 INTERNALDATE ${date})\r\n`]),
          `${tag} OK done\r\n`,
        ],
      },
    })
    expect(await fetchOne(world.session)).toMatchObject({
      size: 71,
      receivedAt: new Date('2026-11-24T10:00:00Z'),
      source,
    })
  },
)

test('a date is read from a folded field, and from the header alone', () => {
  expect(dateIn(Buffer.from('Subject: x\nDATE:\n Tue, 3 Nov 2026\n 10:00:00 +0000\n\n'))).toEqual(
    new Date('2026-11-03T10:00:00Z'),
  )
  expect(dateIn(Buffer.from('Subject: x\n\nDate: Tue, 3 Nov 2026 10:00:00 +0000\n'))).toBeUndefined()
})

test('an empty mailbox is not searched: some servers answer NO to that', async () => {
  await using world = await open({ mails: [], refuse: { 'UID SEARCH': 'NO nothing to search' } })
  const mailbox = await world.session.select('INBOX', 'read-only')
  expect(await mailbox.list(1, 10)).toEqual([])
  expect(await mailbox.listSince(new Date())).toEqual([])
  expect(world.server.commands.filter(command => command.startsWith('UID SEARCH'))).toEqual([])
})

test.each(['UID SEARCH by sequence numbers', 'FETCH'])(
  'a server that cannot search by UID is asked by %s for all UIDs',
  async way => {
    const mails = [3, 5, 9].map(uid => ({ uid, source }))
    await using world = await open({
      mails,
      instead: {
        'UID SEARCH': (tag, rest) =>
          rest.startsWith('UID') || way === 'FETCH'
            ? [`${tag} BAD unknown search key\r\n`]
            : [`* SEARCH 3 5 9\r\n${tag} OK done\r\n`],
        FETCH: tag => [...mails.map(({ uid }, i) => `* ${i + 1} FETCH (UID ${uid})\r\n`), `${tag} OK done\r\n`],
      },
    })
    const mailbox = await world.session.select('INBOX', 'read-only')
    expect((await mailbox.list(4, 10)).map(({ uid }) => uid)).toEqual([5, 9])
    expect(await mailbox.stillThere([3, 4])).toEqual(new Set([3]))
  },
)
