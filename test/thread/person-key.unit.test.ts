import { expect, test } from 'vitest'
import { personKey, spellingsOf } from '../../src/model/person-key.ts'
import { unknownSender } from '../../src/parse/authentication/judge-sender.ts'
import { type Candidate, threadMessage } from '../../src/thread/thread-message.ts'
import { message } from '../support/messages.ts'

test.each([
  ['anna@bücher.example', 'anna@xn--bcher-kva.example'],
  ['Anna@BÜCHER.example', 'anna@xn--bcher-kva.example'],
  ['anna@bu\u0308cher.example', 'anna@bücher.example'],
  ['anna@例え。テスト', 'anna@xn--r8jz45g.xn--zckzah'],
])('%s and %s are one person', (one, other) => {
  expect(personKey(one)).toBe(personKey(other))
})

test.each(['anna', '', 'anna@', 'anna@\u00ad'])('what has no domain keeps itself: %j', text => {
  expect(personKey(text)).toBe(text.toLowerCase())
})

test('both spellings are found in the database', () => {
  expect(spellingsOf(personKey('anna@bücher.example'))).toEqual(['anna@xn--bcher-kva.example', 'anna@bücher.example'])
  expect(spellingsOf('anna@example.org')).toEqual(['anna@example.org'])
})

test('an answer joins its ticket although another program spells the domain of the sender', () => {
  const ticket = { ticket: 7, participants: new Set([personKey('anna@bücher.example')]), requester: '', closed: false }
  const answer = message({ from: { name: '', address: 'anna@xn--bcher-kva.example' }, inReplyTo: 'a@x' })
  const leads = { tokens: [], forged: false, references: [ticket satisfies Candidate<number>], awaited: [] }
  const policy = {
    closed: 'reopen',
    opening: new Set(['human'] as const),
    requester: 'sender',
    senderCheck: 'off',
  } as const
  expect(threadMessage(answer, leads, policy, unknownSender(null))).toMatchObject({
    kind: 'append',
    ticket: 7,
    reason: 'reference',
  })
})
