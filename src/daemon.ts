// Composition root: builds everything once, in the order in which it depends on each other, and releases it in reverse. A start
// that fails half-way closes what was opened. An absent database or Redis is waited for; what no waiting cures is thrown.
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { Knex } from 'knex'
import type { Config } from './config/config.ts'
import { type Reload, reloadConfig } from './config/reload.ts'
import { listOf } from './config/schema.ts'
import { isAbort, ServiceError } from './errors/errors.ts'
import { openSession } from './fetch/imap-session.ts'
import { createEvents } from './observe/events.ts'
import { createGauges } from './observe/gauges.ts'
import { createHealth, type Health, type Part } from './observe/health.ts'
import { createLog, journalStream, type Log } from './observe/log.ts'
import { collectProcessMetrics } from './observe/process-metrics.ts'
import { createProgress, type Progress } from './observe/progress.ts'
import { openSystemd, type Systemd } from './observe/systemd.ts'
import { createHtmlReader } from './operations/read-html.ts'
import { checkRedis, openRedis } from './schedule/redis.ts'
import { type Base, startWork } from './start-work.ts'
import type { WorkerIdentity } from './store/accounts/leases.ts'
import { checkDatabase } from './store/db/check-database.ts'
import { openDatabase } from './store/db/database.ts'
import { migrate } from './store/db/migrate.ts'
import { hasUsers } from './store/people/user-rows.ts'
import { isShared, openRawStore, rawDirectoryOf } from './store/raw/open-raw-store.ts'
import { checkRawStore } from './store/raw/raw-identity.ts'
import type { RawStore } from './store/raw/raw-store.ts'
import { type Supervision, superviseService } from './supervise.ts'
import { keysOf } from './vault/keys/keyring.ts'
import { createPasswords, type HashCost } from './vault/secrets/password-hash.ts'
import { createSecretWriter } from './vault/secrets/write-secret.ts'
import { version } from './version.ts'
import { openWeb } from './web/open-web.ts'
import { createFirstAdmin } from './web/security/first-admin.ts'

export interface DaemonOptions {
  /** Starts the sample mailboxes too. */
  demo: boolean
  /** What a person who waits may read; default: standard error. */
  progress?: (line: string) => void
  log?: Log
  /** Is told how the daemon is; default: nobody. */
  systemd?: Systemd
  /** Who may read the link for the first admin; default: standard error, if it is a terminal. */
  tellLink?: (line: string) => void
  /** Reads the configuration again, for a reload. */
  reread?: () => Config
  /** What the parsing threads run; tests give one that misbehaves on command. */
  parseScript?: URL
  /** Of people's passwords; default: what is recommended. */
  hashCost?: HashCost
}

export interface Daemon extends AsyncDisposable {
  workerId: string
  /** `http://127.0.0.1:8025`. */
  url: string
  /** Looks at the key files at once. */
  lookAtKeys(): void
  /** Takes over what it can of the configuration, and looks at the key files at once (SIGHUP). */
  reload(wanted: Config): Reload
}

/** Runs until SIGTERM or SIGINT, and tells systemd, if it was started by it, how it is. */
export async function runDaemon(config: Config, options: DaemonOptions): Promise<void> {
  await using systemd = openSystemd()
  const log = options.log ?? createLog(config.log, journalStream(config.log.format, systemd))
  const stop = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      systemd.notify('STOPPING=1\nSTATUS=stopping')
      if (!stop.signal.aborted) log.info({ event: 'daemon', signal: name }, 'stopping')
      stop.abort(new Error(`stopped by ${name}`))
    })
  }
  const running: { daemon?: Daemon } = {}
  process.on('SIGHUP', () => reload(running.daemon, options, systemd, log))
  try {
    await using daemon = await startDaemon(config, { ...options, log, systemd }, stop.signal)
    running.daemon = daemon
    if (!stop.signal.aborted) await new Promise(resolve => stop.signal.addEventListener('abort', resolve))
    setTimeout(giveUpStopping, stopWithinMs).unref()
  } catch (error) {
    if (!isAbort(error, stop.signal)) throw error
  }
  log.info({ event: 'daemon' }, 'stopped')
}

/** A configuration that makes no sense changes nothing. */
function reload(daemon: Daemon | undefined, { reread }: DaemonOptions, systemd: Systemd, log: Log): void {
  if (daemon === undefined || reread === undefined) return
  systemd.notify(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`)
  try {
    const { applied, needsRestart } = daemon.reload(reread())
    const level = needsRestart.length > 0 ? 'warn' : 'info'
    const restart = needsRestart.length > 0 ? `; needs a restart: ${needsRestart.join(', ')}` : ''
    log[level](
      { event: 'daemon', applied, needsRestart },
      `reloaded${applied.map(name => `, ${name}`).join('')}${restart}`,
    )
  } catch (error) {
    log.error({ event: 'daemon', error }, 'not reloaded, the settings stay as they were')
  }
  systemd.notify('READY=1')
}

/** What was not committed by then is rolled back by the database when the connection breaks. */
const stopWithinMs = 9_500

function giveUpStopping(): void {
  process.stderr.write('letterlock could not stop in time; what was in hand is rolled back\n')
  process.exit(1)
}

/** Starts everything; resolves once accounts are polled. */
export async function startDaemon(config: Config, options: DaemonOptions, signal: AbortSignal): Promise<Daemon> {
  const log = options.log ?? createLog(config.log)
  const health = createHealth(log)
  const progress = createProgress()
  const events = createEvents(log, progress)
  const gauges = createGauges(events.registry, health)
  collectProcessMetrics(events.registry)
  await using stack = new AsyncDisposableStack()
  health.fail('start', new ServiceError('embedded.not_running', { reason: 'starting' }, { temporary: true }))
  const supervision = supervise(config, options, { health, progress, log }, stack)
  const web = stack.use(await openWeb(config.web, health, events.registry))

  const places = await startPlaces(config, options, stack, signal)
  const base: Base = { config, log, health, events, gauges, signal, stack }
  const db = await connectDatabase(base, places.databaseUrl)
  const { commands, blocking } = await connectRedis(base, places.redisUrl)
  const worker = identify(config.worker.name)
  const raw = await connectRaw(base, db, worker)
  if (options.demo) await startDemo(base, db, options)
  const connections = { databaseUrl: places.databaseUrl, db, raw, redis: commands, blocking }
  const { vault, ingest, parser, apply } = await startWork(base, connections, worker, options.parseScript)
  const html = createHtmlReader({
    raw: async () => raw,
    parseHtml: (source, account) => parser.parseHtml(source, account),
    onFailure: (message, error) =>
      log.warn({ event: 'html', message, code: error.code, error }, 'HTML cannot be shown'),
  })
  const firstAdmin = (await hasUsers(db)) ? undefined : createFirstAdmin()
  web.site = {
    ...{ config, db, redis: commands, raw, keys: { ...keysOf(config), isService: true }, log, firstAdmin },
    ...{ openSecret: vault.openSecret, openSession, html, triage: ingest.triage },
    passwords: createPasswords(options.hashCost),
    parse: (source, account) => parser.parse(source, account),
  }

  health.mend('start')
  supervision?.ready()
  log.info({ event: 'daemon', worker: worker.id, version, listen: config.web.listen }, 'started')
  const url = `${config.web.tlsCertFile === '' ? 'http' : 'https'}://${web.address()}`
  if (places.embedded) tellWhere(config, options, url)
  if (firstAdmin !== undefined) tellFirstAdmin(base, options, `${urlForPeople(config.web, url)}${firstAdmin.path}`)
  let current = config
  const opened = stack.move()
  return {
    workerId: worker.id,
    url,
    lookAtKeys: () => vault.look(),
    reload(wanted) {
      const next = reloadConfig(current, wanted)
      current = next.config
      log.level = current.log.level
      apply(current)
      if (web.site !== undefined) web.site = { ...web.site, config: current }
      vault.look()
      return next
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

/** A poll that stands still for ten times as long as a server may be silent is stuck. */
function supervise(
  config: Config,
  { systemd }: DaemonOptions,
  parts: { health: Health; progress: Progress; log: Log },
  stack: AsyncDisposableStack,
): Supervision | undefined {
  if (systemd === undefined) return undefined
  return stack.use(superviseService({ systemd, ...parts, patienceMs: config.poll.timeoutSeconds * 10_000 }))
}

interface Places {
  databaseUrl: string
  redisUrl: string
  embedded: boolean
}

/** Where the servers are: as configured, or embedded ones that are started now. */
async function startPlaces(
  config: Config,
  options: DaemonOptions,
  stack: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<Places> {
  const mariadb = config.database.url === ''
  const redis = config.redis.url === ''
  if (!mariadb && !redis) return { databaseUrl: config.database.url, redisUrl: config.redis.url, embedded: false }
  const { startEmbedded } = await import('./embedded/servers.ts')
  const progress = options.progress ?? toStderr
  const directory = path.join(config.data.directory, 'embedded')
  const servers = stack.use(await startEmbedded({ directory, mariadb, redis, progress, signal }))
  return {
    databaseUrl: mariadb ? servers.databaseUrl : config.database.url,
    redisUrl: redis ? servers.redisUrl : config.redis.url,
    embedded: true,
  }
}

function toStderr(line: string): void {
  process.stderr.write(`${line}\n`)
}

async function connectDatabase(base: Base, url: string): Promise<Knex> {
  const db = openDatabase(url, base.config.database)
  base.stack.defer(() => db.destroy())
  if (base.config.database.url === '') await migrate(db)
  await untilReachable(base, 'database', () => checkSchema(base, db))
  return db
}

async function checkSchema({ config, log }: Base, db: Knex): Promise<void> {
  try {
    await checkDatabase(db)
  } catch (error) {
    const isOld = error instanceof ServiceError && error.code === 'db.schema_old'
    if (!isOld || !config.migrate.auto) throw error
    await migrate(db, name => log.info({ event: 'migration', name }, 'applying a migration'))
    await checkDatabase(db)
  }
}

async function connectRedis(base: Base, url: string): Promise<{ commands: Redis; blocking: Redis }> {
  const open = async (use: 'commands' | 'worker'): Promise<Redis> => openRedis(url, base.config.redis, use)
  const commands = await untilReachable(base, 'redis', async () => {
    const redis = await open('commands')
    try {
      await checkRedis(redis)
      return redis
    } catch (error) {
      redis.disconnect()
      throw error
    }
  })
  base.stack.defer(() => commands.disconnect())
  const blocking = await untilReachable(base, 'redis', () => open('worker'))
  base.stack.defer(() => blocking.disconnect())
  return { commands, blocking }
}

async function connectRaw(base: Base, db: Knex, worker: WorkerIdentity): Promise<RawStore> {
  const raw = base.stack.use(await untilReachable(base, 'raw', () => openRawStore(base.config)))
  const here = {
    host: worker.host,
    shared: isShared(base.config),
    isDirectory: rawDirectoryOf(base.config) !== undefined,
  }
  await untilReachable(base, 'raw', () => checkRawStore(db, raw, here))
  return raw
}

/** Tries until it works. Only what a new try cannot mend is thrown: wrong text in the configuration, a schema or a policy of Redis. */
async function untilReachable<T>(base: Base, part: Part, attemptOnce: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    base.signal.throwIfAborted()
    try {
      const reached = await attemptOnce()
      base.health.mend(part)
      return reached
    } catch (error) {
      if (!isWaitedFor(error)) throw error
      base.health.fail(part, error)
      await wait(Math.min(2_000, 250 * 2 ** attempt), undefined, { signal: base.signal })
    }
  }
}

/** A password or a right may be set on the server at any moment, as a server may come back. */
function isWaitedFor(error: unknown): boolean {
  if (!(error instanceof ServiceError)) return false
  return error.temporary || error.code === 'db.access_denied' || error.code === 'redis.access_denied'
}

function identify(name: string): WorkerIdentity {
  const host = hostname().slice(0, 255)
  const id = `${host.slice(0, 30)}-${name || process.pid}-${randomBytes(6).toString('hex')}`
  return { id, host, version }
}

async function startDemo(base: Base, db: Knex, options: DaemonOptions): Promise<void> {
  const { startDemo, insertDemoAccounts } = await import('./embedded/demo.ts')
  const directory = path.join(base.config.data.directory, 'embedded')
  const progress = options.progress ?? toStderr
  const demo = base.stack.use(await startDemo({ directory, progress, signal: base.signal }))
  await insertDemoAccounts(db, demo.accounts, createSecretWriter(keysOf(base.config)))
}

/** Under the first of the names that people reach it by. */
function urlForPeople({ hosts, trustedProxies, tlsCertFile }: Config['web'], url: string): string {
  const [host] = listOf(hosts)
  if (host === undefined) return url
  if (trustedProxies !== '') return `https://${host}`
  return `${tlsCertFile === '' ? 'http' : 'https'}://${host}:${new URL(url).port}`
}

/** The link is a secret: it is for a person at the terminal, and for no log. */
function tellFirstAdmin({ log }: Base, options: DaemonOptions, link: string): void {
  const tell = options.tellLink ?? (process.stderr.isTTY ? toStderr : undefined)
  if (tell === undefined) {
    log.warn({ event: 'web' }, 'nobody can sign in to the web interface yet: run `letterlock user add NAME --admin`')
    return
  }
  tell(
    `nobody can sign in to the web interface yet; whoever opens this link within an hour becomes its first admin:\n  ${link}`,
  )
}

function tellWhere(config: Config, options: DaemonOptions, url: string): void {
  const tell = options.progress ?? toStderr
  tell(`letterlock runs: ${url} (with /ready and /metrics), mail and databases in ${config.data.directory}`)
  if (options.demo) {
    tell('three sample mailboxes are being read, and a new mail comes every 20 s. In another terminal:')
    tell('  npx letterlock ticket list')
    tell('  npx letterlock ticket show ID')
    return
  }
  tell('next, in another terminal, add an account (its password is asked for):')
  tell('  npx letterlock account add support@example.com --host imap.example.com')
  tell('Ctrl-C stops it')
}
