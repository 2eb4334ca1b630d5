// Mails that nobody would send: the fixtures, damaged at random, and what must hold for whatever comes in.
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { expect } from 'vitest'
import { attachmentBytes, parseWhole } from '../../src/parse/parse-message.ts'

const folder = path.resolve(import.meta.dirname, '../fixtures/mail')
const lessons = globSync('*.eml', { cwd: folder })
  .sort()
  .map(name => readFileSync(path.join(folder, name)))

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
    'begin 644 a\n#86)C\n`\nend\n',
    '=ybegin line=128 size=1 name=a\n',
    'Content-Type: application/ms-tnef\r\n',
    'Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:a\n',
    'Content-Transfer-Encoding: base64\r\n',
    '<blockquote>',
    '<div class="gmail_attr">',
    '-----BEGIN PGP SIGNED MESSAGE-----\n\n',
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

export const damagedMails = fc
  .tuple(fc.constantFrom(...lessons), fc.array(damage, { minLength: 1, maxLength: 6 }))
  .map(([mail, damages]) => damages.reduce<Buffer>((result, change) => change(result), mail))

/** No mail of this size may take longer, of the time of the processor. */
const maxMs = 2_000
const maxResult = 4_000_000

/** Parsing ends, in time, and what comes out is bounded, harmless and complete. */
export async function endsWithinBounds(mail: Buffer): Promise<void> {
  const before = process.threadCpuUsage()
  const message = await parseWhole(mail)
  const { user, system } = process.threadCpuUsage(before)
  expect((user + system) / 1_000).toBeLessThan(maxMs)
  expect(JSON.stringify(message).length).toBeLessThan(maxResult)
  expect(message.text + message.reply).not.toMatch(/[\ue0c0-\ue0c4]/)
  expect(message.text.length).toBeLessThan(501_000)
  expect(message.reply.length).toBeLessThanOrEqual(message.text.length)
  expect(message.safeHtml?.html ?? '').not.toMatch(/<script|<iframe|\son\w+\s*=\s*"|href="javascript:/i)
  expect(message.subject.length).toBeLessThanOrEqual(10_000)
  expect(message.attachments.length).toBeLessThanOrEqual(500)
  expect(message.from === null || typeof message.from.address === 'string').toBe(true)
  expect(JSON.parse(JSON.stringify(message))).toEqual(message)
  for (const attachment of message.attachments.slice(0, 3))
    expect((await attachmentBytes(mail, attachment)).length).toBe(attachment.size)
}
