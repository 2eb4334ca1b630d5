// Measures what /metrics says of the state of things, every half minute. Each part is measured on its own, so that an absent database does not
// hide how full the disk is. Every question is cheap for a fleet: counts stop at a limit, and raw mail is looked at once a day.
import { X509Certificate } from 'node:crypto'
import { readFile, statfs } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { Knex } from 'knex'
import type { Config } from '../config/config.ts'
import type { SeenCertificates } from '../fetch/seen-certificates.ts'
import type { Events } from '../observe/events.ts'
import type { Gauges } from '../observe/gauges.ts'
import { countAccounts, countTroubles } from '../store/accounts/accounts.ts'
import { countCanaries } from '../store/accounts/canaries.ts'
import { findLiveWorkers } from '../store/accounts/leases.ts'
import { readDatabaseBytes } from '../store/db/database-size.ts'
import { countQuarantined } from '../store/ingest/quarantine-rows.ts'
import { rawDirectoryOf } from '../store/raw/open-raw-store.ts'
import type { RawStore } from '../store/raw/raw-store.ts'
import { readRawUsage, refreshRawUsage } from '../store/raw/raw-usage.ts'
import { countSomePlaintext } from '../store/secrets/credential-rows.ts'
import { findKeys, readPlaintextSeen } from '../store/secrets/encryption-keys.ts'
import { reportResidue } from '../vault/residue/residue-report.ts'

export interface MeasureDeps {
  db: Knex
  redis: Redis
  raw: RawStore
  config: Pick<Config, 'data' | 'raw' | 'web'>
  gauges: Gauges
  events: Pick<Events, 'notMeasured'>
  /** Of mail servers. */
  certificates: Pick<SeenCertificates, 'earliest'>
}

const everyMs = 30_000
/** What changes slowly is measured in every tenth round, in the first one too. */
const slowRounds = 10
/** A store of raw mail that could not be looked at is left alone for so long. */
const rawRestMs = 3_600_000
const maxCounted = 100_000
const lateSeconds = 900

/** Measures until it is disposed of; what has begun ends first. */
export function startMeasuring(deps: MeasureDeps): AsyncDisposable {
  const stop = new AbortController()
  const { signal } = stop
  const loop = async (): Promise<void> => {
    for (let round = 0; !signal.aborted; round++) {
      await measure(deps, round)
      await wait(everyMs, undefined, { signal, ref: false }).catch(() => {})
    }
  }
  const loopRaw = async (): Promise<void> => {
    while (!signal.aborted) {
      const rested = await measureRaw(deps, signal)
      await wait(rested ? everyMs : rawRestMs, undefined, { signal, ref: false }).catch(() => {})
    }
  }
  const done = Promise.all([loop(), loopRaw()])
  return {
    async [Symbol.asyncDispose]() {
      stop.abort(new Error('the daemon stops'))
      await done
    },
  }
}

/** One round. Never rejects: what cannot be measured keeps its last figure and is counted. */
export async function measure(deps: MeasureDeps, round: number): Promise<void> {
  const { db, redis, gauges, config } = deps
  const isSlow = round % slowRounds === 0
  const parts: Record<string, () => Promise<void>> = {
    database: async () => {
      gauges.roundTrip('database', await secondsOf(() => db.raw('SELECT 1')))
      await measureRows(db, gauges)
      if (isSlow) gauges.databaseBytes(await readDatabaseBytes(db))
    },
    secrets: () => measureSecrets(db, gauges, isSlow),
    redis: async () => gauges.roundTrip('redis', await secondsOf(() => redis.ping())),
    space: () => measureSpace(config, gauges),
    certificates: () => measureCertificates(deps),
  }
  await Promise.all(
    Object.entries(parts).map(([what, look]) => look().catch(error => deps.events.notMeasured(what, error))),
  )
}

async function secondsOf(request: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await request()
  return (performance.now() - startedAt) / 1000
}

async function measureRows(db: Knex, gauges: Gauges): Promise<void> {
  gauges.accounts({ byState: await countAccounts(db), ...(await countTroubles(db, lateSeconds)) })
  gauges.quarantined(await countQuarantined(db, maxCounted))
  gauges.canaries(await countCanaries(db))
  gauges.workers((await findLiveWorkers(db)).map(({ version }) => version))
}

async function measureSecrets(db: Knex, gauges: Gauges, isSlow: boolean): Promise<void> {
  const active = (await findKeys(db)).find(({ state }) => state === 'active')
  gauges.secrets({
    plaintext: await countSomePlaintext(db, maxCounted),
    plaintextSeenAt: (await readPlaintextSeen(db))?.at,
    backupProven: active && active.backupProvenAt !== null,
  })
  // Before all passwords are sealed, every place holds them, and none is a residue.
  if (isSlow) gauges.residues(active?.completedAt ? await countResidues(db) : undefined)
}

/** Backups and freed blocks of the disk are not in the server: nobody could see that they are clean again. */
async function countResidues(db: Knex): Promise<number> {
  const { residues } = await reportResidue(db, new Date())
  return residues.filter(({ state, place }) => state === 'dirty' && place !== 'backups' && place !== 'disk').length
}

async function measureSpace(config: MeasureDeps['config'], gauges: Gauges): Promise<void> {
  const directories = { data: config.data.directory, raw: rawDirectoryOf(config) }
  for (const name of ['data', 'raw'] as const) {
    const directory = directories[name]
    if (directory === undefined) continue
    const { bavail, blocks, bsize } = await statfs(directory)
    gauges.space(name, { freeBytes: bavail * bsize, sizeBytes: blocks * bsize })
  }
}

async function measureCertificates({ config, gauges, certificates }: MeasureDeps): Promise<void> {
  gauges.certificate('mail', certificates.earliest(new Date()))
  const { tlsCertFile } = config.web
  if (tlsCertFile === '') return
  gauges.certificate('web', new X509Certificate(await readFile(tlsCertFile)).validToDate)
}

/** False if the raw mail could not be looked at. */
export async function measureRaw({ db, raw, gauges, events }: MeasureDeps, signal: AbortSignal): Promise<boolean> {
  try {
    await refreshRawUsage(db, raw, new Date(), signal)
    const usage = await readRawUsage(db)
    if (usage !== undefined) gauges.rawUsage(usage)
    return true
  } catch (error) {
    if (!signal.aborted) events.notMeasured('raw', error)
    return false
  }
}
