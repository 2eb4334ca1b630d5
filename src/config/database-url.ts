// PURE. `database.url`: one server, the servers of a cluster, or a socket.
// `mysql://user@host:port/name`, `mysql://user@host1,host2:3307/name`, `mysql://user@localhost/name?socket=/path`.

export interface DatabaseHost {
  host: string
  port: number
}

export interface DatabaseUrl {
  user: string
  /** Only for the check that there is none. */
  password: string
  database: string
  socketPath: string | null
  /** At least one; the first that takes writes is used. */
  hosts: readonly DatabaseHost[]
}

const shape = /^mysql:\/\/(?:([^@/]*)@)?([^/?]*)(?:\/([^?]*))?(\?.*)?$/
const defaultPort = 3306

/** Undefined for a text that is no such URL. */
export function parseDatabaseUrl(text: string): DatabaseUrl | undefined {
  const [, account = '', authority = '', database = '', query = ''] = shape.exec(text) ?? []
  const hosts = authority.split(',').map(toHost)
  if (!shape.test(text) || hosts.includes(undefined)) return undefined
  const [user = '', ...password] = account.split(':')
  try {
    return {
      user: decodeURIComponent(user),
      password: password.join(':'),
      database: decodeURIComponent(database),
      socketPath: new URLSearchParams(query).get('socket'),
      hosts: hosts as DatabaseHost[],
    }
  } catch {
    return undefined
  }
}

function toHost(text: string): DatabaseHost | undefined {
  if (text === '') return { host: 'localhost', port: defaultPort }
  const url = `mysql://${text}`
  if (!URL.canParse(url)) return undefined
  const { hostname, port } = new URL(url)
  return hostname === '' ? undefined : { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || defaultPort) }
}
