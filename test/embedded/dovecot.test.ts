// The private Dovecot: three listeners, its certificates, its ports.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { connect as connectTls } from 'node:tls'
import { ImapFlow } from 'imapflow'
import { expect, test } from 'vitest'
import { type DovecotOptions, startDovecot } from '../../src/embedded/dovecot.ts'
import { until } from '../support/until.ts'

const user = { name: 'someone', password: 'geheim: ü "\\ %u {x}' }

async function withDirectory(use: (directory: string) => Promise<void>): Promise<void> {
  const root = mkdtempSync(path.join(tmpdir(), 'letterlock-dovecot-'))
  chmodSync(root, 0o711)
  try {
    await use(path.join(root, 'd'))
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

const start = (directory: string, change: Partial<DovecotOptions> = {}) =>
  startDovecot({
    directory,
    users: [user],
    progress: () => {},
    signal: new AbortController().signal,
    ...change,
  })

/** The first line that the server sends. */
async function greeting(socket: Socket): Promise<string> {
  const [data] = await once(socket, 'data')
  socket.destroy()
  return String(data)
}

function client(port: number, change: object): ImapFlow {
  return new ImapFlow({
    host: '127.0.0.1',
    port,
    logger: false,
    auth: { user: user.name, pass: user.password },
    ...change,
  })
}

test('it listens with TLS, with STARTTLS and in cleartext, and a password of odd characters is right', async () => {
  await withDirectory(async directory => {
    await using dovecot = await start(directory)
    const { tls, starttls, cleartext } = dovecot.ports
    const ca = { tls: { ca: dovecot.caPem } }
    dovecot.deliver(user.name, 'INBOX', [Buffer.from('Subject: one\r\n\r\n1\r\n')])
    for (const imap of [
      client(tls, { secure: true, ...ca }),
      client(starttls, { secure: false, doSTARTTLS: true, ...ca }),
      client(cleartext, { secure: false, doSTARTTLS: false }),
    ]) {
      await imap.connect()
      expect(await imap.status('INBOX', { messages: true })).toMatchObject({ messages: 1 })
      await imap.logout()
    }
  })
})

test('its certificate is good for localhost and 127.0.0.1 under its own CA, and under no other', async () => {
  await withDirectory(async directory => {
    await using dovecot = await start(directory)
    const port = dovecot.ports.tls
    for (const host of ['localhost', '127.0.0.1']) {
      const trusted = connectTls({
        host,
        port,
        ca: dovecot.caPem,
        ...(host === 'localhost' ? { servername: host } : {}),
      })
      expect(await greeting(trusted)).toMatch(/^\* OK/)
    }
    const [error] = await once(connectTls({ host: '127.0.0.1', port }), 'error')
    expect(error.code).toMatch(/SELF_SIGNED|UNABLE_TO_VERIFY/)
  })
})

test('told to, it serves an expired certificate, or offers no TLS at all', { tags: ['scene'] }, async () => {
  await withDirectory(async directory => {
    {
      await using old = await start(directory, { expired: true })
      const [error] = await once(connectTls({ host: '127.0.0.1', port: old.ports.tls, ca: old.caPem }), 'error')
      expect(error.code).toBe('CERT_HAS_EXPIRED')
    }
    await using bare = await start(directory, { tls: false })
    expect(await greeting(connect(bare.ports.starttls, '127.0.0.1'))).not.toContain('STARTTLS')
    const [error] = await once(connect(bare.ports.tls, '127.0.0.1'), 'error')
    expect(error.code).toBe('ECONNREFUSED')
  })
})

test('ports, CA and mail are the same at the next start; a port that somebody else has by then is another', {
  tags: ['scene'],
}, async () => {
  await withDirectory(async directory => {
    const first = await start(directory)
    first.deliver(user.name, 'Büro/日本 & Co', [Buffer.from('Subject: kept\r\n\r\n')])
    await first[Symbol.asyncDispose]()

    const second = await start(directory)
    expect(second.ports).toEqual(first.ports)
    expect(second.caPem).toBe(first.caPem)
    const imap = client(second.ports.cleartext, { secure: false, doSTARTTLS: false })
    await imap.connect()
    expect(await imap.status('Büro/日本 & Co', { messages: true })).toMatchObject({ messages: 1 })
    await imap.logout()
    await second[Symbol.asyncDispose]()

    const squatter = createServer().listen(first.ports.tls, '127.0.0.1')
    await once(squatter, 'listening')
    await using third = await start(directory)
    expect(third.ports).toMatchObject({ starttls: first.ports.starttls, cleartext: first.ports.cleartext })
    expect(third.ports.tls).not.toBe(first.ports.tls)
    squatter.close()
  })
})

test('a second one on the directory is refused, and what it has is not touched', async () => {
  await withDirectory(async directory => {
    await using dovecot = await start(directory)
    await expect(start(directory)).rejects.toThrow(`process ${process.pid} already runs servers on ${directory}`)
    expect(await greeting(connect(dovecot.ports.cleartext, '127.0.0.1'))).toMatch(/^\* OK/)
  })
})

test('when the parent is killed Dovecot ends, connections and all, and the next start takes its place', {
  tags: ['scene'],
}, async () => {
  await withDirectory(async directory => {
    const starter = path.join(import.meta.dirname, 'starter.ts')
    const parent = spawn(process.execPath, [starter, 'dovecot', directory], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = await once(createInterface(parent.stdout), 'line')
    const { ports } = JSON.parse(line)
    const connection = connect(ports.cleartext, '127.0.0.1')
    await once(connection, 'data')
    const ended = new Promise(resolve => connection.once('close', resolve).once('error', () => {}))
    parent.kill('SIGKILL')
    await once(parent, 'exit')
    await using dovecot = await start(directory)
    await ended
    expect(dovecot.ports).toEqual(ports)
    expect(await greeting(connect(dovecot.ports.cleartext, '127.0.0.1'))).toMatch(/^\* OK/)
  })
})

test('a start that fails after Dovecot was killed is tried again until it works', { tags: ['scene'] }, async () => {
  await withDirectory(async directory => {
    const told: string[] = []
    await using dovecot = await start(directory, { progress: line => told.push(line) })
    const port = dovecot.ports.cleartext
    const { servers } = JSON.parse(readFileSync(path.join(directory, 'running.json'), 'utf8'))
    const config = path.join(directory, 'settings/dovecot.conf')
    const text = readFileSync(config, 'utf8')
    writeFileSync(config, `${text}no_such_setting = yes\n`)
    process.kill(servers[0].pid, 'SIGKILL')
    await until(async () => told.some(line => line.includes('no_such_setting')))
    writeFileSync(config, text)
    const said = await until(() => greeting(connect(port, '127.0.0.1')).catch(() => undefined))
    expect(said).toMatch(/^\* OK/)
  })
})

test('a configuration that Dovecot refuses is reported with what it says, and leaves nothing', async () => {
  await withDirectory(async directory => {
    await expect(start(directory, { settings: 'no_such_setting = yes\n' })).rejects.toMatchObject({
      code: 'embedded.failed',
      message: expect.stringContaining('no_such_setting'),
    })
    await using dovecot = await start(directory)
    expect(await greeting(connect(dovecot.ports.cleartext, '127.0.0.1'))).toMatch(/^\* OK/)
  })
})
