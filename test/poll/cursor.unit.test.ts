import { expect, test } from 'vitest'
import { isUnchanged, isWanted, resumeFrom } from '../../src/poll/cursor.ts'

const never = { uidValidity: null, lastUid: 0, startBeforeUid: 0, rereadBeforeUid: 0 }
const state = { uidValidity: 5, uidNext: 101, messages: 90 }

test('goes on where it stopped under the same UIDVALIDITY', () => {
  const stored = { uidValidity: 5, lastUid: 42, startBeforeUid: 10, rereadBeforeUid: 0 }
  expect(resumeFrom(stored, state, 'all')).toEqual(stored)
})

test('reads the whole mailbox again when UIDVALIDITY changed, and knows what may be a repetition', () => {
  const stored = { uidValidity: 4, lastUid: 42, startBeforeUid: 10, rereadBeforeUid: 0 }
  expect(resumeFrom(stored, state, 'all')).toEqual({
    uidValidity: 5,
    lastUid: 0,
    startBeforeUid: 101,
    rereadBeforeUid: 101,
  })
})

test('an account that starts with new mail passes what is there', () => {
  expect(resumeFrom(never, state, 'new')).toMatchObject({ lastUid: 100, rereadBeforeUid: 0 })
})

test('a server that omits UIDNEXT is read from the start, by date', () => {
  const cursor = resumeFrom(never, { ...state, uidNext: null }, 'new')
  expect(cursor.lastUid).toBe(0)
  const created = new Date('2026-11-24T00:00:00Z')
  const meta = { uid: 7, size: 1, receivedAt: new Date('2026-11-23T00:00:00Z') }
  expect(isWanted(meta, cursor, 'new', created)).toBe(false)
  expect(isWanted({ ...meta, receivedAt: new Date('2026-11-25T00:00:00Z') }, cursor, 'new', created)).toBe(true)
})

test('a start date decides about old mail only', () => {
  const start = new Date('2026-11-20T00:00:00Z')
  const cursor = resumeFrom(never, state, start)
  const old = { uid: 7, size: 1, receivedAt: new Date('2026-11-01T00:00:00Z') }
  expect(isWanted(old, cursor, start, new Date(0))).toBe(false)
  expect(isWanted({ ...old, uid: 101 }, cursor, start, new Date(0))).toBe(true)
})

test('a mailbox is unchanged only if the server says all three the same, and says UIDNEXT at all', () => {
  const stored = { uidValidity: 5, seenUidNext: 101, seenMessages: 90 }
  expect(isUnchanged(stored, state)).toBe(true)
  expect(isUnchanged(stored, { ...state, uidNext: 102 })).toBe(false)
  expect(isUnchanged(stored, { ...state, messages: 89 })).toBe(false)
  expect(isUnchanged(stored, { ...state, uidValidity: 6 })).toBe(false)
  expect(isUnchanged({ ...stored, seenUidNext: null }, { ...state, uidNext: null })).toBe(false)
})
