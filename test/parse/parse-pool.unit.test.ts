import { expect, test } from 'vitest'
import { MessageError } from '../../src/errors.ts'
import { openParsePool } from '../../src/parse/parse-pool.ts'
import { rawMail } from '../support/messages.ts'

test('parses many mails at once, each answer to its mail', async () => {
  await using pool = openParsePool({ threads: 2, deadlineMs: 20_000 })
  const subjects = Array.from({ length: 100 }, (_, i) => `mail ${i}`)
  const parsed = await Promise.all(subjects.map(subject => pool.parse(rawMail({ subject }))))
  expect(parsed.map(message => message.subject)).toEqual(subjects)
})

test('leaves the bytes to the caller', async () => {
  await using pool = openParsePool({ threads: 1, deadlineMs: 20_000 })
  const mail = rawMail({ subject: 'still here' })
  await pool.parse(mail)
  expect(mail.includes('still here')).toBe(true)
})

test('a mail that takes too long fails alone, and the mails behind it are parsed', async () => {
  await using pool = openParsePool({ threads: 1, deadlineMs: 1 })
  const huge = Buffer.concat([rawMail({ body: '' }), Buffer.alloc(60_000_000, 'x > y\n')])
  const [late] = await Promise.allSettled([pool.parse(huge)])
  expect(late).toMatchObject({ status: 'rejected', reason: expect.any(MessageError) })
  expect(late).toMatchObject({ reason: { code: 'message.parse_timeout' } })
  await using patient = openParsePool({ threads: 1, deadlineMs: 2_000 })
  const results = await Promise.allSettled([
    patient.parse(huge),
    ...[1, 2, 3].map(i => patient.parse(rawMail({ subject: `${i}` }))),
  ])
  expect(results.slice(1).map(result => result.status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled'])
})

test('what waits when it is closed is told so', async () => {
  const pool = openParsePool({ threads: 1, deadlineMs: 20_000 })
  const waiting = Promise.allSettled(Array.from({ length: 50 }, () => pool.parse(rawMail())))
  await pool[Symbol.asyncDispose]()
  expect((await waiting).filter(result => result.status === 'rejected').length).toBeGreaterThan(0)
  await expect(pool.parse(rawMail())).rejects.toThrow('closed')
})
