import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sentencesForCommand } from '../../src/errors/hints.ts'
import type { KeyFileFact } from '../../src/vault/keys/key-file.ts'
import { problemsOf } from '../../src/vault/sealing/encryption-problems.ts'
import {
  encryptionState,
  type Facts,
  nextStep,
  type Step,
  writeKeyOf,
} from '../../src/vault/sealing/encryption-state.ts'
import { type Key, toKey } from '../../src/vault/secrets/envelope.ts'

const keyOf = (byte: number): Key => toKey(Buffer.alloc(32, byte))
const [keyA, keyB, keyC] = [keyOf(1), keyOf(2), keyOf(3)]
const [a, b, c] = [keyA.hex, keyB.hex, keyC.hex]

const file = (key: Key): KeyFileFact => ({ kind: 'valid', key, identity: key.hex })
const absent: KeyFileFact = { kind: 'absent' }
const refused = (code: Extract<KeyFileFact, { kind: 'refused' }>['code']): KeyFileFact => ({
  kind: 'refused',
  code,
  params: { file: '/keys/encryption-key.bin', mode: '0644' },
})

type Row = Facts['rows'][number]
const row = (keyHex: string, state: Row['state'], completed = state !== 'lost'): Row => ({ keyHex, state, completed })
const worker = (host: string, ...keyIds: readonly string[]) => ({ host, keyIds })

/** `held` is what the files hold, and this host, `here`, says so, unless a test knows better. */
function facts({ held, ...change }: Partial<Facts>): Facts {
  const given = { current: absent, next: absent, ...change }
  const ids = held ?? [given.current, given.next].flatMap(fact => (fact.kind === 'valid' ? [fact.key.hex] : []))
  return {
    settled: { current: true, next: true },
    rows: [],
    unsealing: undefined,
    sealedUnder: [],
    superseded: false,
    anyPlaintext: false,
    workers: [worker('here', ...ids)],
    ...given,
    held: ids,
  }
}

const files = {
  current: '/k/encryption-key.bin',
  next: '/k/encryption-key.next.bin',
  retired: (keyHex: string) => `/k/encryption-key.retired-${keyHex}.bin`,
}

const on: Partial<Facts> = { current: file(keyA), rows: [row(a, 'active')], sealedUnder: [a] }
const rotating: Partial<Facts> = { ...on, next: file(keyB), rows: [row(a, 'active'), row(b, 'next')] }
const swapping: Partial<Facts> = {
  current: file(keyA),
  next: file(keyB),
  rows: [row(a, 'retired'), row(b, 'active')],
  sealedUnder: [b],
}
const twoHosts = [worker('here', a), worker('there', b)]

type Case = readonly [name: string, change: Partial<Facts>, state: string, step: Step, problems: readonly string[]]

const cases: Record<string, readonly Case[]> = {
  off: [
    ['no key and nothing sealed', { anyPlaintext: true }, 'off', 'none', []],
    ['a new key that every host holds', { current: file(keyA) }, 'off', 'adopt', []],
    ['a new key and no password yet', { current: file(keyA), anyPlaintext: false }, 'off', 'adopt', []],
    [
      'a new key that may still be written',
      { current: file(keyA), settled: { current: false, next: true } },
      'off',
      'none',
      [],
    ],
    ['a new key, and no worker has reported yet', { current: file(keyA), workers: [] }, 'off', 'none', []],
    [
      'a new key that another host lacks',
      { current: file(keyA), workers: [worker('here', a), worker('there')] },
      'off',
      'none',
      ['key.not_held'],
    ],
    [
      'another new key on each of two hosts',
      { current: file(keyA), workers: twoHosts },
      'off',
      'none',
      ['key.not_held'],
    ],
    ['the same, seen from the other', { current: file(keyB), workers: twoHosts }, 'off', 'none', ['key.not_held']],
    ['a key file with a wrong mode', { current: refused('key_file.mode') }, 'off', 'none', ['key_file.mode']],
    ['a placeholder', { current: refused('key_file.placeholder') }, 'off', 'none', ['key_file.placeholder']],
    [
      'a key that was given up as lost',
      { current: file(keyA), rows: [row(a, 'lost')] },
      'off',
      'none',
      ['key_file.lost_key'],
    ],
    [
      'after disabling, the file is still in its place',
      { current: file(keyA), rows: [row(a, 'retired')], anyPlaintext: true },
      'off',
      'retire-file',
      ['key_file.retired_key'],
    ],
    ['after disabling, the file has its retired name', { rows: [row(a, 'retired')], held: [a] }, 'off', 'none', []],
    [
      'after disabling, a new key',
      { current: file(keyB), rows: [row(a, 'retired')], held: [a, b] },
      'off',
      'adopt',
      [],
    ],
    [
      'after disabling, a form of before has put a plaintext over an envelope',
      { rows: [row(a, 'retired')], superseded: true, anyPlaintext: true },
      'off',
      'drop-superseded',
      [],
    ],
    ['a next key alone does nothing', { next: file(keyB) }, 'off', 'none', ['next_key_file.idle']],
    [
      'a next key beside a new one does nothing yet',
      { current: file(keyA), next: file(keyB) },
      'off',
      'adopt',
      ['next_key_file.idle'],
    ],
    ['a next key with a wrong mode', { next: refused('key_file.mode') }, 'off', 'none', ['key_file.mode']],
  ],
  sealing: [
    [
      'passwords in plaintext',
      { ...on, rows: [row(a, 'active', false)], sealedUnder: [], anyPlaintext: true },
      'sealing',
      'sweep',
      [],
    ],
    ['half of them sealed', { ...on, rows: [row(a, 'active', false)], anyPlaintext: true }, 'sealing', 'sweep', []],
    ['all of them sealed', { ...on, rows: [row(a, 'active', false)] }, 'sealing', 'complete', []],
    ['no password at all', { ...on, rows: [row(a, 'active', false)], sealedUnder: [] }, 'sealing', 'complete', []],
    [
      'a next key waits until all is sealed',
      { ...on, rows: [row(a, 'active', false)], next: file(keyB), anyPlaintext: true },
      'sealing',
      'sweep',
      [],
    ],
    [
      'after a recovery, what the lost key sealed stays',
      { ...on, current: file(keyB), rows: [row(a, 'lost'), row(b, 'active', false)], sealedUnder: [a] },
      'sealing',
      'complete',
      [],
    ],
    [
      'after a second key of before, what it sealed is resealed',
      { ...on, current: file(keyB), rows: [row(a, 'retired'), row(b, 'active', false)], held: [a, b] },
      'sealing',
      'sweep',
      [],
    ],
  ],
  on: [
    ['all is sealed', on, 'on', 'none', []],
    ['somebody wrote a plaintext', { ...on, anyPlaintext: true }, 'on', 'sweep', []],
    [
      'a row under a retired key that is held',
      { ...on, current: file(keyB), rows: [row(a, 'retired'), row(b, 'active')], sealedUnder: [a, b], held: [a, b] },
      'on',
      'sweep',
      [],
    ],
    [
      'a row under a retired key that is gone',
      { ...on, current: file(keyB), rows: [row(a, 'retired'), row(b, 'active')], sealedUnder: [a, b] },
      'on',
      'none',
      [],
    ],
    ['a next key that every host holds', { ...on, next: file(keyB) }, 'on', 'begin-rotation', []],
    [
      'a next key, though a helpdesk goes on writing plaintexts',
      { ...on, next: file(keyB), anyPlaintext: true },
      'on',
      'begin-rotation',
      [],
    ],
    [
      'a next key that may still be written',
      { ...on, next: file(keyB), settled: { current: true, next: false } },
      'on',
      'none',
      [],
    ],
    [
      'a next key that another host lacks',
      { ...on, next: file(keyB), workers: [worker('here', a, b), worker('there', a)] },
      'on',
      'none',
      ['key.not_held'],
    ],
    [
      'a next key that was used before',
      { ...on, next: file(keyB), rows: [row(a, 'active'), row(b, 'retired')] },
      'on',
      'none',
      ['next_key_file.used'],
    ],
    [
      'a next key that was given up as lost',
      { ...on, next: file(keyB), rows: [row(a, 'active'), row(b, 'lost')] },
      'on',
      'none',
      ['next_key_file.used'],
    ],
    ['a next key that is the same one', { ...on, next: file(keyA) }, 'on', 'none', ['next_key_file.used']],
    ['a next key that is cut short', { ...on, next: refused('key_file.size') }, 'on', 'none', ['key_file.size']],
    [
      'a host that does not hold the key yet',
      { ...on, workers: [worker('here', a), worker('there')] },
      'on',
      'none',
      [],
    ],
  ],
  locked: [
    ['the file is missing', { ...on, current: absent }, 'locked', 'none', ['key_file.missing']],
    [
      'the file is missing and a plaintext is there',
      { ...on, current: absent, anyPlaintext: true },
      'locked',
      'none',
      ['key_file.missing'],
    ],
    [
      'the file is missing and nothing is sealed yet',
      { ...on, current: absent, rows: [row(a, 'active', false)], sealedUnder: [] },
      'locked',
      'none',
      ['key_file.missing'],
    ],
    ['the file has its retired name', { ...on, current: absent, held: [a] }, 'locked', 'none', ['key_file.missing']],
    [
      'the file has the next name',
      { ...on, current: absent, next: file(keyA) },
      'locked',
      'none',
      ['key_file.missing'],
    ],
    ['the file has a wrong mode', { ...on, current: refused('key_file.mode') }, 'locked', 'none', ['key_file.mode']],
    ['the file is cut short', { ...on, current: refused('key_file.size') }, 'locked', 'none', ['key_file.size']],
    [
      'the file may not be read',
      { ...on, current: refused('key_file.unreadable') },
      'locked',
      'none',
      ['key_file.unreadable'],
    ],
    [
      'the file is a placeholder',
      { ...on, current: refused('key_file.placeholder') },
      'locked',
      'none',
      ['key_file.placeholder'],
    ],
    ['the file is of another key', { ...on, current: file(keyB) }, 'locked', 'none', ['key_file.other_key']],
    [
      'the file is of a key of before',
      { ...on, current: file(keyB), rows: [row(b, 'retired'), row(a, 'active')] },
      'locked',
      'none',
      ['key_file.other_key'],
    ],
    [
      'the file is of a new key and the right one is among the retired ones',
      { ...on, current: file(keyB), held: [a, b] },
      'locked',
      'none',
      ['key_file.other_key'],
    ],
    [
      'a new next key does not help',
      { ...on, current: absent, next: file(keyC) },
      'locked',
      'none',
      ['key_file.missing'],
    ],
    ['sealed rows and no key known', { sealedUnder: [a] }, 'locked', 'none', ['key.unknown']],
    [
      'sealed rows and no key known, whatever file is there',
      { sealedUnder: [a], current: file(keyA), anyPlaintext: true },
      'locked',
      'none',
      ['key.unknown'],
    ],
    [
      'sealed rows, and their key is retired, as after a restore of one table',
      { sealedUnder: [a], current: file(keyB), rows: [row(a, 'retired')], held: [a, b] },
      'locked',
      'none',
      ['key.unknown'],
    ],
    ['the file is missing in a rotation', { ...rotating, current: absent }, 'locked', 'none', ['key_file.missing']],
    [
      'both files are missing in a rotation',
      { ...rotating, current: absent, next: absent },
      'locked',
      'none',
      ['key_file.missing', 'next_key_file.missing'],
    ],
    [
      'after a rotation on another host, this one has the old key only',
      { ...swapping, next: absent },
      'locked',
      'none',
      ['key_file.other_key'],
    ],
    [
      'after a rotation, the old file was taken away before the next was moved',
      { ...swapping, current: absent },
      'locked',
      'none',
      ['key_file.missing'],
    ],
    [
      'the file is missing while unsealing',
      { ...on, current: absent, unsealing: a },
      'locked',
      'none',
      ['key_file.missing'],
    ],
  ],
  rotating: [
    ['rows under the old key', rotating, 'rotating', 'sweep', []],
    ['rows under both', { ...rotating, sealedUnder: [a, b] }, 'rotating', 'sweep', []],
    ['all rows under the next key', { ...rotating, sealedUnder: [b] }, 'rotating', 'finish-rotation', []],
    ['no rows at all', { ...rotating, sealedUnder: [] }, 'rotating', 'finish-rotation', []],
    [
      'a helpdesk goes on writing plaintexts',
      { ...rotating, sealedUnder: [b], anyPlaintext: true },
      'rotating',
      'finish-rotation',
      [],
    ],
    // Only a sweep finds which rows these are; without it the rotation never came to its end.
    ['a row that no key here opens', { ...rotating, sealedUnder: [b, c] }, 'rotating', 'sweep', []],
    ['this host lacks the next key', { ...rotating, next: absent }, 'rotating', 'none', ['next_key_file.missing']],
    [
      'this host has a third key as the next one',
      { ...rotating, next: file(keyC) },
      'rotating',
      'none',
      ['next_key_file.missing'],
    ],
    [
      "this host's next file has a wrong mode",
      { ...rotating, next: refused('key_file.mode') },
      'rotating',
      'none',
      ['key_file.mode'],
    ],
    [
      'it is through, and the files are still to be moved',
      swapping,
      'rotating',
      'swap-files',
      ['next_key_file.not_in_place'],
    ],
    [
      'the files are to be moved before anything is swept',
      { ...swapping, sealedUnder: [a, b], anyPlaintext: true },
      'rotating',
      'swap-files',
      ['next_key_file.not_in_place'],
    ],
    [
      'the files are to be moved, and the retired name is there already',
      { ...swapping, held: [a, b] },
      'rotating',
      'swap-files',
      ['next_key_file.not_in_place'],
    ],
    ['the files are moved', { ...swapping, current: file(keyB), next: absent, held: [a, b] }, 'on', 'none', []],
  ],
  unsealing: [
    ['rows are sealed', { ...on, unsealing: a }, 'unsealing', 'unseal', []],
    ['some rows are left', { ...on, unsealing: a, anyPlaintext: true }, 'unsealing', 'unseal', []],
    ['rows under another key are left', { ...on, unsealing: a, sealedUnder: [c] }, 'unsealing', 'unseal', []],
    [
      'nothing is sealed any more',
      { ...on, unsealing: a, sealedUnder: [], anyPlaintext: true },
      'unsealing',
      'finish-unsealing',
      [],
    ],
    [
      'a next key does nothing meanwhile',
      { ...on, unsealing: a, next: file(keyB) },
      'unsealing',
      'unseal',
      ['next_key_file.idle'],
    ],
    [
      'a next key that another host lacks is not waited for',
      { ...on, unsealing: a, next: file(keyB), workers: [worker('here', a, b), worker('there', a)] },
      'unsealing',
      'unseal',
      ['next_key_file.idle'],
    ],
    [
      'files of a rotation before are moved first',
      { ...swapping, unsealing: b },
      'unsealing',
      'swap-files',
      ['next_key_file.not_in_place'],
    ],
    ['it was asked for another key', { ...on, unsealing: b }, 'on', 'none', []],
  ],
}

describe.each(Object.keys(cases))('%s', group => {
  test.each(cases[group] ?? [])('%s', (_name, change, state, step, problems) => {
    const given = facts(change)
    expect({
      state: encryptionState(given),
      step: nextStep(given),
      problems: problemsOf(given, files).map(problem => problem.code),
    }).toEqual({ state, step, problems })
  })
})

const hintOf = (change: Partial<Facts>, code: string): string => {
  const found = problemsOf(facts(change), files).find(problem => problem.code === code)
  return found === undefined ? '' : sentencesForCommand(found)
}

test('the hint for a missing key names it, its place, and what to do if no copy is left', () => {
  const hint = hintOf({ ...on, current: absent }, 'key_file.missing')
  expect(hint).toContain(a)
  expect(hint).toContain(files.current)
  expect(hint).toContain('letterlock encryption recover')
})

test('the hint for a key that lies under another name is the line that puts it back', () => {
  const retired = hintOf({ ...on, current: absent, held: [a] }, 'key_file.missing')
  expect(retired).toContain(`\`mv ${files.retired(a)} ${files.current}\``)
  const next = hintOf({ ...swapping, current: absent }, 'key_file.missing')
  expect(next).toContain(`\`mv ${files.next} ${files.current}\``)
})

test('the hint for another key names both', () => {
  const hint = hintOf({ ...on, current: file(keyB) }, 'key_file.other_key')
  expect(hint).toContain(`holds the key ${b}`)
  expect(hint).toContain(`the key ${a} is needed`)
})

test('the line that exchanges two keys is given only where it replaces no third one', () => {
  const line = `\`mv ${files.current} ${files.next} && cp -p ${files.retired(a)} ${files.current}\``
  expect(hintOf({ ...on, current: file(keyB), held: [a, b] }, 'key_file.other_key')).toContain(line)
  for (const next of [file(keyC), refused('key_file.mode')])
    expect(hintOf({ ...on, current: file(keyB), next, held: [a, b, c] }, 'key_file.other_key')).not.toContain('mv ')
  const atNext = hintOf({ ...on, current: file(keyB), next: file(keyA) }, 'key_file.other_key')
  expect(atNext).toContain(`lies at ${files.next}. Move ${files.current} to another name`)
})

test('the hint for a refused file keeps its reason and names the key that is needed', () => {
  const hint = hintOf({ ...on, current: refused('key_file.mode') }, 'key_file.mode')
  expect(hint).toContain('has mode 0644')
  expect(hint).toContain(`the key ${a} is needed`)
})

test('while a key is needed no hint is to make a new one', () => {
  const hint = hintOf({ ...on, current: refused('key_file.placeholder') }, 'key_file.placeholder')
  expect(hint).not.toContain('urandom')
  expect(hint).toContain(`the key ${a} is needed`)
  expect(hint).toContain('/keys/encryption-key.bin')
})

test('the hint for a key that hosts lack names the file and each of these hosts once', () => {
  const workers = [worker('here', a, b), worker('there', a), worker('there', a), worker('yonder', a)]
  expect(hintOf({ ...on, next: file(keyB), workers }, 'key.not_held')).toContain(`Copy ${files.next} to there, yonder`)
  expect(hintOf({ current: file(keyA), workers: twoHosts }, 'key.not_held')).toContain(`Copy ${files.current} to there`)
})

test('nobody is told to copy a new key to the host that it lies on: its daemon takes it a moment later', () => {
  const hint = hintOf({ current: file(keyA), here: 'here', workers: [worker('here')] }, 'key.not_held')
  expect(hint).toContain('It looks within 5 seconds')
  expect(hint).not.toContain('Copy')
  const workers = [worker('here'), worker('there')]
  expect(hintOf({ current: file(keyA), here: 'here', workers }, 'key.not_held')).toMatch(/Copy .* to there\.$/)
})

test('what the daemon moves by itself a moment later nobody is told to move at once', () => {
  for (const [change, code] of [
    [swapping, 'next_key_file.not_in_place'],
    [{ current: file(keyA), rows: [row(a, 'retired')] }, 'key_file.retired_key'],
  ] as const)
    expect(hintOf(change, code)).toMatch(/daemon .* within seconds.*if this stays, .* may not write there/i)
})

test('what the database says and this host does not believe: only sealing under its own key goes on', () => {
  const forgeries = [{ kind: 'altered', keyHex: a, says: 'retired', holds: 'active' }] as const
  expect(nextStep(facts({ ...on, forgeries, anyPlaintext: true }))).toBe('sweep')
  expect(nextStep(facts({ ...on, forgeries, next: file(keyB) }))).toBe('none')
  expect(nextStep(facts({ ...on, forgeries, unsealing: a, sealedUnder: [] }))).toBe('none')
  expect(nextStep(facts({ current: file(keyA), forgeries }))).toBe('none')
  expect(nextStep(facts({ current: file(keyA), rows: [row(a, 'retired')], forgeries }))).toBe('none')
})

test('where the files cannot be moved, the hint is the line that moves them and replaces nothing', () => {
  expect(hintOf(swapping, 'next_key_file.not_in_place')).toContain(
    `\`ln ${files.current} ${files.retired(a)} && mv ${files.next} ${files.current}\``,
  )
  expect(hintOf({ current: file(keyA), rows: [row(a, 'retired')] }, 'key_file.retired_key')).toContain(
    `\`mv ${files.current} ${files.retired(a)}\``,
  )
})

test('what is written goes under the next key as soon as there is one', () => {
  expect(writeKeyOf(facts({}))).toBeUndefined()
  expect(writeKeyOf(facts(on))).toBe(a)
  expect(writeKeyOf(facts(rotating))).toBe(b)
  expect(writeKeyOf(facts(swapping))).toBe(b)
  expect(writeKeyOf(facts({ rows: [row(a, 'retired'), row(b, 'lost')] }))).toBeUndefined()
})

/** What a step that works makes of the facts, on one host. */
const effects: Record<Exclude<Step, 'none'>, (now: Facts) => Facts> = {
  adopt: now => ({ ...now, rows: [...now.rows, row(hexOf(now.current), 'active', false)] }),
  sweep: now => ({ ...now, anyPlaintext: false, sealedUnder: [writeKeyOf(now) ?? ''] }),
  complete: now => ({ ...now, rows: now.rows.map(each => ({ ...each, completed: true })) }),
  'begin-rotation': now => ({ ...now, rows: [...now.rows, row(hexOf(now.next), 'next', false)] }),
  'finish-rotation': now => ({
    ...now,
    rows: now.rows.map(each => row(each.keyHex, each.state === 'next' ? 'active' : 'retired')),
  }),
  'swap-files': now => ({ ...now, current: now.next, next: absent }),
  unseal: now => ({ ...now, anyPlaintext: true, sealedUnder: [] }),
  'finish-unsealing': now => ({
    ...now,
    unsealing: undefined,
    rows: now.rows.map(each => row(each.keyHex, 'retired')),
  }),
  'retire-file': now => ({ ...now, current: absent }),
  'drop-superseded': now => ({ ...now, superseded: false, sealedUnder: [] }),
}

const hexOf = (fact: KeyFileFact): string => (fact.kind === 'valid' ? fact.key.hex : '')

function run(start: Facts): { steps: Step[]; end: Facts } {
  const steps: Step[] = []
  let now = start
  for (let step = nextStep(now); step !== 'none' && steps.length < 20; step = nextStep(now)) {
    steps.push(step)
    now = effects[step](now)
  }
  return { steps, end: now }
}

test('a whole life: adopted, rotated, turned off, each step once and in its order', () => {
  const adopted = run(facts({ current: file(keyA), anyPlaintext: true }))
  expect(adopted.steps).toEqual(['adopt', 'sweep', 'complete'])
  expect(encryptionState(adopted.end)).toBe('on')
  const withNext = { ...adopted.end, next: file(keyB), held: [a, b], workers: [worker('here', a, b)] }
  const rotated = run(withNext)
  expect(rotated.steps).toEqual(['begin-rotation', 'sweep', 'finish-rotation', 'swap-files'])
  expect(encryptionState(rotated.end)).toBe('on')
  const off = run({ ...rotated.end, unsealing: b })
  expect(off.steps).toEqual(['unseal', 'finish-unsealing', 'retire-file'])
  expect(encryptionState(off.end)).toBe('off')
  expect(problemsOf(off.end, files)).toEqual([])
})

test('a key of before that is put in place after disabling is put away again, and never adopted', () => {
  const again = run(facts({ current: file(keyA), rows: [row(a, 'retired')], anyPlaintext: true }))
  expect(again.steps).toEqual(['retire-file'])
})

const keys = [keyA, keyB, keyC]
const anyFile = fc.oneof(
  fc.constantFrom(...keys).map(file),
  fc.constant(absent),
  fc.constantFrom(refused('key_file.mode'), refused('key_file.size'), refused('key_file.placeholder')),
)
const anyHexes = fc.uniqueArray(fc.constantFrom(a, b, c, '00112233445566ff'))
/** As the database keeps it: at most one key is active, and one is next only beside an active one. */
const anyRows = fc
  .uniqueArray(fc.tuple(fc.constantFrom(a, b, c), fc.constantFrom('retired' as const, 'lost' as const), fc.boolean()), {
    selector: ([keyHex]) => keyHex,
  })
  .chain(known =>
    fc.constantFrom(0, 1, 2).map(top =>
      known.map(([keyHex, old, completed], at) => {
        if (at >= top) return row(keyHex, old)
        return at === 0 ? row(keyHex, 'active', completed) : row(keyHex, 'next', false)
      }),
    ),
  )
const anyFacts: fc.Arbitrary<Facts> = fc
  .record({
    current: anyFile,
    next: anyFile,
    settled: fc.constantFrom(
      { current: true, next: true },
      { current: false, next: true },
      { current: true, next: false },
    ),
    retired: anyHexes,
    rows: anyRows,
    unsealing: fc.constantFrom(undefined, a, b),
    sealedUnder: fc.oneof(fc.constant([]), anyHexes),
    superseded: fc.boolean(),
    anyPlaintext: fc.boolean(),
    workers: fc.array(
      fc.record({ host: fc.constantFrom('here', 'there'), keyIds: fc.oneof(fc.constant([a, b, c]), anyHexes) }),
      { maxLength: 3 },
    ),
  })
  .map(({ retired, ...given }) => ({
    ...given,
    superseded: given.superseded && given.rows.every(({ state }) => state !== 'active'),
    held: [...new Set([hexOf(given.current), hexOf(given.next), ...retired].filter(keyHex => keyHex !== ''))],
  }))

const always = (holds: (given: Facts, step: Step) => void): void => {
  fc.assert(
    fc.property(anyFacts, given => {
      holds(given, nextStep(given))
    }),
    { numRuns: 5_000 },
  )
}

const stateOf = (given: Facts, keyHex: string) => given.rows.find(each => each.keyHex === keyHex)?.state
const activeOf = (given: Facts) => given.rows.find(each => each.state === 'active')?.keyHex

test('from locked no step leads on, and there is always a hint what to do', () => {
  always((given, step) => {
    if (encryptionState(given) !== 'locked') return
    expect(step).toBe('none')
    expect(problemsOf(given, files).length).toBeGreaterThan(0)
  })
})

test('without the active key in its place, or next to it after a rotation, it is locked, never off', () => {
  always(given => {
    const active = activeOf(given)
    if (active === undefined || [hexOf(given.current), hexOf(given.next)].includes(active)) return
    expect(encryptionState(given)).toBe('locked')
  })
})

test('with anything sealed it is never off', () => {
  always(given => {
    if (given.sealedUnder.length > 0) expect(encryptionState(given)).not.toBe('off')
  })
})

test('no step there is makes a key or writes over one', () => {
  const steps = new Set<string>(['none', ...Object.keys(effects)])
  expect(new Set(Object.values(cases).flatMap(group => group.map(([, , , step]) => step)))).toEqual(steps)
  always((_given, step) => expect(steps).toContain(step))
})

test('a file is moved only if its key is retired, and replaced only by the active one', () => {
  always((given, step) => {
    if (step !== 'swap-files' && step !== 'retire-file') return
    expect(stateOf(given, hexOf(given.current))).toBe('retired')
    if (step === 'swap-files') expect(hexOf(given.next)).toBe(activeOf(given))
    else expect([activeOf(given), given.sealedUnder]).toEqual([undefined, []])
  })
})

test('a key is taken into use only if it is new, whole, and held by every worker', () => {
  always((given, step) => {
    if (step !== 'adopt' && step !== 'begin-rotation') return
    const which = step === 'adopt' ? 'current' : 'next'
    const keyHex = hexOf(given[which])
    expect(keyHex).not.toBe('')
    expect(stateOf(given, keyHex)).toBeUndefined()
    expect(given.settled[which]).toBe(true)
    expect(given.workers.filter(({ keyIds }) => !keyIds.includes(keyHex))).toEqual([])
    if (step === 'adopt') expect([activeOf(given), given.sealedUnder]).toEqual([undefined, []])
  })
})

test('nobody is told to take the next file away while it alone holds the active key', () => {
  always(given => {
    const active = activeOf(given)
    if (active === undefined || hexOf(given.next) !== active || hexOf(given.current) === active) return
    const codes = problemsOf(given, files).map(problem => problem.code)
    expect(codes).not.toContain('next_key_file.idle')
    expect(codes).not.toContain('next_key_file.used')
  })
})

test('rows are written only by a host that holds the key they go under', () => {
  always((given, step) => {
    if (step === 'sweep') expect(given.held).toContain(writeKeyOf(given))
    if (step === 'unseal') expect(hexOf(given.current)).toBe(given.unsealing)
  })
})

test('encryption ends only when it was asked for, and nothing is sealed any more', () => {
  always((given, step) => {
    if (step !== 'finish-unsealing') return
    expect([given.unsealing, given.sealedUnder]).toEqual([activeOf(given), []])
  })
})
