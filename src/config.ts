// Configuration: one TOML file and the environment. `readSources` touches the world, `toConfig` is pure. All faults are
// reported at once, each with its place, its name and what is allowed. Secrets are paths to files, never values.
import { existsSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import path from 'node:path'
import { parse as parseToml, TomlError } from 'smol-toml'
import { z } from 'zod'
import { ServiceError } from './errors.ts'

const file = z.string()
const url = (schemes: readonly string[]) =>
  z
    .string()
    .refine(value => value === '' || schemes.some(scheme => value.startsWith(scheme)), {
      error: `must be empty (embedded) or begin with ${schemes.join(' or ')}`,
    })
    .refine(value => !hasPassword(value), {
      error: 'must not hold a password: put it in a file and name that in password_file',
    })

const kinds: readonly string[] = ['human', 'list', 'auto-generated', 'auto-reply', 'bounce', 'feedback-report', 'loop']

const schema = z.strictObject({
  database: z
    .strictObject({
      url: url(['mysql://'])
        .refine(value => value === '' || hasDatabase(value), {
          error: 'must name the database, as mysql://letterlock@localhost/letterlock',
        })
        .default(''),
      password_file: file.default(''),
      ca_file: file.default(''),
      pool_size: z.int().min(2).max(200).default(10),
    })
    .prefault({}),
  redis: z
    .strictObject({
      url: url(['redis://', 'rediss://', 'unix://']).default(''),
      password_file: file.default(''),
      ca_file: file.default(''),
      prefix: z
        .string()
        .regex(/^[\w.-]{1,64}$/, { error: 'must be 1 to 64 letters, digits, dots, dashes or underscores' })
        .default('letterlock'),
    })
    .prefault({}),
  data: z.strictObject({ directory: z.string().min(1).default('data') }).prefault({}),
  encryption: z
    .strictObject({ key_file: file.default(''), bind_destination: z.enum(['pause']).default('pause') })
    .prefault({}),
  web: z
    .strictObject({
      listen: z
        .string()
        .regex(/^(\[[0-9a-f:]+\]|[^:\s]+):\d{1,5}$/i, { error: 'must be host:port, as 127.0.0.1:8025' })
        .refine(value => Number(value.slice(value.lastIndexOf(':') + 1)) <= 65_535, { error: 'has a port over 65535' })
        .default('127.0.0.1:8025'),
      hosts: z
        .string()
        .refine(value => listOf(value).every(isHostName), {
          error: 'must be names as in the browser’s address, without https:// and port, separated by commas',
        })
        .default(''),
      tls_cert_file: file.default(''),
      tls_key_file: file.default(''),
      trusted_proxies: z
        .string()
        .refine(value => listOf(value).every(isNetwork), {
          error: 'must be addresses or networks as 10.0.0.5 or 10.0.0.0/24, separated by commas',
        })
        .default(''),
      session_idle_hours: z.int().min(1).max(720).default(12),
      session_days: z.int().min(1).max(90).default(7),
    })
    .superRefine((web, context) => {
      for (const [name, message] of faultsOfWeb(web)) context.addIssue({ code: 'custom', path: [name], message })
    })
    .prefault({}),
  mail: z.strictObject({ max_bytes: z.int().min(65_536).max(1_000_000_000).default(52_428_800) }).prefault({}),
  poll: z
    .strictObject({
      concurrency: z.int().min(1).max(1000).default(100),
      timeout_seconds: z.int().min(1).max(3600).default(60),
      parse_threads: z.int().min(1).max(64).default(2),
      parse_deadline_ms: z.int().min(100).max(600_000).default(30_000),
      batch_messages: z.int().min(1).max(1000).default(100),
      batch_bytes: z.int().min(65_536).max(268_435_456).default(8_388_608),
      lease_seconds: z.int().min(5).max(600).default(30),
      keep_connections: z.int().min(0).max(10_000).default(1000),
      host_connections: z.int().min(1).max(10_000).default(200),
      memory_bytes: z.int().min(1_048_576).max(4_294_967_296).default(33_554_432),
    })
    .prefault({}),
  thread: z
    .strictObject({
      closed: z.enum(['reopen', 'new']).default('reopen'),
      requester: z.enum(['sender', 'from', 'reply-to']).default('sender'),
      opening: z
        .string()
        .refine(text => text.split(',').every(kind => kinds.includes(kind.trim())), {
          error: `must be a list of ${kinds.join(', ')}`,
        })
        .default('human,list,auto-generated'),
    })
    .prefault({}),
  hold: z
    .strictObject({
      tickets_per_hour: z.int().min(0).max(1_000_000).default(1000),
      same_subject: z.int().min(0).max(1_000_000).default(100),
    })
    .prefault({}),
  raw: z
    .strictObject({
      shared: z.boolean().default(false),
      s3_bucket: z
        .string()
        .regex(/^([\w.-]{3,255})?$/, { error: 'must be empty (a directory) or the name of a bucket' })
        .default(''),
      s3_endpoint: z
        .string()
        .refine(value => value === '' || isSafeEndpoint(value), {
          error: 'must be empty (AWS) or https://host[:port], or http:// on this host, without a path or keys',
        })
        .default(''),
      s3_region: z
        .string()
        .regex(/^[\w-]{0,64}$/, { error: 'must be a region, as eu-central-1' })
        .default(''),
      s3_prefix: z
        .string()
        .regex(/^([\w.-]+(\/[\w.-]+)*)?$/, { error: 'must be words between slashes, none at the begin or the end' })
        .default(''),
      s3_credentials_file: file.default(''),
      s3_ca_file: file.default(''),
      s3_path_style: z.boolean().default(false),
    })
    .refine(raw => raw.s3_bucket !== '' || !(raw.s3_endpoint || raw.s3_prefix || raw.s3_credentials_file), {
      error: 'names an S3 service without a bucket: set s3_bucket too',
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info'),
      format: z.enum(['auto', 'json', 'pretty']).default('auto'),
    })
    .prefault({}),
})

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
    const why = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : 'cannot be read'
    throw invalid(
      `the configuration file ${name} ${why}`,
      'check the path after --config or in LETTERLOCK_CONFIG',
      cause,
    )
  }
}

/** Checks the sources and fills in defaults. Throws ServiceError `config.invalid` that lists every fault. */
export function toConfig(sources: Sources): Config {
  const { values, origin, faults } = merge(sources)
  const result = schema.safeParse(values)
  if (!result.success) faults.push(...result.error.issues.flatMap(issue => describe(issue, origin, sources.file)))
  if (faults.length > 0 || !result.success) {
    throw invalid(
      `the configuration has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:\n${faults.map(fault => `  ${fault}`).join('\n')}`,
      'mend what is listed; config/default.toml shows every name with its default',
    )
  }
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

/** `, did you mean …?` where a known name begins with it or is at most three edits away (Levenshtein). */
function nearest(name: string, known: readonly string[]): string {
  const [best] = known
    .filter(other => other !== '')
    .map(other => ({ other, far: other.startsWith(`${name}_`) ? 1 : edits(name, other) }))
    .sort((a, b) => a.far - b.far)
  return best !== undefined && best.far <= 3 ? `, did you mean ${best.other}?` : ''
}

function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
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
  const data = path.resolve(import.meta.dirname, '..', config.data.directory)
  const keyFile = config.encryption.keyFile || path.join(data, 'encryption-key.bin')
  return { ...config, data: { directory: data }, encryption: { ...config.encryption, keyFile } }
}

function hasPassword(value: string): boolean {
  return URL.canParse(value) && new URL(value).password !== ''
}

function hasDatabase(value: string): boolean {
  return !URL.canParse(value) || new URL(value).protocol !== 'mysql:' || new URL(value).pathname.length > 1
}

/** What is read and written there is mail: off the host only under TLS. */
function isSafeEndpoint(value: string): boolean {
  if (!URL.canParse(value)) return false
  const { protocol, host, username, password, pathname, search } = new URL(value)
  if (username !== '' || password !== '' || pathname !== '/' || search !== '') return false
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(host.includes(':') ? host : `${host}:80`))
}

/** The words of a list that is written as one text. */
export function listOf(text: string): string[] {
  return text
    .split(',')
    .map(word => word.trim())
    .filter(word => word !== '')
}

function isHostName(name: string): boolean {
  return /^([a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*|\[[0-9a-f:.]+\])$/i.test(name)
}

function isNetwork(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/')
  const most = isIP(address) === 6 ? 128 : 32
  return isIP(address) !== 0 && more.length === 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && +bits <= most))
}

interface WebSettings {
  listen: string
  hosts: string
  tls_cert_file: string
  tls_key_file: string
  trusted_proxies: string
}

/** Passwords and tickets go over the wire: off the host only under TLS. */
function faultsOfWeb(web: WebSettings): [name: string, fault: string][] {
  const { listen, hosts, tls_cert_file: cert, tls_key_file: key, trusted_proxies: proxies } = web
  const [tls, beyond] = [cert !== '' && key !== '', !isLoopback(listen)]
  const host = listen.slice(0, listen.lastIndexOf(':'))
  return [
    ...((cert === '') === (key === '')
      ? []
      : [pair('tls_cert_file', 'and web.tls_key_file belong together: set both')]),
    ...(beyond && !tls && proxies === ''
      ? [
          pair(
            'listen',
            'must be a loopback address (127.0.0.1, localhost or [::1]), unless web.tls_cert_file and web.tls_key_file, or web.trusted_proxies, are set',
          ),
        ]
      : []),
    ...(hosts === '' && (proxies !== '' || (tls && isWildcard(host)))
      ? [pair('hosts', 'must name the host as people type it into the browser, as tickets.example.com')]
      : []),
  ]
}

function pair(name: string, fault: string): [string, string] {
  return [name, fault]
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || /^\[[0:]+\]$/.test(host)
}

function isLoopback(listen: string): boolean {
  const host = listen.slice(0, listen.lastIndexOf(':'))
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host)
}

function invalid(message: string, hint: string, cause?: unknown): ServiceError {
  return new ServiceError('config.invalid', message, { temporary: false, hint, cause })
}
