// Scores the parser against a folder of mails with stated expectations, which stays outside of the repository.
//
//   npm run test:corpus -- DIR [--misses FILE]
//
// DIR/manifest.jsonl: one mail a line, {path, tier, expect}; DIR/snippets.jsonl: texts with their new words, {id, kind, input | inputPath,
// expect, compare, tier}. Expectations of tier 3 are disputed and not counted. Prints passed/total of each expectation; exits with 1 where one
// is below its threshold.
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import type { WholeMessage } from '../../src/model/parsed-message.ts'
import { parseWhole } from '../../src/parse/parse-message.ts'
import { type Expectation, judges } from './judges.ts'

/** Least share that passes; what is not named here is a field of the header. */
const thresholds: Readonly<Record<string, number>> = {
  total: 0.97,
  autoReply: 1,
  bounce: 0.99,
  'bounce: no false positive': 1,
  bounceRecipients: 0.95,
  bounceStatus: 0.95,
  feedbackReport: 1,
  attachments: 0.97,
  textIncludes: 0.97,
  reply: 0.92,
  'snippet:reply-text': 0.92,
  'snippet:reply-html': 0.92,
}
const ofHeaders = 0.99
const slowMs = 2_000

interface Mail {
  path: string
  tier: number
  expect: Record<string, unknown>
}

interface Snippet {
  corpus: string
  id: string
  kind: string
  input?: string
  inputPath?: string
  expect: {
    reply?: string
    replyIncludes?: string | string[]
    replyExcludes?: string | string[]
    replyUnchanged?: boolean
  }
  compare?: string
  tier: number
}

const { values, positionals } = parseArgs({ options: { misses: { type: 'string' } }, allowPositionals: true })
const [folder] = positionals
if (folder === undefined) fail('give the folder of the corpus: npm run test:corpus -- DIR')
const mails = readLines<Mail>('manifest.jsonl')
if (mails === null) fail(`${folder} has no manifest.jsonl: that is no corpus`)

const score = new Map<string, { passed: number; total: number }>()
const misses: object[] = []
const slow: string[] = []

for (const mail of mails) {
  const message = await parse(mail.path, readFileSync(path.join(folder, mail.path)))
  if (mail.tier > 2) continue
  for (const [name, expected] of Object.entries(mail.expect)) {
    const judge = judges[name]
    if (judge === undefined) continue
    const passed = message !== null && judge(expected as never, message, mail.expect as Expectation)
    count(name, passed, {
      name,
      path: mail.path,
      expected,
      got: message?.[name as keyof WholeMessage] ?? message?.kind,
    })
    if (name === 'bounce' && expected === false) count('bounce: no false positive', passed, {})
  }
}

for (const snippet of (readLines<Snippet>('snippets.jsonl') ?? []).filter(
  ({ kind, tier }) => tier <= 2 && /^reply-/.test(kind),
)) {
  const { id, kind, input, inputPath, expect } = snippet
  const text = input ?? readFileSync(path.join(folder, inputPath ?? ''), 'utf8')
  const type = kind === 'reply-html' ? 'text/html' : 'text/plain'
  const head = `From: A <a@example.org>\r\nSubject: Re: case\r\nMIME-Version: 1.0\r\nContent-Type: ${type}; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n`
  const message = await parse(id, Buffer.from(head + Buffer.from(text).toString('base64')))
  const reply = message?.reply ?? ''
  const same = snippet.compare === 'ignore-all-whitespace' ? withoutSpace : withOneSpace
  const passed =
    message !== null &&
    (expect.reply === undefined || same(reply) === same(expect.reply)) &&
    [expect.replyIncludes ?? []].flat().every(part => withoutSpace(reply).includes(withoutSpace(part))) &&
    ![expect.replyExcludes ?? []].flat().some(part => withoutSpace(reply).includes(withoutSpace(part))) &&
    (expect.replyUnchanged !== true || withoutSpace(reply) === withoutSpace(text))
  count(`snippet:${kind}`, passed, { name: kind, id: `${snippet.corpus}/${id}`, expected: expect, got: reply })
}

if (values.misses !== undefined) writeFileSync(values.misses, misses.map(miss => `${JSON.stringify(miss)}\n`).join(''))
report()

async function parse(name: string, raw: Buffer): Promise<WholeMessage | null> {
  const startedAt = performance.now()
  const message = await parseWhole(raw).catch(() => null)
  const ms = performance.now() - startedAt
  if (ms > slowMs) slow.push(`${name} took ${Math.round(ms)} ms`)
  return message
}

function count(name: string, passed: boolean, miss: object): void {
  const entry = score.get(name) ?? { passed: 0, total: 0 }
  score.set(name, { passed: entry.passed + (passed ? 1 : 0), total: entry.total + 1 })
  if (!passed && Object.keys(miss).length > 0) misses.push(miss)
}

function report(): void {
  const counted = [...score].filter(([name]) => !name.includes(': ')).map(([, entry]) => entry)
  const sum = (key: 'passed' | 'total') => counted.reduce((all, entry) => all + entry[key], 0)
  score.set('total', { passed: sum('passed'), total: sum('total') })
  const below: string[] = []
  for (const [name, { passed, total }] of [...score].sort(([a], [b]) => a.localeCompare(b))) {
    const least = thresholds[name] ?? ofHeaders
    // Of a few, one is allowed to be another opinion.
    const isBelow = passed / total < least && (least === 1 || total - passed > 1)
    if (isBelow) below.push(`${name} is below ${100 * least} %`)
    process.stdout.write(`${name.padEnd(26)} ${passed}/${total} (${((100 * passed) / total).toFixed(1)} %)\n`)
  }
  for (const line of [...below, ...slow]) process.stderr.write(`${line}\n`)
  if (below.length + slow.length > 0) process.exitCode = 1
}

function readLines<T>(name: string): T[] | null {
  try {
    const text = readFileSync(path.join(folder ?? '', name), 'utf8')
    return text
      .split('\n')
      .filter(line => line !== '')
      .map(line => JSON.parse(line) as T)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

function withoutSpace(text: string): string {
  return text.replace(/\s+/g, '')
}

function withOneSpace(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}

function fail(why: string): never {
  process.stderr.write(`${why}\n`)
  process.exit(2)
}
