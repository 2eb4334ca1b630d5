// The one logger: a JSON line an event, readable on a terminal. What could be a secret is redacted by name as a last line of
// defence; the first is that nobody logs one. What others wrote (hosts, rows, a server's words) cannot steer the terminal that shows it.
import { createRequire } from 'node:module'
import { type DestinationStream, type Logger, pino } from 'pino'
import type { Config } from '../config/config.ts'
import { harmlessJson, literalJson } from '../foreign-text.ts'
import { encodeJournalEntry, type LogRecord, priorityOf, toJournalFields } from './journal-entry.ts'
import type { Systemd } from './systemd.ts'

export type Log = Logger

const secretNames = [
  'password',
  'pass',
  'secret',
  'plaintext',
  'sealed',
  'auth',
  'accessToken',
  'access_token',
  'refreshToken',
  'refresh_token',
  'clientSecret',
  'client_secret',
  'token',
  'sql',
  'bindings',
  'parameters',
]

/** Where log lines go by default when standard output is the journal: entries with fields, or lines that say their priority. */
export function journalStream(format: Config['log']['format'], systemd: Systemd): DestinationStream | undefined {
  if (!systemd.hasJournal || format === 'pretty') return undefined
  const lines = pino.destination({ fd: 1, sync: true })
  return {
    write(line) {
      const record = JSON.parse(line) as LogRecord
      const isSent = format === 'auto' && systemd.journal(encodeJournalEntry(toJournalFields(record)))
      // The journal takes the number away (sd-daemon(3)).
      if (!isSent) lines.write(`<${priorityOf(record)}>${line}`)
    },
  }
}

/** Opens the logger on standard output, or on `stream`. */
export function createLog(config: Config['log'], stream?: DestinationStream): Log {
  const pretty = stream === undefined && wantsPretty(config)
  return pino(
    {
      level: config.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
      redact: { paths: secretNames.flatMap(name => [name, `*.${name}`]), censor: '[secret]' },
      serializers: { error: describeError },
      hooks: { streamWrite: pretty ? literalJson : harmlessJson },
    },
    stream ?? (pretty ? prettyStream() : pino.destination({ fd: 1, sync: true })),
  )
}

function wantsPretty(config: Config['log']): boolean {
  return config.format === 'pretty' || (config.format === 'auto' && process.stdout.isTTY === true)
}

function prettyStream(): DestinationStream {
  const load = createRequire(import.meta.url)
  const { build } = load('pino-pretty') as typeof import('pino-pretty')
  return build({ sync: true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss', singleLine: true })
}

/** An error as it may be logged: name, code, message, hint and the causes' messages; a stack only for what has no code of ours. */
export function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) }
  const { code, hint } = error as { code?: unknown; hint?: unknown }
  return {
    name: error.name,
    ...(code === undefined ? {} : { code }),
    message: error.message,
    ...(hint === undefined ? {} : { hint }),
    ...('scope' in error ? {} : { stack: error.stack }),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  }
}
