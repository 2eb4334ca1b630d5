// `letterlock account …`
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Knex } from 'knex'
import { CommandError } from '../errors.ts'
import type { Destination } from '../fetch/mailbox.ts'
import {
  type AccountChange,
  type AccountDetail,
  type AccountView,
  findAccounts,
  getAccount,
  getDestination,
  insertAccount,
  makeDue,
  type NewAccount,
  removeAccount,
  updateAccount,
  updateEnabled,
} from '../store/accounts.ts'
import { insertAudit } from '../store/audit.ts'
import { actor } from './actor.ts'
import { type GlobalOptions, withDatabase, withRedis } from './connect.ts'
import {
  ask,
  askSecret,
  confirm,
  isInteractive,
  paint,
  print,
  printJson,
  printTable,
  readSecretFromStdin,
  time,
} from './terminal.ts'

/** Options of `add` and `set`, as given. */
export interface AccountOptions extends GlobalOptions {
  host?: string
  port?: string
  security?: string
  username?: string
  mailbox?: string[]
  every?: string
  start?: string
  after?: string
  ca?: string
  oauth?: string
  passwordStdin?: boolean
  passwordFile?: string
}

export async function addAccount(address: string, options: AccountOptions): Promise<void> {
  refuseOauth(options)
  const settings = toSettings(options)
  const { host } = settings
  if (!/^[^\s@]+@[^\s@]+$/.test(address)) throw usage(`${address} is not an address`, 'as in support@example.com')
  if (host === undefined) throw usage('--host is missing', 'the name of the IMAP server, as imap.example.com')
  const password =
    (await readPassword(options)) ?? (isInteractive() ? await askSecret(`Password for ${address}: `) : undefined)
  if (password === undefined || password === '') {
    throw usage(
      'the password is missing',
      'give it on standard input with --password-stdin, or in a file with --password-file',
    )
  }
  await withDatabase(options, async db => {
    const account = { ...defaults, ...settings, host, address, password, startFrom: settings.startFrom ?? 'all' }
    if (options.start === undefined && isInteractive()) account.startFrom = await askStart(account, password)
    const id = await insertAccount(db, account)
    await insertAudit(db, { actor: actor(), action: 'account.add', accountId: id })
    await print(`account ${id} added: ${address}, polled every ${account.everySeconds} s`)
    await print(`test it with: letterlock account test ${id}`)
  })
}

const defaults: Omit<NewAccount, 'address' | 'host' | 'password'> = {
  port: 993,
  security: 'tls',
  username: '',
  caPem: null,
  everySeconds: 60,
  afterIngest: 'keep',
  startFrom: 'all',
  mailboxes: ['INBOX'],
  enabled: true,
}

type Settings = Partial<
  Pick<
    NewAccount,
    'host' | 'port' | 'security' | 'username' | 'caPem' | 'everySeconds' | 'afterIngest' | 'startFrom' | 'mailboxes'
  >
>

/** Checks what was given; all faults at once. Throws CommandError. */
export function toSettings(options: AccountOptions): Settings {
  const faults: string[] = []
  const check = <T>(
    value: string | undefined,
    name: string,
    read: (text: string) => T | undefined,
    allowed: string,
  ): T | undefined => {
    const result = value === undefined ? undefined : read(value)
    if (value !== undefined && result === undefined) faults.push(`${name} ${value}: ${allowed}`)
    return result
  }
  const security = check(options.security, '--security', toSecurity, 'must be tls, starttls or cleartext')
  const port =
    check(options.port, '--port', toPort, 'must be a number from 1 to 65535') ??
    (security === undefined ? undefined : portOf(security))
  const settings: Record<string, unknown> = {
    host: check(options.host, '--host', toHost, 'must be a host name or an IP address, without a scheme or a port'),
    port,
    security,
    username: options.username,
    everySeconds: check(options.every, '--every', toSeconds, 'must be a time from 1s to 24h, as 60s or 5m'),
    startFrom: check(options.start, '--start', toStart, 'must be all, new or a day as 2026-11-24'),
    afterIngest: check(options.after, '--after', toAfter, 'must be keep, seen, delete or move:MAILBOX'),
    caPem: options.ca === undefined ? undefined : readCa(options.ca, faults),
    mailboxes: options.mailbox,
  }
  if (faults.length > 0) throw new CommandError(faults.join('\n       '), undefined, 2)
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))
}

function toSecurity(text: string): Destination['security'] | undefined {
  return text === 'tls' || text === 'starttls' || text === 'cleartext' ? text : undefined
}

function portOf(security: Destination['security']): number {
  return security === 'tls' ? 993 : 143
}

function toPort(text: string): number | undefined {
  const port = Number(text)
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined
}

function toHost(text: string): string | undefined {
  return /^[\p{L}\p{N}._-]{1,255}$|^[0-9a-f:.]+$/iu.test(text) ? text : undefined
}

function toSeconds(text: string): number | undefined {
  const [, number, unit = 's'] = /^(\d{1,5})\s*(s|m|h)?$/.exec(text) ?? []
  const seconds = Number(number) * (unit === 'h' ? 3600 : unit === 'm' ? 60 : 1)
  return seconds >= 1 && seconds <= 86_400 ? seconds : undefined
}

function toStart(text: string): string | undefined {
  if (text === 'all' || text === 'new') return text
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)) ? text : undefined
}

function toAfter(text: string): string | undefined {
  return /^(keep|seen|delete|move:.{1,290})$/.test(text) ? text : undefined
}

function readCa(file: string, faults: string[]): string | undefined {
  try {
    const pem = readFileSync(file, 'utf8')
    new X509Certificate(pem)
    return pem
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    faults.push(`--ca ${file}: ${missing ? 'there is no such file' : 'must be a file with a certificate in PEM form'}`)
    return undefined
  }
}

function refuseOauth(options: AccountOptions): void {
  if (options.oauth !== undefined)
    throw usage(
      'signing in with OAuth is not available in this version',
      'use a password, or an app password of the provider',
    )
}

function usage(message: string, hint: string): CommandError {
  return new CommandError(message, hint, 2)
}

async function readPassword(options: AccountOptions): Promise<string | undefined> {
  if (options.passwordStdin) return await readSecretFromStdin()
  if (options.passwordFile === undefined) return undefined
  try {
    return readFileSync(options.passwordFile, 'utf8').split(/\r?\n/, 1)[0]
  } catch {
    throw usage(`the password file ${options.passwordFile} cannot be read`, 'check the path and its permissions')
  }
}

const manyMails = 500

/** Above 500 mails a person is asked what of them is to become tickets; a server that cannot be asked now is no obstacle. */
async function askStart(account: NewAccount, password: string): Promise<string> {
  const counted = await countMails(
    { ...account, username: account.username || account.address },
    password,
    account.mailboxes,
  ).catch(() => 0)
  if (counted <= manyMails) return 'all'
  const answer = await ask(
    `There are ${counted} mails already. Make tickets of all, of new ones only, or since a day? [all/new/YYYY-MM-DD] `,
  )
  const start = toStart(answer.trim() === '' ? 'all' : answer.trim())
  if (start === undefined) throw usage(`${answer} is none of them`, 'answer all, new or a day as 2026-11-24')
  return start
}

async function countMails(destination: Destination, password: string, mailboxes: readonly string[]): Promise<number> {
  const { openSession } = await import('../fetch/imap-session.ts')
  await using session = await openSession({ id: 0 }, destination, Buffer.from(password), { timeoutMs: 15_000 })
  let count = 0
  for (const mailbox of mailboxes) count += (await session.status(mailbox)).messages
  return count
}

export async function listAccounts(options: GlobalOptions & { json?: boolean }): Promise<void> {
  await withDatabase(options, async db => {
    const accounts = await findAccounts(db)
    if (options.json) return await printJson(accounts)
    if (accounts.length === 0) return await print('no accounts yet: letterlock account add ADDRESS --host HOST')
    await printTable(
      ['ID', 'ADDRESS', 'SERVER', 'STATE', 'LAST SUCCESS', 'WHAT TO DO'],
      accounts.map(account => [
        String(account.id),
        account.address,
        `${account.host}:${account.port}`,
        stateOf(account),
        time(account.lastSuccessAt),
        account.state === 'active' ? '' : `${account.code ?? ''} ${account.hint ?? ''}`,
      ]),
    )
  })
}

function stateOf(account: AccountView): string {
  return account.state
}

export async function showAccount(which: string, options: GlobalOptions & { json?: boolean }): Promise<void> {
  await withDatabase(options, async db => {
    const account = await getAccount(db, which)
    if (options.json) return await printJson([account])
    for (const [name, value] of factsOf(account)) await print(`${paint('bold', name.padEnd(14))} ${value}`)
  })
}

function factsOf(account: AccountDetail): [string, string][] {
  const boxes = account.mailboxes.map(
    box => `${box.name}${box.enabled ? '' : ' (not polled)'} up to UID ${box.lastUid}`,
  )
  return [
    ['account', `${account.id}`],
    ['address', account.address],
    ['server', `${account.host}:${account.port}, ${account.security}${account.ownCa ? ', own CA' : ''}`],
    ['user name', account.username],
    ['password', account.hasPassword ? 'stored' : 'none'],
    ['mailboxes', boxes.join(', ') || 'INBOX'],
    ['every', `${account.everySeconds} s`],
    ['start', account.startFrom],
    ['after', account.afterIngest],
    ['state', account.state],
    ['last success', time(account.lastSuccessAt)],
    ['last attempt', time(account.lastAttemptAt)],
    [
      'next attempt',
      account.state === 'paused' ? '-' : account.nextAttemptAt === null ? 'now' : time(account.nextAttemptAt),
    ],
    ...(account.code === null
      ? []
      : ([
          ['code', account.code],
          ['what to do', account.hint ?? ''],
        ] as [string, string][])),
  ]
}

/** Connects, logs in and counts. Throws what went wrong. */
export async function testAccount(which: string, options: GlobalOptions): Promise<void> {
  await withDatabase(options, async db => {
    const account = await getAccount(db, which)
    const destination = await getDestination(db, account.id)
    const { openSession } = await import('../fetch/imap-session.ts')
    const { openStored, withSecret } = await import('../vault/credentials.ts')
    const open = openStored(db)
    await using session = await withSecret(account, open, secret =>
      openSession(account, destination, secret.password, { timeoutMs: 20_000 }),
    )
    await print(`logged in to ${destination.host}:${destination.port} over ${destination.security}`)
    const names =
      account.mailboxes.length === 0 ? ['INBOX'] : account.mailboxes.filter(box => box.enabled).map(box => box.name)
    for (const name of names) await print(`${name}: ${(await session.status(name)).messages} mails`)
    if (account.afterIngest.startsWith('move:')) await session.status(account.afterIngest.slice(5))
    await print(paint('green', 'all is well'))
  })
}

export async function setAccount(which: string, options: AccountOptions): Promise<void> {
  refuseOauth(options)
  const settings = toSettings(options)
  const password = await readPassword(options)
  const { startFrom: _, ...rest } = settings
  const change: AccountChange = { ...rest, ...(password === undefined ? {} : { password }) }
  if (options.start !== undefined)
    throw usage('--start is decided when an account is added', 'remove the account and add it again')
  if (Object.keys(change).length === 0)
    throw usage('nothing to change was given', '`letterlock account set --help` lists what there is')
  await withDatabase(options, async db => {
    const account = await getAccount(db, which)
    await updateAccount(db, account.id, change)
    await insertAudit(db, {
      actor: actor(),
      action: 'account.set',
      accountId: account.id,
      detail: { changed: Object.keys(change).join(' ') },
    })
    await print(`account ${account.id} changed: ${Object.keys(change).join(', ')}`)
  })
}

export async function pauseAccount(which: string, options: GlobalOptions): Promise<void> {
  await switchAccount(which, options, false)
}

export async function resumeAccount(which: string, options: GlobalOptions): Promise<void> {
  await switchAccount(which, options, true)
}

async function switchAccount(which: string, options: GlobalOptions, enabled: boolean): Promise<void> {
  await withDatabase(options, async db => {
    const account = await getAccount(db, which)
    await updateEnabled(db, account.id, enabled)
    await insertAudit(db, {
      actor: actor(),
      action: enabled ? 'account.resume' : 'account.pause',
      accountId: account.id,
    })
    await print(`account ${account.id} is ${enabled ? 'polled again' : 'paused'}`)
  })
}

export async function pollNow(which: string, options: GlobalOptions): Promise<void> {
  await withDatabase(options, async (db, config) => {
    const account = await getAccount(db, which)
    if (!account.enabled)
      throw new CommandError(`account ${account.id} is paused`, `letterlock account resume ${account.id}`)
    const owner = await makeDue(db, account.id)
    if (owner === null) return await print(`no daemon runs; account ${account.id} is polled once one does`)
    await withRedis(config, async redis => {
      if (redis === undefined)
        return await print(`Redis cannot be reached; account ${account.id} is polled at its next slot`)
      const { requestPoll } = await import('../schedule/queue.ts')
      await requestPoll(redis, config.redis.prefix, owner, account.id)
      await print(`account ${account.id} is polled now`)
    })
  })
}

export async function deleteAccount(which: string, options: GlobalOptions & { yes?: boolean }): Promise<void> {
  await withDatabase(options, async db => {
    const account = await getAccount(db, which)
    await confirm(
      `Remove account ${account.id} (${account.address}) and its password? Its tickets stay.`,
      options.yes === true,
    )
    await removeAccount(db, account.id)
    await insertAudit(db, { actor: actor(), action: 'account.remove', accountId: account.id })
    await print(`account ${account.id} removed; its tickets and mails stay`)
  })
}

/** All lines of the file, or none. */
export async function importAccounts(file: string, options: GlobalOptions): Promise<void> {
  const { parseAccountsCsv } = await import('./accounts-csv.ts')
  const accounts = parseAccountsCsv(readText(file), file)
  await withDatabase(options, async db => {
    await insertAll(db, accounts)
    await print(`${accounts.length} accounts added`)
  })
}

async function insertAll(db: Knex, accounts: readonly { line: number; account: NewAccount }[]): Promise<void> {
  await db.transaction(async trx => {
    for (const { line, account } of accounts) {
      try {
        const id = await insertAccount(trx, account)
        await insertAudit(trx, { actor: actor(), action: 'account.import', accountId: id })
      } catch (error) {
        if (error instanceof CommandError)
          throw new CommandError(`line ${line}: ${error.message}; nothing was added`, error.hint)
        throw error
      }
    }
  })
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : 'cannot be read'
    throw new CommandError(`the file ${file} ${why}`, 'check the path', 2)
  }
}

export { defaults as accountDefaults }
