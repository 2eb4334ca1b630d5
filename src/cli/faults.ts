// PURE. Faults of an operation's input, in the words of a command or of a file.
import type { Fault } from '../operations/operation.ts'

/**
 * `--port "99999": must be a number from 1 to 65535`. `names`: what people call a field. `given`: what they gave for it; a secret is never among
 * what is repeated.
 */
export function inWords(
  { path, text }: Fault,
  names: Readonly<Record<string, string>>,
  given: Readonly<Record<string, unknown>>,
): string {
  const [field = '', ...rest] = path
  const name = names[field] ?? String(field)
  const value = field in given && !secretFields.has(String(field)) ? at(given[field], rest) : undefined
  return typeof value === 'string' ? `${name} ${JSON.stringify(value)}: ${text}` : `${name} ${text}`.trim()
}

const secretFields: ReadonlySet<string> = new Set(['password', 'current', 'oauth'])

function at(value: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((found, key) => (found as Record<string | number, unknown> | undefined)?.[key], value)
}
