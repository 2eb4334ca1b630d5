// How a connection begins with servers that do not greet, do not encrypt, or are none of IMAP.

import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { openSession } from '../../src/fetch/imap-session.ts'
import type { Destination } from '../../src/model/destination.ts'

const secret = 'never-to-be-seen'

/** A server that says `lines` at the beginning and answers commands by `answers`; what it heard is kept. */
async function startServer(greeting: string, answers: Record<string, (tag: string, socket: Socket) => void> = {}) {
  const heard: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.write(`${greeting}\r\n`)
    socket.on('data', data => {
      heard.push(data.toString('latin1'))
      for (const line of data.toString('latin1').split('\r\n')) {
        const [tag = '', command = ''] = line.split(' ')
        answers[command.toUpperCase()]?.(tag, socket)
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    heard,
    open: (security: Destination['security']) =>
      openSession(
        { id: 17 },
        { host: '127.0.0.1', port, security, username: 'u', caPem: null },
        Buffer.from(secret),
        // A wait for the library's own time limits would end the test.
        { timeoutMs: 60_000 },
      ),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

const capability = (tag: string, socket: Socket): void =>
  void socket.write(`* CAPABILITY IMAP4rev1 STARTTLS\r\n${tag} OK done\r\n`)

test.each([
  ['NO go away', '* NO go away', 'imap.unavailable', /greets with NO/],
  ['BAD', '* BAD busy', 'imap.unavailable', /greets with BAD/],
  ['SMTP', '220 mail.example.com ESMTP', 'imap.refused', /no IMAP server/],
  ['POP3', '+OK POP3 ready', 'imap.refused', /no IMAP server/],
  ['SSH', 'SSH-2.0-OpenSSH_9.2', 'imap.refused', /no IMAP server/],
  ['HTTP', 'HTTP/1.1 400 Bad Request', 'imap.refused', /no IMAP server/],
])(
  'a greeting of %s was waited out: it ends the attempt at once, and nothing is sent',
  async (_, line, code, words) => {
    await using server = await startServer(line)
    await expect(server.open('cleartext')).rejects.toMatchObject({ code, message: expect.stringMatching(words) })
    expect(server.heard.join('')).not.toContain(secret)
  },
)

test.each<[string, (tag: string, socket: Socket) => void, string, boolean, RegExp]>([
  ['is refused', (tag, socket) => socket.write(`${tag} NO not now\r\n`), 'imap.starttls_missing', false, /refuses it/],
  [
    'is followed by a closed connection',
    (tag, socket) => socket.end(`${tag} OK begin\r\n`),
    'imap.tls_failed',
    true,
    /in the middle of the TLS handshake/,
  ],
  [
    'comes with an answer that somebody injected',
    (tag, socket) => socket.write(`${tag} OK begin\r\n* PREAUTH [CAPABILITY IMAP4rev1] hello\r\n`),
    'imap.tls_attacked',
    false,
    /put data into/,
  ],
])('STARTTLS that %s: told as what it is, and no password is sent', async (_, starttls, code, temporary, words) => {
  await using server = await startServer('* OK [CAPABILITY IMAP4rev1 STARTTLS] hello', {
    CAPABILITY: capability,
    STARTTLS: starttls,
  })
  await expect(server.open('starttls')).rejects.toMatchObject({
    code,
    temporary,
    message: expect.stringMatching(words),
  })
  expect(server.heard.join('')).not.toContain(secret)
})
