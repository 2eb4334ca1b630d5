// `letterlock doctor`: looks at everything that the daemon needs and says what to do for each finding.
import { statSync } from 'node:fs'
import path from 'node:path'
import type { Knex } from 'knex'
import type { Config } from '../config.ts'
import { IngestError } from '../errors.ts'
import { findAccounts } from '../store/accounts.ts'
import { checkDatabase, checkServer, openDatabase } from '../store/database.ts'
import { findUsedBatches } from '../store/sources.ts'
import { findLiveWorkers } from '../store/workers.ts'
import { findServers, type GlobalOptions, loadConfig, openRaw } from './connect.ts'
import { paint, print, printJson } from './terminal.ts'

export interface Finding {
  check: string
  level: 'ok' | 'note' | 'fault'
  message: string
  hint: string | null
}

const ok = (check: string, message: string): Finding => ({ check, level: 'ok', message, hint: null })
const note = (check: string, message: string, hint: string): Finding => ({ check, level: 'note', message, hint })
const fault = (check: string, message: string, hint: string): Finding => ({ check, level: 'fault', message, hint })

/** Resolves to 1 if something is wrong. */
export async function runDoctor(options: GlobalOptions & { json?: boolean }): Promise<0 | 1> {
  const findings = await examine(options)
  if (options.json) await printJson(findings)
  else for (const finding of findings) await printFinding(finding)
  return findings.some(finding => finding.level === 'fault') ? 1 : 0
}

async function printFinding({ check, level, message, hint }: Finding): Promise<void> {
  const sign =
    level === 'ok' ? paint('green', 'ok   ') : level === 'note' ? paint('yellow', 'note ') : paint('red', 'FAULT')
  await print(`${sign} ${check.padEnd(14)} ${message}`)
  if (hint !== null) await print(`      ${''.padEnd(14)} → ${hint}`)
}

async function examine(options: GlobalOptions): Promise<Finding[]> {
  let config: Config
  try {
    config = loadConfig(options)
  } catch (error) {
    return [toFault('configuration', error)]
  }
  const findings = [ok('configuration', 'is valid')]
  findings.push(...checkDirectories(config), checkKeyFile(config))
  return [...findings, ...(await checkDatabaseSide(config)), ...(await checkRedisSide(config))]
}

function toFault(check: string, error: unknown): Finding {
  if (error instanceof IngestError) return fault(check, error.message, error.hint ?? '')
  return fault(check, error instanceof Error ? error.message : String(error), 'see the log')
}

function checkDirectories(config: Config): Finding[] {
  return [config.data.directory, path.join(config.data.directory, 'raw')].map(directory => {
    try {
      const { mode, uid } = statSync(directory)
      if ((mode & 0o077) !== 0 && directory.endsWith('raw')) {
        return fault('permissions', `${directory} can be read by others`, `chmod 700 ${directory}`)
      }
      if (uid !== process.getuid?.())
        return note(
          'permissions',
          `${directory} belongs to user ${uid}`,
          'run this as the service user, or see that it is the service user’s',
        )
      return ok('permissions', `${directory} is in order`)
    } catch {
      return note('permissions', `${directory} does not exist yet`, 'it is made at the first start')
    }
  })
}

function checkKeyFile(config: Config): Finding {
  try {
    const { mode, size } = statSync(config.encryption.keyFile)
    if (size !== 32)
      return fault(
        'key file',
        `${config.encryption.keyFile} has ${size} bytes instead of 32`,
        'put the right file back from its backup',
      )
    if ((mode & 0o007) !== 0)
      return fault(
        'key file',
        `${config.encryption.keyFile} can be read by others`,
        `chmod 600 ${config.encryption.keyFile}`,
      )
    return ok('key file', 'is there')
  } catch {
    return note('key file', 'there is none: passwords are stored in plaintext', 'see the manual on encryption')
  }
}

async function checkDatabaseSide(config: Config): Promise<Finding[]> {
  let db: Knex | undefined
  try {
    const { databaseUrl } = await findServers(config)
    db = openDatabase(databaseUrl, config.database)
    await checkServer(db)
    await checkDatabase(db)
    return [
      ok('database', 'can be reached, and its schema fits'),
      await checkClock(db),
      await checkWorkers(db),
      ...(await checkAccounts(db)),
      await checkRaw(db, config),
    ]
  } catch (error) {
    return [toFault('database', error)]
  } finally {
    await db?.destroy()
  }
}

const skewSeconds = 5

async function checkClock(db: Knex): Promise<Finding> {
  const [[row]] = (await db.raw('SELECT UNIX_TIMESTAMP(NOW(3)) AS now')) as [[{ now: string | number }]]
  const skew = Math.abs(Number(row.now) - Date.now() / 1000)
  if (skew < skewSeconds) return ok('clock', 'agrees with the database’s')
  return fault(
    'clock',
    `differs from the database’s by ${Math.round(skew)} s`,
    'let both hosts take their time from NTP',
  )
}

async function checkWorkers(db: Knex): Promise<Finding> {
  const live = await findLiveWorkers(db)
  if (live.length > 0) return ok('daemon', `runs on ${[...new Set(live.map(worker => worker.host))].join(', ')}`)
  return fault('daemon', 'none runs, so no mail comes in', 'systemctl start letterlock, or `npm start` in a clone')
}

const behindSeconds = 3_600

async function checkAccounts(db: Knex): Promise<Finding[]> {
  const accounts = await findAccounts(db)
  const bad = accounts.filter(account => account.state === 'failing' || account.state === 'waiting')
  const late = accounts.filter(account => account.state === 'active' && account.behindSeconds > behindSeconds)
  if (bad.length + late.length === 0) return [ok('accounts', `${accounts.length}, none in trouble`)]
  return [
    ...bad.map(account =>
      fault('accounts', `account ${account.id} is ${account.state} (${account.code})`, account.hint ?? ''),
    ),
    ...late.map(account =>
      fault(
        'accounts',
        `account ${account.id} had no successful poll for ${account.behindSeconds} s`,
        'see the daemon’s log',
      ),
    ),
  ]
}

async function checkRaw(db: Knex, config: Config): Promise<Finding> {
  const raw = await openRaw(config)
  const batches: string[] = []
  for await (const batch of raw.batches()) batches.push(batch)
  const used = new Set<string>()
  for (let i = 0; i < batches.length; i += 1_000) {
    for (const batch of await findUsedBatches(db, batches.slice(i, i + 1_000))) used.add(batch)
  }
  const without = batches.length - used.size
  if (without === 0) return ok('raw mail', `${batches.length} batches, all with rows`)
  return note(
    'raw mail',
    `${without} of ${batches.length} batches have no rows (left by a crash, or newer than a restored database)`,
    '`letterlock source recover` takes their mails in; known ones are not doubled',
  )
}

async function checkRedisSide(config: Config): Promise<Finding[]> {
  const { openRedis, checkRedis, readInfo } = await import('../schedule/redis.ts')
  const urls = await findServers(config).catch(() => undefined)
  if (urls === undefined || urls.redisUrl === '')
    return [note('redis', 'is embedded and not running', 'run `npm start`, or set redis.url')]
  const redis = openRedis(urls.redisUrl, config.redis, 'commands')
  try {
    await checkRedis(redis)
    const info = await readInfo(redis)
    const durable = info.get('aof_enabled') === '1'
    return [
      ok('redis', `${info.get('redis_version')}, evicts nothing`),
      durable
        ? ok('redis', 'keeps its data over a restart')
        : note(
            'redis',
            'does not keep its data over a restart (appendonly is off)',
            'nothing is lost by that: schedules are rebuilt; appendonly yes makes it quicker',
          ),
    ]
  } catch (error) {
    return [toFault('redis', error)]
  } finally {
    redis.disconnect()
  }
}
