// The one logger: a JSON line an event, readable on a terminal. What could be a secret is redacted by name as a last line of
// defence; the first is that nobody logs one. What others wrote (hosts, rows, a server's words) cannot steer the terminal that shows it.
import { createRequire } from 'node:module'
import { type DestinationStream, type Logger, pino } from 'pino'
import type { Config } from '../config/config.ts'
import { harmlessJson, literalJson } from '../foreign-text.ts'

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
