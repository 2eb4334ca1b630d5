// Our own check of signatures, against a DNS server on loopback: what it finds, and that no mail waits for it longer than it may.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { judgeSender, needsCheck } from '../../src/parse/authentication/judge-sender.ts'
import { parseMessage } from '../../src/parse/parse-message.ts'
import { openSignatureChecker, type SignatureChecker } from '../../src/poll/senders/signature-checker.ts'
import { createSigner, sealed, signed } from '../support/signed-mails.ts'
import { type DnsServer, startDnsServer } from '../support/signing-dns.ts'

const own = createSigner('example.com')
const rsa = createSigner('mail.example.com', 'rsa')
const strange = createSigner('bulk.example.net')
const list = createSigner('lists.example.org')
const forgotten = createSigner('nokey.example')
const strict = createSigner('bank.example')

const mail = (from = 'anna@example.com', text = 'Hello.\r\n'): Buffer =>
  Buffer.from(
    `From: Anna <${from}>\r\nTo: support@example.net\r\nSubject: x\r\nDate: Sun, 29 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n\r\n${text}`,
  )
const altered = (source: Buffer): Buffer => Buffer.concat([source, Buffer.from('Send the money elsewhere.\r\n')])

let dns: DnsServer
let checker: SignatureChecker
const patientMs = 60_000
const open = (deadlineMs: number, told: string[] = []): SignatureChecker =>
  openSignatureChecker({
    sealers: ['lists.example.org'],
    dnsServers: [dns.address],
    deadlineMs,
    onDns: state => told.push(state),
  })

beforeAll(async () => {
  dns = await startDnsServer()
  for (const { record } of [own, rsa, strange, list, strict]) dns.records.set(...record)
  dns.records.set('_dmarc.bank.example', 'v=DMARC1; p=reject')
  dns.records.set('_dmarc.example.com', 'v=DMARC1; p=none')
  checker = open(patientMs)
})
afterAll(async () => {
  await checker[Symbol.asyncDispose]()
  await dns[Symbol.asyncDispose]()
})

/** As ingest does it: only what the check may decide is checked. */
async function verdictOn(source: Buffer, by = checker) {
  const { senderEvidence: evidence } = await parseMessage(source)
  const asks = needsCheck(evidence, null, by.sealers)
  return judgeSender(evidence, null, asks ? await by.check(source, evidence.from ?? '') : null)
}

describe('our own check', () => {
  test.each<[string, () => Promise<Buffer>, object]>([
    [
      'signed by its domain',
      () => signed(mail(), own),
      { verdict: 'pass', method: 'dkim', domain: 'example.com', aligned: true },
    ],
    [
      'signed by a subdomain, with RSA',
      () => signed(mail(), rsa),
      { verdict: 'pass', method: 'dkim', domain: 'mail.example.com' },
    ],
    [
      'an altered body',
      async () => altered(await signed(mail(), own)),
      { verdict: 'fail', method: 'dkim', policy: 'none' },
    ],
    [
      'an altered body of a domain that asks to reject',
      async () => altered(await signed(mail('a@bank.example'), strict)),
      { verdict: 'fail', policy: 'reject' },
    ],
    [
      'a subdomain of it',
      async () => altered(await signed(mail('a@news.bank.example'), strict)),
      { verdict: 'fail', policy: 'reject' },
    ],
    [
      'another From than was signed',
      async () => Buffer.from(String(await signed(mail(), own)).replace('anna@', 'boss@')),
      { verdict: 'fail' },
    ],
    [
      'a part of the body alone signed',
      async () => altered(await signed(mail(), own, { maxBodyLength: 8 })),
      { verdict: 'none', method: 'dkim' },
    ],
    ['no key in the DNS', () => signed(mail('a@nokey.example'), forgotten), { verdict: 'none', method: 'dkim' }],
    ['signed by another domain', () => signed(mail(), strange), { verdict: 'unknown', method: null }],
    ['signed by nobody', async () => mail(), { verdict: 'unknown' }],
    [
      'one signature of two holds',
      async () =>
        signed(
          Buffer.concat([
            (await signed(mail('anna@example.com', 'Other'), own)).subarray(
              0,
              -mail('anna@example.com', 'Other').length,
            ),
            mail(),
          ]),
          own,
        ),
      { verdict: 'pass' },
    ],
  ])('%s', async (_, make, expected) => {
    expect(await verdictOn(await make())).toMatchObject(expected)
  })

  test.each<[string, typeof list, string, object]>([
    [
      'a list that saw the signature vouches for it',
      list,
      'dkim=pass header.d=example.com',
      { verdict: 'pass', method: 'arc', domain: 'example.com', aligned: true },
    ],
    ['a list that saw DMARC pass does', list, 'dmarc=pass header.from=example.com', { verdict: 'pass', method: 'arc' }],
    [
      'one that saw another domain does not',
      list,
      'dkim=pass header.d=example.net',
      { verdict: 'fail', method: 'dkim' },
    ],
    ['one that saw it fail does not', list, 'dkim=fail header.d=example.com', { verdict: 'fail' }],
    ['a sealer whom nobody trusts does not', strange, 'dkim=pass header.d=example.com', { verdict: 'fail' }],
  ])('ARC: %s', async (_, sealer, saw, expected) => {
    expect(await verdictOn(await sealed(altered(await signed(mail(), own)), sealer, saw))).toMatchObject(expected)
  })

  test('ARC: what was altered after the seal is not vouched for', async () => {
    const source = altered(await sealed(altered(await signed(mail(), own)), list, 'dkim=pass header.d=example.com'))
    expect(await verdictOn(source)).toMatchObject({ verdict: 'fail', method: 'dkim' })
  })

  test('a mail with many signatures is not checked: each costs a question', async () => {
    let source = mail()
    for (let i = 0; i < 6; i++) source = await signed(source, own)
    const before = dns.asked.length
    expect(await verdictOn(source)).toMatchObject({ verdict: 'unknown' })
    expect(dns.asked).toHaveLength(before)
  })

  test('a name is asked for once', async () => {
    await verdictOn(await signed(mail(), own))
    const before = dns.asked.length
    await Promise.all([verdictOn(await signed(mail(), own)), verdictOn(altered(await signed(mail(), own)))])
    expect(dns.asked.slice(before)).toEqual([])
  })
})

describe('a DNS that does not answer', () => {
  test('no mail waits longer than it may, and after a few nothing is asked until it answers again', async () => {
    const told: string[] = []
    await using hasty = open(300, told)
    const source = await signed(mail(), own)
    dns.silent = true
    const startedAt = performance.now()
    expect(await verdictOn(source, hasty)).toMatchObject({ verdict: 'unknown' })
    expect(performance.now() - startedAt).toBeLessThan(10_000)
    await expect.poll(() => verdictOn(source, hasty).then(() => told), { timeout: 60_000 }).toEqual(['silent'])
    const before = dns.asked.length
    dns.silent = false
    expect(await verdictOn(source, hasty)).toMatchObject({ verdict: 'unknown' })
    expect(dns.asked).toHaveLength(before)
  })

  test('a refused question fails at once', async () => {
    await using away = openSignatureChecker({
      sealers: [],
      dnsServers: ['127.0.0.1:1'],
      deadlineMs: patientMs,
      onDns() {},
    })
    expect(await verdictOn(await signed(mail(), own), away)).toMatchObject({ verdict: 'none' })
  })
})
