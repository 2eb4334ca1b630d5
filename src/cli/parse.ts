// `letterlock parse`: what the parser makes of raw mails, without a database.
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { parseMessage } from '../parse/parse-message.ts'
import type { ParsedMessage } from '../parse/parsed-message.ts'

/** One JSON object a line with `json`, else a page a mail; in the order given. Resolves to 1 if a file could not be read or parsed. */
export async function parseFiles(
  paths: readonly string[],
  options: { json: boolean },
  out: NodeJS.WritableStream,
): Promise<0 | 1> {
  let exitCode: 0 | 1 = 0
  for (const file of paths) {
    const { line, ok } = await parseFile(file, options)
    if (!ok) exitCode = 1
    if (!out.write(`${line}\n`)) await once(out, 'drain')
  }
  return exitCode
}

async function parseFile(file: string, options: { json: boolean }): Promise<{ line: string; ok: boolean }> {
  try {
    const message = await parseMessage(await readFile(file))
    return { line: options.json ? toJson(file, message) : toPage(file, message), ok: true }
  } catch (error) {
    const { code, message } = toFailure(error)
    if (options.json) return { line: JSON.stringify({ path: file, ok: false, error: { code, message } }), ok: false }
    return { line: `${file}: ${message}\n`, ok: false }
  }
}

function toJson(file: string, message: ParsedMessage): string {
  const attachments = message.attachments.map(({ part: _, ...attachment }) => attachment)
  return JSON.stringify({ path: file, ok: true, ...message, attachments })
}

const reading: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this file may not be read',
  EISDIR: 'this is a folder, not a file',
}

function toFailure(error: unknown): { code: string; message: string } {
  const { code = 'internal', message = 'failed' } = error as { code?: string; message?: string }
  return { code, message: reading[code] ?? message }
}

function toPage(file: string, message: ParsedMessage): string {
  const person = ({ name, address }: { name: string; address: string }) =>
    name === '' ? address : `${name} <${address}>`
  const lines = [
    `${file}`,
    `  kind         ${[message.kind, ...message.reasons].join(', ')}`,
    `  from         ${message.from === null ? '(nobody)' : person(message.from)}`,
    `  to           ${message.to.map(person).join(', ')}`,
    ...(message.cc.length > 0 ? [`  cc           ${message.cc.map(person).join(', ')}`] : []),
    `  subject      ${message.subject}`,
    `  date         ${message.date ?? '(none)'}`,
    `  message-id   ${message.messageId}`,
    ...message.attachments.map(
      ({ filename, contentType, size }) => `  attachment   ${filename ?? '(no name)'}, ${contentType}, ${size} bytes`,
    ),
    '',
    ...message.text
      .trim()
      .split('\n')
      .map(line => `  ${line}`),
    '',
  ]
  return lines.join('\n')
}
