// `letterlock setup`: from an installed package to a running service. It asks a person for what was not given as an option, and may be run again:
// what is there already is kept. Passwords go from a terminal or a file into files, never through arguments.
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { type Config, toConfig } from '../../config/config.ts'
import { CommandError } from '../../errors/errors.ts'
import { commandContext } from '../command-context.ts'
import type { GlobalOptions } from '../connect.ts'
import { migrateSchema } from '../migrate.ts'
import { ask, askSecret, isInteractive, print, remark } from '../terminal.ts'
import { type Admin, createDatabase, isReachable } from './create-database.ts'
import { checkAccessToFiles, keepPassword, writeSettings } from './files.ts'
import { doctorAsService, startService } from './service.ts'
import { setValues } from './set-values.ts'

export interface SetupOptions extends GlobalOptions {
  database?: string
  databasePasswordFile?: string
  existingDatabase?: boolean
  admin?: string
  adminPasswordFile?: string
  redis?: string
  redisPasswordFile?: string
  service: boolean
}

const defaultFile = '/etc/letterlock/letterlock.toml'
const localSocket = '/run/mysqld/mysqld.sock'

/** Resolves to the exit code of the doctor. */
export async function setUp(options: SetupOptions): Promise<0 | 1> {
  checkUrls(options)
  const file = path.resolve(options.config ?? commandContext().env.LETTERLOCK_CONFIG ?? defaultFile)
  checkAccessToFiles(file)
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const before = parse(file, text)

  const redisUrl = await choose('Redis', options.redis, before.redis.url || 'redis://127.0.0.1:6379/0')
  const databaseUrl = await choose('Database', options.database, before.database.url || localDatabase())
  const passwordFile =
    before.database.url === databaseUrl
      ? before.database.passwordFile
      : before.database.passwordFile || path.join(path.dirname(file), 'database-password')
  const settings = setValues(text, [
    { section: 'redis', key: 'url', value: redisUrl },
    ...passwordSetting('redis', options.redisPasswordFile, before.redis.passwordFile),
    { section: 'database', key: 'url', value: databaseUrl },
    ...passwordSetting('database', options.databasePasswordFile, passwordFile),
  ])
  const config = parse(file, settings)
  await checkRedisServer(config)
  await prepareDatabase(config, options)
  writeSettings(file, settings)
  await migrateSchema({ config: file })
  if (options.service) await startService(config)
  const code = await doctorAsService(file)
  await print('next: letterlock account add support@example.com --host imap.example.com')
  return code
}

/** Arguments are seen by every user of the host. */
function checkUrls({ database, admin, redis }: Partial<SetupOptions>): void {
  for (const [option, url] of Object.entries({ database, admin, redis })) {
    if (url === undefined) continue
    if (!URL.canParse(url)) throw new CommandError(`--${option}: this is not a URL`, urlExamples, 2)
    if (new URL(url).password !== '')
      throw new CommandError(
        `--${option}: a URL with a password would show it to every user of this host`,
        `write the password into a file and name it with --${option}-password-file`,
        2,
      )
  }
}

const urlExamples = 'as mysql://letterlock@db.example.com/letterlock or redis://127.0.0.1:6379/0'

function parse(file: string, toml: string): Config {
  return toConfig({ file, toml, env: {}, directory: path.dirname(file) })
}

/** What was given, else what a person says, else the standard. */
async function choose(what: string, given: string | undefined, standard: string | undefined): Promise<string> {
  if (given !== undefined) return given
  if (!isInteractive()) {
    if (standard !== undefined) return standard
    throw new CommandError(
      'there is no database server on this host',
      'apt-get install mariadb-server, or name a server with --database mysql://letterlock@HOST/letterlock',
      2,
    )
  }
  const answer = (await ask(`${what}${standard === undefined ? '' : ` [${standard}]`}: `)).trim()
  if (answer !== '') checkUrls({ [what.toLowerCase()]: answer })
  const chosen = answer === '' ? standard : answer
  if (chosen === undefined) throw new CommandError('a database is needed', urlExamples, 2)
  return chosen
}

/** The one that Debian's MariaDB or MySQL runs on this host. */
function localDatabase(): string | undefined {
  return existsSync(localSocket) ? `mysql://letterlock@localhost/letterlock?socket=${localSocket}` : undefined
}

function passwordSetting(
  section: 'database' | 'redis',
  given: string | undefined,
  standard: string,
): { section: string; key: string; value: string }[] {
  const value = given === undefined ? standard : path.resolve(given)
  return value === '' ? [] : [{ section, key: 'password_file', value }]
}

async function checkRedisServer(config: Config): Promise<void> {
  const { checkRedis, openRedis } = await import('../../schedule/redis.ts')
  const redis = openRedis(config.redis.url, config.redis, 'commands')
  try {
    await checkRedis(redis)
  } finally {
    redis.disconnect()
  }
}

/** The user and the database exist at the end, and the password file holds what lets them in. */
async function prepareDatabase(config: Config, options: SetupOptions): Promise<void> {
  const { url, passwordFile } = config.database
  if ((passwordFile === '' || existsSync(passwordFile)) && (await isReachable(config))) {
    remark('the database is there already')
    return
  }
  if (options.existingDatabase || options.databasePasswordFile !== undefined) {
    await keepPassword(passwordFile, () => askForPassword(url, '--database-password-file'))
    if (await isReachable(config)) return
    throw new CommandError(
      'the database server refuses this user, or the database does not exist',
      'leave out --existing-database and --database-password-file, and setup makes both',
    )
  }
  const password = await keepPassword(passwordFile, async () => randomBytes(24).toString('base64url'))
  await createDatabase(url, password, await findAdmin(url, options), config.database)
  remark(`made the database and its user; the password is in ${passwordFile}`)
}

/** Root over the local socket needs no password; elsewhere an administrator of the server is named. */
async function findAdmin(url: string, options: SetupOptions): Promise<Admin> {
  const { host, searchParams } = new URL(url)
  const socket = searchParams.get('socket')
  const standard = socket === null ? `mysql://root@${host}/` : `mysql://root@localhost/?socket=${socket}`
  if (socket === null && options.admin === undefined && !isInteractive()) {
    throw new CommandError(
      'setup needs an administrator of the database server to make the database',
      `--admin ${standard} --admin-password-file FILE, or --existing-database --database-password-file FILE`,
      2,
    )
  }
  const admin = socket === null ? await choose('Admin', options.admin, standard) : (options.admin ?? standard)
  if (options.adminPasswordFile !== undefined)
    return { url: admin, passwordFile: path.resolve(options.adminPasswordFile) }
  if (new URL(admin).searchParams.has('socket')) return { url: admin }
  return { url: admin, password: await askForPassword(admin, '--admin-password-file') }
}

async function askForPassword(url: string, option: string): Promise<string> {
  const { username } = new URL(url)
  if (isInteractive()) return await askSecret(`Password of ${username}: `)
  throw new CommandError(`the password of ${username} is needed`, `name a file that holds it: ${option} FILE`, 2)
}
