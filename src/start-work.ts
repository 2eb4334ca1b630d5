// The work of a daemon: the vault, the workers and the beat, built in the order in which they depend on each other.
import type { Redis } from 'ioredis'
import type { Knex } from 'knex'
import type { Config } from './config/config.ts'
import { listOf } from './config/schema.ts'
import { AccountError } from './errors/errors.ts'
import { createHostGate } from './fetch/host-gate.ts'
import { openSession } from './fetch/imap-session.ts'
import { createSeenCertificates, type SeenCertificates } from './fetch/seen-certificates.ts'
import { createSessionPool } from './fetch/session-pool.ts'
import type { Events } from './observe/events.ts'
import type { Gauges } from './observe/gauges.ts'
import type { Health } from './observe/health.ts'
import type { Log } from './observe/log.ts'
import { openParsePool, type ParsePool } from './parse/pool/parse-pool.ts'
import { createByteBudget } from './poll/batch/byte-budget.ts'
import type { IngestDeps, TriagePolicy } from './poll/ingest/ingest-batch.ts'
import { createTriagePolicy, triageSettings } from './poll/ingest/triage-policy.ts'
import { createPolledSessions } from './poll/polled-sessions.ts'
import { openSignatureChecker } from './poll/senders/signature-checker.ts'
import { type Beat, startBeat } from './schedule/beat.ts'
import { startMeasuring } from './schedule/measure.ts'
import { startNightly } from './schedule/nightly.ts'
import { openQueue } from './schedule/queue.ts'
import { claimAccounts, removeQueues } from './schedule/scheduler.ts'
import { type Sealing, startSealing } from './schedule/sealing-job.ts'
import { type CanaryDeps, startCanaries } from './schedule/send-canaries.ts'
import { type PollWorker, startWorker } from './schedule/worker.ts'
import { getDestination } from './store/accounts/destinations.ts'
import { removeWorker, type WorkerIdentity } from './store/accounts/leases.ts'
import { openDatabase } from './store/db/database.ts'
import { archiveOnce } from './store/ingest/archive-once.ts'
import type { RawStore } from './store/raw/raw-store.ts'
import { keysOf } from './vault/keys/keyring.ts'
import { withSecret } from './vault/secrets/open-secret.ts'
import { openThreadSecret } from './vault/secrets/thread-secret.ts'
import { openVault, type Vault } from './vault/vault.ts'

/** What every part of a daemon is given. */
export interface Base {
  config: Config
  log: Log
  health: Health
  events: Events
  gauges: Gauges
  signal: AbortSignal
  stack: AsyncDisposableStack
}

/** What was reached before the work starts. */
export interface Connections {
  databaseUrl: string
  db: Knex
  raw: RawStore
  redis: Redis
  /** For those who block. */
  blocking: Redis
}

export interface Work {
  vault: Vault
  ingest: IngestDeps
  parser: ParsePool
  /** Takes over the settings that a running daemon can take over (config/reload.ts). */
  apply(config: Config): void
}

/** Starts the vault, the workers and the beat that keeps them in order. */
export async function startWork(
  base: Base,
  { databaseUrl, db, raw, redis, blocking }: Connections,
  worker: WorkerIdentity,
  parseScript: URL | undefined,
): Promise<Work> {
  const { config, log, stack, health, events } = base
  const { prefix } = config.redis
  const pool = stack.use(createSessionPool({ idleMs: keepIdleMs, max: config.poll.keepConnections }))
  const gate = createHostGate({ connections: config.poll.hostConnections })
  const certificates = createSeenCertificates()
  const queue = openQueue(redis, prefix, worker.id)
  stack.defer(() => queue.close())
  stack.defer(() => leave(db, redis, prefix, worker.id))

  const sealingDb = openDatabase(databaseUrl, config.database, 'sealing')
  stack.defer(() => sealingDb.destroy())
  const running: { polls?: PollWorker; sealing?: Sealing; beat?: Beat } = {}
  const vault = stack.use(
    openVault({
      db,
      tokensAtOnce: Math.max(1, Math.floor(config.database.poolSize / 3)),
      sealingDb,
      keyPaths: keysOf(config),
      actor: worker.id,
      events,
      health,
      onKeys: () => running.beat?.now(),
      onWork: () => running.sealing?.request(),
    }),
  )
  const sealing = stack.use(startSealing({ vault, redis, blocking, prefix, workerId: worker.id, health, log }))
  const common = { db, redis, prefix, queue, worker, leaseSeconds: config.poll.leaseSeconds, keyIds: vault.keyIds }
  const deps = { ...common, isRunning: (id: number) => running.polls?.isRunning(id) ?? false }
  await claimAccounts(deps)
  const parser = openParser(base, parseScript)
  const ingest = {
    ...ingestDeps(base, { db, raw }, parser),
    ...openSenderCheck(base),
    triage: await openTriagePolicy(config, db),
  }
  running.polls = stack.use(
    startWorker({
      ...ingest,
      openSession: createPolledSessions({
        pool,
        gate,
        openSession: watchingCertificates(base, certificates),
        openSecret: vault.openSecret,
        timeoutMs: config.poll.timeoutSeconds * 1000,
        maxLiteralBytes: config.mail.maxBytes + literalSlackBytes,
        push: {
          news: id => running.polls?.news(id),
          lost: (id, ageMs) => running.polls?.lost(id, ageMs),
        },
      }),
      sliceMs: config.poll.timeoutSeconds * 1000,
      sessions: pool,
      budget: createByteBudget(config.poll.memoryBytes),
      redis: blocking,
      prefix,
      workerId: worker.id,
      concurrency: config.poll.concurrency,
      events,
      health,
    }),
  )
  running.sealing = sealing
  stack.use(
    startCanaries({
      ...{ db, workerId: worker.id, events, sessions: pool },
      append: appender({ base, db, gate, certificates, openSecret: vault.openSecret }),
    }),
  )
  running.beat = stack.use(
    startBeat({
      ...deps,
      sealing,
      events,
      health,
      sessions: pool,
      raw,
      openConnections: gate.open,
      pollOverdue: id => running.polls?.overdue(id),
    }),
  )
  stack.use(startMeasuring({ db, redis, raw, config, gauges: base.gauges, events, certificates }))
  stack.use(
    startNightly({
      ...{ db, raw, events, keyPaths: keysOf(config), actor: worker.id },
      retention: { ...config.retention, sessionIdleHours: config.web.sessionIdleHours },
    }),
  )
  return {
    vault,
    ingest,
    parser,
    apply(next) {
      running.polls?.setConcurrency(next.poll.concurrency)
      Object.assign(ingest.triage, triageSettings(next))
    },
  }
}

interface AppenderParts {
  base: Base
  db: Knex
  gate: ReturnType<typeof createHostGate>
  certificates: SeenCertificates
  openSecret: Vault['openSecret']
}

/** Appends over a connection of its own, which counts at its host like any other. */
function appender({ base, db, gate, certificates, openSecret }: AppenderParts): CanaryDeps['append'] {
  const dial = watchingCertificates(base, certificates)
  const timeoutMs = base.config.poll.timeoutSeconds * 1000
  return async (id, mailbox, mail, signal) => {
    const { oauth, ...destination } = await getDestination(db, id)
    await using session = await withSecret({ id, destination, oauth }, openSecret, secret =>
      gate.connect({ id }, destination, signal, () => dial({ id }, destination, secret, { signal, timeoutMs })),
    )
    // Without it a canary could not be removed again.
    if (!session.capabilities.has('UIDPLUS'))
      throw new AccountError('imap.refused', { account: id, during: 'APPEND' }, { temporary: true })
    await session.append(mailbox, mail)
  }
}

/** Every login shows until when the server's certificate is valid. */
function watchingCertificates({ events, gauges }: Base, certificates: SeenCertificates): typeof openSession {
  return async (account, destination, login, options) => {
    const session = await openSession(account, destination, login, options)
    const until = session.certificateUntil
    if (until === null) return session
    const now = new Date()
    if (certificates.note(destination.host, until, now)) events.certificateEnding(account.id, until)
    gauges.certificate('mail', certificates.earliest(now))
    return session
  }
}

/** The secret for tokens is opened now, so that it is known when its key goes away. */
async function openTriagePolicy(config: Config, db: Knex): Promise<TriagePolicy> {
  const triage = createTriagePolicy(config, () => openThreadSecret(db, keysOf(config)))
  await triage.openTokens()
  return triage
}

function openParser({ config, stack }: Base, parseScript: URL | undefined): ParsePool {
  const { parseThreads: threads, parseDeadlineMs: deadlineMs } = config.poll
  const script = parseScript === undefined ? {} : { script: parseScript }
  return stack.use(openParsePool({ threads, deadlineMs, ...script }))
}

function openSenderCheck({ config, events, stack }: Base): Pick<IngestDeps, 'signatures'> {
  const { signatures, waitMs, arcSealers } = config.sender
  if (!signatures || config.thread.senderCheck === 'off') return {}
  const options = { sealers: listOf(arcSealers), dnsServers: listOf(config.dns.servers), deadlineMs: waitMs }
  return { signatures: stack.use(openSignatureChecker({ ...options, onDns: events.senderDns })) }
}

/** What turns mails into rows. */
function ingestDeps({ config }: Base, { db, raw }: Pick<Connections, 'db' | 'raw'>, parser: ParsePool) {
  const { batchMessages, batchBytes } = config.poll
  return {
    db,
    raw: archiveOnce(db, raw),
    parse: (source: Uint8Array, account?: number) => parser.parseForStore(source, account),
    limits: { messages: batchMessages, bytes: batchBytes, maxBytes: config.mail.maxBytes },
  }
}

/** A size that a server states may be a little wrong; one that is far off breaks the connection. */
const literalSlackBytes = 16_777_216
const keepIdleMs = 10 * 60_000

/** What this worker held is free at once, for others or for its next start. */
async function leave(db: Knex, redis: Redis, prefix: string, workerId: string): Promise<void> {
  await removeQueues(redis, prefix, workerId).catch(() => {})
  await removeWorker(db, workerId).catch(() => {})
}
