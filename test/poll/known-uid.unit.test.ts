import { expect, test } from 'vitest'
import { relationOf } from '../../src/poll/ingest/known-uid.ts'

const print = (text: string) => Buffer.from(text.padEnd(32))
const mail = { sha256: 'a', fingerprint: print('a'), complete: true }
const row = { ...mail, retry: false }

test.each([
  ['the same bytes', row, 'same'],
  ['bytes that the server wrote anew', { ...row, sha256: 'b' }, 'same'],
  ['a retry of the same mail', { ...row, retry: true }, 'replaces'],
  ['a header alone, and the whole mail comes', { ...row, sha256: 'b', complete: false }, 'replaces'],
  ['nothing is kept', { ...row, sha256: null, fingerprint: null, complete: false }, 'replaces'],
  ['another mail', { ...row, sha256: 'b', fingerprint: print('b') }, 'reuses'],
  [
    'another mail under a UID that was to be tried again',
    { ...row, sha256: 'b', fingerprint: print('b'), retry: true },
    'reuses',
  ],
  ['other bytes of a mail without Message-ID', { ...row, sha256: 'b', fingerprint: null }, 'reuses'],
  ['a retry of what could not be parsed', { ...row, sha256: 'b', fingerprint: null, retry: true }, 'replaces'],
] as const)('%s', (_, known, relation) => {
  expect(relationOf(mail, known)).toBe(relation)
})
