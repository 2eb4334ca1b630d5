// Everything that a chaos run plays with: servers, links, a disk, two daemons on one database, and accounts of all kinds.
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Knex } from 'knex'
import { type Config, toConfig } from '../../src/config/config.ts'
import { insertAccount } from '../../src/store/accounts/account-changes.ts'
import { openDatabase } from '../../src/store/db/database.ts'
import { migrate } from '../../src/store/db/migrate.ts'
import { openRawDirectory } from '../../src/store/raw/raw-directory.ts'
import type { RawStore } from '../../src/store/raw/raw-store.ts'
import { keyPathsOf } from '../../src/vault/keys/keyring.ts'
import { createSecretWriter } from '../../src/vault/secrets/write-secret.ts'
import { type ChaosDaemon, startDaemonProcess } from './daemons.ts'
import { type Disk, mountDisk, unmountDisk } from './disk.ts'
import { daemonNames } from './plan.ts'
import { type Servers, startServers } from './servers.ts'

export interface ChaosAccount {
  id: number
  user: string
  password: string
  /** Those that are polled. */
  mailboxes: readonly string[]
  after: 'keep' | 'seen' | 'move' | 'delete'
}

export interface Scene extends AsyncDisposable {
  directory: string
  config: Config
  /** Past the link. */
  db: Knex
  raw: RawStore
  servers: Servers
  daemons: readonly ChaosDaemon[]
  accounts: readonly ChaosAccount[]
  disk: Disk | undefined
  /** Daemons that ended by themselves. */
  ended: string[]
}

export interface SceneOptions {
  /** What the daemons' Node loads first. */
  preload: URL | undefined
  /** Leaves the directory with its logs behind. */
  keep: boolean
  progress(line: string): void
}

/** Where mail of accounts with `--after move` goes. */
export const doneMailbox = 'Done'
/** A mailbox that nobody polls. */
export const elsewhere = 'Elsewhere'

const securities = ['tls', 'starttls', 'cleartext'] as const

const plans: readonly Pick<ChaosAccount, 'mailboxes' | 'after'>[] = [
  { mailboxes: ['INBOX'], after: 'keep' },
  { mailboxes: ['INBOX', 'Support'], after: 'keep' },
  { mailboxes: ['INBOX', 'Support'], after: 'keep' },
  { mailboxes: ['INBOX'], after: 'seen' },
  { mailboxes: ['INBOX', 'Support'], after: 'seen' },
  { mailboxes: ['INBOX', 'Support'], after: 'move' },
  { mailboxes: ['INBOX'], after: 'move' },
  { mailboxes: ['INBOX', 'Support'], after: 'delete' },
]

export async function openScene(options: SceneOptions): Promise<Scene> {
  await using stack = new AsyncDisposableStack()
  removeAbandoned()
  const directory = mkdtempSync(path.join(tmpdir(), `${prefix}${process.pid}-`))
  // Dovecot's user passes through it.
  chmodSync(directory, 0o711)
  if (!options.keep) stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const data = path.join(directory, 'data')
  const disk = mountDisk(data)
  if (disk !== undefined) stack.use(disk)
  const users = plans.map((_, i) => ({ name: `user${i}`, password: `a right Passw0rd: ü ${i}` }))
  const servers = stack.use(await startServers({ directory, users, talk: options.keep, progress: options.progress }))
  const config = configOf(servers, data)
  const db = openDatabase(servers.databaseUrl, config.database)
  stack.defer(() => db.destroy())
  await migrate(db)
  const accounts = await insertAccounts(db, config, servers, users)
  const ended: string[] = []
  const env = {
    LETTERLOCK_POLL_LEASE_SECONDS: '5',
    LETTERLOCK_POLL_TIMEOUT_SECONDS: '5',
    LETTERLOCK_POLL_PARSE_THREADS: '1',
    LETTERLOCK_LOG_LEVEL: 'debug',
    LETTERLOCK_LOG_FORMAT: 'json',
    NODE_COMPILE_CACHE: compiled,
    ...(options.preload === undefined ? {} : { NODE_OPTIONS: `--import ${options.preload.href}` }),
  }
  const daemons = daemonNames.map(name =>
    stack.use(
      startDaemonProcess({
        name,
        config,
        directory: data,
        logFile: path.join(directory, `${name.replace(' ', '-')}.log`),
        env,
        onEnd: why => ended.push(why),
      }),
    ),
  )
  const raw = openRawDirectory(path.join(data, 'raw'))
  const opened = stack.move()
  return {
    ...{ directory, config, db, raw, servers, daemons, accounts, disk, ended },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

const prefix = 'letterlock-chaos-'
/** Daemons are started again and again: they find their code compiled, as the other tests do. */
const compiled = new URL('../../node_modules/.cache/letterlock-tests', import.meta.url).pathname

/** What a run that was killed could not unmount and remove. */
function removeAbandoned(): void {
  for (const name of readdirSync(tmpdir()).filter(entry => entry.startsWith(prefix))) {
    const pid = name.slice(prefix.length).split('-', 1)[0]
    if (existsSync(`/proc/${pid}`)) continue
    unmountDisk(path.join(tmpdir(), name, 'data'))
    rmSync(path.join(tmpdir(), name), { recursive: true, force: true })
  }
}

/** As a daemon sees it: all servers behind the links. */
function configOf({ links }: Servers, data: string): Config {
  return toConfig({
    file: undefined,
    toml: '',
    directory: '/',
    env: {
      LETTERLOCK_DATABASE_URL: `mysql://root@127.0.0.1:${links.mariadb.ports[0]}/letterlock`,
      LETTERLOCK_REDIS_URL: `redis://127.0.0.1:${links.redis.ports[0]}`,
      LETTERLOCK_DATA_DIRECTORY: data,
      LETTERLOCK_WEB_LISTEN: '127.0.0.1:0',
    },
  })
}

async function insertAccounts(
  db: Knex,
  config: Config,
  servers: Servers,
  users: readonly { name: string; password: string }[],
): Promise<ChaosAccount[]> {
  const write = createSecretWriter(keyPathsOf(config.encryption.keyFile, {}))
  const accounts: ChaosAccount[] = []
  for (const [i, plan] of plans.entries()) {
    const { name, password } = users[i] as (typeof users)[number]
    const which = i % securities.length
    for (const mailbox of [...plan.mailboxes, elsewhere, doneMailbox]) servers.dovecot.deliver(name, mailbox, [])
    const id = await insertAccount(
      db,
      {
        address: `${name}@example.com`,
        host: '127.0.0.1',
        port: servers.links.dovecot.ports[which] as number,
        security: securities[which] as (typeof securities)[number],
        username: name,
        caPem: servers.dovecot.caPem,
        everySeconds: 1 + (i % 2),
        push: i % 3 !== 0,
        afterIngest: plan.after === 'move' ? `move:${doneMailbox}` : plan.after,
        startFrom: 'all',
        mailboxes: plan.mailboxes,
        enabled: true,
        password,
      },
      write,
    )
    accounts.push({ id, user: name, password, ...plan })
  }
  return accounts
}
