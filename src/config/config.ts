// Configuration: one TOML file and the environment. `readSources` touches the world, `toConfig` is pure. All faults are
// reported at once, each with its place, its name and what is allowed. Secrets are paths to files, never values.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parse as parseToml, TomlError } from 'smol-toml'
import type { z } from 'zod'
import type { ParamsOf } from '../errors/catalogue.ts'
import { ServiceError } from '../errors/errors.ts'
import { nearest } from './nearest.ts'
import { schema } from './schema.ts'

type Raw = z.output<typeof schema>
type Camel<S extends string> = S extends `${infer A}_${infer B}` ? `${A}${Capitalize<Camel<B>>}` : S
type Section<T> = { readonly [K in keyof T & string as Camel<K>]: T[K] }

/** The whole configuration; names as in the file, in camelCase. Paths are absolute, or '' where unset. */
export type Config = { readonly [S in keyof Raw]: Section<Raw[S]> }

/** Where values came from: a parsed TOML file (or none) and the LETTERLOCK_ variables. */
export interface Sources {
  /** The file's path, or undefined if there is none. */
  file: string | undefined
  toml: string
  env: Readonly<Record<string, string>>
  /** Relative paths of the environment are resolved against it. */
  directory: string
}

const places = ['/etc/letterlock/letterlock.toml']

/** Reads the file that applies (`--config`, LETTERLOCK_CONFIG, /etc/letterlock/letterlock.toml) and the LETTERLOCK_ variables. */
export function readSources(chosen: string | undefined, env: NodeJS.ProcessEnv = process.env): Sources {
  const named = chosen ?? env.LETTERLOCK_CONFIG
  const found = named ?? places.find(existsSync)
  const ours = Object.entries(env).filter(
    (entry): entry is [string, string] =>
      entry[0].startsWith('LETTERLOCK_') && entry[0] !== 'LETTERLOCK_CONFIG' && entry[1] !== undefined,
  )
  return {
    file: found,
    toml: found === undefined ? '' : readFile(found),
    env: Object.fromEntries(ours),
    directory: process.cwd(),
  }
}

function readFile(name: string): string {
  try {
    return readFileSync(name, 'utf8')
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    throw invalid({ reason: isMissing ? 'file_missing' : 'file_unreadable', file: name }, cause)
  }
}

/** Checks the sources and fills in defaults. Throws ServiceError `config.invalid` that lists every fault. */
export function toConfig(sources: Sources): Config {
  const { values, origin, faults } = merge(sources)
  const result = schema.safeParse(values)
  if (!result.success) faults.push(...result.error.issues.flatMap(issue => describe(issue, origin, sources.file)))
  if (faults.length > 0 || !result.success) throw invalid({ reason: 'faults', faults })
  return resolvePaths(toCamel(result.data))
}

type Values = Record<string, Record<string, unknown>>

function merge(sources: Sources): { values: Values; origin: Map<string, string>; faults: string[] } {
  const faults: string[] = []
  const origin = new Map<string, string>()
  const values = parseFile(sources, faults)
  if (sources.file !== undefined) anchor(values, path.dirname(path.resolve(sources.file)))
  for (const [name, text] of Object.entries(sources.env)) {
    const target = variables.get(name)
    if (target === undefined) {
      faults.push(`${name} (environment): there is no such setting${nearest(name, [...variables.keys()])}`)
      continue
    }
    const [section, key] = target
    const group = values[section] ?? {}
    values[section] = { ...group, [key]: convert(text, section, key) }
    origin.set(`${section}.${key}`, name)
  }
  anchor(values, sources.directory)
  return { values, origin, faults }
}

function parseFile(sources: Sources, faults: string[]): Values {
  try {
    return parseToml(sources.toml) as Values
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const reason = error.message.split('\n')[0]?.replace('Invalid TOML document: ', '') ?? 'not TOML'
    faults.push(`${sources.file} line ${error.line}, column ${error.column}: ${reason}`)
    return {}
  }
}

const defaults = schema.parse({}) as unknown as Values

/** Every setting by the name of its variable: LETTERLOCK_SECTION_NAME. */
const variables: ReadonlyMap<string, readonly [section: string, key: string]> = new Map(
  Object.entries(defaults).flatMap(([section, group]) =>
    Object.keys(group).map(key => [`LETTERLOCK_${section}_${key}`.toUpperCase(), [section, key] as const] as const),
  ),
)

const pathSettings = [
  'database.password_file',
  'database.ca_file',
  'redis.password_file',
  'redis.ca_file',
  'data.directory',
  'encryption.key_file',
  'web.tls_cert_file',
  'web.tls_key_file',
  'raw.s3_credentials_file',
  'raw.s3_ca_file',
]

/** A relative path is meant from where it is written: the file's folder, or the working directory of who set the variable. */
function anchor(values: Values, directory: string): void {
  for (const name of pathSettings) {
    const [section, key] = name.split('.') as [string, string]
    const value = values[section]?.[key]
    if (typeof value === 'string' && value !== '')
      values[section] = { ...values[section], [key]: path.resolve(directory, value) }
  }
}

/** Text from the environment in the type that the setting has by default; what does not convert stays text and is refused. */
function convert(text: string, section: string, key: string): unknown {
  const sample = defaults[section]?.[key]
  if (typeof sample === 'number' && /^-?\d+$/.test(text)) return Number(text)
  if (typeof sample === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  return text
}

function describe(issue: z.core.$ZodIssue, origin: Map<string, string>, file: string | undefined): string[] {
  const name = issue.path.join('.')
  const place = origin.get(name) ?? file ?? 'built-in default'
  if (issue.code !== 'unrecognized_keys') return [`${name} (${place}): ${issue.message.replace('Invalid input: ', '')}`]
  const known = [...variables.values()].map(([section, key]) => (name === '' ? section : section === name ? key : ''))
  return issue.keys.map(
    key =>
      `${name === '' ? key : `${name}.${key}`} (${place}): there is no such ${name === '' ? 'section' : 'setting'}${nearest(key, known)}`,
  )
}

function toCamel(raw: Raw): Config {
  const camel = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
  const sections = Object.entries(raw).map(([section, group]) => [
    section,
    Object.fromEntries(Object.entries(group).map(([key, value]) => [camel(key), value])),
  ])
  return Object.fromEntries(sections) as Config
}

/** What was not set lies in the folder of the program: a clone keeps its data in `data/`. */
function resolvePaths(config: Config): Config {
  const data = path.resolve(import.meta.dirname, '../..', config.data.directory)
  const keyFile = config.encryption.keyFile || path.join(data, 'encryption-key.bin')
  return { ...config, data: { directory: data }, encryption: { ...config.encryption, keyFile } }
}

function invalid(params: ParamsOf<'config.invalid'>, cause?: unknown): ServiceError {
  return new ServiceError('config.invalid', params, { temporary: false, cause })
}
