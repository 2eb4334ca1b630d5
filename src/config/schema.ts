// Every setting with its type, its limits and its default, by the names of the file. `config/default.toml` tells the same to people.
import { isIP } from 'node:net'
import { z } from 'zod'
import { parseDatabaseUrl } from './database-url.ts'
import { parseSentinelUrl } from './sentinel-url.ts'

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

/** The file's shape, in snake_case. */
export const schema = z.strictObject({
  database: z
    .strictObject({
      url: url(['mysql://'])
        .refine(value => !value.startsWith('mysql://') || parseDatabaseUrl(value) !== undefined, {
          error: 'must be mysql://user@host:port/database, with several hosts separated by commas',
        })
        .refine(value => parseDatabaseUrl(value)?.database !== '', {
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
      url: url(['redis://', 'rediss://', 'unix://', 'redis-sentinel://', 'rediss-sentinel://'])
        .refine(value => !/^rediss?-sentinel:/.test(value) || parseSentinelUrl(value) !== undefined, {
          error: 'must be redis-sentinel://host:port,host:port/0#NAME, with the name of the monitored Redis',
        })
        .default(''),
      password_file: file.default(''),
      ca_file: file.default(''),
      prefix: z
        .string()
        .regex(/^[\w.-]{1,64}$/, { error: 'must be 1 to 64 letters, digits, dots, dashes or underscores' })
        .default('letterlock'),
    })
    .prefault({}),
  migrate: z.strictObject({ auto: z.boolean().default(false) }).prefault({}),
  data: z.strictObject({ directory: z.string().min(1).default('data') }).prefault({}),
  encryption: z
    .strictObject({ key_file: file.default(''), bind_destination: z.enum(['pause']).default('pause') })
    .prefault({}),
  web: z
    .strictObject({
      listen: z
        .string()
        .regex(/^(none|(\[[0-9a-f:]+\]|[^:\s]+):\d{1,5})$/i, { error: 'must be host:port, as 127.0.0.1:8025, or none' })
        .refine(value => value === 'none' || Number(value.slice(value.lastIndexOf(':') + 1)) <= 65_535, {
          error: 'has a port over 65535',
        })
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
      sender_check: z.enum(['off', 'warn', 'strict']).default('warn'),
      opening: z
        .string()
        .refine(text => text.split(',').every(kind => kinds.includes(kind.trim())), {
          error: `must be a list of ${kinds.join(', ')}`,
        })
        .default('human,list,auto-generated'),
    })
    .prefault({}),
  sender: z
    .strictObject({
      signatures: z.boolean().default(true),
      wait_ms: z.int().min(100).max(30_000).default(2000),
      arc_sealers: z
        .string()
        .refine(value => listOf(value).every(isHostName), {
          error: 'must be domains as lists.example.org, separated by commas',
        })
        .default(''),
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
  dns: z
    .strictObject({
      servers: z
        .string()
        .refine(value => listOf(value).every(isDnsServer), {
          error: 'must be addresses as 10.0.0.53, 127.0.0.1:5353 or [::1]:53, separated by commas',
        })
        .default(''),
    })
    .prefault({}),
  worker: z
    .strictObject({
      name: z
        .string()
        .regex(/^[\w.-]{0,20}$/, { error: 'must be at most 20 letters, digits, dots, dashes or underscores' })
        .default(''),
    })
    .prefault({}),
  retention: z
    .strictObject({
      raw_days: z.int().min(0).max(36_500).default(30),
      audit_days: z.int().min(0).max(36_500).default(730),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info'),
      format: z.enum(['auto', 'json', 'pretty']).default('auto'),
    })
    .prefault({}),
})

function hasPassword(value: string): boolean {
  return (URL.canParse(value) && new URL(value).password !== '') || /^[\w-]+:\/\/[^@/]*:[^@/]+@/.test(value)
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

/** An address, or one with a port; an IPv6 address with a port stands in brackets. */
function isDnsServer(text: string): boolean {
  const [, address = text, port = '53'] =
    /^\[(.*)\](?::(\d{1,5}))?$/.exec(text) ?? /^([\d.]+):(\d{1,5})$/.exec(text) ?? []
  return isIP(address) !== 0 && +port > 0 && +port <= 65_535
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
  return listen === 'none' || host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host)
}
