// A mail server is found by real answers: of a DNS server and of web servers with TLS on loopback.
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Discovery, findServers } from '../../src/discovery/find-servers.ts'
import { createCertificates } from '../../src/embedded/certificates.ts'
import { startDnsServer, type TestDnsServer } from '../support/dns-server.ts'

const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-discovery-'))
let dns: TestDnsServer
let web: Server
let ca: string
let port: number
/** What a path of a host answers; without an entry 404. */
const pages = new Map<string, { status?: number; location?: string; body?: string | Buffer; holds?: true }>()
let visited: string[] = []

beforeAll(async () => {
  dns = await startDnsServer()
  const names = ['autoconfig.shop.test', 'shop.test', 'inside.shop.test']
  const { certFile, keyFile, caPem } = await createCertificates({ openssl: 'openssl', directory, names })
  ca = caPem
  web = createServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, (request, response) => {
    const at = `${request.headers.host?.replace(/:\d+$/, '')}${request.url}`
    visited.push(at)
    const { status = 200, location, body = '', holds } = pages.get(at) ?? { status: 404 }
    response.writeHead(status, location === undefined ? {} : { location })
    if (holds) response.write(body)
    else response.end(body)
  })
  web.listen(0, '127.0.0.1')
  await once(web, 'listening')
  port = (web.address() as AddressInfo).port
})
afterAll(async () => {
  web.closeAllConnections()
  web.close()
  await dns[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true })
})
beforeEach(() => {
  dns.records.clear()
  dns.silent.clear()
  pages.clear()
  visited = []
})

async function find(address = 'support@shop.test'): Promise<Discovery> {
  return await findServers(address, { dnsServers: [dns.address], https: { port, ca } })
}

const shown = ({ servers }: Discovery): string[] =>
  servers.map(({ host, port, security, sources }) => `${host}:${port} ${security}: ${sources.join(', ')}`)

const file = 'autoconfig.shop.test/mail/config-v1.1.xml'
const configuration = `<clientConfig version="1.1"><emailProvider id="shop.test"><incomingServer type="imap">
<hostname>imap.shop.test</hostname><port>993</port><socketType>SSL</socketType><username>%EMAILADDRESS%</username>
</incomingServer></emailProvider></clientConfig>`

test('SRV records of the domain are found', async () => {
  dns.records.set('_imaps._tcp.shop.test', { SRV: [{ priority: 0, weight: 1, port: 993, name: 'imap.shop.test' }] })
  dns.records.set('_imap._tcp.shop.test', { SRV: [{ priority: 0, weight: 1, port: 143, name: 'imap.shop.test' }] })
  expect(shown(await find())).toEqual([
    'imap.shop.test:993 tls: SRV record _imaps._tcp.shop.test',
    'imap.shop.test:143 starttls: SRV record _imap._tcp.shop.test',
  ])
})

test('the MX of a domain leads to its provider', async () => {
  dns.records.set('shop.test', { MX: [{ priority: 1, exchange: 'aspmx.l.google.com' }] })
  const found = await find()
  expect(shown(found)).toEqual(['imap.gmail.com:993 tls: MX record aspmx.l.google.com, of Gmail, Google Workspace'])
  expect(found.servers[0]?.provider?.wants).toBe('app password')
})

test('the domain’s autoconfig file is read, from either place', async () => {
  dns.records.set('autoconfig.shop.test', { A: ['127.0.0.1'] })
  dns.records.set('shop.test', { A: ['127.0.0.1'] })
  pages.set(file, { body: configuration })
  expect(shown(await find())).toEqual(['imap.shop.test:993 tls: autoconfig at autoconfig.shop.test'])
  pages.clear()
  pages.set('shop.test/.well-known/autoconfig/mail/config-v1.1.xml', { body: configuration })
  expect(shown(await find())).toEqual(['imap.shop.test:993 tls: autoconfig at shop.test'])
  // Whose mailbox it is about is nobody's matter.
  expect(visited.join()).not.toContain('support')
})

test.each<[string, { status?: number; location?: string; body?: string | Buffer }]>([
  ['plain http', { status: 302, location: 'http://shop.test/config.xml' }],
  ['another scheme', { status: 302, location: 'file:///etc/passwd' }],
  ['a private address', { status: 302, location: 'https://inside.shop.test/config.xml' }],
  ['a private address without a name', { status: 302, location: 'https://127.0.0.1/config.xml' }],
  ['nowhere', { status: 302 }],
  ['a file without end', { body: Buffer.alloc(300_000, ' ') }],
  ['a web page', { body: '<html></html>' }],
])('a redirect or file that is refused: %s', async (_, page) => {
  dns.records.set('autoconfig.shop.test', { A: ['127.0.0.1'] })
  dns.records.set('inside.shop.test', { A: ['127.0.0.1'] })
  pages.set(file, page)
  pages.set('inside.shop.test/config.xml', { body: configuration })
  pages.set('127.0.0.1/config.xml', { body: configuration })
  expect(shown(await find())).toEqual([])
  expect(visited).toEqual([file])
})

test('a web server whose certificate nobody vouches for is not believed', async () => {
  dns.records.set('autoconfig.other.test', { A: ['127.0.0.1'] })
  pages.set('autoconfig.other.test/mail/config-v1.1.xml', { body: configuration })
  expect(shown(await find('support@other.test'))).toEqual([])
  dns.records.set('autoconfig.shop.test', { A: ['127.0.0.1'] })
  pages.set(file, { body: configuration })
  const unknown = await findServers('support@shop.test', { dnsServers: [dns.address], https: { port } })
  expect(shown(unknown)).toEqual([])
  expect(visited).toEqual([])
})

test('servers that do not answer hold nothing up for long, and what others said is used', async () => {
  dns.records.set('_imaps._tcp.shop.test', { SRV: [{ priority: 0, weight: 1, port: 993, name: 'imap.shop.test' }] })
  dns.records.set('autoconfig.shop.test', { A: ['127.0.0.1'] })
  dns.silent.add('shop.test')
  pages.set(file, { body: '<clientConfig>', holds: true })
  const startedAt = performance.now()
  const found = await findServers('support@shop.test', {
    dnsServers: [dns.address],
    https: { port, ca },
    timeoutMs: 1_000,
  })
  expect(shown(found)).toEqual(['imap.shop.test:993 tls: SRV record _imaps._tcp.shop.test'])
  expect(performance.now() - startedAt).toBeLessThan(20_000)
  expect(found.asked.map(({ end }) => end)).toEqual(['found', 'nothing', 'unanswered', 'unanswered', 'unanswered'])
})

test('nothing is found, and what was asked is told', async () => {
  dns.records.set('shop.test', { MX: [{ priority: 1, exchange: 'mx.shop.test' }] })
  expect(await find()).toEqual({
    domain: 'shop.test',
    servers: [],
    asked: [
      { what: 'SRV record _imaps._tcp.shop.test', end: 'nothing' },
      { what: 'SRV record _imap._tcp.shop.test', end: 'nothing' },
      { what: 'MX records of shop.test', end: 'unusable' },
      { what: 'autoconfig at https://autoconfig.shop.test/mail/config-v1.1.xml', end: 'nothing' },
      { what: 'autoconfig at https://shop.test/.well-known/autoconfig/mail/config-v1.1.xml', end: 'nothing' },
    ],
  })
  expect(await find('a@[10.0.0.1]')).toEqual({ domain: undefined, servers: [], asked: [] })
})

test('a provider’s own domain needs nobody to be asked', async () => {
  dns.asked.length = 0
  expect(shown(await find('somebody@gmail.com'))).toEqual([
    'imap.gmail.com:993 tls: gmail.com is a domain of Gmail, Google Workspace',
  ])
  expect(dns.asked).toEqual([])
})
