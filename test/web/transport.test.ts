// How the pages may be reached: TLS of our own, a reverse proxy, and nothing beyond loopback without one of the two.
import { mkdtempSync, rmSync } from 'node:fs'
import { request as plain } from 'node:http'
import { request as encrypted } from 'node:https'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { toConfig } from '../../src/config/config.ts'
import { type Certificates, createCertificates } from '../../src/embedded/certificates.ts'
import { createWorld } from '../support/daemon.ts'
import { addUser, webPassword } from '../support/web.ts'

interface Answer {
  status: number | undefined
  headers: import('node:http').IncomingHttpHeaders
  text: string
}

interface Asked {
  headers?: Record<string, string>
  form?: Record<string, string>
  ca?: string
}

function ask(url: URL, { headers = {}, form, ca }: Asked = {}): Promise<Answer> {
  const send = url.protocol === 'https:' ? encrypted : plain
  const body = form === undefined ? '' : new URLSearchParams(form).toString()
  const type = form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }
  const options = { method: form === undefined ? 'GET' : 'POST', headers: { ...type, ...headers }, ca, agent: false }
  return new Promise((resolve, reject) => {
    send(url, options, answer => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', chunk => {
        text += chunk
      })
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, text }))
    })
      .on('error', reject)
      .end(body)
  })
}

/** Signs ada in over `url` and returns the answer. */
async function signIn(url: string, asked: Omit<Asked, 'form'>): Promise<Answer> {
  const { headers, text } = await ask(new URL('/sign-in', url), asked)
  const cookie = (headers['set-cookie'] ?? []).map(line => line.split(';')[0]).join('; ')
  const _csrf = /name="_csrf" value="([^"]+)"/.exec(text)?.[1] ?? ''
  return await ask(new URL('/sign-in', url), {
    ...asked,
    headers: { ...asked.headers, cookie },
    form: { name: 'ada', password: webPassword, _csrf },
  })
}

async function certificates(): Promise<Certificates> {
  const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-web-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  return await createCertificates({ openssl: 'openssl', directory })
}

test('with a certificate the pages speak TLS alone, and the session is for TLS alone', async () => {
  const { certFile, keyFile, caPem: ca } = await certificates()
  await using world = await createWorld({
    LETTERLOCK_WEB_TLS_CERT_FILE: certFile,
    LETTERLOCK_WEB_TLS_KEY_FILE: keyFile,
  })
  await addUser(world, 'ada', 'admin')
  const { url } = await world.start()
  expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/)
  const answer = await signIn(url, { ca })
  expect(answer.status).toBe(303)
  expect(answer.headers['set-cookie']?.join('\n')).toMatch(
    /^__Host-letterlock=[\w-]{43};.*HttpOnly; Secure; SameSite=Lax/m,
  )
  expect(answer.headers['strict-transport-security']).toMatch(/^max-age=\d+$/)
  await expect(ask(new URL('/sign-in', url.replace('https', 'http')))).rejects.toThrow()
})

test('behind a proxy that is trusted its word counts for the address, the protocol and the name', async () => {
  await using world = await createWorld({
    LETTERLOCK_WEB_TRUSTED_PROXIES: '127.0.0.1',
    LETTERLOCK_WEB_HOSTS: 'tickets.example.com',
  })
  await addUser(world, 'ada', 'admin')
  const { url } = await world.start()
  const headers = {
    'x-forwarded-for': '198.51.100.7, 203.0.113.9',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'tickets.example.com',
  }
  const answer = await signIn(url, { headers })
  expect([answer.status, answer.headers.location]).toEqual([303, '/'])
  expect(answer.headers['set-cookie']?.join('\n')).toMatch(/^__Host-letterlock=.*Secure/m)
  expect(await world.db('sessions').pluck('address')).toEqual(['203.0.113.9'])
  expect((await ask(new URL('/sign-in', url))).status).toBe(421)
  expect((await ask(new URL('/live', url))).status).toBe(200)
})

test('what nobody trusts is not believed', async () => {
  await using world = await createWorld()
  await addUser(world, 'ada', 'admin')
  const { url } = await world.start()
  const answer = await signIn(url, { headers: { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https' } })
  expect(answer.headers['set-cookie']?.join('\n')).toMatch(/^letterlock=/m)
  expect(await world.db('sessions').pluck('address')).toEqual(['127.0.0.1'])
})

const both = { LETTERLOCK_WEB_TLS_CERT_FILE: '/c.pem', LETTERLOCK_WEB_TLS_KEY_FILE: '/k.pem' }
const proxy = { LETTERLOCK_WEB_TRUSTED_PROXIES: '10.0.0.0/24' }
const hosts = { LETTERLOCK_WEB_HOSTS: 'tickets.example.com' }

test.each<[listen: string, more: Record<string, string>, fault: string | undefined]>([
  ['127.0.0.1:8025', {}, undefined],
  ['[::1]:8025', {}, undefined],
  ['192.0.2.5:8025', {}, 'must be a loopback address'],
  ['0.0.0.0:8025', hosts, 'must be a loopback address'],
  ['192.0.2.5:8025', both, undefined],
  ['0.0.0.0:8025', both, 'web.hosts'],
  ['[::]:8025', both, 'web.hosts'],
  ['0.0.0.0:8025', { ...both, ...hosts }, undefined],
  ['0.0.0.0:8025', proxy, 'web.hosts'],
  ['0.0.0.0:8025', { ...proxy, ...hosts }, undefined],
  ['127.0.0.1:8025', { LETTERLOCK_WEB_TLS_CERT_FILE: '/c.pem' }, 'belong together'],
  ['127.0.0.1:8025', { ...hosts, LETTERLOCK_WEB_TRUSTED_PROXIES: 'everybody' }, 'web.trusted_proxies'],
  ['127.0.0.1:8025', { LETTERLOCK_WEB_HOSTS: 'https://tickets.example.com' }, 'web.hosts'],
])('listening on %s with %j: %s', (listen, more, fault) => {
  const read = () =>
    toConfig({ file: undefined, toml: '', directory: '/', env: { LETTERLOCK_WEB_LISTEN: listen, ...more } })
  if (fault === undefined) expect(read().web.listen).toBe(listen)
  else expect(read).toThrow(fault)
})
