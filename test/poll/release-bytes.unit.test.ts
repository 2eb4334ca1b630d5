// The bytes of stored mails are given back; what shares its memory with others is left alone.
import { expect, test } from 'vitest'
import type { ArchivedMail } from '../../src/model/mail-outcome.ts'
import { releaseBytes } from '../../src/poll/batch/release-bytes.ts'

const archived = (source: Buffer, text: string | Uint8Array): ArchivedMail =>
  ({ mail: { source }, parsed: { text, reply: null } }) as unknown as ArchivedMail

test('a mail and its words are gone', () => {
  const source = Buffer.concat([Buffer.alloc(20_000, 'a'), Buffer.alloc(8_000, 'b')])
  const text = new TextEncoder().encode('words of the mail')
  releaseBytes([archived(source, text), { ...archived(source, ''), parsed: null }])
  expect([source.length, text.length]).toEqual([0, 0])
})

test('bytes in memory that others use stay, and so do strings', () => {
  const small = Buffer.from('of the pool')
  const part = Buffer.alloc(100_000, 'x').subarray(10, 50_000)
  releaseBytes([archived(small, 'words'), archived(part, 'words')])
  expect([small.toString(), part.length, part[0]]).toEqual(['of the pool', 49_990, 'x'.charCodeAt(0)])
})
