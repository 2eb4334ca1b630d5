// The manners of the terminal: tables with colours only where somebody looks, errors with a hint, secrets without an echo, questions
// only to people. Whatever is written here may hold what others wrote (mails, servers, rows): only the colours of `paint` steer the terminal.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline/promises'
import { styleText } from 'node:util'
import { CommandError, exitCodeOf, Refusal } from '../errors/errors.ts'
import { harmless, toJsonLine } from '../foreign-text.ts'
import { commandContext, type Output } from './command-context.ts'

export type Style = Parameters<typeof styleText>[0]

/** Stands for the escape character in what `paint` makes. No text of others can hold it: it is another one in each process. */
const escapeMark = randomBytes(12).toString('hex')

/** Coloured on a terminal once it is printed; $NO_COLOR is honoured. */
export function paint(style: Style, text: string): string {
  return paintFor(commandContext().stdout, style, text)
}

function paintError(style: Style, text: string): string {
  return paintFor(commandContext().stderr, style, text)
}

function paintFor(stream: Output, style: Style, text: string): string {
  return styleText(style, harmless(text), { stream, validateStream: true }).replaceAll('\u001b', escapeMark)
}

/** Without anything that steers a terminal but the colours of `paint`. */
function shown(text: string): string {
  return harmless(text).replaceAll(escapeMark, '\u001b')
}

/** Writes a line to standard output, at the reader's pace. */
export async function print(line: string): Promise<void> {
  await write(`${shown(line)}\n`)
}

/** One object a line. */
export async function printJson(values: Iterable<object>): Promise<void> {
  for (const value of values) await write(`${toJsonLine(value)}\n`)
}

/** Bytes as they are, for a file or a pipe. Throws CommandError on a terminal, which they could steer. */
export async function printBytes(bytes: Buffer): Promise<void> {
  if (commandContext().stdout.isTTY)
    throw new CommandError('this is not for a terminal', 'send it to a file: … > FILE', 2)
  await write(bytes)
}

async function write(data: string | Buffer): Promise<void> {
  const { stdout } = commandContext()
  if (!stdout.write(data)) await once(stdout, 'drain')
}

/** Examples below the help of a command. */
export function examples(...lines: string[]): string {
  return `\n${lines.length === 1 ? 'Example' : 'Examples'}:\n${lines.map(line => `  ${line}`.trimEnd()).join('\n')}`
}

/** Progress and remarks, for people who wait. */
export function remark(line: string): void {
  commandContext().stderr.write(`${shown(line)}\n`)
}

/** Columns as wide as their content; the line is cut at the terminal's edge. `styleOf` colours a cell. */
export async function printTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  styleOf: (cell: string, column: number) => Style | undefined = () => undefined,
): Promise<void> {
  const cells = rows.map(row => row.map(cell => harmless(cell.replace(/\s+/g, ' '))))
  const widths = header.map((title, i) =>
    cells.reduce((width, row) => Math.max(width, Math.min(maxWidth, widthOf(row[i] ?? ''))), widthOf(title)),
  )
  const { stdout } = commandContext()
  const edge = (stdout.isTTY && stdout.columns) || Number.POSITIVE_INFINITY
  await print(paint('bold', layOut(header, widths, edge).join('  ').trimEnd()))
  for (const row of cells) {
    const painted = layOut(row, widths, edge).map((cell, i) => {
      const style = styleOf(row[i] ?? '', i)
      return style === undefined ? cell : paint(style, cell)
    })
    await print(painted.join('  ').trimEnd())
  }
}

const maxWidth = 60

/** Cells padded and cut to their columns; the last one takes what is left up to the edge. */
function layOut(row: readonly string[], widths: readonly number[], edge: number): string[] {
  let left = edge
  return row.map((cell, i) => {
    const last = i === row.length - 1
    const width = Math.max(0, Math.min(left, last ? Number.POSITIVE_INFINITY : (widths[i] ?? 0)))
    left -= width + 2
    const text = shorten(cell, width)
    return last ? text : text + ' '.repeat(Math.max(0, width - widthOf(text)))
  })
}

/** East Asian letters and pictures take two columns, marks over a letter none. */
function widthOf(text: string): number {
  let width = 0
  for (const letter of text) width += wide.test(letter) ? 2 : noWidth.test(letter) ? 0 : 1
  return width
}

const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u
const noWidth = /[\p{Mn}\p{Me}\p{Cf}]/u

function shorten(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  let cut = ''
  for (const letter of text) {
    if (widthOf(cut + letter) > width - 1) break
    cut += letter
  }
  return width < 1 ? '' : `${cut}…`
}

/** `2026-11-24 10:00` in UTC, or a dash. */
export function time(date: Date | null): string {
  return date === null ? '-' : date.toISOString().slice(0, 16).replace('T', ' ')
}

/** What failed, on which thing, and what to do; returns the exit code. */
export function reportError(error: unknown): number {
  if (isOurs(error)) {
    remark(`${paintError('red', 'error:')} ${error.message}`)
    if (error.hint !== undefined) remark(`${paintError('yellow', 'hint:')} ${error.hint}`)
    return exitCodeOf(error)
  }
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error)
  remark(`${paintError('red', 'error:')} this is a fault of letterlock: ${what}`)
  return 1
}

function isOurs(error: unknown): error is Error & { hint?: string } {
  return error instanceof Refusal || (error instanceof Error && 'scope' in error)
}

/** True if a person can be asked. */
export function isInteractive(): boolean {
  const { stdin, stderr } = commandContext()
  return stdin.isTTY === true && stderr.isTTY === true
}

/** Asks before something that cannot be undone. Throws CommandError in a script without `--yes`, and where the answer is no. */
export async function confirm(question: string, options: { yes?: boolean }): Promise<void> {
  if (options.yes === true) return
  if (!isInteractive()) throw new CommandError(`${question} Nothing was done.`, 'give --yes to say so in a script', 2)
  const answer = await ask(`${question} [y/N] `)
  if (!/^y(es)?$/i.test(answer.trim())) throw new CommandError('nothing was done')
}

/** A line from the terminal. Throws CommandError where the person ends it (Ctrl-C, Ctrl-D). */
export async function ask(question: string): Promise<string> {
  const { stdin, stderr } = commandContext()
  const lines = createInterface({ input: stdin, output: stderr })
  const ended = once(lines, 'close').then(() => undefined)
  try {
    const answer = await Promise.race([lines.question(shown(question)).catch(() => undefined), ended])
    if (answer !== undefined) return answer
    stderr.write('\n')
    throw new CommandError('nothing was done')
  } finally {
    lines.close()
  }
}

const longestSecretBytes = 4_096

/** A secret from the terminal, without an echo. */
export async function askSecret(question: string): Promise<string> {
  const { stdin, stderr } = commandContext()
  stdin.setRawMode?.(true)
  stderr.write(shown(question))
  let secret = ''
  const decoder = new TextDecoder()
  try {
    // The stream must outlive this question: another one may follow.
    for await (const chunk of stdin.iterator?.({ destroyOnReturn: false }) ?? stdin) {
      for (const letter of decoder.decode(chunk as Buffer, { stream: true })) {
        if (letter === '\r' || letter === '\n' || letter === '\u0004') return secret
        if (letter === '\u0003') throw new CommandError('nothing was done')
        secret = letter === '\u007f' ? [...secret].slice(0, -1).join('') : secret + letter
      }
      if (secret.length > longestSecretBytes) throw new CommandError('that is longer than any password')
    }
    return secret
  } finally {
    stdin.setRawMode?.(false)
    stdin.pause()
    stderr.write('\n')
  }
}

/** The first line of standard input; on a terminal it is asked for without an echo. Throws CommandError for an empty one. */
export async function readSecretFromStdin(
  question: string,
  what = 'password',
  option = '--password-stdin',
): Promise<string> {
  const line = commandContext().stdin.isTTY ? await askSecret(question) : firstLine(await readStdin(), 'standard input')
  if (line !== '') return line
  throw new CommandError(
    `standard input holds no ${what}`,
    `as in: printf %s "$${what.toUpperCase().replace(' ', '_')}" | letterlock account … ${option}`,
    2,
  )
}

async function readStdin(): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of commandContext().stdin) {
    chunks.push(chunk as Buffer)
    bytes += (chunk as Buffer).length
    if (bytes > longestSecretBytes)
      throw new CommandError('standard input is longer than any password', 'give the password alone, on one line', 2)
  }
  return Buffer.concat(chunks)
}

/** Throws CommandError for what is not UTF-8: a password with replaced letters would be refused by the server, and nobody knew why. */
export function firstLine(bytes: Buffer, where: string): string {
  try {
    const [line = ''] = new TextDecoder('utf-8', { fatal: true }).decode(bytes).split(/\r?\n/, 1)
    return line
  } catch {
    throw new CommandError(`${where} is not UTF-8`, 'write the password in UTF-8', 2)
  }
}

export interface ProgressBar extends Disposable {
  set(done: number, total: number): void
}

const barWidth = 30

/** A bar on a terminal; elsewhere a line at every tenth. */
export function progressBar(label: string): ProgressBar {
  let tenth = -1
  const { stderr } = commandContext()
  const onTerminal = stderr.isTTY === true
  return {
    set(done, total) {
      const part = total === 0 ? 1 : Math.min(1, done / total)
      const text = `${label} ${done} of ${total}`
      if (onTerminal) {
        const filled = Math.round(part * barWidth)
        stderr.write(`\r${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)} ${text}\u001b[K`)
      } else if (Math.floor(part * 10) !== tenth) remark(text)
      tenth = Math.floor(part * 10)
    },
    [Symbol.dispose]() {
      if (onTerminal && tenth >= 0) stderr.write('\n')
    },
  }
}
