// What answers of DNS and autoconfig come to, without asking anybody.
import { expect, test } from 'vitest'
import { splitAddress } from '../../src/discovery/address-domain.ts'
import { readAutoconfig } from '../../src/discovery/autoconfig.ts'
import { type Answers, chooseServers, ownServer } from '../../src/discovery/choose-servers.ts'
import { isPublic } from '../../src/discovery/fetch-autoconfig.ts'
import { wellKnown } from '../../src/discovery/well-known-providers.ts'

const parts = { address: 'support@shop.example', localPart: 'support', domain: 'shop.example' }
const none: Answers = { imaps: undefined, imap: undefined, exchangers: undefined, autoconfig: undefined }
const srv = (name: string, port: number, priority = 0, weight = 0) => ({ name, port, priority, weight })

const shown = (answers: Partial<Answers>): string[] =>
  chooseServers(parts, { ...none, ...answers }).map(
    ({ host, port, security, username }) => `${host}:${port} ${security} ${username}`,
  )

test.each([
  ['support@Example.COM', 'example.com'],
  ['büro@müller.example', 'xn--mller-kva.example'],
  ['a@b@shop.example', 'shop.example'],
  ['a@[10.0.0.1]', undefined],
  ['a@10.0.0.1', undefined],
  ['a@0x7f.1', undefined],
  ['a@localhost', undefined],
  ['a@shop.example/x', undefined],
  ['a@shop.example:8443', undefined],
  ['a@-.example', undefined],
])('the domain of %s is %s', (address, domain) => {
  expect(splitAddress(address)?.domain).toBe(domain)
})

test('what the domain says of itself goes before a guess, TLS before STARTTLS', () => {
  const answers = {
    imaps: [srv('second.example', 993, 20), srv('First.example.', 993, 10), srv('first.example', 1993, 10, 5)],
    imap: [srv('first.example', 143)],
    exchangers: [{ priority: 1, exchange: 'aspmx.l.google.com' }],
    autoconfig: {
      where: 'autoconfig.shop.example',
      servers: [
        { host: 'old.example', port: 143, security: 'starttls', username: 'support' },
        { host: 'second.example', port: 993, security: 'tls', username: 'support' },
      ],
    },
  } as const
  expect(shown(answers)).toEqual([
    'first.example:1993 tls support@shop.example',
    'first.example:993 tls support@shop.example',
    'second.example:993 tls support@shop.example',
    'first.example:143 starttls support@shop.example',
    'old.example:143 starttls support',
    'imap.gmail.com:993 tls support@shop.example',
  ])
  expect(chooseServers(parts, { ...none, ...answers })[2]?.sources).toEqual([
    'SRV record _imaps._tcp.shop.example',
    'autoconfig at autoconfig.shop.example',
  ])
})

test('a service that is not there, an address and a name that is none are no servers', () => {
  expect(shown({ imaps: [srv('', 0), srv('.', 0), srv('10.0.0.1', 993), srv('a b.example', 993)] })).toEqual([])
  expect(shown({ imaps: [srv('imap.example', 0), srv('$(reboot).example', 993)] })).toEqual([])
})

test.each([
  ['ASPMX.L.google.com', 'imap.gmail.com'],
  ['shop-example.mail.protection.outlook.com', 'outlook.office365.com'],
  ['in1-smtp.messagingengine.com', 'imap.fastmail.com'],
  ['mx01.mail.icloud.com', 'imap.mail.me.com'],
  ['smtpin.rzone.de', 'imap.strato.de'],
  ['evil-google.com', undefined],
  ['google.com.evil.example', undefined],
])('the exchanger %s belongs to %s', (exchange, host) => {
  expect(chooseServers(parts, { ...none, exchangers: [{ priority: 1, exchange }] })[0]?.host).toBe(host)
})

test('a provider’s own domain needs nobody to be asked, and no two providers share one', () => {
  expect(ownServer({ address: 'a@gmx.de', localPart: 'a', domain: 'gmx.de' })?.host).toBe('imap.gmx.net')
  const domains = wellKnown.flatMap(provider => provider.domains)
  expect(new Set(domains).size).toBe(domains.length)
})

const configuration = (...servers: string[]): string =>
  `<?xml version="1.0"?><clientConfig version="1.1"><emailProvider id="shop.example"><domain>shop.example</domain>${servers.join('')}
<outgoingServer type="smtp"><hostname>smtp.shop.example</hostname><port>465</port><socketType>SSL</socketType></outgoingServer></emailProvider></clientConfig>`

const incoming = (security: string, host = 'imap.%EMAILDOMAIN%', type = 'imap'): string =>
  `<incomingServer type="${type}"><hostname> ${host} </hostname><port>993</port><socketType>${security}</socketType>
<username>%EMAILLOCALPART%</username><authentication>password-cleartext</authentication></incomingServer>`

test('a configuration names IMAP servers with TLS; one without TLS and one for POP are left out', () => {
  const xml = configuration(incoming('plain'), incoming('SSL', 'pop.shop.example', 'pop3'), incoming('SSL'))
  expect(readAutoconfig(xml, parts)).toEqual([
    { host: 'imap.shop.example', port: 993, security: 'tls', username: 'support' },
  ])
  expect(readAutoconfig(configuration(incoming('STARTTLS', 'a&amp;b')), parts)).toMatchObject([
    { host: 'a&b', security: 'starttls' },
  ])
})

test.each([
  ['a web page', '<html><body><incomingServer type="imap"></incomingServer></body></html>'],
  ['nothing', ''],
  ['no XML', '{"imap": "imap.shop.example"}'],
])('%s is no configuration', (_, text) => {
  expect(readAutoconfig(text, parts)).toBeUndefined()
})

test('entities that a configuration defines itself are not followed', () => {
  const xml = `<!DOCTYPE x [<!ENTITY host SYSTEM "file:///etc/passwd">]>${configuration(incoming('SSL', '&host;'))}`
  expect(readAutoconfig(xml, parts)).toMatchObject([{ host: '&host;' }])
})

test.each([
  ['93.184.216.34', true],
  ['2606:2800:220:1:248:1893:25c8:1946', true],
  ['127.0.0.1', false],
  ['10.1.2.3', false],
  ['100.64.0.1', false],
  ['169.254.169.254', false],
  ['172.31.255.255', false],
  ['192.168.0.1', false],
  ['255.255.255.255', false],
  ['::1', false],
  ['::ffff:10.0.0.1', false],
  ['fe80::1', false],
  ['fd00::1', false],
  ['2002:a00:1::', false],
])('%s is an address of the Internet: %s', (address, expected) => {
  expect(isPublic(address)).toBe(expected)
})
