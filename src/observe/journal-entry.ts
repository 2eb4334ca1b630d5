// PURE. A line of the log as an entry of systemd's journal: a message that a person reads, a priority, and fields to ask for
// (`journalctl LETTERLOCK_ACCOUNT=4`, `journalctl CODE=imap.auth_refused`). Every value of the line is a field, so nothing is lost.
import { harmless, visible } from '../foreign-text.ts'

export type LogRecord = Readonly<Record<string, unknown>>

/** syslog's priorities by our levels. */
const priorities: Readonly<Record<string, number>> = { fatal: 2, error: 3, warn: 4, info: 6, debug: 7, trace: 7 }

/** 0 to 7; what has no level is a fault that nobody foresaw. */
export function priorityOf(record: LogRecord): number {
  return priorities[String(record.level)] ?? 3
}

/** The fields in the order in which they are sent. */
export function toJournalFields(record: LogRecord): [name: string, value: string][] {
  const { level: _, time: __, msg: ___, code, ...rest } = record
  const known = codeOf(record)
  return [
    ['MESSAGE', messageOf(record)],
    ['PRIORITY', String(priorityOf(record))],
    ['SYSLOG_IDENTIFIER', 'letterlock'],
    ...(known === undefined ? [] : [['CODE', known] as [string, string]]),
    ...Object.entries(rest)
      .filter(([, value]) => value !== undefined && value !== null)
      .map(([name, value]): [string, string] => [fieldOf(name), textOf(value)]),
  ]
}

/** Datagrams of more bytes are refused by the kernel of a small host; no line of ours comes near. */
const maxValueBytes = 16_384

/** The entry in the journal's native protocol: a value that may hold line feeds goes with its length. */
export function encodeJournalEntry(fields: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => {
      const bytes = Buffer.from(value).subarray(0, maxValueBytes)
      const length = Buffer.alloc(8)
      length.writeBigUInt64LE(BigInt(bytes.length))
      return [Buffer.from(`${name}\n`), length, bytes, Buffer.from('\n')]
    }),
  )
}

/** What happened, to which thing, why, and what to do: `poll of account 4 failed: login refused (imap.auth_refused). Enter …`. */
export function messageOf(record: LogRecord): string {
  const { event, account, msg, ip } = record
  const word = typeof msg === 'string' ? (words[msg] ?? msg) : ''
  const from = typeof ip === 'string' ? ` from ${ip}` : ''
  const what = `${subjectOf(event, account)}${word}${from}`
  const [why, hint] = reasonOf(record)
  const code = codeOf(record)
  const reason = why === undefined || what.includes(why) ? '' : `: ${why}`
  const coded = code === undefined ? '' : ` (${code})`
  const advice = hint === undefined || hint === '' ? '' : `. ${hint}`
  return visible(`${what}${reason}${coded}${advice}${countsOf(record)}`)
}

const words: Readonly<Record<string, string>> = { fail: 'failed' }

function subjectOf(event: unknown, account: unknown): string {
  if (account !== undefined) return event === 'poll' ? `poll of account ${account} ` : `account ${account} `
  return event === 'encryption' || event === 'nightly' ? `${event}: ` : ''
}

function reasonOf(record: LogRecord): [why: string | undefined, hint: string | undefined] {
  const error = isRecord(record.error) ? record.error : {}
  const text = (...values: unknown[]): string | undefined =>
    values.find(value => typeof value === 'string') as string | undefined
  return [text(error.message, record.message), text(record.hint, error.hint)]
}

function codeOf(record: LogRecord): string | undefined {
  const code = record.code ?? (isRecord(record.error) ? record.error.code : undefined)
  return typeof code === 'string' ? code : undefined
}

/** Numbers other than ids and times say how much was done. */
function countsOf(record: LogRecord): string {
  const counts = Object.entries(record).filter(
    ([name, value]) => typeof value === 'number' && value !== 0 && name !== 'account' && name !== 'time',
  )
  return counts.length === 0 ? '' : ` [${counts.map(([name, value]) => `${name} ${value}`).join(', ')}]`
}

/** A name of a field: capitals, digits and underscores, 64 at most. */
function fieldOf(name: string): string {
  const snake = name.replace(/[A-Z]/g, letter => `_${letter}`).replace(/[^A-Za-z0-9_]/g, '_')
  return `LETTERLOCK_${snake.toUpperCase()}`.slice(0, 64)
}

function textOf(value: unknown): string {
  return harmless(typeof value === 'object' ? JSON.stringify(value) : String(value))
}

function isRecord(value: unknown): value is LogRecord {
  return typeof value === 'object' && value !== null
}
