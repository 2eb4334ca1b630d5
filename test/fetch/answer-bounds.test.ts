// Answers that are far larger than what was asked for: each ends its connection with a code of its own. The full sizes, with what they cost, are in test/long.
import { expect, test } from 'vitest'
import { countNumbers } from '../../src/fetch/answer-bounds.ts'
import { openSession } from '../../src/fetch/imap-session.ts'
import type { ImapSession } from '../../src/fetch/mailbox.ts'
import { type Script, startScriptedServer } from '../support/imap-server.ts'
import { rawMail } from '../support/messages.ts'
import { until } from '../support/until.ts'

const mails = [1, 2, 3].map(uid => ({ uid, source: rawMail({ id: `${uid}@x` }) }))
const everyUid = '1:4294967295'

async function open(script: Partial<Script>, timeoutMs = 30_000, maxLiteralBytes = 1_000_000) {
  const server = await startScriptedServer({ mails: script.mails ?? mails })
  const session = await openSession({ id: 17 }, server.destination, Buffer.from('pw'), {
    timeoutMs,
    maxLiteralBytes,
  })
  Object.assign(server.script, script)
  return { server, session, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

function* repeat(times: number, line: string): Iterable<string> {
  const block = line.repeat(1000)
  for (let i = 0; i < times; i += 1000) yield block
}

const inbox = (session: ImapSession) => session.select('INBOX', 'read-write')

test.each<[string, Partial<Script>, (session: ImapSession) => Promise<unknown>]>([
  [
    'COPYUID of all UIDs',
    { instead: { 'UID MOVE': tag => [`* OK [COPYUID 1 ${everyUid} ${everyUid}] moved\r\n${tag} OK done\r\n`] } },
    async session => (await inbox(session)).settle([1], { kind: 'move', mailbox: 'Done' }),
  ],
  [
    'COPYUID of all UIDs in the tagged answer',
    { refuse: { 'UID MOVE': `OK [COPYUID 1 ${everyUid} ${everyUid}] moved` } },
    async session => (await inbox(session)).settle([1], { kind: 'move', mailbox: 'Done' }),
  ],
  [
    'VANISHED of all UIDs',
    { chatter: Array.from({ length: 20 }, () => `VANISHED ${everyUid}`) },
    async session => (await inbox(session)).list(1, 10),
  ],
  [
    'ESEARCH of all UIDs',
    { instead: { 'UID SEARCH': tag => [`* ESEARCH (TAG "${tag}") UID ALL ${everyUid}\r\n${tag} OK done\r\n`] } },
    async session => (await inbox(session)).list(1, 10),
  ],
  [
    'SEARCH of more than the mailbox has',
    { instead: { 'UID SEARCH': tag => ['* SEARCH', ' 1234567'.repeat(100_000), `\r\n${tag} OK done\r\n`] } },
    async session => (await inbox(session)).list(1, 10),
  ],
  [
    'SEARCH in many lines',
    { instead: { 'UID SEARCH': tag => [...repeat(30_000, '* SEARCH 1 2 3\r\n'), `${tag} OK done\r\n`] } },
    async session => (await inbox(session)).list(1, 10),
  ],
  [
    'LIST of very many names',
    { instead: { LIST: tag => [...repeat(40_000, '* LIST () "/" "some folder"\r\n'), `${tag} OK done\r\n`] } },
    session => session.mailboxes(),
  ],
  [
    'escapes without end',
    { instead: { LIST: () => ['* LIST () "/" "', ...repeat(4_000_000, '\\"')] } },
    session => session.mailboxes(),
  ],
  [
    'nesting without end',
    { instead: { LIST: () => ['* LIST ', ...repeat(4_000_000, '(')] } },
    session => session.mailboxes(),
  ],
  [
    'a line of very many parts',
    { instead: { LIST: tag => ['* LIST (', 'a '.repeat(100_000), `) "/" x\r\n${tag} OK done\r\n`] } },
    session => session.mailboxes(),
  ],
  [
    'a literal that is no mail',
    { instead: { LIST: () => ['* LIST () "/" {900000}\r\n', 'x'.repeat(900_000), '\r\n'] } },
    session => session.mailboxes(),
  ],
  [
    'a mail that is sent over and over',
    {
      instead: {
        'UID FETCH': (_, rest) =>
          rest.includes('BODY')
            ? repeat(1_000_000, `* 1 FETCH (UID 1 BODY[] {900}\r\n${'x'.repeat(900)})\r\n`)
            : ['* 1 FETCH (UID 1 RFC822.SIZE 900)\r\n', '* 1 FETCH (UID 1 FLAGS ())\r\n'],
      },
    },
    async session => {
      const mailbox = await inbox(session)
      for await (const _ of mailbox.fetch([1], 1_000_000));
    },
  ],
])('%s ends the connection with a code of its own', async (_, script, ask) => {
  await using world = await open(script)
  await expect(ask(world.session)).rejects.toMatchObject({ code: 'imap.answer_too_large', temporary: true })
  await world.session.closed
})

test('news that nobody asked for is read at a measured pace, and what it is read beside comes', async () => {
  await using world = await open({
    instead: {
      'UID SEARCH': tag => [...repeat(3000, '* 1 FETCH (FLAGS (\\Seen))\r\n'), `* SEARCH 1 2 3\r\n${tag} OK done\r\n`],
    },
  })
  const mailbox = await inbox(world.session)
  expect((await mailbox.list(1, 10)).map(({ uid }) => uid)).toEqual([1, 2, 3])
})

test('many answers that each are within their bounds do not add up: some connections end, and another one goes on', async () => {
  const literalBytes = 20_000_000
  const script: Partial<Script> = {
    instead: {
      'UID FETCH': (_, rest) =>
        rest.includes('BODY')
          ? [`* 1 FETCH (UID 1 BODY[] {${literalBytes}}\r\n`, 'x'.repeat(literalBytes - 1)]
          : ['* 1 FETCH (UID 1 RFC822.SIZE 900)\r\n'],
    },
  }
  await using stack = new AsyncDisposableStack()
  const ended: unknown[] = []
  const fetches: Promise<void>[] = []
  const begin = async () => {
    const world = stack.use(await open(script, 30_000, literalBytes))
    stack.defer(() => world.session.close())
    const fetchAll = async () => {
      const mailbox = await inbox(world.session)
      for await (const _ of mailbox.fetch([1], literalBytes));
    }
    fetches.push(fetchAll().catch(error => void ended.push(error)))
  }
  for (let i = 0; i < 5; i++) await begin()
  await until(async () => ended.length >= 2)
  for (const error of ended) expect(error).toMatchObject({ code: 'imap.answer_too_large', temporary: true })

  await using good = await open({})
  expect((await (await inbox(good.session)).list(1, 10)).map(({ uid }) => uid)).toEqual([1, 2, 3])
  // Three of them fit.
  expect(ended).toHaveLength(2)
}, 600_000)

test('a mailbox of many mails is searched in portions, over gaps as well', async () => {
  const sparse = [5, 900_000, 900_001].map(uid => ({ uid, source: rawMail({ id: `${uid}@x` }) }))
  await using world = await open({
    mails: sparse,
    instead: {
      SELECT: tag => [`* 150000 EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\n* OK [UIDNEXT 900002] ok\r\n${tag} OK done\r\n`],
    },
  })
  const mailbox = await inbox(world.session)
  expect((await mailbox.list(1, 10)).map(({ uid }) => uid)).toEqual([5])
  expect((await mailbox.list(6, 10)).map(({ uid }) => uid)).toEqual([900_000, 900_001])
  expect(await mailbox.list(900_002, 10)).toEqual([])
})

test('numbers of a set are counted and not written out', () => {
  expect(countNumbers(Buffer.from('* VANISHED 1:4294967295,7'))).toEqual({ numbers: 4294967296, highest: 4294967295 })
  expect(countNumbers(Buffer.from('* SEARCH 2 9:5 11 (MODSEQ 99999999999)'))).toEqual({ numbers: 8, highest: 11 })
})
