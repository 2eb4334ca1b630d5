import { describe, expect, test } from 'vitest'
import { judgeSender, unknownSender } from '../../src/parse/authentication/judge-sender.ts'
import { parseMessage } from '../../src/parse/parse-message.ts'

const trusted = ['mx.example.net']

/** The verdict on a mail with these header lines, sent from `anna@example.com` unless they say otherwise. */
async function verdictOn(lines: string[], believed: readonly string[] = trusted) {
  const from = lines.some(line => /^from:/i.test(line)) ? [] : ['From: Anna <anna@example.com>']
  const { senderEvidence } = await parseMessage(
    Buffer.from([...lines, ...from, 'Subject: x', '', 'Hello'].join('\r\n')),
  )
  return judgeSender(senderEvidence, believed)
}

const dmarcPass = 'dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=example.com'
const dmarcFail = 'dmarc=fail (p=QUARANTINE) header.from=example.com'

describe('what the trusted server found', () => {
  test.each([
    [
      'DMARC passes',
      dmarcPass,
      { verdict: 'pass', method: 'dmarc', domain: 'example.com', aligned: true, policy: 'reject' },
    ],
    [
      'DMARC fails',
      dmarcFail,
      { verdict: 'fail', method: 'dmarc', domain: 'example.com', aligned: false, policy: 'quarantine' },
    ],
    [
      'the signature of the very domain',
      'dkim=pass header.d=example.com',
      { verdict: 'pass', method: 'dkim', aligned: true },
    ],
    ['of a domain below it', 'dkim=pass header.i=@mail.example.com', { verdict: 'pass', domain: 'mail.example.com' }],
    [
      'of somebody else',
      'dkim=pass header.d=lists.example.org',
      { verdict: 'none', method: 'dkim', domain: 'lists.example.org', aligned: false },
    ],
    [
      'a broken signature',
      'dkim=fail ("body hash; did not verify") header.d=example.com',
      { verdict: 'fail', method: 'dkim', aligned: true },
    ],
    ['a broken one of somebody else', 'dkim=fail header.d=lists.example.org', { verdict: 'none' }],
    [
      'one of two holds',
      'dkim=fail header.d=example.com header.s=a; dkim=pass header.d=example.com header.s=b',
      { verdict: 'pass' },
    ],
    [
      'a broken signature, but DMARC passes by SPF',
      `dkim=fail header.d=example.com; ${dmarcPass}`,
      { verdict: 'pass', method: 'dmarc' },
    ],
    [
      'the signature holds, but DMARC fails',
      `dkim=pass header.d=example.org; ${dmarcFail}`,
      { verdict: 'fail', method: 'dmarc' },
    ],
    ['SPF alone says nothing of From', 'spf=pass smtp.mailfrom=anna@example.com', { verdict: 'none', method: null }],
    [
      'a temporary error',
      'dkim=temperror header.d=example.com; dmarc=temperror header.from=example.com',
      { verdict: 'none' },
    ],
    ['a guess', 'dmarc=bestguesspass action=none header.from=example.com', { verdict: 'none' }],
    ['no check at all', 'none', { verdict: 'none', method: null, domain: null }],
    ['DMARC of another From', 'dmarc=pass header.from=example.org', { verdict: 'none' }],
    ['a public suffix is no organisation', 'dkim=pass header.d=com', { verdict: 'none' }],
  ])('%s', async (_, results, expected) => {
    expect(await verdictOn([`Authentication-Results: mx.example.net; ${results}`])).toMatchObject(expected)
  })

  test('writes it in many ways', async () => {
    for (const field of [
      'Authentication-Results: MX.Example.NET 1;\r\n\tdkim=pass (good; signature) header.d=Example.COM',
      'Authentication-Results: mx.example.net (its (own) name); dkim/1 = pass reason="a; b" header.d="example.com"',
      'Authentication-Results: "mx.example.net";\r\n dkim=pass\r\n header.d=example.com.',
      'authentication-results: mx.example.net;dkim=pass header.d=example.com;',
    ])
      expect((await verdictOn([field])).verdict, field).toBe('pass')
  })

  test('letters of other alphabets: a U-label is its A-label', async () => {
    const lines = [
      'From: <a@bücher.example>',
      'Authentication-Results: mx.example.net; dkim=pass header.d=xn--bcher-kva.example',
    ]
    expect(await verdictOn(lines)).toMatchObject({ verdict: 'pass', domain: 'xn--bcher-kva.example' })
  })
})

describe('whom to believe', () => {
  const forged = (id: string) => `Authentication-Results: ${id}; ${dmarcPass}`
  const own = `Authentication-Results: mx.example.net; ${dmarcFail}`

  test.each([
    ['another server above', [forged('mx.evil.example'), own], 'fail'],
    ['another server below', [own, forged('mx.evil.example')], 'fail'],
    ['only another server', [forged('mx.evil.example')], 'none'],
    ['our name in a longer one', [forged('mx.example.net.evil.example')], 'none'],
    ['our name in a comment', [forged('(mx.example.net) mx.evil.example')], 'none'],
    ['our own name, written by the sender, right below', [own, forged('mx.example.net')], 'fail'],
    [
      'our own name, below an earlier hop',
      [own.replace(dmarcFail, 'spf=pass'), 'Received: by b', forged('mx.example.net')],
      'none',
    ],
    [
      'a signature below a field that names another',
      [
        'Authentication-Results: mx.example.net; dkim=none',
        'Authentication-Results: mx.example.net; dkim=pass header.d=example.com',
      ],
      'none',
    ],
    ['a field of ARC', [`ARC-${forged('mx.example.net')}`], 'none'],
    [
      'several names of one server',
      [
        'Authentication-Results: dkim.example.net; dkim=none',
        `Authentication-Results: dmarc.example.net; ${dmarcPass}`,
      ],
      'pass',
    ],
    ['no field', [], 'none'],
  ])('%s', async (_, lines, verdict) => {
    const believed = ['mx.example.net', 'dkim.example.net', 'dmarc.example.net']
    expect((await verdictOn(lines, believed)).verdict).toBe(verdict)
  })

  test('a field that names nobody is believed only where the provider writes such ones', async () => {
    const field = [
      'Authentication-Results: spf=pass smtp.mailfrom=example.com; dkim=pass header.d=example.com;dmarc=pass action=none header.from=example.com',
    ]
    expect((await verdictOn(field, [''])).verdict).toBe('pass')
    expect((await verdictOn(field, ['mx.example.net'])).verdict).toBe('none')
    expect((await verdictOn([forged('mx.evil.example')], [''])).verdict).toBe('none')
  })

  test('a star stands for any letters of a name', async () => {
    expect((await verdictOn([forged('mx1.example.net')], ['mx*.example.net'])).verdict).toBe('pass')
    expect((await verdictOn([forged('mx1.example.net.evil.example')], ['mx*.example.net'])).verdict).toBe('none')
    expect((await verdictOn([forged('anything')], ['*'])).verdict).toBe('pass')
  })

  test('nobody is trusted, nobody was asked', async () => {
    expect((await verdictOn([forged('mx.example.net')], [])).verdict).toBe('none')
    expect(unknownSender('anna@example.com')).toMatchObject({ verdict: 'unknown', from: 'anna@example.com' })
  })
})

describe('a From that names more than one person', () => {
  test.each([
    ['two fields', ['From: eve@evil.example', 'From: anna@example.com']],
    ['two addresses', ['From: eve@evil.example, anna@example.com']],
    ['none', ['From: undisclosed', 'Sender: anna@example.com']],
  ])('%s never passes', async (_, from) => {
    const lines = [`Authentication-Results: mx.example.net; ${dmarcPass}; dkim=pass header.d=evil.example`, ...from]
    expect(await verdictOn(lines)).toMatchObject({ verdict: 'none', from: null })
  })
})

test('of fields without end only the topmost are read, and of each only its beginning', async () => {
  const field = `Authentication-Results: mx.example.net; ${'('.repeat(500)}${'a=b '.repeat(500)}${'"'.repeat(501)}`
  const { senderEvidence } = await parseMessage(
    Buffer.from(`${`${field}\r\n`.repeat(300)}From: a@example.com\r\n\r\nx`),
  )
  expect(senderEvidence.fields).toHaveLength(50)
  expect(judgeSender(senderEvidence, trusted).verdict).toBe('none')
})
