// Every pair in test/fixtures/mail is a lesson: a mail that somebody sends, and what must come out of it (only what the lesson is about).
import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import type { HtmlNotes, WholeMessage } from '../../src/model/parsed-message.ts'
import { attachmentBytes, parseHtml, parseMessage, parseWhole } from '../../src/parse/parse-message.ts'
import { rawMail } from '../support/messages.ts'

const folder = path.resolve(import.meta.dirname, '../fixtures/mail')
const lessons = globSync('*.eml', { cwd: folder }).sort()

type Said = Partial<Omit<WholeMessage, 'safeHtml'> & { html: string | null; htmlNotes: HtmlNotes | null }>

/** Line ends at the edges of a text are no lesson. */
function trimmed(message: Said): Said {
  const edges = ['text', 'reply', 'html'] as const
  const texts = edges.flatMap(name => (typeof message[name] === 'string' ? [[name, message[name].trim()]] : []))
  return { ...message, ...Object.fromEntries(texts) }
}

test.each(lessons)('%s says what it means', async name => {
  const expected = JSON.parse(readFileSync(path.join(folder, name.replace(/\.eml$/, '.expected.json')), 'utf8'))
  const { safeHtml, ...message } = await parseWhole(readFileSync(path.join(folder, name)))
  const shown = { html: safeHtml?.html ?? null, htmlNotes: safeHtml?.notes ?? null }
  expect(trimmed({ ...message, ...shown })).toMatchObject(trimmed(expected))
})

test.each(lessons)('%s gives its attachments back byte for byte', async name => {
  const raw = readFileSync(path.join(folder, name))
  const { attachments } = await parseMessage(raw)
  for (const attachment of attachments) {
    const bytes = await attachmentBytes(raw, attachment)
    expect(bytes.length).toBe(attachment.size)
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(attachment.sha256)
  }
})

test.each(lessons)('%s has the same HTML for a reader as for who asks for all of it', async name => {
  const raw = readFileSync(path.join(folder, name))
  const { safeHtml, hasHtml } = await parseWhole(raw)
  expect(await parseHtml(raw)).toEqual(safeHtml)
  expect(hasHtml).toBe(safeHtml !== null)
})

test('an attachment whose raw mail was changed is refused', async () => {
  const raw = readFileSync(path.join(folder, lessons.find(name => name.includes('text-file-attached')) ?? ''))
  const { attachments } = await parseMessage(raw)
  const changed = Buffer.from(raw.toString('latin1').replace('line 1', 'line 9'), 'latin1')
  await expect(attachmentBytes(changed, attachments[0] as never)).rejects.toMatchObject({ code: 'message.unparseable' })
})

test('an attachment is the same behind the envelope line of a mailbox file', async () => {
  const bare = readFileSync(path.join(folder, lessons.find(name => name.includes('text-file-attached')) ?? ''))
  const raw = Buffer.concat([Buffer.from('From anna@example.org Tue Nov 24 10:00:00 2026\r\n'), bare])
  const [attachment] = (await parseMessage(raw)).attachments
  expect((await attachmentBytes(raw, attachment as never)).toString()).toBe('line 1\r\nline 2')
})

test('an attachment of a mail that only mailparser can read is given back', async () => {
  const lines = [
    'Content-Type: multipart/mixed; boundary=a',
    '',
    '--a',
    'Content-Type: text/plain',
    '',
    'words',
    '--a',
    'Content-Type: multipart/related; boundary=b',
    '',
    '--a',
    'Content-Type: application/pdf; name=a.pdf',
    'Content-Transfer-Encoding: base64',
    '',
    'JVBERi0=',
    '--a--',
  ]
  const raw = Buffer.from(lines.join('\r\n'))
  const { text, attachments, reasons } = await parseMessage(raw)
  expect(text.trim()).toBe('words')
  expect(reasons).toEqual(['malformed-mime'])
  expect(attachments.map(({ filename, part }) => ({ filename, part }))).toEqual([{ filename: 'a.pdf', part: null }])
  expect((await attachmentBytes(raw, attachments[0] as never)).toString()).toBe('%PDF-')
})

test('a text without end is cut and says so', async () => {
  const { text, reply } = await parseMessage(rawMail({ body: 'words and words\r\n'.repeat(100_000) }))
  expect(text.length).toBeLessThan(501_000)
  expect(text).toMatch(/cut: the original has more\]$/)
  expect(reply.length).toBeLessThanOrEqual(text.length)
})

test('HTML without end is cut where it can do no harm, and says so', async () => {
  const body = `<p>start</p>${'<a href="https://example.org/">x</a>'.repeat(30_000)}`
  const { safeHtml, text } = await parseWhole(rawMail({ headers: ['Content-Type: text/html'], body }))
  const html = safeHtml?.html
  expect(html?.length).toBeLessThan(1_000_000)
  expect(html).toMatch(/<p>\[… cut: the original has more\]<\/p>$/)
  expect(text).toMatch(/cut: the original has more\]$/)
})

test('fields without end are cut', async () => {
  const endless = 'x'.repeat(900_000)
  const message = await parseMessage(
    Buffer.from(`Subject: ${endless}\r\nFrom: ${endless}@example.org\r\nMessage-ID: <${endless}@x>\r\n\r\nwords`),
  )
  expect(JSON.stringify(message).length).toBeLessThan(20_000)
})

test('ten thousand parts, addresses and references are read as far as the bounds', async () => {
  const many = (text: string) => text.repeat(10_000)
  const raw = `To: ${many('a@example.org, ')}\r\nReferences: ${many('<a@b>')}\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n${many('--b\r\nContent-Type: image/png\r\n\r\nx\r\n')}--b--`
  const message = await parseMessage(Buffer.from(raw))
  expect(message.to.length).toBe(5_000)
  expect(message.references).toEqual(['a@b'])
  expect(message.attachments.length).toBe(500)
})
