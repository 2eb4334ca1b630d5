// A daemon whose database, Redis and mail server can be taken away: it reaches them through links, with an account a second to poll.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Knex } from 'knex'
import { expect } from 'vitest'
import { toConfig } from '../../src/config/config.ts'
import { type Daemon, startDaemon } from '../../src/daemon.ts'
import { createLog } from '../../src/observe/log.ts'
import { insertAccount } from '../../src/store/accounts/account-changes.ts'
import { openDatabase } from '../../src/store/db/database.ts'
import { migrate } from '../../src/store/db/migrate.ts'
import { type Servers, startServers } from '../chaos/servers.ts'
import { writeWithoutKey } from './servers.ts'
import { until } from './until.ts'

export interface Outages extends AsyncDisposable {
  servers: Servers
  /** Past the link. */
  db: Knex
  daemon: Daemon
  log: Record<string, unknown>[]
  /** Delivers a mail to an account, by its number. */
  deliver(account: number, subject: string): void
  /** Resolves once there is a ticket of that subject. */
  ticket(subject: string): Promise<void>
}

export async function startOutages(accounts: number, everySeconds: number, push = false): Promise<Outages> {
  await using stack = new AsyncDisposableStack()
  const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-outages-'))
  chmodSync(directory, 0o711)
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const users = Array.from({ length: accounts }, (_, i) => ({ name: `user${i}`, password: `password ${i}` }))
  const servers = stack.use(await startServers({ directory, users, talk: false, progress: () => {} }))
  const link = (name: 'mariadb' | 'redis') => servers.links[name].ports[0]
  const config = toConfig({
    file: undefined,
    toml: '',
    directory: '/',
    env: {
      LETTERLOCK_DATABASE_URL: `mysql://root@127.0.0.1:${link('mariadb')}/letterlock`,
      LETTERLOCK_REDIS_URL: `redis://127.0.0.1:${link('redis')}`,
      LETTERLOCK_DATA_DIRECTORY: path.join(directory, 'data'),
      LETTERLOCK_WEB_LISTEN: '127.0.0.1:0',
      LETTERLOCK_POLL_LEASE_SECONDS: '10',
    },
  })
  const db = openDatabase(servers.databaseUrl, config.database)
  stack.defer(() => db.destroy())
  await migrate(db)
  for (const { name, password } of users) {
    const account = {
      address: `${name}@example.com`,
      host: '127.0.0.1',
      port: servers.links.dovecot.ports[2] as number,
      security: 'cleartext' as const,
      username: name,
      caPem: null,
      everySeconds,
      push,
      afterIngest: 'keep',
      startFrom: 'all',
      mailboxes: ['INBOX'],
      enabled: true,
      password,
    }
    await insertAccount(db, account, writeWithoutKey)
  }
  const log: Record<string, unknown>[] = []
  const stream = { write: (line: string) => void log.push(JSON.parse(line)) }
  const daemon = stack.use(
    await startDaemon(config, { demo: false, log: createLog(config.log, stream) }, new AbortController().signal),
  )
  const opened = stack.move()
  return {
    servers,
    db,
    daemon,
    log,
    deliver(account, subject) {
      const mail = `From: a@customers.example\r\nTo: user${account}@example.com\r\nSubject: ${subject}\r\nMessage-ID: <${subject}@x>\r\n\r\nhello\r\n`
      servers.dovecot.deliver(`user${account}`, 'INBOX', [Buffer.from(mail)])
    },
    async ticket(subject) {
      await until(async () => (await db('tickets').where({ subject }).first('id')) !== undefined)
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

/** As many as poll once a second in a test. */
export const accounts = 20

export async function isReady(url: string): Promise<boolean> {
  return (await fetch(`${url}/ready`)).ok
}

/** Takes the database away for so long: the daemon waits, does not hammer at it, and goes on by itself. */
export async function outliveDatabase(outageSeconds: number): Promise<void> {
  await using world = await startOutages(accounts, 1)
  const { servers, daemon } = world
  world.deliver(0, 'before')
  await world.ticket('before')
  const before = servers.links.mariadb.knocks()
  servers.links.mariadb.cut(outageSeconds * 1000)
  await until(async () => !(await isReady(daemon.url)))
  world.deliver(1, 'meanwhile')
  await until(() => isReady(daemon.url))
  // Twenty polls a second want the database. Those that found it gone at once, and one beat every few seconds.
  expect(servers.links.mariadb.knocks() - before).toBeLessThan(accounts + 10 + 3 * outageSeconds)
  await world.ticket('meanwhile')
  world.deliver(2, 'after')
  await world.ticket('after')
  const told = world.log.filter(line => line.msg === 'database is down').length
  expect(told).toBe(1)
}
