// Servers whose TLS is old, weak, incomplete or breaks: each is told as what it is, and no password is sent.

import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openSession } from '../../src/fetch/imap-session.ts'
import type { Destination } from '../../src/model/destination.ts'

const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-tls-'))
const at = (name: string) => path.join(directory, name)
const read = (name: string) => readFileSync(at(name), 'utf8')
const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' })

/** A certificate for localhost that `ca` signs. */
function issue(name: string, ca: string, extensions: string, key: string[] = strong): void {
  writeFileSync(at(`${name}.ext`), `subjectAltName=DNS:localhost,IP:127.0.0.1\n${extensions}\n`)
  openssl('req', ...key, '-nodes', '-subj', `/CN=${name}`, '-keyout', at(`${name}.key`), '-out', at(`${name}.csr`))
  const from = ['-in', at(`${name}.csr`), '-CA', at(`${ca}.pem`), '-CAkey', at(`${ca}.key`), '-CAcreateserial']
  openssl('x509', '-req', ...from, '-days', '30', '-extfile', at(`${name}.ext`), '-out', at(`${name}.pem`))
}

const strong = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
const forServers = 'extendedKeyUsage=serverAuth'

beforeAll(() => {
  const name = ['-subj', '/CN=a CA', '-addext', 'keyUsage=critical,keyCertSign']
  openssl('req', '-x509', ...strong, '-nodes', ...name, '-days', '30', '-keyout', at('ca.key'), '-out', at('ca.pem'))
  issue('good', 'ca', forServers)
  issue('weak', 'ca', forServers, ['-newkey', 'rsa:1024'])
  issue('client', 'ca', 'extendedKeyUsage=clientAuth')
  issue('between', 'ca', 'basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign')
  issue('leaf', 'between', forServers)
})
afterAll(() => rmSync(directory, { recursive: true }))

/** Opens a session at the server and gives its failure; `received` is what a password would be in. */
async function failureAt(server: Server, security: Destination['security'], timeoutMs = 60_000): Promise<unknown> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const destination = { host: '127.0.0.1', port, security, username: 'u', caPem: read('ca.pem') }
  try {
    await using _ = await openSession({ id: 17 }, destination, Buffer.from('never-to-be-seen'), { timeoutMs })
    return undefined
  } catch (error) {
    return error
  } finally {
    server.close()
  }
}

/** Lets everybody in. */
function imapOver(options: TlsOptions, received: string[] = []): Server {
  return createTlsServer({ ...options }, socket => {
    socket.on('error', () => {})
    socket.write('* OK [CAPABILITY IMAP4rev1] ready\r\n')
    socket.on('data', data => {
      received.push(data.toString())
      for (const [, tag, command] of data.toString().matchAll(/^(\S+) (\S+)/gm)) {
        socket.write(`${command === 'LOGOUT' ? '* BYE bye\r\n' : ''}${tag} OK done\r\n`)
      }
    })
  })
}

const certificate = (name: string): TlsOptions => ({ cert: read(`${name}.pem`), key: read(`${name}.key`) })

test('a control: at a server whose TLS is good the password is sent', async () => {
  const received: string[] = []
  expect(await failureAt(imapOver(certificate('good'), received), 'tls')).toBeUndefined()
  expect(received.join('')).toContain('never-to-be-seen')
})

const lax = { ciphers: 'DEFAULT@SECLEVEL=0' }

test.each<[string, () => TlsOptions, string, RegExp]>([
  [
    'that knows only TLS 1.0',
    () => ({ ...certificate('good'), ...lax, minVersion: 'TLSv1', maxVersion: 'TLSv1' }),
    'imap.tls_failed',
    /only versions of TLS that are no longer safe.*TLS 1\.2/,
  ],
  ['whose key is weak', () => ({ ...certificate('weak'), ...lax }), 'imap.tls_untrusted', /too weak/],
  [
    'that leaves the intermediate certificate out',
    () => certificate('leaf'),
    'imap.tls_untrusted',
    /does not send the intermediate certificate/,
  ],
  ['with a certificate for clients', () => certificate('client'), 'imap.tls_untrusted', /not meant for servers/],
])('a server %s was told as a fault of the network or of the ports', async (_, options, code, words) => {
  const received: string[] = []
  const error = await failureAt(imapOver(options(), received), 'tls')
  expect(error).toMatchObject({ code, temporary: false })
  const { message, hint } = error as { message: string; hint: string }
  expect(`${message}: ${hint}`).toMatch(words)
  expect(received.join('')).not.toContain('never-to-be-seen')
})

test('a handshake that stalls after STARTTLS suspended the account for an hour: it is a timeout, tried again soon', async () => {
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.write('* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n')
    // The hello of TLS gets no answer.
    socket.on('data', data => {
      const [, tag] = /^(\S+) STARTTLS/.exec(data.toString()) ?? []
      if (tag !== undefined) socket.write(`${tag} OK begin\r\n`)
    })
  })
  expect(await failureAt(server, 'starttls', 300)).toMatchObject({ code: 'imap.timeout', temporary: true })
})

test('a connection that ends in the handshake of TLS from the start is tried again soon', async () => {
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.once('data', () => socket.destroy())
  })
  expect(await failureAt(server, 'tls')).toMatchObject({ temporary: true })
})
