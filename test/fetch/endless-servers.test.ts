// Servers that always say something and never come to an end: silence alone is no measure.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { openSession } from '../../src/fetch/imap-session.ts'
import type { ImapSession } from '../../src/fetch/mailbox.ts'
import { startScriptedServer } from '../support/imap-server.ts'
import { rawMail } from '../support/messages.ts'

/** Says something at once, and goes on for as long as the line is open. */
type Endless = (socket: Socket, tag: string) => Promise<void>

const drip: Endless = async socket => {
  socket.write('* ')
  while (!socket.destroyed) {
    socket.write('x')
    await wait(100)
  }
}
const holdOn: Endless = async socket => {
  while (!socket.destroyed) {
    socket.write('* OK hold on\r\n')
    await wait(100)
  }
}
const noise: Endless = async socket => {
  while (!socket.destroyed) {
    if (!socket.write('* 7 EXISTS\r\n'.repeat(1_000)))
      await Promise.race([once(socket, 'drain'), once(socket, 'close')])
    await wait(0)
  }
}

/** A server that does as is said at one command, or before its greeting. */
async function startServer(at: string, endless: Endless) {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    if (at === 'greeting') return void endless(socket, '')
    socket.write('* OK [CAPABILITY IMAP4rev1] hello\r\n')
    socket.on('data', data => {
      for (const line of data.toString('latin1').split('\r\n')) {
        const [tag = '', command = ''] = line.split(' ')
        if (command === '') continue
        if (command.toUpperCase() === at) void endless(socket, tag)
        else socket.write(`${tag} OK done\r\n`)
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    destination: { host: '127.0.0.1', port, security: 'cleartext', username: 'u', caPem: null } as const,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

test.each([
  ['drips its greeting', 'greeting', drip, 'login'],
  ['drips its answer to LOGIN', 'LOGIN', drip, 'login'],
  ['says “hold on” to LOGIN', 'LOGIN', holdOn, 'login'],
  ['drips its answer to STATUS', 'STATUS', drip, 'STATUS'],
  ['says “hold on” to STATUS', 'STATUS', holdOn, 'STATUS'],
  ['makes noise in place of an answer to STATUS', 'STATUS', noise, 'STATUS'],
])('a server that %s was waited for for ever: it ends, and the step is named', async (_, at, endless, step) => {
  await using server = await startServer(at, endless)
  const asked = async (): Promise<void> => {
    await using session = await openSession({ id: 17 }, server.destination, Buffer.from('p'), { timeoutMs: 500 })
    await session.status('INBOX')
  }
  await expect(asked()).rejects.toMatchObject({
    code: 'imap.timeout',
    message: expect.stringContaining(`(${step})`),
  })
})

/** Lines that somebody may send at any time, without end. */
async function* endlessly(line: string): AsyncIterable<string> {
  for (;;) {
    yield line
    await wait(50)
  }
}

/** As fast as they are read. */
function* flood(line: string): Iterable<string> {
  for (;;) yield line.repeat(1_000)
}

/** Begins as a true answer does, and goes on byte by byte. */
async function* dripping(beginning: string): AsyncIterable<string> {
  yield beginning
  yield* endlessly('1')
}

const mail = { uid: 1, source: rawMail({ id: 'a@x', body: 'x'.repeat(3_000) }) }
const select = (session: ImapSession) => session.select('INBOX', 'read-only')

async function list(session: ImapSession): Promise<void> {
  await (await select(session)).list(1, 10)
}

/** `maxBytes` 0: its header alone. */
async function fetchMail(session: ImapSession, maxBytes: number): Promise<void> {
  const mailbox = await select(session)
  await mailbox.list(1, 10)
  for await (const _ of mailbox.fetch([1], maxBytes));
}
const fetchBody = (session: ImapSession) => fetchMail(session, 1_000_000)
const fetchHeader = (session: ImapSession) => fetchMail(session, 0)

type Answer = (tag: string, rest: string) => Iterable<string> | AsyncIterable<string>

/** The sizes are told, and the bytes come as is said. */
const bytesAs =
  (bytes: () => Iterable<string> | AsyncIterable<string>): Answer =>
  (tag, rest) =>
    /BODY/.test(rest)
      ? bytes()
      : [`* 1 FETCH (UID 1 RFC822.SIZE 3000 INTERNALDATE "24-Nov-2026 10:00:00 +0000")\r\n${tag} OK done\r\n`]

const holdsOn = () => endlessly('* OK hold on\r\n')
const makesNoise = () => flood('* 7 EXISTS\r\n* 1 FETCH (FLAGS (\\Seen))\r\n')

test.each<[string, string, string, Answer, (session: ImapSession) => Promise<unknown>]>([
  ['drips its answer to SELECT', 'SELECT', 'EXAMINE', () => dripping('* OK [UIDVALIDITY '), select],
  ['says “hold on” to SELECT', 'SELECT', 'EXAMINE', holdsOn, select],
  ['makes noise in place of an answer to SELECT', 'SELECT', 'EXAMINE', makesNoise, select],
  ['drips its answer to SEARCH', 'SEARCH', 'UID SEARCH', () => dripping('* SEARCH '), list],
  ['says “hold on” to SEARCH', 'SEARCH', 'UID SEARCH', holdsOn, list],
  ['makes noise in place of an answer to SEARCH', 'SEARCH', 'UID SEARCH', makesNoise, list],
  ['drips the sizes of its mails', 'FETCH', 'UID FETCH', () => dripping('* 1 FETCH (UID 1 RFC822.SIZE '), list],
  [
    'drips a header',
    'FETCH',
    'UID FETCH',
    bytesAs(() => dripping('* 1 FETCH (UID 1 BODY[HEADER] {3000}\r\n')),
    fetchHeader,
  ],
  ['drips a body', 'FETCH', 'UID FETCH', bytesAs(() => dripping('* 1 FETCH (UID 1 BODY[] {3000}\r\n')), fetchBody],
  ['says “hold on” to FETCH', 'FETCH', 'UID FETCH', bytesAs(holdsOn), fetchBody],
  ['makes noise in place of a mail', 'FETCH', 'UID FETCH', bytesAs(makesNoise), fetchBody],
  [
    'says “hold on” to NOOP while it is kept awake',
    'NOOP',
    'NOOP',
    holdsOn,
    async session => {
      const isOver = Promise.withResolvers<void>()
      void session.closed.then(isOver.resolve)
      await (await select(session)).keepAwake(isOver.promise)
      await session.status('INBOX')
    },
  ],
])('a server that %s was waited for for ever: it ends, and %s is named', async (_, step, command, answer, ask) => {
  await using server = await startScriptedServer({ mails: [mail], instead: { [command]: answer } })
  await using session = await openSession({ id: 17 }, server.destination, Buffer.from('p'), { timeoutMs: 500 })
  await expect(ask(session)).rejects.toMatchObject({
    code: 'imap.timeout',
    message: expect.stringContaining(`(${step})`),
  })
})

test('a server that never comes to an end of NOTIFY kept its account from being polled again: it is left, and another connection serves', async () => {
  const capabilities = ['IMAP4rev1', 'IDLE', 'NOTIFY']
  await using server = await startScriptedServer({ mails: [mail], capabilities, instead: { NOTIFY: holdsOn } })
  await using session = await openSession({ id: 17 }, server.destination, Buffer.from('p'), { timeoutMs: 500 })
  void session.watch(['INBOX', 'Other'], () => {}).catch(() => {})
  await expect.poll(() => server.commands.some(line => line.startsWith('NOTIFY'))).toBe(true)
  expect(await session.isAlive()).toBe(false)
})
