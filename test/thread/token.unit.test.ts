import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createTokens, tokensIn } from '../../src/thread/token.ts'
import { cpuMsOf } from '../support/cpu-time.ts'
import { message } from '../support/messages.ts'

const letters = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const tokens = createTokens(Buffer.alloc(32, 1))
const word = fc.array(fc.constantFrom(...letters), { minLength: 4, maxLength: 4 }).map(chars => chars.join(''))
const refs = fc.tuple(word, word).map(([a, b]) => `LL-${a}-${b}`)

test('a token proves the reference that it was made for', () => {
  fc.assert(
    fc.property(refs, ref => {
      expect(tokens.sign(ref)).toMatch(/^LL-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{16}$/)
      expect(tokens.verify(tokens.sign(ref))).toBe(ref)
    }),
  )
})

test('never another reference', () => {
  fc.assert(
    fc.property(refs, refs, (ref, other) => {
      fc.pre(ref !== other)
      expect(tokens.verify(other + tokens.sign(ref).slice(other.length))).toBeUndefined()
    }),
  )
})

test('never with another letter anywhere, nor one more or less', () => {
  fc.assert(
    fc.property(refs, fc.nat({ max: 27 }), fc.constantFrom(...letters), (ref, at, letter) => {
      const token = tokens.sign(ref)
      // 1 is a letter that L is taken for.
      fc.pre(token[at] !== letter && token[at] !== '-' && !(at < 2 && letter === '1'))
      expect(tokens.verify(token.slice(0, at) + letter + token.slice(at + 1))).toBeUndefined()
      expect(tokens.verify(token.slice(0, at) + token.slice(at + 1))).toBeUndefined()
      expect(tokens.verify(token.slice(0, at) + letter + token.slice(at))).toBeUndefined()
    }),
  )
})

test('never with another secret', () => {
  fc.assert(
    fc.property(refs, fc.uint8Array({ minLength: 32, maxLength: 32 }), (ref, secret) => {
      fc.pre(secret.some(byte => byte !== 1))
      expect(createTokens(Buffer.from(secret)).verify(tokens.sign(ref))).toBeUndefined()
    }),
  )
})

test('anything at all is verified without an error', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), text => {
      expect(tokens.verify(text)).toBeUndefined()
      expect(tokens.verify(`LL-0000-0000-${text}`)).toBeUndefined()
    }),
  )
})

test('it survives a change of case and letters that are taken for others', () => {
  fc.assert(
    fc.property(refs, fc.infiniteStream(fc.nat(2)), (ref, choices) => {
      const token = tokens.sign(ref)
      const like = new Map([
        ['0', ['0', 'O', 'o']],
        ['1', ['1', 'I', 'l']],
      ])
      const read = [...token].map(letter => {
        const choice = choices.next().value
        return like.get(letter)?.[choice] ?? (choice === 0 ? letter.toLowerCase() : letter)
      })
      expect(tokens.verify(read.join(''))).toBe(ref)
    }),
  )
})

const token = tokens.sign('LL-7K3F-Q2MD')

test.each([
  ['the subject, in brackets', { subject: `Re: [${token}] hello` }],
  ['with words beside it in the brackets', { subject: `[ticket ${token}]` }],
  ['a plus-address in To', { to: [{ name: '', address: `support+${token}@example.com` }] }],
  ['an address of its own', { to: [{ name: '', address: `${token}@tickets.example.com` }] }],
  ['a plus-address in Cc', { cc: [{ name: '', address: `support+${token}@example.com` }] }],
  ['In-Reply-To', { inReplyTo: `${token}.17@example.com` }],
  ['References', { references: ['a@x', `17.${token}@example.com`] }],
  [
    'the Message-ID of the original',
    { original: { messageId: `${token}@h`, inReplyTo: '', references: [], subject: '' } },
  ],
  [
    'the subject of the original',
    { original: { messageId: '', inReplyTo: '', references: [], subject: `[${token}]` } },
  ],
])('it is found in %s', (_, change) => {
  expect(tokensIn(message(change))).toEqual([token])
})

test.each([
  ['the subject without brackets', { subject: token }],
  ['brackets that hold half a mail', { subject: `[${'x'.repeat(40)} ${token}]` }],
  ['a longer word', { subject: `[X${token}] [${token}X]` }],
  ['its own Message-ID', { messageId: `${token}@x` }],
  ['the text', { text: `[${token}]` }],
  ['a name', { to: [{ name: token, address: 'a@x' }] }],
  ['the sender', { from: { name: '', address: `support+${token}@example.com` } }],
])('it is not looked for in %s', (_, change) => {
  expect(tokensIn(message(change))).toEqual([])
})

test('it stays the same in all versions (computed by another program)', () => {
  expect(createTokens(Buffer.alloc(32, 1)).sign('LL-7K3F-Q2MD')).toBe('LL-7K3F-Q2MD-FM0TSJ83Y0BZBCY2')
})

test('a mail full of tokens gives ten, in linear time', async () => {
  const many = Array.from({ length: 5_000 }, (_, i) => tokens.sign(`LL-0000-${String(i).padStart(4, '0')}`))
  const ms = await cpuMsOf(() => {
    expect(tokensIn(message({ references: many, subject: `[${many.join('][')}]`.repeat(20) }))).toHaveLength(10)
    expect(tokensIn(message({ subject: '['.repeat(100_000), inReplyTo: 'LL-'.repeat(100_000) }))).toEqual([])
  })
  expect(ms).toBeLessThan(5_000)
})
