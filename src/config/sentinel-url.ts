// PURE. A `redis.url` that names Sentinels, which tell where the Redis is that takes writes: `redis-sentinel://host:port,host:port/0#NAME`, with
// `rediss-sentinel:` for TLS to the Sentinels and to Redis.

export interface SentinelUrl {
  sentinels: readonly { host: string; port: number }[]
  /** What the Sentinels call the Redis. */
  name: string
  db: number
  username: string
  tls: boolean
}

const shape = /^redis(s)?-sentinel:\/\/(?:([^@/]*)@)?([^/#]+)(?:\/(\d*))?#([\w.-]+)$/
const defaultPort = 26_379

/** Undefined for a text that is no such URL. */
export function parseSentinelUrl(text: string): SentinelUrl | undefined {
  const found = shape.exec(text)
  if (found === null) return undefined
  const [, tls, username = '', authority = '', db = '', name = ''] = found
  const sentinels = authority.split(',').map(place => {
    const url = `redis://${place}`
    if (!URL.canParse(url)) return undefined
    const { hostname, port } = new URL(url)
    return hostname === '' ? undefined : { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || defaultPort) }
  })
  if (sentinels.some(place => place === undefined)) return undefined
  return {
    sentinels: sentinels as SentinelUrl['sentinels'],
    name,
    db: Number(db || 0),
    username: decodeURIComponent(username),
    tls: tls !== undefined,
  }
}
