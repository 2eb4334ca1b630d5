// The connection to Redis or Valkey. Off the host TLS is required. It holds the queue and nothing that MySQL could not rebuild;
// a server that may evict keys is refused all the same, because a queue that loses single keys does not heal by itself. Where Sentinels are
// named, they say which server takes writes, at each connection anew.
import { Redis, type RedisOptions } from 'ioredis'
import type { Config } from '../config/config.ts'
import { parseSentinelUrl, type SentinelUrl } from '../config/sentinel-url.ts'
import { ServiceError } from '../errors/errors.ts'
import { isLocal, readCa, readPassword } from '../store/db/database.ts'

/** `commands` fail at once while Redis is away; a `worker` waits for it. */
export type RedisUse = 'commands' | 'worker'

/**
 * Opens a connection that reconnects by itself, at most 3 s apart, with the password that its file holds then; nothing is connected
 * yet. Throws `config.unreadable` for a file that cannot be read.
 */
export function openRedis(url: string, config: Config['redis'], use: RedisUse): Redis {
  const waits: RedisOptions =
    use === 'worker' ? { maxRetriesPerRequest: null } : { maxRetriesPerRequest: 1, commandTimeout: 10_000 }
  const options: RedisOptions = {
    ...placeOf(url, config),
    ...waits,
    lazyConnect: true,
    connectTimeout: 5_000,
    enableOfflineQueue: use === 'worker',
    // Behind the same name or the same Sentinels there may be one by now that takes writes.
    reconnectOnError: error => isReadOnly(error.message),
    // Called as a method of the options, those of a duplicate too.
    retryStrategy(this: RedisOptions, attempt: number) {
      refreshPassword(this, config)
      return Math.min(3_000, 100 * 2 ** Math.min(attempt, 10))
    },
  }
  const redis = new Redis({ ...options, replyMapping: 'legacy' })
  redis.on('error', () => {})
  return redis
}

/** A file that cannot be read now leaves the password as it was. */
function refreshPassword(options: RedisOptions, config: Config['redis']): void {
  try {
    const password = readPassword(config.passwordFile, 'redis-password')
    if (password !== undefined) options.password = password
  } catch {
    // The server will say whether the old one still holds.
  }
}

function isReadOnly(message: string): boolean {
  return /\bREADONLY\b/.test(message)
}

function placeOf(url: string, config: Config['redis']): RedisOptions {
  const password = readPassword(config.passwordFile, 'redis-password')
  const secret = password === undefined ? {} : { password }
  const watched = parseSentinelUrl(url)
  if (watched !== undefined) return { ...behindSentinels(watched, config), ...secret }
  if (url.startsWith('unix://')) return { path: url.slice('unix://'.length), ...secret }
  const { protocol, hostname, port, pathname, username } = new URL(url)
  const tls = protocol === 'rediss:'
  refuseCleartext(tls, hostname)
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || 6379),
    db: Number(pathname.slice(1) || 0),
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...secret,
    ...(tls ? { tls: tlsOf(config) } : {}),
  }
}

/** The password is Redis' own; Sentinels are asked without one. */
function behindSentinels({ sentinels, name, db, username, tls }: SentinelUrl, config: Config['redis']): RedisOptions {
  for (const { host } of sentinels) refuseCleartext(tls, host)
  const secure = tlsOf(config)
  return {
    ...{ sentinels: [...sentinels], name, db },
    ...(username === '' ? {} : { username }),
    ...(tls ? { tls: secure, sentinelTLS: secure, enableTLSForSentinelMode: true } : {}),
    sentinelRetryStrategy: attempt => Math.min(3_000, 100 * 2 ** Math.min(attempt, 10)),
  }
}

function refuseCleartext(tls: boolean, host: string): void {
  if (!tls && !isLocal(host))
    throw new ServiceError('config.invalid', { reason: 'redis_without_tls' }, { temporary: false })
}

function tlsOf(config: Config['redis']): { ca?: Buffer } {
  return config.caFile === '' ? {} : { ca: readCa(config.caFile) }
}

/** Connects if needed; throws unless the server is one that we can work on: reachable, letting us in, 6.2 or newer, evicting nothing. */
export async function checkRedis(redis: Redis): Promise<void> {
  const facts = await readInfo(redis)
  const [major = 0, minor = 0] = (facts.get('redis_version') ?? '').split('.').map(Number)
  if (major < 6 || (major === 6 && minor < 2)) {
    throw new ServiceError('redis.unsupported', { server: serverNameOf(facts) }, { temporary: false })
  }
  const policy = facts.get('maxmemory_policy') ?? 'noeviction'
  if (policy === 'noeviction') return
  throw new ServiceError('redis.evicting', { policy }, { temporary: false })
}

/** `Redis 7.0.15` or `Valkey 8.1.1`: Valkey says a version of Redis, too, that it is compatible with. */
export function serverNameOf(facts: ReadonlyMap<string, string>): string {
  const valkey = facts.get('valkey_version')
  return valkey === undefined ? `Redis ${facts.get('redis_version')}` : `Valkey ${valkey}`
}

/** INFO as name → value. Throws `redis.unreachable` or `redis.access_denied`. */
export async function readInfo(redis: Redis): Promise<Map<string, string>> {
  // A refused password is told by an event alone; the promise says that the connection is closed.
  let told: unknown
  const listen = (error: unknown): void => {
    told ??= error
  }
  redis.on('error', listen)
  try {
    if (redis.status === 'wait') await redis.connect()
    const lines = (await redis.info()).split(/\r?\n/)
    return new Map(
      lines
        .filter(line => line.includes(':'))
        .map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
    )
  } catch (error) {
    throw toRedisError(told ?? error, whereOf(redis.options))
  } finally {
    redis.off('error', listen)
  }
}

function whereOf({ path, host, port, sentinels, name }: RedisOptions): string {
  if (sentinels != null) return `${name} (Sentinel)`
  return path ?? `${host}:${port}`
}

/** Why a server that answers takes no writes, by the first word of its refusal. */
const refusals: readonly (readonly [RegExp, 'replica' | 'memory' | 'disk' | 'loading'])[] = [
  [/\bREADONLY\b/, 'replica'],
  [/\bOOM\b/, 'memory'],
  [/\bMISCONF\b/, 'disk'],
  [/\b(LOADING|MASTERDOWN|NOREPLICAS)\b/, 'loading'],
]

/** What a failure of ioredis means. Its messages may hold commands with their arguments, so they are not passed on. `where` completes "Redis". */
export function toRedisError(error: unknown, where = ''): ServiceError {
  if (error instanceof ServiceError) return error
  const { message = '', code = '' } = error as { message?: string; code?: string }
  if (/^(NOAUTH|WRONGPASS|NOPERM|ERR AUTH|ERR invalid password)/.test(message)) {
    return new ServiceError('redis.access_denied', { where, why: message.split(' ')[0] ?? '' }, { temporary: false })
  }
  const [, reason] = refusals.find(([word]) => word.test(message)) ?? []
  if (reason !== undefined) return new ServiceError('redis.unwritable', { where, reason }, { temporary: true })
  return new ServiceError('redis.unreachable', { where, why: code }, { temporary: true })
}
