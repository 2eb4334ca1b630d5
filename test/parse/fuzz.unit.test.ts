// Mails that nobody would send: the lessons, damaged at random. Whatever comes in, parsing ends, and within the bounds. TEST_LONG=1 tries
// many more.
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { attachmentBytes, parseMessage } from '../../src/parse/parse-message.ts'

const folder = path.resolve(import.meta.dirname, '../fixtures/mail')
const lessons = globSync('*.eml', { cwd: folder })
  .sort()
  .map(name => readFileSync(path.join(folder, name)))
const numRuns = process.env.TEST_LONG ? 30_000 : 400

type Damage = (mail: Buffer) => Buffer

const place = fc.double({ min: 0, max: 1, noNaN: true })
const at = (mail: Buffer, where: number) => Math.floor(where * mail.length)
const insert = (mail: Buffer, where: number, bytes: Uint8Array) =>
  Buffer.concat([mail.subarray(0, at(mail, where)), bytes, mail.subarray(at(mail, where))])

/** What hurts parsers most: structure in the wrong place. */
const shards = [
  '\r\n',
  '\r\n\r\n',
  '\n',
  '\r',
  '--b',
  '--b--\r\n',
  '=',
  '=?',
  '?=',
  '"',
  '<',
  '>',
  '(',
  ';',
  '\0',
  '\xff',
  '=?utf-8?b?',
]
  .concat([
    'Content-Type: multipart/mixed; boundary=b\r\n',
    'Content-Type: message/rfc822\r\n\r\n',
    'On 1 Jan 10:00 a <a@b> wrote:\n',
  ])
  .map(text => Buffer.from(text, 'latin1'))

const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.tuple(place, fc.uint8Array({ maxLength: 40 })).map(
    ([where, bytes]): Damage =>
      mail =>
        insert(mail, where, bytes),
  ),
  fc.tuple(place, fc.constantFrom(...shards), fc.integer({ min: 1, max: 500 })).map(
    ([where, shard, times]): Damage =>
      mail =>
        insert(mail, where, Buffer.concat(Array(times).fill(shard))),
  ),
  fc.tuple(place, place).map(
    ([from, to]): Damage =>
      mail =>
        Buffer.concat([mail.subarray(0, at(mail, Math.min(from, to))), mail.subarray(at(mail, Math.max(from, to)))]),
  ),
  fc.tuple(place, fc.integer({ min: 0, max: 255 })).map(
    ([where, byte]): Damage =>
      mail => {
        const copy = Buffer.from(mail)
        copy[at(mail, where)] = byte
        return copy
      },
  ),
  fc.tuple(place, fc.constantFrom(...lessons)).map(
    ([where, other]): Damage =>
      mail =>
        insert(mail, where, other),
  ),
)

const damaged = fc
  .tuple(fc.constantFrom(...lessons), fc.array(damage, { minLength: 1, maxLength: 6 }))
  .map(([mail, damages]) => damages.reduce<Buffer>((result, change) => change(result), mail))

async function endsWithinBounds(mail: Buffer): Promise<void> {
  const message = await parseMessage(mail)
  expect(message.text.length).toBeLessThan(501_000)
  expect(message.reply.length).toBeLessThanOrEqual(message.text.length)
  expect(message.html ?? '').not.toMatch(/<script|<iframe|\son\w+\s*=\s*"|href="javascript:/i)
  expect(message.subject.length).toBeLessThanOrEqual(10_000)
  expect(message.attachments.length).toBeLessThanOrEqual(500)
  expect(message.from === null || typeof message.from.address === 'string').toBe(true)
  expect(JSON.parse(JSON.stringify(message))).toEqual(message)
  for (const attachment of message.attachments.slice(0, 3))
    expect((await attachmentBytes(mail, attachment)).length).toBe(attachment.size)
}

test('a damaged mail is parsed to its end and within the bounds', { timeout: 3_600_000 }, async () => {
  await fc.assert(fc.asyncProperty(damaged, endsWithinBounds), { numRuns })
})

test('bytes that are no mail are parsed to their end', { timeout: 3_600_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 2_000 }), bytes => endsWithinBounds(Buffer.from(bytes))),
    { numRuns },
  )
})
