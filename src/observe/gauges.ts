// How things stand, as /metrics tells it beside the events: each gauge is set when its figure is measured (schedule/measure.ts), so a scrape
// reads memory and asks no database. Labels are closed lists; what others wrote into a row is never one.

import { Gauge, type Registry } from 'prom-client'
import { catalogue } from '../errors/catalogue.ts'
import { version } from '../version.ts'
import { type Health, parts } from './health.ts'

export interface Gauges {
  /** Accounts by state, those in trouble by code, and those that should have been read long ago. */
  accounts(figures: AccountFigures): void
  quarantined(mails: number): void
  /** Accounts whose canary is late, and the time that the slowest of the last ones took. */
  canaries(figures: { late: number; slowestSeconds: number | undefined }): void
  /** Versions of the workers whose leases hold. */
  workers(versions: readonly string[]): void
  secrets(figures: SecretFigures): void
  /** Places of the database server that may hold an old plaintext; undefined where not all is sealed. */
  residues(places: number | undefined): void
  databaseBytes(bytes: number): void
  /** How long the smallest question took. */
  roundTrip(service: 'database' | 'redis', seconds: number): void
  space(directory: 'data' | 'raw', space: { freeBytes: number; sizeBytes: number }): void
  rawUsage(usage: { batches: number; bytes: number; orphans: number; at: Date }): void
  /** Until when the certificate is valid that ends first; undefined where there is none. */
  certificate(of: 'web' | 'mail', until: Date | undefined): void
}

export interface AccountFigures {
  byState: Readonly<Record<string, number>>
  byCode: ReadonlyMap<string, number>
  behind: number
}

export interface SecretFigures {
  /** Secrets with a plaintext. */
  plaintext: number
  /** When a plaintext last turned up in a sealed database. */
  plaintextSeenAt: Date | undefined
  /** Undefined where no key is active. */
  backupProven: boolean | undefined
}

/** Makes all gauges of the registry. Those that nothing was measured for yet are not told. */
export function createGauges(registry: Registry, health: Pick<Health, 'problems'>): Gauges {
  const gauge = <L extends string = never>(name: string, help: string, labelNames: L[] = []) => {
    const one = new Gauge<L>({ name: `letterlock_${name}`, help, labelNames, registers: [registry] })
    // Without labels it begins at 0, which must not be told before anything was measured.
    if (labelNames.length === 0) one.remove()
    return one
  }
  const made = {
    accounts: gauge('accounts', 'Accounts of the installation, by state', ['state']),
    troubles: gauge('accounts_in_trouble', 'Accounts that are failing or waiting, by code', ['code']),
    behind: gauge('accounts_behind', 'Accounts whose last successful poll is more than 15 minutes overdue'),
    quarantined: gauge('quarantined_mails', 'Mails in quarantine; counted up to 100000'),
    canariesLate: gauge('canaries_late', 'Accounts whose canary was not received in time'),
    canarySeconds: gauge(
      'canary_seconds',
      'How long the last canary of the slowest account took until it was received',
    ),
    workers: gauge('workers', 'Workers whose leases hold'),
    versions: gauge('worker_versions', 'Different versions among these workers'),
    plaintext: gauge('plaintext_secrets', 'Secrets with a plaintext in the database; counted up to 100000'),
    seen: gauge('plaintext_seen_timestamp_seconds', 'When a plaintext last appeared in a sealed database'),
    proven: gauge('key_backup_proven', '1 if a backup of the active key was verified'),
    residues: gauge('residue_places', 'Places of the database server that may hold an old plaintext'),
    databaseBytes: gauge('database_bytes', 'Size of the tables and indexes, as the database server estimates it'),
    roundTrip: gauge('round_trip_seconds', 'How long a minimal request took when last measured', ['service']),
    free: gauge('filesystem_free_bytes', 'Space that the service may still use in the directory', ['directory']),
    size: gauge('filesystem_size_bytes', 'Size of the file system that holds the directory', ['directory']),
    rawBytes: gauge('raw_bytes', 'Size of the raw mail, measured once a day'),
    rawBatches: gauge('raw_batches', 'Batches of raw mail, measured once a day'),
    orphans: gauge('raw_orphan_batches', 'Batches of raw mail without rows, measured once a day'),
    rawAt: gauge('raw_measured_timestamp_seconds', 'When the raw mail was last measured'),
    certificate: gauge('certificate_expiry_timestamp_seconds', 'When the certificate that ends first expires', ['of']),
  }
  const info = gauge('build_info', 'The running version; always 1', ['version', 'node'])
  info.set({ version, node: process.versions.node }, 1)
  addReadiness(registry, health)

  return {
    accounts({ byState, byCode, behind }) {
      for (const [state, count] of Object.entries(byState)) made.accounts.set({ state }, count)
      made.troubles.reset()
      for (const [code, count] of byCode) made.troubles.inc({ code: knownCode(code) }, count)
      made.behind.set(behind)
    },
    quarantined: mails => made.quarantined.set(mails),
    canaries({ late, slowestSeconds }) {
      made.canariesLate.set(late)
      setOrRemove(made.canarySeconds, slowestSeconds)
    },
    workers(versions) {
      made.workers.set(versions.length)
      made.versions.set(new Set(versions).size)
    },
    secrets({ plaintext, plaintextSeenAt, backupProven }) {
      made.plaintext.set(plaintext)
      setOrRemove(made.seen, plaintextSeenAt && plaintextSeenAt.getTime() / 1000)
      setOrRemove(made.proven, backupProven === undefined ? undefined : Number(backupProven))
    },
    residues: places => setOrRemove(made.residues, places),
    databaseBytes: bytes => made.databaseBytes.set(bytes),
    roundTrip: (service, seconds) => made.roundTrip.set({ service }, seconds),
    space(directory, { freeBytes, sizeBytes }) {
      made.free.set({ directory }, freeBytes)
      made.size.set({ directory }, sizeBytes)
    },
    rawUsage({ batches, bytes, orphans, at }) {
      made.rawBatches.set(batches)
      made.rawBytes.set(bytes)
      made.orphans.set(orphans)
      made.rawAt.set(at.getTime() / 1000)
    },
    certificate(of, until) {
      if (until === undefined) made.certificate.remove({ of })
      else made.certificate.set({ of }, until.getTime() / 1000)
    },
  }
}

/** What /ready says, as numbers; asked for at each scrape. */
function addReadiness(registry: Registry, health: Pick<Health, 'problems'>): void {
  new Gauge({
    name: 'letterlock_ready',
    help: '1 for each part that works, 0 for one that does not',
    labelNames: ['part'],
    registers: [registry],
    collect() {
      const down = new Set(health.problems().map(({ part }) => part))
      for (const part of parts) this.set({ part }, down.has(part) ? 0 : 1)
    },
  })
  new Gauge({
    name: 'letterlock_problem',
    help: '1 for each reason why the service is not ready',
    labelNames: ['part', 'code'],
    registers: [registry],
    collect() {
      this.reset()
      for (const { part, code } of health.problems()) this.set({ part, code: knownCode(code) }, 1)
    },
  })
}

function setOrRemove(gauge: Gauge, value: number | undefined): void {
  if (value === undefined) gauge.remove()
  else gauge.set(value)
}

/** Anybody who writes to the database can write any code. */
function knownCode(code: string): string {
  return Object.hasOwn(catalogue, code) ? code : 'other'
}
