import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseFiles } from '../../src/cli/parse.ts'
import { rawMail } from '../support/messages.ts'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'letterlock-parse-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function fileOf(name: string, mail: Buffer): Promise<string> {
  const file = path.join(folder, name)
  await writeFile(file, mail)
  return file
}

/** Takes its time, as a full pipe does. */
class SlowReader extends Writable {
  text = ''
  most = 0

  constructor() {
    super({ highWaterMark: 1_000 })
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.most = Math.max(this.most, this.writableLength)
    this.text += chunk.toString()
    setImmediate(done)
  }

  /** What was written, once all of it has arrived. */
  async read(): Promise<string> {
    this.end()
    await finished(this)
    return this.text
  }

  async lines(): Promise<Record<string, unknown>[]> {
    return (await this.read())
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line))
  }
}

test('two thousand mails come out in the order given, at the pace of the reader', async () => {
  const files = await Promise.all(
    Array.from({ length: 50 }, (_, i) => fileOf(`${i}.eml`, rawMail({ subject: `mail ${i}` }))),
  )
  const paths = Array.from({ length: 2_000 }, (_, i) => files[(i * 7) % 50] as string)
  const out = new SlowReader()
  expect(await parseFiles(paths, { json: true }, out)).toBe(0)
  const lines = await out.lines()
  expect(lines.map(line => line.path)).toEqual(paths)
  expect(lines.slice(0, 3).map(line => line.subject)).toEqual(['mail 0', 'mail 7', 'mail 14'])
  expect(out.most).toBeLessThan(10_000)
})

test('a file that cannot be read has its line, and the exit code says so', async () => {
  const good = await fileOf('good.eml', rawMail({ id: 'a@b' }))
  const out = new SlowReader()
  expect(await parseFiles([path.join(folder, 'none.eml'), folder, good], { json: true }, out)).toBe(1)
  expect(await out.lines()).toMatchObject([
    { path: path.join(folder, 'none.eml'), ok: false, error: { code: 'ENOENT', message: 'there is no such file' } },
    { path: folder, ok: false, error: { code: 'EISDIR', message: 'this is a folder, not a file' } },
    { path: good, ok: true, messageId: 'a@b' },
  ])
})

test('the line has the fields of the contract and no place of bytes', async () => {
  const headers = ['Content-Type: application/pdf; name=a.pdf', 'Content-Transfer-Encoding: base64']
  const file = await fileOf('attached.eml', rawMail({ headers, body: 'JVBERi0=' }))
  const out = new SlowReader()
  await parseFiles([file], { json: true }, out)
  const [line] = await out.lines()
  expect(Object.keys(line ?? {}).sort()).toEqual(
    'path ok kind reasons from to cc replyTo subject messageId inReplyTo references date text html reply forwarded attachments bounce original authentication'
      .split(' ')
      .sort(),
  )
  const [attachment] = (line?.attachments ?? []) as object[]
  expect(Object.keys(attachment ?? {}).sort()).toEqual('contentId contentType filename inline sha256 size'.split(' '))
})

test('what is shown to people does not steer their terminal', async () => {
  const file = await fileOf('steering.eml', rawMail({ body: 'red \u001b[31mtext\u202e' }))
  const out = new SlowReader()
  await parseFiles([file], { json: false }, out)
  expect(await out.read()).toContain('red \\u001b[31mtext\\u202e')
})

test('nothing to parse is no failure', async () => {
  expect(await parseFiles([], { json: true }, new SlowReader())).toBe(0)
})
