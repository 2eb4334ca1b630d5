import { expect, test } from 'vitest'
import type { ParsedMessage } from '../../src/model/parsed-message.ts'
import type { SenderVerdict } from '../../src/model/sender-verdict.ts'
import { unknownSender } from '../../src/parse/authentication/judge-sender.ts'
import {
  type Candidate,
  participantsOf,
  requesterOf,
  type ThreadPolicy,
  threadIds,
  threadMessage,
} from '../../src/thread/thread-message.ts'
import { message } from '../support/messages.ts'

const anna = { name: 'Anna', address: 'Anna@example.org' }
const ticket = (name: string, ...participants: string[]) => ({
  ticket: name,
  participants: new Set(participants),
  requester: '',
  closed: false,
})
const policy: ThreadPolicy = {
  closed: 'reopen',
  opening: new Set(['human', 'list', 'auto-generated']),
  requester: 'sender',
  senderCheck: 'warn',
}
const decide = (message: ParsedMessage, references: readonly Candidate<string>[]) =>
  threadMessage(message, { tokens: [], forged: false, references, awaited: [] }, policy, unknownSender(null))

test('appends the reply of somebody who takes part, whatever the case of the address', () => {
  const reply = message({ from: anna, inReplyTo: 'a@x' })
  expect(decide(reply, [ticket('first', 'anna@example.org')])).toMatchObject({
    kind: 'append',
    ticket: 'first',
    reopens: true,
  })
})

test.each<[string, Partial<SenderVerdict>, Record<ThreadPolicy['senderCheck'], 'joins' | 'opens'>]>([
  ['passes', { verdict: 'pass', method: 'dmarc' }, { off: 'joins', warn: 'joins', strict: 'joins' }],
  ['is not told about', { verdict: 'unknown' }, { off: 'joins', warn: 'joins', strict: 'joins' }],
  ['is from a domain that signs nothing', { verdict: 'none' }, { off: 'joins', warn: 'joins', strict: 'joins' }],
  ['fails DMARC', { verdict: 'fail', method: 'dmarc' }, { off: 'joins', warn: 'opens', strict: 'opens' }],
  [
    'fails it, p=reject',
    { verdict: 'fail', method: 'dmarc', policy: 'reject' },
    { off: 'joins', warn: 'opens', strict: 'opens' },
  ],
  [
    'fails it, p=none',
    { verdict: 'fail', method: 'dmarc', policy: 'none' },
    { off: 'joins', warn: 'joins', strict: 'opens' },
  ],
  [
    'has a broken signature, p=reject',
    { verdict: 'fail', method: 'dkim', policy: 'reject' },
    { off: 'joins', warn: 'opens', strict: 'opens' },
  ],
  [
    'has a broken signature, p=none',
    { verdict: 'fail', method: 'dkim', policy: 'none' },
    { off: 'joins', warn: 'joins', strict: 'opens' },
  ],
  ['is vouched for by a list', { verdict: 'pass', method: 'arc' }, { off: 'joins', warn: 'joins', strict: 'joins' }],
  [
    'has a broken signature, no DMARC',
    { verdict: 'fail', method: 'dkim' },
    { off: 'joins', warn: 'joins', strict: 'opens' },
  ],
])('a reply of somebody whose sender %s', (_, verdict, expected) => {
  const reply = message({ from: anna, inReplyTo: 'a@x' })
  const first = ticket('first', 'anna@example.org')
  const sender = { ...unknownSender(anna.address), ...verdict }
  for (const senderCheck of ['off', 'warn', 'strict'] as const) {
    const byReference = { tokens: [], forged: false, references: [first], awaited: [] }
    const decided = threadMessage(reply, byReference, { ...policy, senderCheck }, sender)
    const joined = { kind: 'append', ticket: 'first', reason: 'reference' }
    const opened = { kind: 'open', linked: 'first', reason: 'sender-failed' }
    expect(decided, senderCheck).toMatchObject(expected[senderCheck] === 'joins' ? joined : opened)
    const awaiting = { ...byReference, references: [], awaited: [first] }
    expect(threadMessage(reply, awaiting, { ...policy, senderCheck }, sender), senderCheck).toMatchObject(
      expected[senderCheck] === 'joins' ? { kind: 'append', reason: 'awaited' } : { kind: 'open', linked: null },
    )
    const byToken = { ...byReference, tokens: [first] }
    expect(threadMessage(reply, byToken, { ...policy, senderCheck }, sender), 'a token proves it').toMatchObject({
      kind: 'append',
      reason: 'token',
    })
  }
})

test('opens a linked ticket for a stranger who refers to one', () => {
  const reply = message({ from: anna, references: ['a@x'] })
  expect(decide(reply, [ticket('first', 'bob@example.org')])).toEqual({
    kind: 'open',
    linked: 'first',
    reason: 'stranger-reference',
  })
})

test('prefers the ticket in which the sender takes part to an earlier candidate', () => {
  const found = decide(message({ from: anna }), [ticket('other', 'bob@x'), ticket('own', 'anna@example.org')])
  expect(found).toMatchObject({ kind: 'append', ticket: 'own' })
})

test.each<ParsedMessage['kind']>(['auto-reply', 'bounce', 'feedback-report', 'loop'])(
  'never opens a ticket for %s',
  kind => {
    expect(decide(message({ kind }), [])).toEqual({ kind: 'ignore', reason: kind })
  },
)

test('a bounce joins the ticket that it belongs to without reopening it', () => {
  expect(decide(message({ kind: 'bounce' }), [ticket('first')])).toMatchObject({
    kind: 'append',
    reopens: false,
  })
})

test('a mail of a web form opens a ticket', () => {
  expect(decide(message({ kind: 'auto-generated' }), [])).toMatchObject({ kind: 'open', reason: 'new' })
})

test('asks for In-Reply-To first, then for References from the newest, each once and never for itself', () => {
  const ids = threadIds(message({ messageId: 'me@x', inReplyTo: 'c@x', references: ['a@x', 'b@x', 'c@x', 'me@x'] }))
  expect(ids).toEqual(['c@x', 'b@x', 'a@x'])
})

test('does not follow thousands of references', () => {
  const references = Array.from({ length: 10_000 }, (_, i) => `${i}@x`)
  const ids = threadIds(message({ references }))
  expect(ids).toHaveLength(50)
  expect(ids[0]).toBe('9999@x')
})

test('everybody named takes part, once', () => {
  const people = participantsOf(
    message({ from: anna, to: [{ name: '', address: 'ANNA@example.org' }], cc: [{ name: '', address: '' }] }),
  )
  expect(people).toEqual(['anna@example.org'])
})

test('whose ticket it is is a setting: the person behind a list, From as it stands, or Reply-To where there is one', () => {
  const list = { name: 'Anna via List', address: 'list@example.net' }
  const answers = { name: '', address: 'answers@example.org' }
  const mail = message({ from: list, sender: anna, replyTo: [answers] })
  expect(requesterOf(mail, { requester: 'sender' })).toBe(anna)
  expect(requesterOf(mail, { requester: 'from' })).toBe(list)
  expect(requesterOf(mail, { requester: 'reply-to' })).toBe(answers)
  expect(requesterOf(message({ from: list, sender: anna }), { requester: 'reply-to' })).toBe(anna)
})
