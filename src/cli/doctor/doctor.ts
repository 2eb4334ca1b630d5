// `letterlock doctor`: looks at everything that the daemon needs and says what to do for each finding. It changes nothing, and a
// check that cannot be made is a finding itself, not the end of the others.

import { X509Certificate } from 'node:crypto'
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { connect } from 'node:net'
import type { Knex } from 'knex'
import type { Config } from '../../config/config.ts'
import { sentencesForCommand } from '../../errors/hints.ts'
import { type AccountView, findAccounts } from '../../store/accounts/accounts.ts'
import { findLiveWorkers } from '../../store/accounts/leases.ts'
import { findProposals } from '../../store/accounts/seen-servers.ts'
import { findUncovered } from '../../store/accounts/uids-to-read.ts'
import { checkDatabase } from '../../store/db/check-database.ts'
import { openDatabase } from '../../store/db/database.ts'
import { findMigrations } from '../../store/db/migrate.ts'
import { judgeServerSettings, readServerSettings } from '../../store/db/server-settings.ts'
import { countQuarantined } from '../../store/ingest/quarantine-rows.ts'
import { findAllRules } from '../../store/ingest/stored-rules.ts'
import { rawDirectoryOf } from '../../store/raw/open-raw-store.ts'
import { toConditions } from '../../thread/rules.ts'
import { keysOf } from '../../vault/keys/keyring.ts'
import { readStatus } from '../../vault/sealing/status.ts'
import { duration } from '../account/views.ts'
import { commandContext } from '../command-context.ts'
import { findServers, type GlobalOptions, loadConfig } from '../connect.ts'
import { paint, print, printJson, type Style } from '../terminal.ts'
import { type Finding, fault, type Group, groupOf, note, ok, toFault } from './finding.ts'
import { checkRaw, checkRestored } from './raw-mail.ts'
import { checkBackup, checkKeyFiles, checkNightly } from './retention.ts'

export interface DoctorOptions extends GlobalOptions {
  json?: boolean
  /** Looks at all raw mail, however long it takes. */
  all?: boolean
  /** Notes count as well. */
  strict?: boolean
}

/** Resolves to 1 if something is wrong. Groups have headings where a person looks; a script reads one finding a line. */
export async function runDoctor(options: DoctorOptions): Promise<0 | 1> {
  const levels = new Set<Finding['level']>()
  let group: Group | undefined
  for await (const finding of examine(options)) {
    levels.add(finding.level)
    if (options.json) {
      await printJson([finding])
      continue
    }
    if (commandContext().stdout.isTTY && group !== groupOf(finding)) await print(paint('bold', groupOf(finding)))
    group = groupOf(finding)
    await printFinding(finding)
  }
  return levels.has('fault') || (options.strict === true && levels.has('note')) ? 1 : 0
}

const signs: Record<Finding['level'], [text: string, style: Style]> = {
  ok: ['ok   ', 'green'],
  note: ['note ', 'yellow'],
  fault: ['FAULT', 'red'],
}

async function printFinding({ check, level, message, hint }: Finding): Promise<void> {
  const [text, style] = signs[level]
  await print(`${paint(style, text)} ${check.padEnd(14)} ${message}`)
  if (hint) await print(`      ${''.padEnd(14)} → ${hint}`)
}

/** All findings, group by group. */
export async function* examine(options: DoctorOptions): AsyncIterable<Finding> {
  let config: Config
  try {
    config = loadConfig(options)
  } catch (error) {
    return yield toFault('configuration', error)
  }
  yield ok('configuration', 'is valid')
  yield* checkDirectories(config)
  yield* guarded('disk', () => checkDisks(config))
  yield* guarded('web', () => checkWeb(config.web))
  yield* examineDatabase(config, options.all === true)
  yield* examineRedis(config)
}

/** What a check finds, or that it cannot be made. */
async function* guarded(check: string, findings: () => Promise<Finding[]>): AsyncIterable<Finding> {
  try {
    yield* await findings()
  } catch (error) {
    yield toFault(check, error)
  }
}

function checkDirectories(config: Config): Finding[] {
  const raw = rawDirectoryOf(config)
  return [config.data.directory, raw].flatMap(directory => {
    if (directory === undefined) return []
    try {
      const { mode, uid } = statSync(directory)
      if ((mode & (directory === raw ? 0o077 : 0o002)) !== 0)
        return fault(
          'permissions',
          `${directory} is open to others`,
          `chmod ${directory === raw ? '700' : 'o-w'} ${directory}`,
        )
      if (uid === process.getuid?.()) return ok('permissions', `${directory} is in order`)
      return note(
        'permissions',
        `${directory} belongs to user ${uid}`,
        'see that this is the service user, or run doctor as that user',
      )
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT')
        return note('permissions', `${directory} does not exist yet`, 'it is made at the first start')
      return fault('permissions', `${directory} cannot be looked at`, 'run doctor as the service user')
    }
  })
}

const littleFree = 0.1

/** Below a tenth people should look; it is a fault where the next two large mails do not fit. */
async function checkDisks(config: Config): Promise<Finding[]> {
  const directories = new Set([config.data.directory, rawDirectoryOf(config) ?? config.data.directory])
  const found = [...directories].filter(directory => existsSync(directory))
  return await Promise.all(
    found.map(async directory => {
      const { bavail, blocks, bsize } = await statfs(directory)
      const [freeBytes, share] = [bavail * bsize, blocks === 0 ? 1 : bavail / blocks]
      const message = `${Math.floor(share * 100)} % of the disk of ${directory} is free (${Math.floor(freeBytes / 2 ** 20)} MiB)`
      if (share >= littleFree) return ok('disk', message)
      const hint = 'make room, or move the directory to another disk; when it is full, mail stays on the mail servers'
      return (freeBytes < 2 * config.mail.maxBytes ? fault : note)('disk', message, hint)
    }),
  )
}

async function* examineDatabase(config: Config, all: boolean): AsyncIterable<Finding> {
  let db: Knex | undefined
  try {
    const { databaseUrl } = await findServers(config)
    const opened = openDatabase(databaseUrl, config.database)
    db = opened
    await checkDatabase(opened)
    yield ok('database', `${await versionOf(opened)} can be reached, and its schema fits`)
    yield* guarded('schema', () => checkMigrations(opened))
    yield* guarded('settings', () => checkSettings(opened))
    yield* guarded('privileges', () => checkPrivileges(opened))
    yield* guarded('clock', () => checkClock(opened))
    yield* guarded('restored', () => checkRestored(opened))
    yield* guarded('daemon', () => checkWorkers(opened))
    yield* guarded('accounts', () => checkAccounts(opened))
    yield* guarded('quarantine', () => checkQuarantine(opened))
    yield* guarded('rules', () => checkRules(opened))
    yield* guarded('coverage', () => checkCoverage(opened))
    yield* guarded('senders', () => checkSenders(opened))
    yield* guarded('raw mail', () => checkRaw(opened, config, { all }))
    yield* guarded('nightly job', () => checkNightly(opened, new Date()))
    yield* guarded('backup', () => checkBackup(opened, new Date()))
    yield* guarded('encryption', () => checkEncryption(opened, config))
    yield* guarded('key files', () => checkKeyFiles(opened, config))
  } catch (error) {
    yield toFault('database', error)
  } finally {
    await db?.destroy()
  }
}

/** What waits for the last older program of a fleet. */
async function checkMigrations(db: Knex): Promise<Finding[]> {
  const pending = (await findMigrations(db)).filter(({ appliedAt }) => appliedAt === null)
  return pending.flatMap(({ name }) =>
    note('schema', `${name} is not applied yet`, 'once every host runs this version, run `letterlock migrate`'),
  )
}

async function versionOf(db: Knex): Promise<string> {
  const [[row]] = (await db.raw('SELECT VERSION() AS version')) as [[{ version: string }]]
  return row.version.includes('MariaDB') ? `MariaDB ${row.version.split('-')[0]}` : `MySQL ${row.version}`
}

async function checkSettings(db: Knex): Promise<Finding[]> {
  const found = judgeServerSettings(await readServerSettings(db))
  if (found.length === 0) return [ok('settings', 'the settings of the database server fit')]
  return found.map(({ level, message, hint }) => ({ check: 'settings', level, message, hint }))
}

/** Statements that touch no row still need the right to touch one. */
const probes = [
  'INSERT INTO settings (name, value) SELECT name, value FROM settings WHERE 1 = 0',
  "UPDATE settings SET value = '' WHERE 1 = 0",
  'DELETE FROM settings WHERE 1 = 0',
]

async function checkPrivileges(db: Knex): Promise<Finding[]> {
  const hint =
    'GRANT SELECT, INSERT, UPDATE, DELETE on the database to its user (and CREATE, ALTER, INDEX, REFERENCES for `letterlock migrate`)'
  for (const probe of probes) {
    try {
      await db.raw(probe)
    } catch (error) {
      return [toFault('privileges', error, hint)]
    }
  }
  return [ok('privileges', 'may read and write')]
}

const skewSeconds = 5

async function checkClock(db: Knex): Promise<Finding[]> {
  const [[row]] = (await db.raw('SELECT UNIX_TIMESTAMP(NOW(3)) AS now')) as [[{ now: string | number }]]
  const skew = Math.abs(Number(row.now) - Date.now() / 1000)
  if (skew < skewSeconds) return [ok('clock', 'agrees with the database’s')]
  const message = `differs from the database’s by ${Math.round(skew)} s`
  return [fault('clock', message, 'let both hosts take their time from NTP')]
}

async function checkRules(db: Knex): Promise<Finding[]> {
  const rules = await findAllRules(db)
  const broken = rules.filter(rule => toConditions(rule.conditionsJson) === undefined)
  if (broken.length === 0) return rules.length === 0 ? [] : [ok('rules', `${rules.length}, all of them make sense`)]
  const names = broken.map(rule => rule.name).join(', ')
  return [
    note(
      'rules',
      `hold for nothing, because their conditions make no sense: ${names}`,
      '`letterlock rule remove NAME`, and add it again',
    ),
  ]
}

async function checkWorkers(db: Knex): Promise<Finding[]> {
  const live = await findLiveWorkers(db)
  const versions = [...new Set(live.map(worker => worker.version))]
  if (live.length > 0) {
    return [
      ok('daemon', `runs on ${[...new Set(live.map(worker => worker.host))].join(', ')}`),
      ...(versions.length === 1
        ? []
        : [
            note(
              'daemon',
              `the versions differ: ${versions.join(', ')}`,
              'finish the upgrade on all hosts (docs/fleets.md)',
            ),
          ]),
    ]
  }
  return [fault('daemon', 'none runs, so no mail comes in', 'systemctl start letterlock, or `npm start` in a clone')]
}

/** What harms nobody yet. */
const notes: ReadonlySet<string> = new Set([
  'backup.unproven',
  'plaintext.written',
  'key.not_held',
  'key_file.not_visible',
  'next_key_file.idle',
])

async function checkEncryption(db: Knex, config: Config): Promise<Finding[]> {
  const status = await readStatus(db, keysOf(config), new Date())
  const { state, sealed, problems } = status
  const found = problems.map(problem =>
    (notes.has(problem.code) ? note : fault)('encryption', problem.code, sentencesForCommand(problem)),
  )
  if (state === 'off') {
    return [
      ...found,
      note(
        'encryption',
        'is off: passwords are in plaintext',
        '`letterlock encryption enable` seals them; until then protect dumps and replicas',
      ),
    ]
  }
  return [...found, ...(state === 'locked' ? [] : [ok('encryption', `is ${state}, ${sealed} passwords are sealed`)])]
}

const lateSeconds = 900
const maxListed = 20

async function checkAccounts(db: Knex): Promise<Finding[]> {
  const accounts = await findAccounts(db)
  const found = accounts.flatMap(toTrouble)
  if (found.length === 0) return [ok('accounts', `${accounts.length}, none in trouble`)]
  const more = found.length - maxListed
  return [
    ...found.slice(0, maxListed),
    ...(more > 0 ? [fault('accounts', `${more} more are in trouble`, '`letterlock account list` shows all')] : []),
  ]
}

/** What the daily comparison with the servers, or the last one on demand, found missing. */
async function checkCoverage(db: Knex): Promise<Finding[]> {
  return (await findUncovered(db))
    .slice(0, maxListed)
    .map(({ accountId, mailbox, uncovered }) =>
      fault(
        'coverage',
        `${uncovered} messages in ${mailbox} of account ${accountId} should have been received and were not`,
        `\`letterlock account coverage ${accountId}\` names them and has them read; the log says why they do not come`,
      ),
    )
}

/** Mail servers that were seen to write of senders and that nobody confirmed yet. */
async function checkSenders(db: Knex): Promise<Finding[]> {
  return (await findProposals(db))
    .slice(0, maxListed)
    .map(({ id, names }) =>
      note(
        'senders',
        `account ${id} trusts no mail server about senders, and ${names.map(name => name || "''").join(', ')} writes of them`,
        `\`letterlock account trust ${id} ${names.map(name => name || "''").join(' ')}\` has it believed`,
      ),
    )
}

function toTrouble({ id, state, code, hint, behindSeconds, canary }: AccountView): Finding[] {
  if (state === 'failing' || state === 'waiting')
    return [fault('accounts', `account ${id} is ${state} (${code})`, hint ?? `letterlock account test ${id}`)]
  if (state === 'paused') return []
  if (canary?.isLate)
    return [
      fault(
        'accounts',
        `account ${id} is active, and its canary did not come: mail may not be received`,
        `letterlock account test ${id}; docs/canary.md says what to look at`,
      ),
    ]
  if (behindSeconds <= lateSeconds) return []
  const message = `account ${id} is behind: its last good poll should have been ${duration(behindSeconds)} ago`
  return [fault('accounts', message, 'does the daemon run? its log says more')]
}

const maxCounted = 100_000

async function checkQuarantine(db: Knex): Promise<Finding[]> {
  const count = await countQuarantined(db, maxCounted)
  if (count === 0) return [ok('quarantine', 'is empty')]
  const message = `${count === maxCounted ? `${count} or more` : count} mails did not become a ticket`
  return [note('quarantine', message, '`letterlock quarantine list` shows why')]
}

const certificateDays = 14

function checkCertificate(file: string): Finding[] {
  if (file === '') return []
  const days = Math.floor((new X509Certificate(readFileSync(file)).validToDate.getTime() - Date.now()) / 86_400_000)
  if (days >= certificateDays) return [ok('web', `the certificate is valid for ${days} more days`)]
  const message = days < 0 ? 'the certificate has expired' : `the certificate expires in ${days} days`
  return [(days < 0 ? fault : note)('web', message, `renew ${file}; the daemon takes the new one by itself`)]
}

/** The files of the certificate, and whether anybody answers. */
async function checkWeb(web: Config['web']): Promise<Finding[]> {
  const unreadable = [web.tlsCertFile, web.tlsKeyFile].filter(file => file !== '' && !isReadable(file))
  if (unreadable.length > 0)
    return unreadable.map(file =>
      fault('web', `${file} cannot be read`, 'let the service user read it; the web interface opens by itself then'),
    )
  return [...checkCertificate(web.tlsCertFile), await checkListener(web)]
}

async function checkListener(web: Config['web']): Promise<Finding> {
  if (web.listen === 'none') return ok('web', 'no web interface is wanted here')
  const at = web.listen.lastIndexOf(':')
  const [host, port] = [web.listen.slice(0, at).replace(/^\[|\]$/g, ''), Number(web.listen.slice(at + 1))]
  if (port === 0 || (await isListening(host, port))) return ok('web', `${web.listen} answers`)
  return note(
    'web',
    `nothing answers at ${web.listen}`,
    'is the daemon running? its log says why the address cannot be had',
  )
}

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK)
    return true
  } catch {
    return false
  }
}

function isListening(host: string, port: number): Promise<boolean> {
  const wildcard = new Map([
    ['0.0.0.0', '127.0.0.1'],
    ['::', '::1'],
  ])
  return new Promise(resolve => {
    const socket = connect({ host: wildcard.get(host) ?? host, port, timeout: 2_000 })
    const end = (answers: boolean) => {
      socket.destroy()
      resolve(answers)
    }
    socket.once('connect', () => end(true))
    for (const event of ['error', 'timeout'] as const) socket.once(event, () => end(false))
  })
}

async function* examineRedis(config: Config): AsyncIterable<Finding> {
  const { openRedis, checkRedis, readInfo, serverNameOf } = await import('../../schedule/redis.ts')
  const redisUrl = config.redis.url || (await findServers(config).catch(() => undefined))?.redisUrl
  if (!redisUrl) {
    return yield note(
      'redis',
      'is embedded and not running',
      'run `npm start`, or set redis.url (LETTERLOCK_REDIS_URL)',
    )
  }
  let redis: ReturnType<typeof openRedis> | undefined
  try {
    redis = openRedis(redisUrl, config.redis, 'commands')
    await checkRedis(redis)
    const info = await readInfo(redis)
    yield ok('redis', `${serverNameOf(info)} can be reached, and evicts nothing`)
    yield info.get('aof_enabled') === '1'
      ? ok('redis', 'keeps its data over a restart')
      : note(
          'redis',
          'does not keep all its data over a restart',
          'nothing is lost by that; `appendonly yes` is quicker',
        )
  } catch (error) {
    yield toFault('redis', error)
  } finally {
    redis?.disconnect()
  }
}
