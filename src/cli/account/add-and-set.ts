// `letterlock account …`: adding and changing accounts. Passwords and tokens come from a prompt, standard input, a file or a provider, and
// go nowhere but into the store.

import type { Knex } from 'knex'
import type { Config } from '../../config/config.ts'
import { AccountError, CommandError } from '../../errors/errors.ts'
import { destinationFaults } from '../../errors/mail.ts'
import type { Login } from '../../fetch/mailbox.ts'
import type { Destination } from '../../model/destination.ts'
import { addressTaken, findAddresses, findRemoved } from '../../store/accounts/account-addresses.ts'
import {
  type AccountChange,
  insertAccount,
  movedPart,
  type NewAccount,
  type NewOAuth,
  updateAccount,
} from '../../store/accounts/account-changes.ts'
import {
  accountDefaults,
  changedDestination,
  faultOfAddress,
  faultOfDestination,
  faultOfPassword,
  type GivenSettings,
  portOf,
  type Settings,
  toSettings,
  toStart,
  withUsualPort,
} from '../../store/accounts/account-settings.ts'
import { type AccountDetail, getAccount } from '../../store/accounts/accounts.ts'
import { type AccountDestination, getDestination } from '../../store/accounts/destinations.ts'
import { isLocal } from '../../store/db/database.ts'
import { insertAudit } from '../../store/people/audit.ts'
import { type Keyring, keysOf, readKeyring } from '../../vault/keys/keyring.ts'
import type { Provider } from '../../vault/oauth/providers.ts'
import { bindingOf } from '../../vault/secrets/bound-destination.ts'
import { destinationWords } from '../../vault/secrets/destination-words.ts'
import { createSecretWriter } from '../../vault/secrets/write-secret.ts'
import { actor } from '../actor.ts'
import { commandContext } from '../command-context.ts'
import { type GlobalOptions, withDatabase } from '../connect.ts'
import { ask, askSecret, confirm, isInteractive, paint, print, readSecretFromStdin, remark } from '../terminal.ts'
import { readCa, readPasswordFile } from './files.ts'
import { type OAuthOptions, readKnown, readProvider, type SignedIn, signIn } from './oauth.ts'

/** Options of `add` and `set`, as given. */
export interface AccountOptions extends GlobalOptions, GivenSettings, OAuthOptions {
  passwordStdin?: boolean
  passwordFile?: string
  askPassword?: boolean
}

export async function addAccount(address: string, options: AccountOptions): Promise<void> {
  const faults = [faultOfAddress(address) ?? []].flat()
  const provider = readProvider(options)
  if (options.host === undefined && provider?.server === undefined)
    faults.push('--host is missing: the name of the IMAP server, as imap.example.com')
  const settings = { ...(options.host === undefined ? provider?.server : {}), ...readSettings(options, faults) }
  const { host = '', security = accountDefaults.security } = settings
  const complete = { ...accountDefaults, port: portOf(security), ...settings, host, address }
  warnOfCleartext(complete)
  const way = provider ?? (await passwordOf(options, address))
  await withDatabase(options, async (db, config) => {
    const given = 'issuer' in way ? await signInFirst(db, way, options, address) : way
    const account: NewAccount = { ...complete, password: null, ...given.secrets }
    const back = (await findRemoved(db, address)) !== undefined
    if (options.start === undefined && !back && isInteractive() && given.login !== undefined)
      account.startFrom = await askStart(account, given.login)
    const id = await insertAccount(db, account, createSecretWriter(keysOf(config)))
    await insertAudit(db, { actor: actor(), action: 'account.add', accountId: id })
    await print(`account ${id} ${back ? 'is back' : 'added'}: ${address}, polled every ${account.everySeconds} s`)
    if (back) await print('reading goes on where it stopped; --start decides of mailboxes that were never read')
    await print(`test it with: letterlock account test ${id}`)
  })
}

/** What an account signs in with: to be stored, and to look at the mailboxes with now. */
async function passwordOf(
  options: AccountOptions,
  address: string,
): Promise<{ secrets: { password: string }; login: Login }> {
  const password = (await givenPassword(options)) ?? (await askPassword(`Password for ${address}: `))
  return { secrets: { password }, login: { kind: 'password', value: Buffer.from(password) } }
}

/** Nobody is sent to a provider for an address that cannot be added. */
async function signInFirst(db: Knex, provider: Provider, options: AccountOptions, address: string): Promise<SignedIn> {
  const [same] = await findAddresses(db, [address])
  if (same !== undefined) throw addressTaken(same.id)
  return await signIn(provider, options, options.username ?? address)
}

/** Checks what was given; all faults at once. Throws CommandError. */
function readSettings(options: AccountOptions, faults: string[] = []): Settings {
  const settings = toSettings(options, faults, name => `--${name}`, readCa)
  if (faults.length === 0) return settings
  throw usage(faults.join('\n       '), '`letterlock account add --help` has examples')
}

function usage(message: string, hint: string): CommandError {
  return new CommandError(message, hint, 2)
}

/** What the options name; undefined where none is given. Throws CommandError for one that is none. */
async function givenPassword(options: AccountOptions): Promise<string | undefined> {
  if (options.passwordStdin && options.passwordFile !== undefined)
    throw usage('--password-stdin and --password-file are both given', 'the password can come from one place only')
  if (options.passwordStdin) return checked(await readSecretFromStdin('Password: '))
  if (options.passwordFile !== undefined) return checked(readPasswordFile(options.passwordFile))
  return undefined
}

function checked(password: string): string {
  const fault = faultOfPassword(password)
  if (fault === undefined) return password
  throw usage(fault, 'give it on standard input with --password-stdin, or in a file with --password-file')
}

async function askPassword(question: string): Promise<string> {
  return checked(isInteractive() ? await askSecret(question) : '')
}

function warnOfCleartext({ security, host }: Pick<Destination, 'security' | 'host'>): void {
  if (security === 'cleartext' && !isLocal(host))
    remark(`warning: with cleartext, everybody between here and ${host} can read the password and the mail`)
}

const manyMails = 500

/** Above 500 mails a person is asked what of them is to become tickets; a server that cannot be asked now is no obstacle. */
async function askStart(account: NewAccount, login: Login): Promise<string> {
  remark(`looking at the mailboxes on ${account.host} …`)
  const counted = await countMails(
    { ...account, username: account.username || account.address },
    login,
    account.mailboxes,
  ).catch(() => 0)
  if (counted <= manyMails) return 'all'
  const answer = await ask(
    `There are ${counted} mails already. Make tickets of all, of new ones only, or since a day? [all/new/YYYY-MM-DD] `,
  )
  const start = toStart(answer.trim() || 'all')
  if (start === undefined) throw usage(`${answer} is none of them`, 'answer all, new or a day as 2026-11-24')
  return start
}

async function countMails(destination: Destination, login: Login, mailboxes: readonly string[]): Promise<number> {
  const { openSession } = await import('../../fetch/imap-session.ts')
  await using session = await openSession({ id: 0 }, destination, login, { timeoutMs: 15_000 })
  let count = 0
  for (const mailbox of mailboxes) count += (await session.status(mailbox)).messages
  return count
}

/** Connects, logs in and counts. Throws what went wrong. */
export async function testAccount(which: string, options: GlobalOptions): Promise<void> {
  await withDatabase(options, async (db, config) => {
    const account = await getAccount(db, which)
    const { oauth, ...destination } = await getDestination(db, account.id)
    const { openSession } = await import('../../fetch/imap-session.ts')
    const { openLogins } = await import('../../vault/oauth/access-tokens.ts')
    const { withSecret } = await import('../../vault/secrets/open-secret.ts')
    const place = keysOf(config)
    const ring = readKeyring(place)
    const logins = openLogins({ db, ring: () => ring, writeSecret: createSecretWriter(place), atOnce: 1 })
    await withinTime(account.id, async signal => {
      await using session = await withSecret({ id: account.id, destination, oauth }, logins, secret =>
        openSession(account, destination, secret, { timeoutMs: 20_000, signal }),
      )
      signal.addEventListener('abort', () => session.close(), { once: true })
      await print(`logged in to ${destination.host}:${destination.port} with ${destination.security}`)
      const read = account.mailboxes.filter(box => box.enabled).map(box => box.name)
      for (const name of account.mailboxes.length === 0 ? ['INBOX'] : read)
        await print(`${name}: ${(await session.status(name)).messages} mails`)
      if (account.afterIngest.startsWith('move:')) await session.status(account.afterIngest.slice('move:'.length))
    })
    await print(paint('green', 'all is well'))
  })
}

const testSeconds = 60

/** A server that answers every step a little too late would keep the person waiting for long. Throws `imap.timeout`. */
async function withinTime(accountId: number, test: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const signal = AbortSignal.timeout(testSeconds * 1000)
  try {
    await test(signal)
  } catch (error) {
    if (!signal.aborted) throw error
    throw new AccountError('imap.timeout', `account ${accountId}: the test did not end within ${testSeconds} s`, {
      temporary: true,
      hint: 'the server answers too slowly: check --host and --port, and ask who runs the mail server',
      cause: error,
    })
  }
}

export async function setAccount(which: string, options: AccountOptions & { yes?: boolean }): Promise<void> {
  const { startFrom, ...settings } = readSettings(options)
  if (startFrom !== undefined) throw usage('--start cannot be changed', 'it is decided once, when the account is added')
  const provider = readProvider(options)
  const asks = options.askPassword === true || (options.passwordStdin === true && commandContext().stdin.isTTY === true)
  if (asks && !isInteractive()) checked('')
  const given = asks ? undefined : await givenPassword(options)
  if (Object.keys(settings).length === 0 && !asks && given === undefined && provider === undefined)
    throw usage('nothing to change was given', '`letterlock account set --help` lists what there is')
  await withDatabase(options, async (db, config) => {
    const account = await getAccount(db, which)
    const before = await getDestination(db, account.id)
    const usual = withUsualPort(before, settings)
    const moved = movedPart(before, usual)
    const asksAgain = moved !== undefined && given === undefined && before.oauth === null && isInteractive()
    if (asks || asksAgain || given !== undefined || provider !== undefined)
      await confirmDestination(db, readKeyring(keysOf(config)), account, before, usual, options)
    const question = asks ? 'New password: ' : `The ${moved} of account ${account.id} changes. Its password again: `
    const password = asks || asksAgain ? await askPassword(question) : given
    const typed = password === undefined ? {} : { password }
    const secrets = provider === undefined ? typed : await signInAgain(db, config, provider, account, before, options)
    const change: AccountChange = { ...settings, ...secrets, ...usual }
    warnOfCleartext({ ...before, ...change })
    await updateAccount(db, account.id, change, createSecretWriter(keysOf(config)), before)
    const changed = Object.keys(change).map(name => words[name] ?? name)
    await insertAudit(db, {
      actor: actor(),
      action: 'account.set',
      accountId: account.id,
      detail: { changed: changed.join(', ') },
    })
    await print(`account ${account.id} changed: ${changed.join(', ')}`)
  })
}

/**
 * Says where a new secret will go before anybody gives it. Where the row names another destination than the old secret was stored for,
 * somebody changed it in the database: a person has to confirm that one. Throws CommandError.
 */
async function confirmDestination(
  db: Knex,
  ring: Keyring,
  { id, address }: AccountDetail,
  before: AccountDestination,
  change: AccountChange,
  options: { yes?: boolean },
): Promise<void> {
  const target = changedDestination(address, before, change)
  const fault = faultOfDestination(target)
  if (fault !== undefined)
    throw usage(
      `account ${id}: ${destinationFaults[fault.reason](fault.value)}`,
      'give a right one, and find out who writes to the table',
    )
  const where = destinationWords(target)
  if ((await bindingOf(db, ring, id, before, target)) !== 'changed') {
    if (isInteractive()) remark(`what account ${id} signs in with will be sent to ${where}`)
    return
  }
  await confirm(
    `The destination of account ${id} was changed in the database since its secret was stored. Let a new one be sent to ${where}?`,
    options,
  )
}

/** What is stored of the client need not be given again. */
async function signInAgain(
  db: Knex,
  config: Config,
  provider: Provider,
  { id, username }: AccountDetail,
  before: AccountDestination,
  options: AccountOptions,
): Promise<{ oauth: NewOAuth }> {
  const known = await readKnown(db, readKeyring(keysOf(config)), id, before)
  return (await signIn(provider, options, options.username ?? username, known)).secrets
}

const words: Readonly<Record<string, string>> = {
  oauth: 'OAuth sign-in',
  caPem: 'CA',
  everySeconds: 'interval',
  afterIngest: 'after',
  username: 'user name',
}
