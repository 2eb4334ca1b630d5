// The database servers that Letterlock says it works on, each of its own version: a system with Debian's or Ubuntu's packages, in which the
// server runs and from which its dump tools are taken. Root only (chroot.ts).
import { chmodSync, existsSync, globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createConnection } from 'mysql2/promise'
import { makeChroot, startInChroot, type Tree } from './chroot.ts'

export interface ServerKind extends Tree {
  /** As people say it, and as the manual does. */
  title: string
  args?: readonly string[]
}

const ofMySql = ['mysql-server-core', 'mysql-client-core']
const ofMariaDb = ['mariadb-server-core', 'mariadb-client-core']
const mariaDb1011: Tree = { name: 'mariadb-10.11', suite: 'bookworm', packages: ofMariaDb }

export const databaseServers: readonly ServerKind[] = [
  { title: 'MySQL 8.0', name: 'mysql-8.0', suite: 'jammy', packages: ofMySql.map(name => `${name}-8.0`) },
  { title: 'MySQL 8.4', name: 'mysql-8.4', suite: 'resolute', packages: ofMySql },
  { title: 'MySQL 9.7', name: 'mysql-9.7', suite: 'sid', packages: ofMySql },
  { title: 'MariaDB 10.6', name: 'mariadb-10.6', suite: 'jammy', packages: ofMariaDb.map(name => `${name}-10.6`) },
  { title: 'MariaDB 10.11', ...mariaDb1011 },
  { title: 'MariaDB 11.8', name: 'mariadb-11.8', suite: 'trixie', packages: ofMariaDb },
  {
    title: 'MariaDB 10.11 with `auto_increment_increment = 3`, as a Galera node has',
    ...mariaDb1011,
    args: ['--auto-increment-increment=3', '--auto-increment-offset=2'],
  },
]

/** Its files need not outlive it. */
const memory = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

export interface DatabaseServer extends AsyncDisposable {
  /** As `database.url`, for root. */
  url: string
  /** A folder with its dump tools, to be first in the path. */
  tools: string
}

export async function startDatabaseServer({ args = [], ...tree }: ServerKind): Promise<DatabaseServer> {
  await using stack = new AsyncDisposableStack()
  const root = await makeChroot(tree)
  const state = mkdtempSync(path.join(memory, `ll-${tree.name}-`))
  stack.defer(() => rmSync(state, { recursive: true, force: true }))
  chmodSync(state, 0o755)
  const socketPath = path.join(state, 's')
  const isReady = async (): Promise<boolean> => {
    const connection = await createConnection({ socketPath, user: 'root' }).catch(() => undefined)
    await connection?.query('CREATE DATABASE IF NOT EXISTS letterlock CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci')
    await connection?.end()
    return connection !== undefined
  }
  const script = tree.name.startsWith('mysql') ? mySqlScript : mariaDbScript
  stack.use(await startInChroot({ root, state, script: script + args.join(' '), isReady }))
  const tools = path.join(state, 'tools')
  writeTools(root, tools)
  const opened = stack.move()
  return {
    url: `mysql://root@localhost/letterlock?socket=${socketPath}`,
    tools,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

/** A commit does not wait for the disk: a crash of the machine is not what is tried here. */
const place =
  '--no-defaults --user=root --datadir=/letterlock/data --socket=/letterlock/s --pid-file=/letterlock/pid --skip-networking --innodb-flush-log-at-trx-commit=0 --innodb-flush-method=nosync'

const mySqlScript = `
mysqld --no-defaults --user=root --initialize-insecure --datadir=/letterlock/data
exec mysqld ${place} --mysqlx=OFF --sync-binlog=0 --secure-file-priv=NULL --innodb-buffer-pool-size=64M `

const mariaDbScript = `
mariadb-install-db --no-defaults --user=root --force --skip-test-db --auth-root-authentication-method=normal --datadir=/letterlock/data
exec mariadbd ${place} --innodb-buffer-pool-size=64M --innodb-log-file-size=16M --character-set-server=utf8mb4 `

/** They run on the host, where our paths hold, with the libraries of their own system. */
function writeTools(root: string, folder: string): void {
  const [loader = ''] = globSync(`${root}/usr/lib/*-linux-gnu*/ld-linux-*.so*`)
  const names = ['mysqldump', 'mysql', 'mariadb-dump', 'mariadb']
  mkdirSync(folder)
  for (const program of names.flatMap(name => globSync(path.join(root, 'usr/bin', name)))) {
    const script = `#!/bin/sh\nexec ${loader} --library-path ${path.dirname(loader)} ${program} "$@"\n`
    writeFileSync(path.join(folder, path.basename(program)), script, { mode: 0o755 })
  }
}
