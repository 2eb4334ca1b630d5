// Servers that always say something and never come to an end: silence alone is no measure.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { openSession } from '../../src/fetch/imap-session.ts'

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
