// PURE. What mariadb-dump and mysqldump are told: how to reach the server (an option file) and how to dump (arguments).

export type ToolFamily = 'mariadb' | 'mysql'

export interface DumpAccess {
  user: string
  database: string
  password: string
  /** A file of CA certificates; null: without TLS, as on this host. */
  ca: string | null
  socketPath?: string
  host?: string
  port?: number
}

/** The option file's text: the only place with the password. */
export function toOptionFile(access: DumpAccess, family: ToolFamily): string {
  const { user, password, socketPath, host = '', port } = access
  const place = socketPath === undefined ? { protocol: 'tcp', host, port: String(port) } : { socket: socketPath }
  const options = Object.entries({
    user,
    ...(password === '' ? {} : { password }),
    ...place,
    ...tlsOptions(access, family),
  })
  return ['[client]', ...options.map(([name, value]) => (value === null ? name : `${name}=${quoted(value)}`)), ''].join(
    '\n',
  )
}

function tlsOptions({ ca, socketPath }: DumpAccess, family: ToolFamily): Record<string, string | null> {
  if (socketPath !== undefined) return {}
  if (ca === null)
    return family === 'mariadb' ? { 'skip-ssl-verify-server-cert': null } : { 'get-server-public-key': null }
  const file = ca === '' ? {} : { 'ssl-ca': ca }
  return family === 'mariadb'
    ? { ssl: null, ...file, 'ssl-verify-server-cert': null }
    : { ...file, 'ssl-mode': 'VERIFY_IDENTITY' }
}

function quoted(value: string): string {
  return `"${value.replace(/["\\]/g, '\\$&')}"`
}

/**
 * One moment of all tables, without a lock on any; each INSERT with its columns, bytes in hex, so that the dump can be read without a server.
 * What takes rights that the service has not (tablespaces, GTIDs) is left out.
 */
export function dumpArguments(family: ToolFamily): string[] {
  return [
    ...['--single-transaction', '--quick', '--hex-blob', '--complete-insert', '--skip-add-locks', '--no-tablespaces'],
    ...['--default-character-set=utf8mb4', '--comments'],
    ...(family === 'mysql' ? ['--set-gtid-purged=OFF', '--column-statistics=0'] : []),
  ]
}
