import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { MessageError } from '../../src/errors/errors.ts'
import { openParsePool } from '../../src/parse/pool/parse-pool.ts'
import { rawMail } from '../support/messages.ts'

const misbehaving = new URL('./misbehaving-thread.ts', import.meta.url)
const mails = (count: number) => Array.from({ length: count }, (_, i) => rawMail({ subject: `mail ${i}` }))
const subjects = (count: number) => Array.from({ length: count }, (_, i) => `mail ${i}`)

test('parses many mails at once, each answer to its mail', async () => {
  await using pool = openParsePool({ threads: 2, deadlineMs: 60_000 })
  const parsed = await Promise.all(mails(100).map(mail => pool.parse(mail)))
  expect(parsed.map(message => message.subject)).toEqual(subjects(100))
})

test('leaves the bytes to the caller', async () => {
  await using pool = openParsePool({ threads: 1, deadlineMs: 60_000 })
  const mail = rawMail({ subject: 'still here' })
  await pool.parse(mail)
  expect(mail.includes('still here')).toBe(true)
})

test('a mail that is a view of a large buffer is parsed as itself', async () => {
  await using pool = openParsePool({ threads: 1, deadlineMs: 60_000 })
  const large = Buffer.concat([
    Buffer.alloc(5_000_000, 'x'),
    rawMail({ subject: 'in the middle' }),
    Buffer.alloc(100, 'y'),
  ])
  const { subject, text } = await pool.parse(large.subarray(5_000_000, large.length - 100))
  expect({ subject, ends: text.trim().endsWith('parcel?') }).toEqual({ subject: 'in the middle', ends: true })
})

test('a mail that never ends fails alone, and those behind it are parsed', async () => {
  await using pool = openParsePool({ threads: 1, deadlineMs: 1_000, script: misbehaving })
  const [hanging, ...others] = await Promise.allSettled(
    [rawMail({ body: 'HANG' }), ...mails(20)].map(mail => pool.parse(mail)),
  )
  expect(hanging).toMatchObject({ reason: expect.any(MessageError) })
  expect(hanging).toMatchObject({ reason: { code: 'message.parse_timeout' } })
  expect(others.map(result => result.status === 'fulfilled' && result.value.subject)).toEqual(subjects(20))
})

test('a mail that takes its thread along fails alone, and those behind it are parsed', async () => {
  await using pool = openParsePool({ threads: 1, deadlineMs: 60_000, script: misbehaving })
  const [deadly, ...others] = await Promise.allSettled(
    [rawMail({ body: 'DIE' }), ...mails(20)].map(mail => pool.parse(mail)),
  )
  expect(deadly).toMatchObject({ reason: { code: 'message.unparseable', temporary: false } })
  expect(others.map(result => result.status === 'fulfilled' && result.value.subject)).toEqual(subjects(20))
})

test('several deadly mails in a row cost one thread each and nothing else', { tags: ['scene'] }, async () => {
  await using pool = openParsePool({ threads: 2, deadlineMs: 60_000, script: misbehaving })
  const results = await Promise.allSettled(
    mails(12).flatMap(mail => [pool.parse(rawMail({ body: 'DIE' })), pool.parse(mail)]),
  )
  expect(results.filter(result => result.status === 'fulfilled').length).toBe(12)
})

test('a mail that the parser throws at is unparseable, and its thread goes on', async () => {
  await using pool = openParsePool({ threads: 1, deadlineMs: 60_000, script: misbehaving })
  await expect(pool.parse(rawMail({ body: 'THROW' }))).rejects.toMatchObject({ code: 'message.unparseable' })
  expect((await pool.parse(rawMail({ subject: 'next' }))).subject).toBe('next')
})

test('threads that never start blame no mail', async () => {
  const script = new URL('./thread-that-never-starts.ts', import.meta.url)
  await using pool = openParsePool({ threads: 2, deadlineMs: 60_000, script })
  const [result] = await Promise.allSettled([pool.parse(rawMail())])
  expect(result).toMatchObject({ status: 'rejected', reason: { message: 'the parser does not start' } })
  expect(result).not.toMatchObject({ reason: expect.any(MessageError) })
})

test('what waits when it is closed is told so', async () => {
  const pool = openParsePool({ threads: 1, deadlineMs: 60_000, script: misbehaving })
  const waiting = Promise.allSettled([rawMail({ body: 'HANG' }), ...mails(50)].map(mail => pool.parse(mail)))
  await pool[Symbol.asyncDispose]()
  const results = await waiting
  expect(new Set(results.map(result => result.status === 'rejected' && result.reason.message))).toEqual(
    new Set(['the parser is closed']),
  )
  await expect(pool.parse(rawMail())).rejects.toThrow('closed')
})

test.each(['closed', 'idle'])('a process ends by itself when its pool is %s', async state => {
  const pool = path.resolve(import.meta.dirname, '../../src/parse/pool/parse-pool.ts')
  const program = [
    `import { openParsePool } from ${JSON.stringify(pool)}`,
    'const pool = openParsePool({ threads: 2, deadlineMs: 60_000 })',
    "const { subject } = await pool.parse(Buffer.from('Subject: done\\r\\n\\r\\nx'))",
    ...(state === 'closed' ? ['await pool[Symbol.asyncDispose]()'] : []),
    'console.log(subject)',
  ].join('\n')
  const folder = await mkdtemp(path.join(tmpdir(), 'letterlock-pool-'))
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rm(folder, { recursive: true }))
  await writeFile(path.join(folder, 'program.mjs'), program)
  const child = spawn(process.execPath, [path.join(folder, 'program.mjs')], { stdio: ['ignore', 'pipe', 'inherit'] })
  stack.defer(() => void child.kill('SIGKILL'))
  const said = child.stdout.toArray()
  const [code] = await once(child, 'exit')
  expect({
    code,
    said: Buffer.concat(await said)
      .toString()
      .trim(),
  }).toEqual({ code: 0, said: 'done' })
})

test('mails that hold their threads for long delay the mail of their own account only', async () => {
  await using pool = openParsePool({ threads: 2, deadlineMs: 3_000, script: misbehaving })
  const [first] = await Promise.allSettled([pool.parse(rawMail({ body: 'HANG' }), 1)])
  expect(first).toMatchObject({ reason: { code: 'message.parse_timeout' } })
  let hanging = 0
  const costly = Array.from({ length: 4 }, () =>
    pool
      .parse(rawMail({ body: 'HANG' }), 1)
      .catch(() => {})
      .finally(() => {
        hanging += 1
      }),
  )
  const others = await Promise.all(mails(20).map(mail => pool.parse(mail, 2)))
  // Each of the four alone takes the deadline; nobody else waited for one of them.
  expect(others.map(({ subject }) => subject)).toEqual(subjects(20))
  expect(hanging).toBeLessThanOrEqual(1)
  void costly
})
