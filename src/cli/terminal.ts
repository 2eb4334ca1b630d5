// The manners of the terminal: tables with colours only where somebody looks, errors with a hint, secrets without an echo, questions
// only to people.
import { once } from 'node:events'
import { createInterface } from 'node:readline/promises'
import { styleText } from 'node:util'
import { CommandError, exitCodeOf, ServiceError } from '../errors.ts'

type Style = Parameters<typeof styleText>[0]

/** Coloured on a terminal; $NO_COLOR is honoured. */
export function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout, validateStream: true })
}

/** Writes a line to standard output, at the reader's pace. */
export async function print(line: string): Promise<void> {
  if (!process.stdout.write(`${line}\n`)) await once(process.stdout, 'drain')
}

/** One object a line. */
export async function printJson(values: Iterable<object>): Promise<void> {
  for (const value of values) await print(JSON.stringify(value))
}

/** Progress and remarks, for people who wait. */
export function remark(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** Columns as wide as their content; the last one is cut at the terminal's edge. */
export async function printTable(header: readonly string[], rows: readonly (readonly string[])[]): Promise<void> {
  const shown = rows.map(row => row.map(cell => cell.replace(/\p{Cc}+/gu, ' ')))
  const widths = header.map((title, i) =>
    Math.max(widthOf(title), ...shown.map(row => Math.min(60, widthOf(row[i] ?? '')))),
  )
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (i === row.length - 1 ? cell : pad(shorten(cell, 60), widths[i] ?? 0))).join('  ')
  await print(paint('bold', line(header).trimEnd()))
  const edge = process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY
  for (const row of shown) await print(shorten(line(row), edge).trimEnd())
}

/** East Asian letters take two columns. */
function widthOf(text: string): number {
  return [...text].reduce(
    (width, letter) =>
      width + (/[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]/.test(letter) ? 2 : 1),
    0,
  )
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)))
}

function shorten(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  let cut = ''
  for (const letter of text) {
    if (widthOf(cut + letter) > width - 1) break
    cut += letter
  }
  return `${cut}…`
}

/** `2026-11-24 10:00` in UTC, or a dash. */
export function time(date: Date | null): string {
  return date === null ? '-' : date.toISOString().slice(0, 16).replace('T', ' ')
}

/** What failed, on which thing, and what to do; returns the exit code. */
export function reportError(error: unknown): number {
  if (error instanceof CommandError || error instanceof ServiceError || isOurs(error)) {
    process.stderr.write(`${paintError('error:')} ${error.message}\n`)
    if (error.hint !== undefined) process.stderr.write(`${paintError('hint:')} ${error.hint}\n`)
    return exitCodeOf(error)
  }
  process.stderr.write(
    `${paintError('error:')} this is a fault of letterlock: ${(error as Error)?.stack ?? String(error)}\n`,
  )
  return 1
}

function isOurs(error: unknown): error is Error & { hint?: string } {
  return error instanceof Error && 'scope' in error
}

function paintError(text: string): string {
  return styleText(text === 'hint:' ? 'yellow' : 'red', text, { stream: process.stderr, validateStream: true })
}

/** True if a person can be asked. */
export function isInteractive(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true
}

/** Asks before something that cannot be undone. Throws CommandError in a script without `--yes`, and where the answer is no. */
export async function confirm(question: string, yes: boolean): Promise<void> {
  if (yes) return
  if (!isInteractive()) throw new CommandError(`${question} Nothing was done.`, 'give --yes to say so in a script', 2)
  const answer = await ask(`${question} [y/N] `)
  if (!/^y(es)?$/i.test(answer.trim())) throw new CommandError('nothing was done')
}

/** A line from the terminal. */
export async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return await lines.question(question)
  } finally {
    lines.close()
  }
}

const longestSecret = 4_096

/** A secret from the terminal, without an echo. */
export async function askSecret(question: string): Promise<string> {
  process.stderr.write(question)
  const { stdin } = process
  stdin.setRawMode(true)
  stdin.setEncoding('utf8')
  let secret = ''
  try {
    for await (const chunk of stdin) {
      for (const letter of String(chunk)) {
        if (letter === '\r' || letter === '\n' || letter === '\u0004') return secret
        if (letter === '\u0003') throw new CommandError('nothing was done')
        secret = letter === '\u007f' ? secret.slice(0, -1) : secret + letter
      }
      if (secret.length > longestSecret) throw new CommandError('that is longer than any password')
    }
    return secret
  } finally {
    stdin.setRawMode(false)
    stdin.pause()
    process.stderr.write('\n')
  }
}

/** The first line of standard input. Throws CommandError for an empty one. */
export async function readSecretFromStdin(): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of process.stdin) {
    chunks.push(chunk as Buffer)
    bytes += (chunk as Buffer).length
    if (bytes > longestSecret)
      throw new CommandError('standard input is longer than any password', 'give the password alone, on one line', 2)
  }
  const [line = ''] = Buffer.concat(chunks).toString('utf8').split(/\r?\n/, 1)
  if (line === '')
    throw new CommandError(
      'standard input holds no password',
      'as in: printf %s "$PASSWORD" | letterlock account … --password-stdin',
      2,
    )
  return line
}
