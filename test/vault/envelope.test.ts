import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { expect, type TestContext, test } from 'vitest'
import type { Destination16 } from '../../src/model/secret.ts'
import { opensCanary, sealCanary } from '../../src/vault/keys/canary.ts'
import {
  type EnvelopeContext,
  type ImapDestination,
  imapDestination,
  type Key,
  keyHexOf,
  noDestination,
  oauthDestination,
  open,
  seal,
  toKey,
} from '../../src/vault/secrets/envelope.ts'

interface Vector {
  name: string
  place: EnvelopeContext
  destination: (ImapDestination & { oauth: { tokenEndpoint: string; clientId: string } | null }) | null
  destination16: string
  secret: string
  salt: string
  aesKey: string
  nonce: string
  commitment: string
  aad: string
  envelope: string
}

interface Vectors {
  key: string
  keyId: string
  sealed: Vector[]
  refusedIn: EnvelopeContext
  refused: { name: string; end: string; envelope: string }[]
}

const script = path.join(import.meta.dirname, 'envelope-vectors.py')
const vectorsText = readFileSync(path.join(import.meta.dirname, 'envelope-vectors.json'), 'utf8')
const vectors: Vectors = JSON.parse(vectorsText)

const hex = (text: string): Buffer => Buffer.from(text, 'hex')
const keyOf = (text: string): Key => toKey(hex(text))
const key = keyOf(vectors.key)
const otherKey = keyOf('a7'.repeat(32))
const held =
  (...keys: readonly Key[]) =>
  (keyHex: string) =>
    keys.find(each => each.hex === keyHex)

const place: EnvelopeContext = { table: 'credentials', kind: 'password', accountId: 42 }
const server: ImapDestination = {
  host: 'imap.example.com',
  port: 993,
  security: 'tls',
  username: 'support@example.com',
  caPem: null,
}
const destination = imapDestination(server)
const secret = Buffer.from('correct horse')
const envelope = seal(key, place, destination, secret)

function destinationOf({ destination: to }: Vector): Destination16 {
  if (to === null) return noDestination
  return to.oauth === null ? imapDestination(to) : oauthDestination(to.oauth, to)
}

test('the key id is derived as the other implementation does it', () => {
  expect(key.hex).toBe(vectors.keyId)
  expect(key.id).toEqual(hex(vectors.keyId))
})

test.each(vectors.sealed)('opens what another implementation sealed, and seals the same bytes: $name', vector => {
  const [bytes, salt] = [hex(vector.envelope), hex(vector.salt)]
  expect(destinationOf(vector).toString('hex')).toBe(vector.destination16)
  expect(open(held(key), vector.place, bytes)).toEqual({
    end: 'ok',
    secret: hex(vector.secret),
    destination: hex(vector.destination16),
  })
  expect(seal(key, vector.place, destinationOf(vector), hex(vector.secret), salt).toString('hex')).toBe(vector.envelope)
})

test.each(vectors.refused)('refuses what another implementation made to be refused: $name', vector => {
  expect(open(held(key), vectors.refusedIn, hex(vector.envelope)).end).toBe(vector.end)
})

test('the worked example of the manual has the values of the vectors', () => {
  const page = readFileSync(path.join(import.meta.dirname, '../../docs/envelope.md'), 'utf8')
  // The second column, without the spaces that make it legible.
  const lines = page.slice(page.indexOf('## A worked example')).split('\n')
  const example = lines
    .map(line => line.slice(13).split('    ')[0])
    .join('')
    .replaceAll(' ', '')
  const [worked] = vectors.sealed
  if (worked === undefined) throw new Error('there are vectors')
  const { destination16, salt, aesKey, nonce, commitment, aad } = worked
  const body = `${destination16}${lengthAndBytes(worked.secret)}00`
  const parts = ['letterlock/v1/destination', 'imap', 'imap.example.com', '993', 'tls', 'support@example.com', '']
  const input = parts.map(part => lengthAndBytes(Buffer.from(part).toString('hex'))).join('')
  const sha256 = createHash('sha256').update(hex(input)).digest('hex')
  for (const value of [
    vectors.key,
    vectors.keyId,
    salt,
    input,
    sha256,
    aesKey,
    nonce,
    commitment,
    aad,
    body,
    worked.envelope,
  ])
    expect(example).toContain(value)
})

const lengthAndBytes = (bytesHex: string): string => (bytesHex.length / 2).toString(16).padStart(4, '0') + bytesHex

test("the other implementation's canary is this key's", () => {
  const [canary] = vectors.sealed.filter(vector => vector.place.table === 'encryption_keys')
  expect(opensCanary(key, { keyHex: key.hex, canary: hex(canary?.envelope ?? '') })).toBe(true)
})

function python(context: TestContext, args: readonly string[], input = ''): string {
  const ran = spawnSync('python3', [script, ...args], { input, encoding: 'utf8', maxBuffer: 64 << 20 })
  if (ran.error !== undefined) context.skip('python3 is not installed here: only its vectors on file were opened')
  expect(ran.stderr).toBe('')
  return ran.stdout
}

test('the vectors on file are those that the other implementation makes', context => {
  expect(python(context, [])).toBe(vectorsText)
})

test('the other implementation opens what was sealed here under random salts', context => {
  const rows = vectors.sealed.map(vector => ({
    key: vectors.key,
    place: vector.place,
    envelope: seal(key, vector.place, destinationOf(vector), hex(vector.secret)).toString('hex'),
  }))
  const canary = sealCanary(otherKey).toString('hex')
  rows.push({ key: 'a7'.repeat(32), place: { table: 'encryption_keys', keyHex: otherKey.hex }, envelope: canary })
  expect(JSON.parse(python(context, ['open'], JSON.stringify(rows)))).toEqual([
    ...vectors.sealed.map(vector => ({ end: 'ok', secret: vector.secret, destination16: vector.destination16 })),
    { end: 'ok', secret: Buffer.from('letterlock').toString('hex'), destination16: '00'.repeat(16) },
  ])
})

test('both implementations agree on how a damaged envelope ends', context => {
  const damaged = [...Array(envelope.length).keys()].map(at => flipped(envelope, 8 * at))
  const rows = damaged.map(bytes => ({ key: vectors.key, place, envelope: bytes.toString('hex') }))
  const theirs: { end: string }[] = JSON.parse(python(context, ['open'], JSON.stringify(rows)))
  expect(theirs.map(({ end }) => end)).toEqual(damaged.map(bytes => open(held(key), place, bytes).end))
})

test('secrets of every length come back, and the length is told to within 32 bytes only', () => {
  for (const length of [...Array(301).keys(), 2_000, 3_979, 3_980]) {
    const text = randomBytes(length)
    const sealed = seal(key, place, destination, text)
    expect(sealed.length).toBe(49 + 32 * Math.ceil((18 + length) / 32) + 16)
    expect(open(held(key), place, sealed)).toEqual({ end: 'ok', secret: text, destination })
  }
})

test('the largest envelope fits its column', () => {
  expect(seal(key, place, destination, Buffer.alloc(3_980)).length).toBeLessThanOrEqual(4_096)
})

test('a secret of more than 3,980 bytes is not sealed', () => {
  expect(() => seal(key, place, destination, Buffer.alloc(3_981))).toThrow(RangeError)
  expect(() => seal(key, place, destination, Buffer.alloc(70_000))).toThrow(RangeError)
})

test('the secret that was sealed is left to the caller as it was', () => {
  const own = Buffer.from('correct horse')
  seal(key, place, destination, own)
  expect(own.toString()).toBe('correct horse')
})

function flipped(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes)
  copy.writeUInt8(copy.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
  return copy
}

/** How an envelope ends of which the byte at `at` is another. */
function endAt(at: number): string {
  if (at === 0) return 'unsupported-version'
  return at < 9 ? 'key-missing' : 'tampered'
}

test('no flipped bit gets through, and each has its end', () => {
  for (const bytes of [envelope, seal(key, place, destination, Buffer.alloc(46, 'x'))]) {
    for (let bit = 0; bit < 8 * bytes.length; bit += 1)
      expect(open(held(key), place, flipped(bytes, bit)).end, `bit ${bit}`).toBe(endAt(bit >> 3))
  }
})

test('no flipped bit of a canary gets through', () => {
  const canary = sealCanary(key)
  expect(opensCanary(key, { keyHex: key.hex, canary })).toBe(true)
  for (let bit = 0; bit < 8 * canary.length; bit += 1)
    expect(opensCanary(key, { keyHex: key.hex, canary: flipped(canary, bit) }), `bit ${bit}`).toBe(false)
})

test('what is cut short or goes on is tampered with, nothing at all too', () => {
  for (let length = 0; length < envelope.length; length += 1)
    expect(open(held(key), place, envelope.subarray(0, length)), `${length} bytes`).toEqual({ end: 'tampered' })
  for (let more = 1; more <= 4_200; more += 1)
    expect(open(held(key), place, Buffer.concat([envelope, Buffer.alloc(more)])).end, `${more} more`).toBe('tampered')
  expect(open(held(key), place, Buffer.concat([envelope, envelope])).end).toBe('tampered')
})

test.each([4, 8, 12, 15])('a tag of %i bytes is refused, though the cipher would take it', bytes => {
  expect(open(held(key), place, envelope.subarray(0, envelope.length - 16 + bytes)).end).toBe('tampered')
  // As long as an envelope may be: the ciphertext is a whole number of blocks if the short tag is taken for a whole one.
  const filled = Buffer.concat([envelope.subarray(0, envelope.length - 16 + bytes), Buffer.alloc(16 - bytes)])
  expect(open(held(key), place, filled).end).toBe('tampered')
})

const places: readonly (readonly [string, EnvelopeContext])[] = [
  ['another row', { ...place, accountId: 43 }],
  ['a row whose number begins alike', { ...place, accountId: 4 }],
  ['another kind', { ...place, kind: 'oauth-refresh-token' }],
  ['a third kind', { ...place, kind: 'oauth-client-secret' }],
  ['another table', { table: 'encryption_keys', keyHex: key.hex }],
]

test.each(places)('opens in its own row only: not in %s', (_name, elsewhere) => {
  expect(open(held(key), elsewhere, envelope)).toEqual({ end: 'tampered' })
  expect(open(held(key), place, seal(key, elsewhere, destination, secret))).toEqual({ end: 'tampered' })
})

test('two rows that were exchanged open in neither', () => {
  const [a, b]: readonly EnvelopeContext[] = [
    { ...place, accountId: 1 },
    { ...place, accountId: 2 },
  ]
  if (a === undefined || b === undefined) throw new Error('two places')
  const [sealedA, sealedB] = [seal(key, a, destination, secret), seal(key, b, destination, secret)]
  expect([open(held(key), a, sealedB).end, open(held(key), b, sealedA).end]).toEqual(['tampered', 'tampered'])
})

test('an envelope of a key that is not held names the key, and no other key is tried', () => {
  const asked: string[] = []
  const opened = open(
    keyHex => {
      asked.push(keyHex)
      return undefined
    },
    place,
    seal(otherKey, place, destination, secret),
  )
  expect(opened).toEqual({ end: 'key-missing', keyHex: otherKey.hex })
  expect(asked).toEqual([otherKey.hex])
})

test('an envelope with the id of another key is tampered with, whichever keys are held', () => {
  const forged = Buffer.from(envelope)
  otherKey.id.copy(forged, 1)
  expect(keyHexOf(forged)).toBe(otherKey.hex)
  expect(open(held(key, otherKey), place, forged)).toEqual({ end: 'tampered' })
  expect(open(() => key, place, forged)).toEqual({ end: 'tampered' })
  expect(open(() => otherKey, place, envelope)).toEqual({ end: 'tampered' })
})

test('another version is not touched, whatever follows it', () => {
  for (const version of [0, 2, 3, 0x7e, 0xff]) {
    const other = Buffer.from(envelope)
    other.writeUInt8(version)
    for (const bytes of [other, other.subarray(0, 1), other.subarray(0, 40), Buffer.concat([other, other])])
      expect(open(held(key), place, bytes)).toEqual({ end: 'unsupported-version' })
  }
})

test('a canary is of its own key and of its own row', () => {
  const canary = sealCanary(key)
  expect(opensCanary(otherKey, { keyHex: key.hex, canary })).toBe(false)
  expect(opensCanary(otherKey, { keyHex: otherKey.hex, canary })).toBe(false)
  expect(opensCanary(key, { keyHex: otherKey.hex, canary })).toBe(false)
  expect(opensCanary(key, { keyHex: key.hex, canary: sealCanary(otherKey) })).toBe(false)
  const ofRow: EnvelopeContext = { table: 'encryption_keys', keyHex: key.hex }
  const otherWord = seal(key, ofRow, noDestination, Buffer.from('letterlocK'))
  expect(opensCanary(key, { keyHex: key.hex, canary: otherWord })).toBe(false)
  expect(opensCanary(key, { keyHex: key.hex, canary: Buffer.alloc(0) })).toBe(false)
})

const manySeals = process.env.TEST_LONG ? 100_000 : 10_000

test('as many seals have as many salts', () => {
  const salts = new Set<string>()
  for (let i = 0; i < manySeals; i += 1) salts.add(seal(key, place, destination, secret).toString('latin1', 9, 33))
  expect(salts.size).toBe(manySeals)
})

const ends = ['unsupported-version', 'key-missing', 'tampered']
const anyPlace = fc.oneof(
  fc.record({
    table: fc.constant('credentials' as const),
    kind: fc.constantFrom('password' as const, 'oauth-refresh-token' as const, 'oauth-client-secret' as const),
    accountId: fc.nat(),
  }),
  fc.record({ table: fc.constant('encryption_keys' as const), keyHex: fc.constantFrom(key.hex, otherKey.hex) }),
)

test('random bytes never open and never throw, in whatever row and with whichever key', () => {
  // Half of them get as far as the commitment: version and a known key id, and the length of an envelope.
  const random = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc
      .tuple(fc.constantFrom(key, otherKey), fc.integer({ min: 0, max: 6 }), fc.infiniteStream(fc.nat(255)))
      .map(([{ id }, blocks, stream]) => Buffer.from([1, ...id, ...stream.take(40 + 16 + 32 * blocks)])),
  )
  fc.assert(
    fc.property(anyPlace, random, (row, bytes) => {
      expect(ends).toContain(open(held(key, otherKey), row, Buffer.from(bytes)).end)
    }),
    { numRuns: 10_000 },
  )
})

test('an envelope that was changed anywhere never opens and never throws', () => {
  const change = fc.record({
    at: fc.nat(envelope.length - 1),
    drop: fc.nat(40),
    insert: fc.uint8Array({ maxLength: 40 }),
  })
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), changes => {
      const mutated = changes.reduce<Buffer>(
        (bytes, { at, drop, insert }) => Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + drop)]),
        envelope,
      )
      fc.pre(!mutated.equals(envelope))
      expect(ends).toContain(open(held(key), place, mutated).end)
    }),
    { numRuns: 10_000 },
  )
})

test('whatever was sealed opens in its row, and its destination comes back as it was', () => {
  fc.assert(
    fc.property(anyPlace, fc.uint8Array({ maxLength: 200 }), fc.string({ unit: 'binary' }), (row, bytes, username) => {
      const to = imapDestination({ ...server, username })
      const opened = open(held(key), row, seal(key, row, to, Buffer.from(bytes)))
      expect(opened).toEqual({ end: 'ok', secret: Buffer.from(bytes), destination: to })
    }),
    { numRuns: 500 },
  )
})

test('a key prints none of its material', () => {
  const bytes = Buffer.from('0123456789abcdefghijklmnopqrstuv')
  const printed = toKey(bytes)
  expect(bytes).toEqual(Buffer.alloc(32))
  const texts = [
    JSON.stringify(printed),
    inspect(printed, { depth: null, showHidden: true }),
    String(printed.material),
    `${Object.values(printed)}`,
  ]
  for (const text of texts) {
    expect(text).not.toMatch(/0123456789|ghijkl|30 ?31 ?32 ?33|48, ?49, ?50/)
    expect(text).not.toContain(Buffer.from('0123456789abcdefghijklmnopqrstuv').toString('base64').slice(0, 12))
  }
})

test('a key has 32 bytes', () => {
  for (const length of [0, 16, 31, 33, 64]) expect(() => toKey(Buffer.alloc(length))).toThrow(RangeError)
})

const elsewhere: readonly (readonly [string, Partial<ImapDestination>])[] = [
  ['host', { host: 'imap.example.net' }],
  ['host, longer by a label', { host: 'imap.example.com.example.net' }],
  ['port', { port: 143 }],
  ['security', { security: 'cleartext' }],
  ['security, starttls', { security: 'starttls' }],
  ['user name', { username: 'Support@example.com' }],
  ['own CA', { caPem: 'another' }],
  ['own CA, empty', { caPem: '' }],
]

test.each(elsewhere)('another %s is another destination', (_name, change) => {
  expect(imapDestination({ ...server, ...change })).not.toEqual(destination)
})

test('the parts of a destination do not run into each other', () => {
  const moved = { ...server, security: 'tlss', username: 'upport@example.com' }
  expect(imapDestination(moved)).not.toEqual(destination)
})

const sameHosts = ['IMAP.example.com', 'imap.example.com.', 'Imap.Example.Com.']

test.each(sameHosts)('%s is the same host', host => {
  expect(imapDestination({ ...server, host })).toEqual(destination)
})

// What a URL would make the same host of. A resolver is asked for the name as it stands, and may be led elsewhere.
const likeHosts = [
  'imap.example.com/x.example.net',
  'imap.example.com?x.example.net',
  'imap.example.com#x.example.net',
  'imap.example.com\\x.example.net',
  'imap%2eexample.com',
  'imap.exam\tple.com',
  'imap.example.com\n',
  ' imap.example.com',
  'imap.example.com..',
  'imap.example.com:993',
  '\u{ff29}\u{ff2d}\u{ff21}\u{ff30}.example.com',
  'imap.ex\u{ad}ample.com',
  'imap\u{3002}example.com',
]

test.each(likeHosts.map(host => JSON.stringify(host)))('%s is another host', text => {
  expect(imapDestination({ ...server, host: JSON.parse(text) })).not.toEqual(destination)
})

test('a letter that only looks like another after folding is another one', () => {
  const of = (host: string) => imapDestination({ ...server, host })
  expect(of('mail.\u{212a}och.example')).not.toEqual(of('mail.koch.example'))
  expect(of('mu\u{308}nchen.example/x')).not.toEqual(of('m\u{fc}nchen.example'))
})

test('an address of digits is taken as it is', () => {
  const of = (host: string) => imapDestination({ ...server, host })
  expect(of('127.1')).not.toEqual(of('127.0.0.1'))
  expect(of('0x7f.0.0.1')).not.toEqual(of('127.0.0.1'))
  expect(of('2001:DB8::1')).toEqual(of('2001:db8::1'))
})

const oauth = { tokenEndpoint: 'https://login.example.com/token', clientId: 'client' }
const elsewhereOauth = [
  { ...oauth, tokenEndpoint: 'https://login.example.net/token' },
  { ...oauth, clientId: 'client2' },
]

test('an OAuth secret is bound to its token endpoint, its client and the mail server', () => {
  const bound = oauthDestination(oauth, server)
  expect(bound).not.toEqual(destination)
  for (const other of elsewhereOauth) expect(oauthDestination(other, server)).not.toEqual(bound)
  for (const [, change] of elsewhere) expect(oauthDestination(oauth, { ...server, ...change })).not.toEqual(bound)
})
