// What a host believes of rows: of every way in which they can be made up, rolled back or taken away, and of those who may change them.
import { expect, test } from 'vitest'
import type { KeyRow, KeyState } from '../../src/store/secrets/encryption-keys.ts'
import { sealCanary } from '../../src/vault/keys/canary.ts'
import { judgeKeys, macOf, type SeenState } from '../../src/vault/keys/key-state.ts'
import { type Key, toKey } from '../../src/vault/secrets/envelope.ts'

const keyOf = (byte: number): Key => toKey(Buffer.alloc(32, byte))
const [current, next, retired, foreign] = [keyOf(1), keyOf(2), keyOf(3), keyOf(4)]
const nameOf = new Map([
  [current.hex, 'current'],
  [next.hex, 'next'],
  [retired.hex, 'retired'],
  [foreign.hex, 'foreign'],
])

/** As 0.3.0 wrote it. */
const unsigned = (key: Key, state: KeyState): KeyRow => ({
  keyHex: key.hex,
  state,
  canary: sealCanary(key),
  adoptedAt: new Date(0),
  completedAt: new Date(1_000),
  backupProvenAt: null,
  unsealingAt: null,
  epoch: 0,
  mac: null,
})

function signed(key: Key, state: KeyState, epoch: number, change: Partial<KeyRow> = {}): KeyRow {
  const row = { ...unsigned(key, state), ...change, epoch }
  return { ...row, mac: macOf(key, row) }
}

const saw = (...states: [Key, KeyState, number][]): Map<string, SeenState> =>
  new Map(states.map(([key, state, epoch]) => [key.hex, { epoch, state, completed: true }]))

interface Case {
  rows: KeyRow[]
  seen?: Map<string, SeenState>
  /** Where the keys lie; default: the key file, and a retired one beside it. */
  files?: { current?: Key; next?: Key; others?: Key[] }
  asked?: string
}

function judge({ rows, seen = new Map(), files = { current, others: [retired] }, asked }: Case) {
  const held = [files.current, files.next, ...(files.others ?? [])]
  const judged = judgeKeys(
    rows,
    {
      find: keyHex => held.find(key => key?.hex === keyHex),
      current: files.current?.hex,
      next: files.next?.hex,
    },
    seen,
    asked,
  )
  return {
    believed: Object.fromEntries(judged.keys.map(({ keyHex, state }) => [nameOf.get(keyHex), state])),
    doubts: judged.forgeries.map(({ kind, keyHex }) => `${nameOf.get(keyHex)} ${kind}`),
    news: [...judged.news.keys()].map(keyHex => nameOf.get(keyHex)),
    unsigned: judged.unsigned.map(keyHex => nameOf.get(keyHex)),
    foreignNext: judged.foreignNext && nameOf.get(judged.foreignNext),
  }
}

const nothing = { doubts: [], news: [], unsigned: [], foreignNext: undefined }
const swap = { current, next }

const cases: [name: string, given: Case, judged: Partial<ReturnType<typeof judge>>][] = [
  ['no key at all', { rows: [], files: {} }, { ...nothing, believed: {} }],
  ['a key file that no row knows is new', { rows: [] }, { ...nothing, believed: {} }],
  [
    'a signed row is believed and remembered',
    { rows: [signed(current, 'active', 1)] },
    { ...nothing, believed: { current: 'active' }, news: ['current'] },
  ],
  [
    'one that was seen before is no news',
    { rows: [signed(current, 'active', 3)], seen: saw([current, 'active', 3]) },
    { ...nothing, believed: { current: 'active' } },
  ],
  [
    'a key that is retired by who may is retired here too',
    { rows: [signed(current, 'retired', 4)], seen: saw([current, 'active', 3]) },
    { ...nothing, believed: { current: 'retired' }, news: ['current'] },
  ],
  [
    'a rotation that is through',
    {
      rows: [signed(current, 'retired', 4), signed(next, 'active', 2)],
      seen: saw([current, 'active', 3], [next, 'next', 1]),
      files: swap,
    },
    { ...nothing, believed: { current: 'retired', next: 'active' }, news: ['current', 'next'] },
  ],
  [
    'a state that was changed under its signature',
    { rows: [{ ...signed(current, 'active', 3), state: 'retired' }], seen: saw([current, 'active', 3]) },
    { believed: { current: 'active' }, doubts: ['current altered'], news: [] },
  ],
  [
    'a signature of another key',
    {
      rows: [{ ...signed(current, 'retired', 4), mac: macOf(foreign, signed(current, 'retired', 4)) }],
      seen: saw([current, 'active', 3]),
    },
    { believed: { current: 'active' }, doubts: ['current altered'] },
  ],
  [
    'a signature that was taken away',
    { rows: [unsigned(current, 'retired')], seen: saw([current, 'active', 3]) },
    { believed: { current: 'active' }, doubts: ['current altered'] },
  ],
  [
    'an epoch that no number holds',
    { rows: [signed(current, 'retired', 2 ** 53)], seen: saw([current, 'active', 3]) },
    { believed: { current: 'active' }, doubts: ['current altered'] },
  ],
  [
    'an older row of the same key',
    { rows: [signed(current, 'active', 2)], seen: saw([current, 'active', 3]) },
    { believed: { current: 'active' }, doubts: ['current older'] },
  ],
  [
    'a key that was given up and is signed into use again',
    {
      rows: [signed(current, 'active', 3), signed(retired, 'next', 9)],
      seen: saw([current, 'active', 3], [retired, 'retired', 5]),
    },
    { believed: { current: 'active', retired: 'retired' }, doubts: ['retired older'], news: [] },
  ],
  [
    'the same, on a host that has never seen that key',
    { rows: [signed(current, 'active', 3), signed(retired, 'next', 9)], seen: saw([current, 'active', 3]) },
    { believed: { current: 'active' }, doubts: ['retired other-key'], news: [] },
  ],
  [
    'a key in use whose row has gone',
    { rows: [], seen: saw([current, 'active', 3]) },
    { believed: { current: 'active' }, doubts: ['current missing'] },
  ],
  [
    'the row of a key that was given up is not missed',
    { rows: [signed(current, 'active', 3)], seen: saw([current, 'active', 3], [retired, 'retired', 2]) },
    { ...nothing, believed: { current: 'active', retired: 'retired' } },
  ],
  [
    'a database from before a rotation',
    {
      rows: [signed(retired, 'active', 2)],
      seen: saw([current, 'active', 2], [retired, 'retired', 3]),
    },
    { believed: { current: 'active', retired: 'retired' }, doubts: ['retired older', 'current missing'] },
  ],
  [
    'a database from when encryption was on, and it is off now',
    { rows: [signed(retired, 'active', 2)], seen: saw([retired, 'retired', 4]), files: { others: [retired] } },
    { believed: { retired: 'retired' }, doubts: ['retired older'] },
  ],
  [
    'a key whose file is away is not given up by a row meanwhile',
    { rows: [unsigned(current, 'retired')], seen: saw([current, 'active', 3]), files: {} },
    { believed: { current: 'active' }, doubts: ['current altered'] },
  ],
  [
    'nor by none',
    { rows: [], seen: saw([current, 'active', 3]), files: {} },
    { believed: { current: 'active' }, doubts: ['current missing'] },
  ],
  [
    'a key that was lost and replaced by one that is here',
    { rows: [unsigned(foreign, 'lost'), signed(current, 'active', 1)], seen: saw([foreign, 'active', 3]) },
    { ...nothing, believed: { current: 'active', foreign: 'lost' }, news: ['current', 'foreign'] },
  ],
  [
    'an active key that is not here locks, where no other is in use',
    { rows: [signed(foreign, 'active', 3)] },
    { ...nothing, believed: { foreign: 'active' } },
  ],
  [
    'and does not where one is',
    {
      rows: [signed(foreign, 'active', 3), { ...signed(current, 'active', 3), state: 'retired' }],
      seen: saw([current, 'active', 3]),
    },
    { believed: { current: 'active' }, doubts: ['current altered', 'foreign other-key'] },
  ],
  [
    'a rotation to a key that is not here is told, and changes nothing',
    { rows: [signed(current, 'active', 3), signed(foreign, 'next', 1)] },
    { believed: { current: 'active' }, doubts: [], foreignNext: 'foreign' },
  ],
  [
    'rows of 0.3.0 are believed and signed',
    {
      rows: [unsigned(current, 'active'), unsigned(next, 'next'), unsigned(retired, 'retired')],
      files: { ...swap, others: [retired] },
    },
    {
      ...nothing,
      believed: { current: 'active', next: 'next', retired: 'retired' },
      unsigned: ['current', 'next', 'retired'],
    },
  ],
  [
    'one of 0.3.0 with the canary of another key is not',
    { rows: [{ ...unsigned(current, 'active'), canary: sealCanary(foreign) }] },
    { believed: {}, doubts: ['current unproven'] },
  ],
  [
    'nor one that says of the key in its place that it was given up',
    { rows: [unsigned(current, 'retired'), unsigned(retired, 'active')] },
    { believed: { retired: 'active' }, doubts: ['current unproven'], unsigned: [] },
  ],
  [
    'unless a rotation is through and the files wait',
    { rows: [unsigned(current, 'retired'), unsigned(next, 'active')], files: swap },
    { ...nothing, believed: { current: 'retired', next: 'active' }, unsigned: ['current', 'next'] },
  ],
  [
    'a request to turn off that stands in the settings alone',
    { rows: [signed(current, 'active', 3)], seen: saw([current, 'active', 3]), asked: current.hex },
    { believed: { current: 'active' }, doubts: ['current unsealing'] },
  ],
  [
    'one that is signed',
    {
      rows: [signed(current, 'active', 4, { unsealingAt: new Date(5) })],
      seen: saw([current, 'active', 3]),
      asked: current.hex,
    },
    { ...nothing, believed: { current: 'active' }, news: ['current'] },
  ],
]

test.each(cases)('%s', (_name, given, judged) => {
  expect(judge(given)).toMatchObject(judged)
  expect(Object.keys(judge(given).believed).sort()).toEqual(Object.keys(judged.believed ?? {}).sort())
})

test('whatever is changed in a signed row, it is not believed any more', () => {
  const row = signed(current, 'active', 3, { backupProvenAt: new Date(7), unsealingAt: new Date(9) })
  const other = new Date(8)
  const changes: Partial<KeyRow>[] = [
    { state: 'next' },
    { epoch: 4 },
    { completedAt: null },
    { completedAt: other },
    { backupProvenAt: null },
    { backupProvenAt: other },
    { unsealingAt: null },
    { unsealingAt: other },
    { unsealingAt: new Date(Number.NaN) },
    { canary: sealCanary(current) },
    { mac: Buffer.alloc(0) },
    { mac: Buffer.alloc(32) },
  ]
  for (const change of changes)
    expect(judge({ rows: [{ ...row, ...change }], seen: saw([current, 'active', 3]) }).doubts).toEqual([
      'current altered',
    ])
  expect(judge({ rows: [row], seen: saw([current, 'active', 3]) }).doubts).toEqual([])
})
