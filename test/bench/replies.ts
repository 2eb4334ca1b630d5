// Compares how well the new words of a mail are found: by our own reply extraction, by `email-reply-parser`, by `planer`, and by none at all.
//
//   npm install --prefix DIR email-reply-parser@2.3.7 planer@1.2.0 jsdom@29.1.1
//   src/node.sh test/bench/replies.ts --libraries DIR CORPUS ...
//
// Each CORPUS is a folder as `npm run test:corpus` reads it; it and the libraries stay outside of the repository. Everybody gets the
// same text, out of our parser; planer gets the HTML where there is some, as its manual says. White space does not count.
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { parseMessage, parseWhole } from '../../src/parse/parse-message.ts'

interface Expected {
  reply?: string
  replyIncludes?: string | string[]
  replyExcludes?: string | string[]
  replyUnchanged?: boolean
}

interface Entry {
  kind?: string
  corpus: string
  path?: string
  input?: string
  inputPath?: string
  expect: Expected
  tier: number
}

interface Case {
  name: string
  raw: Buffer
  expect: Expected
}

interface Mail {
  text: string
  html: string | null
  reply: string
}

type Extract = (mail: Mail) => string | Promise<string>

const { values, positionals } = parseArgs({ options: { libraries: { type: 'string' } }, allowPositionals: true })
if (values.libraries === undefined || positionals.length === 0) {
  process.stderr.write('usage: replies.ts --libraries DIR CORPUS ...\n')
  process.exit(2)
}

const extractors: Record<string, Extract> = {
  letterlock: ({ reply }) => reply,
  ...librariesIn(values.libraries),
  'nothing trimmed': ({ text }) => text,
}
/** Nothing here has white space. */
const judges: Record<keyof Expected, (reply: string, expected: string[], text: string) => boolean> = {
  reply: (reply, [expected]) => reply === expected,
  replyIncludes: (reply, parts) => parts.every(part => reply.includes(part)),
  replyExcludes: (reply, parts) => !parts.some(part => reply.includes(part)),
  replyUnchanged: (reply, _, text) => reply === text,
}
const score = new Map<string, Map<string, { passed: number; total: number }>>()

for (const { name, raw, expect } of positionals.flatMap(casesOf)) {
  const { text, reply: words, safeHtml } = await parseWhole(raw)
  const mail = { text, html: safeHtml?.html ?? null, reply: words }
  for (const [who, extract] of Object.entries(extractors)) {
    const reply = await extract(mail)
    for (const [what, judge] of Object.entries(judges)) {
      const expected = expect[what as keyof Expected]
      if (expected === undefined) continue
      const passed = judge(bare(reply), [expected].flat().map(String).map(bare), bare(mail.text))
      for (const row of [`${name}: ${what}`, 'total']) count(row, who, passed)
    }
  }
}
report()

function librariesIn(folder: string): Record<string, Extract> {
  const load = createRequire(path.resolve(folder, 'package.json'))
  const { default: EmailReplyParser } = load('email-reply-parser')
  const planer = load('planer')
  const { JSDOM } = load('jsdom')
  const { document } = new JSDOM().window
  return {
    'email-reply-parser': ({ text }) => new EmailReplyParser().parseReply(text),
    async planer({ text, html }) {
      if (html === null) return planer.extractFrom(text, 'text/plain')
      const rest: string = planer.extractFrom(html, 'text/html', document)
      return (await parseMessage(toMail(rest, 'html'))).text
    },
  }
}

function casesOf(folder: string): Case[] {
  const read = (name: string) => readFileSync(path.join(folder, name))
  const mails = entriesOf(path.join(folder, 'manifest.jsonl')).map(entry => ({
    name: `${entry.corpus}, mails`,
    raw: read(entry.path ?? ''),
    expect: entry.expect,
  }))
  const snippets = entriesOf(path.join(folder, 'snippets.jsonl')).map(({ corpus, kind, input, inputPath, expect }) => {
    const isHtml = kind === 'reply-html'
    const text = input ?? read(inputPath ?? '').toString()
    return { name: `${corpus}, ${isHtml ? 'HTML' : 'text'}`, raw: toMail(text, isHtml ? 'html' : 'plain'), expect }
  })
  return [...mails, ...snippets]
}

/** Those that say something about the reply. */
function entriesOf(file: string): Entry[] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Entry)
    .filter(({ tier, kind = 'reply-' }) => tier <= 2 && kind.startsWith('reply-'))
    .filter(({ expect }) => Object.keys(expect).some(what => what in judges))
}

function toMail(text: string, subtype: string): Buffer {
  const head = `From: A <a@example.org>\r\nSubject: Re: case\r\nMIME-Version: 1.0\r\nContent-Type: text/${subtype}; charset=utf-8`
  return Buffer.from(`${head}\r\nContent-Transfer-Encoding: base64\r\n\r\n${Buffer.from(text).toString('base64')}`)
}

function bare(text: string): string {
  return text.replace(/\s+/g, '')
}

function count(row: string, who: string, passed: boolean): void {
  const columns = score.get(row) ?? new Map<string, { passed: number; total: number }>()
  const cell = columns.get(who) ?? { passed: 0, total: 0 }
  columns.set(who, { passed: cell.passed + (passed ? 1 : 0), total: cell.total + 1 })
  score.set(row, columns)
}

function report(): void {
  const names = Object.keys(extractors)
  const rows = [...score].sort(([a], [b]) => Number(a === 'total') - Number(b === 'total') || a.localeCompare(b))
  print(['', 'of', ...names])
  print(['---', '---', ...names.map(() => '---')])
  for (const [row, columns] of rows) {
    const total = columns.get('letterlock')?.total ?? 0
    print([row, String(total), ...names.map(name => String(columns.get(name)?.passed ?? 0))])
  }
}

function print(cells: readonly string[]): void {
  process.stdout.write(`| ${cells.join(' | ')} |\n`)
}
