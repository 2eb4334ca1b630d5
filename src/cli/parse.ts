// `letterlock parse`: what the parser makes of raw mails, without a database. Mails are parsed in threads as the daemon does it, so that a
// mail that takes too long or breaks the parser costs its own line only; a few are read ahead, bounded by number and bytes.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { harmless, toJsonLine } from '../foreign-text.ts'
import type { Address, WholeMessage } from '../model/parsed-message.ts'
import { judgeSender } from '../parse/authentication/judge-sender.ts'
import { openParsePool, type ParsePool } from '../parse/pool/parse-pool.ts'

const deadlineMs = 60_000
/** Until a thread has loaded and compiled what mails need, it has cost as much as so many mails. */
const mailsPerThread = 1_500
const maxAhead = 32
const maxBytesAhead = 67_108_864

/**
 * One JSON object a line with `json`, else a page a mail; in the order given. `authservIds` are the mail servers whose word on a sender is
 * believed. Resolves to 1 if a file could not be read or parsed.
 */
export async function parseFiles(
  paths: readonly string[],
  options: { json: boolean; authservIds?: readonly string[] },
  out: NodeJS.WritableStream,
): Promise<0 | 1> {
  const threads = Math.min(availableParallelism(), Math.ceil(paths.length / mailsPerThread))
  await using pool = openParsePool({ threads: Math.max(1, threads), deadlineMs })
  let exitCode: 0 | 1 = 0
  for await (const { path, result } of parsedInOrder(paths, pool)) {
    if (!('message' in result)) exitCode = 1
    const line = options.json ? toJson(path, result, options.authservIds) : toPage(path, result)
    if (!out.write(`${line}\n`)) await once(out, 'drain')
  }
  return exitCode
}

type Result = { message: WholeMessage } | { error: { code: string; message: string } }

/** What comes out of each file, as soon as all before it are out. */
async function* parsedInOrder(
  paths: readonly string[],
  pool: ParsePool,
): AsyncGenerator<{ path: string; result: Result }> {
  const ahead: { path: string; bytes: number; result: Promise<Result> }[] = []
  for (const path of paths) {
    const source = read(path)
    const result = Buffer.isBuffer(source) ? parse(source, pool) : Promise.resolve(source)
    ahead.push({ path, bytes: Buffer.isBuffer(source) ? source.length : 0, result })
    const bytes = () => ahead.reduce((sum, next) => sum + next.bytes, 0)
    for (let first = ahead[0]; first && (ahead.length >= maxAhead || bytes() > maxBytesAhead); first = ahead[0]) {
      yield { path: first.path, result: await first.result }
      ahead.shift()
    }
  }
  for (const { path, result } of ahead) yield { path, result: await result }
}

/** Threads parse meanwhile: nobody waits for this one. */
function read(path: string): Buffer | Result {
  try {
    return readFileSync(path)
  } catch (error) {
    return toFailure(error)
  }
}

/** Never rejects. */
async function parse(source: Buffer, pool: ParsePool): Promise<Result> {
  try {
    return { message: await pool.parseWhole(source) }
  } catch (error) {
    return toFailure(error)
  }
}

const reading: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ENOENT: 'there is no such file',
    EACCES: 'this file may not be read',
    EISDIR: 'this is a folder, not a file',
    ERR_FS_FILE_TOO_LARGE: 'this file is too large to be read',
  }),
)

function toFailure(error: unknown): Result {
  const { code = 'internal', message = 'failed' } = error as { code?: string; message?: string }
  return { error: { code, message: reading.get(code) ?? message } }
}

function toJson(path: string, result: Result, trusted: readonly string[] | undefined): string {
  if (!('message' in result)) return toJsonLine({ path, ok: false, error: result.error })
  // What the contract of the line does not name stays inside.
  const { kind, reasons, from, to, cc, replyTo, subject, messageId, inReplyTo, references, date } = result.message
  const { text, safeHtml, reply, bounce, forwarded, original, senderEvidence } = result.message
  const { policy: _policy, ...authentication } = judgeSender(senderEvidence, trusted ?? null)
  const attachments = result.message.attachments.map(({ part: _, ...attachment }) => attachment)
  const about = original === null || original.messageId === '' ? null : { messageId: original.messageId }
  return toJsonLine({
    ...{ path, ok: true, kind, reasons, from, to, cc, replyTo, subject, messageId, inReplyTo, references, date },
    ...{ text, html: safeHtml?.html ?? null, reply, attachments, bounce, forwarded, original: about, authentication },
  })
}

function toPage(path: string, result: Result): string {
  if (!('message' in result)) return harmless(`${path}: ${result.error.message}\n`)
  const { message } = result
  const field = (name: string, value: string) => (value === '' ? [] : [`  ${name.padEnd(13)}${value}`])
  const lines = [
    path,
    ...field('kind', [message.kind, ...message.reasons].join(', ')),
    ...field('from', message.from === null ? '(nobody)' : person(message.from)),
    ...field('to', message.to.map(person).join(', ')),
    ...field('cc', message.cc.map(person).join(', ')),
    ...field('reply-to', message.replyTo.map(person).join(', ')),
    ...field('subject', message.subject),
    ...field('date', message.date ?? '(none)'),
    ...field('message-id', message.messageId),
    ...field(
      message.bounce?.delayed ? 'delayed for' : 'failed for',
      [...(message.bounce?.recipients ?? []), ...(message.bounce?.statuses ?? [])].join(', '),
    ),
    ...message.attachments.flatMap(({ filename, contentType, size }) =>
      field('attachment', `${filename ?? '(no name)'}, ${contentType}, ${size} bytes`),
    ),
    '',
    ...message.text
      .trim()
      .split('\n')
      .map(line => `  ${line}`.trimEnd()),
    '',
  ]
  return lines.map(harmless).join('\n')
}

function person({ name, address }: Address): string {
  return name === '' ? address : `${name} <${address}>`
}
