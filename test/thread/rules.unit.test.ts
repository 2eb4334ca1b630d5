import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Conditions, Rule } from '../../src/model/rule.ts'
import { unknownSender } from '../../src/parse/authentication/judge-sender.ts'
import { applyRules, holds, matches, toConditions } from '../../src/thread/rules.ts'
import { cpuMsOf } from '../support/cpu-time.ts'
import { message } from '../support/messages.ts'

/** What a pattern means, said again by going through all possibilities. */
function naive(pattern: string, value: string): boolean {
  if (pattern === '') return value === ''
  if (pattern[0] === '*') return naive(pattern.slice(1), value) || (value !== '' && naive(pattern, value.slice(1)))
  return pattern[0] === value[0] && naive(pattern.slice(1), value.slice(1))
}

test('patterns mean what they should', () => {
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 })
  const value = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 12 })
  fc.assert(
    fc.property(pattern, value, (glob, text) => {
      expect(matches(glob, text)).toBe(naive(glob, text))
    }),
    { numRuns: 5_000 },
  )
})

test.each([
  ['*@spam.example', 'eve@spam.example', true],
  ['*@spam.example', 'eve@spam.example.org', false],
  ['*@SPAM.example', 'EVE@spam.EXAMPLE', true],
  ['eve@spam.example', 'xeve@spam.example', false],
  ['*viagra*', 'Buy ViAgRa now', true],
  ['a.c', 'abc', false],
  ['[ab]', 'a', false],
  ['?', 'a', false],
  ['', '', true],
  ['', 'a', false],
  ['*', '', true],
  ['aba*aba', 'ababa', false],
  ['*straße*', 'Hauptstraße 3', true],
])('%j and %j: %s', (pattern, value, right) => {
  expect(matches(pattern, value)).toBe(right)
})

test('time is linear for ten thousand letters and many stars', async () => {
  const ms = await cpuMsOf(() => {
    matches(`${'*a'.repeat(200)}b`, 'a'.repeat(10_000))
    matches('*'.repeat(1_000), 'a'.repeat(10_000))
    matches(`${'a*'.repeat(250)}`, 'a'.repeat(10_000))
    matches(`*${'a'.repeat(499)}b*`, 'a'.repeat(1_000_000))
  })
  expect(ms).toBeLessThan(3_000)
})

const mail = message({
  from: { name: 'Anna', address: 'Anna@example.org' },
  to: [{ name: '', address: 'support@example.com' }],
  cc: [{ name: '', address: 'bob@example.net' }],
  subject: 'Teapot broken',
})
const subject = {
  message: mail,
  sender: unknownSender(null),
  size: 5_000,
  header: (name: string) => (name === 'X-Level' ? ['low', 'HIGH'] : []),
}

test.each<[string, Conditions, boolean]>([
  ['from', { from: 'anna@*' }, true],
  ['the name is not looked at', { from: 'Anna' }, false],
  ['to, in Cc as well', { to: 'bob@*' }, true],
  ['to nobody', { to: 'carl@*' }, false],
  ['not to', { notTo: 'carl@*' }, true],
  ['not to, and it is', { notTo: 'support@*' }, false],
  ['subject', { subject: 'teapot*' }, true],
  ['header, any of its values', { header: { name: 'X-Level', value: 'high' } }, true],
  ['header that is not there', { header: { name: 'X-Other', value: '*' } }, false],
  ['kind', { kind: 'human' }, true],
  ['another kind', { kind: 'list' }, false],
  ['what is said of the sender', { sender: 'unknown' }, true],
  ['something else is said of it', { sender: 'fail' }, false],
  ['size', { minBytes: 5_000 }, true],
  ['less than that size', { minBytes: 5_001 }, false],
  ['all that must hold', { from: 'anna@*', subject: 'teapot*', minBytes: 1 }, true],
  ['all but one', { from: 'anna@*', subject: 'pan*', minBytes: 1 }, false],
  ['none', {}, false],
])('conditions: %s', (_, conditions, right) => {
  expect(holds(conditions, subject)).toBe(right)
})

test('a mail without recipients was not written to us', () => {
  expect(holds({ notTo: 'support@*' }, { ...subject, message: message() })).toBe(true)
})

test('rules are asked in order: tags are collected until one decides', () => {
  const rule = (name: string, action: Rule['action'], conditions: Conditions = { from: '*' }): Rule => ({
    name,
    action,
    conditions,
    tag: action === 'tag' ? name : null,
  })
  const rules = [
    rule('a', 'tag'),
    rule('b', 'drop', { from: 'eve@*' }),
    rule('c', 'tag'),
    rule('d', 'hold'),
    rule('e', 'tag'),
  ]
  expect(applyRules(rules, subject)).toEqual({ decided: { action: 'hold', name: 'd' }, tags: ['a', 'c'] })
  expect(applyRules([rule('a', 'tag'), rule('a', 'tag')], subject)).toEqual({ decided: null, tags: ['a'] })
})

test('conditions are read as they are written', () => {
  const all: Conditions = {
    from: 'a',
    to: 'b',
    notTo: 'c',
    subject: 'd',
    header: { name: 'e', value: 'f' },
    kind: 'bounce',
    minBytes: 7,
  }
  expect(toConditions(JSON.stringify(all))).toEqual(all)
})

test.each([
  '',
  'nonsense',
  'null',
  '[]',
  '{}',
  '"from"',
  '{"from": 5}',
  '{"from": null}',
  '{"kind": "spam"}',
  '{"minBytes": "5"}',
  '{"header": "X"}',
  '{"header": null}',
  '{"header": {"name": "X"}}',
  '{"from": "a", "body": "b"}',
  '{"from": "a", "toString": "b"}',
  '{"__proto__": {"from": "a"}}',
])('conditions that make no sense are none: %s', json => {
  expect(toConditions(json)).toBeUndefined()
})
