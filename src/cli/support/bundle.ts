// `letterlock support-bundle`: one file that tells a stranger how this installation stands, and nothing about whose it is. What goes in is listed
// here field by field: numbers, codes and words of closed lists as they are, names and hosts as pseudonyms, no mail text, no subject, no
// secret. It is shown before it is written.
import { writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import type { Knex } from 'knex'
import type { Config } from '../../config/config.ts'
import { CommandError } from '../../errors/errors.ts'
import { type AccountView, countAccounts, findSomeAccounts } from '../../store/accounts/accounts.ts'
import { findLiveWorkers } from '../../store/accounts/leases.ts'
import { readDatabaseBytes } from '../../store/db/database-size.ts'
import { findMigrations } from '../../store/db/migrate.ts'
import { countOutcomes, findNames } from '../../store/db/names-and-counts.ts'
import { version } from '../../version.ts'
import { type GlobalOptions, loadConfig, withDatabase } from '../connect.ts'
import { examine } from '../doctor/doctor.ts'
import type { Finding } from '../doctor/finding.ts'
import { toTextfile } from '../monitoring/judge-metrics.ts'
import { readMetrics } from '../monitoring/plugin.ts'
import { confirm, print, remark } from '../terminal.ts'
import { createPseudonyms, type Kind, type Pseudonyms } from './pseudonyms.ts'

export interface BundleOptions extends GlobalOptions {
  yes?: boolean
}

/** Of those in trouble, and of the others. */
const maxAccounts = 250

/** Collects, shows, asks and writes. `file`: by default one in the working directory, with the day in its name. */
export async function writeBundle(file: string | undefined, options: BundleOptions): Promise<void> {
  const at = new Date()
  const target = file ?? `letterlock-support-${at.toISOString().slice(0, 10)}.json`
  const text = JSON.stringify(await collect(options, at), null, 2)
  if (options.yes !== true) {
    await print(text)
    remark(
      'This is all that the file will hold. Names, addresses and hosts are pseudonyms; read it before you send it.',
    )
  }
  await confirm(`Write it to ${target}?`, options)
  try {
    writeFileSync(target, `${text}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new CommandError(`${target} exists already`, 'name another file', 1)
  }
  await print(`${target} is written`)
}

/** What cannot be read is left out, and the doctor's findings say why. */
async function collect(options: GlobalOptions, at: Date): Promise<object> {
  const config = orUndefined(() => loadConfig(options))
  const fromDatabase = await withDatabase(options, db => readRows(db)).catch(() => undefined)
  const pseudonyms = createPseudonyms([...wordsOf(config), ...(fromDatabase?.words ?? [])])
  const findings: object[] = []
  for await (const finding of examine(options)) findings.push(toShown(finding, pseudonyms))
  const metrics = config && (await readMetrics(config.web).catch(() => undefined))
  return {
    letterlock: { version, node: process.versions.node, platform: process.platform, arch: process.arch, at },
    configuration: config === undefined ? 'cannot be read' : toShownSettings(config),
    findings,
    ...fromDatabase?.shown(pseudonyms),
    metrics: metrics === undefined ? 'the daemon does not answer' : toTextfile(metrics).split('\n').filter(isSample),
  }
}

function orUndefined<T>(make: () => T): T | undefined {
  try {
    return make()
  } catch {
    return undefined
  }
}

function isSample(line: string): boolean {
  return line !== '' && !line.startsWith('#')
}

/** A hint of an account may quote what its mail server said. */
function toShown({ check, level, message, hint }: Finding, pseudonyms: Pseudonyms): object {
  const shown = { check, level, message: pseudonyms.hide(message) }
  return check === 'accounts' || hint === null ? shown : { ...shown, hint: pseudonyms.hide(hint) }
}

/** Settings whose words are a closed list; of all other texts only whether they are set. */
const shownSettings: ReadonlySet<string> = new Set([
  ...['encryption.bindDestination', 'thread.closed', 'thread.requester', 'thread.opening', 'log.level', 'log.format'],
])

function toShownSettings(config: Config): object {
  const settings = Object.entries(config).flatMap(([section, values]) =>
    Object.entries(values as Record<string, unknown>).map(([key, value]) => [`${section}.${key}`, value] as const),
  )
  return Object.fromEntries(
    settings.map(([name, value]) => {
      if (typeof value === 'number' || typeof value === 'boolean' || shownSettings.has(name)) return [name, value]
      return [name, value === '' ? 'not set' : 'set']
    }),
  )
}

/** The words of the settings that say who and where. */
function* wordsOf(config: Config | undefined): Iterable<[Kind, string]> {
  yield ['host', hostname()]
  for (const values of Object.values(config ?? {}))
    for (const value of Object.values(values as Record<string, unknown>)) {
      if (typeof value !== 'string') continue
      if (value.startsWith('/')) yield ['path', value]
      if (!URL.canParse(value)) continue
      const { hostname: host, username, pathname } = new URL(value)
      yield ['host', host]
      yield ['name', decodeURIComponent(username)]
      yield ['name', pathname.slice(1)]
    }
}

interface Rows {
  words: [Kind, string][]
  shown(pseudonyms: Pseudonyms): object
}

async function readRows(db: Knex): Promise<Rows> {
  const byState = await countAccounts(db)
  const unwell = await findSomeAccounts(db, { state: 'unwell', limit: maxAccounts })
  const active = await findSomeAccounts(db, { state: 'active', limit: maxAccounts })
  const workers = await findLiveWorkers(db)
  const mails = await countOutcomes(db)
  const migrations = await findMigrations(db)
  const tablesBytes = await readDatabaseBytes(db)
  return {
    words: await findNames(db),
    shown: pseudonyms => ({
      accounts: { byState, listed: [...unwell, ...active].map(account => toShownAccount(account, pseudonyms)) },
      mails,
      workers: workers.map(({ host, version: running, lastSeenAt }) => ({
        host: pseudonyms.of('host', host),
        version: running,
        lastSeenAt,
      })),
      migrations,
      tablesBytes,
    }),
  }
}

function toShownAccount(account: AccountView, pseudonyms: Pseudonyms): object {
  const { id, host, port, security, state, code, failures, lastSuccessAt, behindSeconds } = account
  return {
    ...{ id, host: pseudonyms.of('host', host), port, security, state },
    ...{ code: code === null ? null : pseudonyms.hide(code), failures, lastSuccessAt, behindSeconds },
  }
}
