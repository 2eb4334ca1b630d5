// `letterlock account add | set | test`. Passwords and tokens come from a prompt, standard input, a file or a provider, and go nowhere but into the
// store.
import type { z } from 'zod'
import { CommandError } from '../../errors/errors.ts'
import { destinationFaults } from '../../errors/mail.ts'
import type { Login } from '../../fetch/mailbox.ts'
import type { Destination } from '../../model/destination.ts'
import {
  accountChange,
  type accountTest,
  newAccount,
  password as passwordField,
  toNewAccount,
  toStart,
} from '../../operations/account-input.ts'
import { addAccount as add } from '../../operations/add-account.ts'
import { type ChangePlan, changeAccount as change, planChange } from '../../operations/change-account.ts'
import type { Deps } from '../../operations/deps.ts'
import { checkInput, type Fault, InputError } from '../../operations/operation.ts'
import { type Tested, testAccount as test } from '../../operations/test-account.ts'
import { addressTaken, findAddresses, findRemoved } from '../../store/accounts/account-addresses.ts'
import type { NewAccount, NewOAuth } from '../../store/accounts/account-changes.ts'
import { faultOfDestination } from '../../store/accounts/account-settings.ts'
import { isLocal } from '../../store/db/database.ts'
import { readKeyring } from '../../vault/keys/keyring.ts'
import type { Provider } from '../../vault/oauth/providers.ts'
import { destinationWords } from '../../vault/secrets/destination-words.ts'
import { commandActor } from '../actor.ts'
import { commandContext } from '../command-context.ts'
import { type GlobalOptions, withDeps } from '../connect.ts'
import { inWords } from '../faults.ts'
import { ask, askSecret, confirm, isInteractive, paint, print, readSecretFromStdin, remark } from '../terminal.ts'
import { chooseServer } from './discover.ts'
import { readCa, readPasswordFile } from './files.ts'
import { type OAuthOptions, readKnown, readProvider, type SignedIn, signIn } from './oauth.ts'

/** Options of `add` and `set`, as given. */
export interface AccountOptions extends GlobalOptions, OAuthOptions {
  host?: string
  port?: string
  security?: string
  username?: string
  mailbox?: readonly string[]
  every?: string
  push?: string
  canary?: string
  start?: string
  after?: string
  /** A file; false: the system's CAs again. */
  ca?: string | false
  /** False: none any more. */
  authservId?: readonly string[] | false
  passwordStdin?: boolean
  passwordFile?: string
  askPassword?: boolean
}

/** The fields of an operation that options name; what was not given is left out. */
function toFields(options: AccountOptions, faults: Fault[]): Record<string, unknown> {
  const { host, port, security, username, mailbox, every, push, canary, start, after, ca, authservId } = options
  const pem =
    typeof ca === 'string' ? readCa(ca, text => faults.push({ path: ['ca'], text })) : ca === false ? null : ca
  const fields = {
    host,
    port,
    security,
    username,
    mailboxes: mailbox,
    every,
    push,
    canary,
    start,
    after,
    ca: pem,
    authservIds: authservId === false ? null : authservId,
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

/** Checks what was given, but for the secret, which nobody is asked for in vain; all faults at once. Throws CommandError. */
function checkOptions<Input extends z.ZodType>(
  schema: Input,
  given: Record<string, unknown>,
  options: AccountOptions,
  ofFiles: readonly Fault[],
): z.output<Input> {
  const faults = [...ofFiles]
  try {
    // Stands for what is asked for later.
    const read = checkInput(schema, { ...given, password: 'unknown' })
    if (faults.length === 0) return read
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    faults.unshift(...error.faults)
  }
  const words = faults.map(fault => inWords(fault, optionNames, { ...given, ca: options.ca }))
  throw usage(words.join('\n       '), '`letterlock account add --help` has examples')
}

/** What people type for a field. */
const optionNames: Readonly<Record<string, string>> = {
  address: 'the address',
  mailboxes: '--mailbox',
  authservIds: '--authserv-id',
  ...Object.fromEntries(
    ['host', 'port', 'security', 'username', 'every', 'push', 'canary', 'start', 'after', 'ca'].map(name => [
      name,
      `--${name}`,
    ]),
  ),
}

export async function addAccount(address: string, options: AccountOptions & { yes?: boolean }): Promise<void> {
  const provider = readProvider(options)
  const faults: Fault[] = []
  const fields = toFields(options, faults)
  const isSought = options.host === undefined && provider === undefined && (options.yes === true || isInteractive())
  // Stands for what is found later.
  const server = isSought ? { host: 'unknown.invalid' } : options.host === undefined ? provider?.server : {}
  const given = { address, ...server, ...fields }
  const settings = toNewAccount(checkOptions(newAccount, given, options, faults))
  warnOfCleartext(settings)
  if (isSought) return await addFound(address, options, fields)
  const way = provider ?? (await passwordOf(options, address))
  await withDeps(options, async deps => {
    const signedIn = 'issuer' in way ? await signInFirst(deps, way, options, address) : way
    await save(deps, given, signedIn, options)
  })
}

/** Adds an account whose server is found by its address. It is tested before it is saved: a suggestion may be wrong. */
async function addFound(
  address: string,
  options: AccountOptions & { yes?: boolean },
  fields: Record<string, unknown>,
): Promise<void> {
  const password = await givenPassword(options)
  await withDeps(options, async deps => {
    await refuseTaken(deps, address)
    const server = await chooseServer(deps, address, options, fields)
    const given = { address, ...fields, ...server }
    const way = password === undefined ? await passwordOf(options, address) : withPassword(password)
    await refuseFailing(deps, { ...given, ...way.secrets })
    await save(deps, given, way, options)
  })
}

/** Throws why the server does not let the account in: nothing is saved then. */
async function refuseFailing(deps: Deps, given: Record<string, unknown>): Promise<void> {
  const { start: _, ...asked } = given
  const tested = await test.run(deps, commandActor(), asked as z.input<typeof accountTest>)
  const failure = tested.steps.find(({ error }) => error !== undefined)?.error
  if (failure === undefined) return await printTested(tested)
  remark('nothing was saved; with --host it is saved without a test')
  throw failure
}

async function save(
  deps: Deps,
  given: Record<string, unknown>,
  { secrets, login }: { secrets: object; login: Login | undefined },
  options: AccountOptions,
): Promise<void> {
  const settings = toNewAccount(checkInput(newAccount, { ...given, ...secrets }))
  const { address } = settings
  const isBack = (await findRemoved(deps.db, address)) !== undefined
  const asksStart = options.start === undefined && !isBack && isInteractive() && login !== undefined
  const start = asksStart ? { start: await askStart(deps, settings, login) } : {}
  const added = await add.run(deps, commandActor(), { ...given, ...secrets, ...start } as z.input<typeof newAccount>)
  const { id } = added
  await print(
    `account ${id} ${added.isBack ? 'is back' : 'added'}: ${address}, polled every ${settings.everySeconds} s`,
  )
  if (added.isBack)
    await print('reading continues where it stopped; --start applies only to mailboxes that were never read')
  await print(`test it with: letterlock account test ${id}`)
}

/** What an account signs in with: to be stored, and to look at the mailboxes with now. */
async function passwordOf(
  options: AccountOptions,
  address: string,
): Promise<{ secrets: { password: string }; login: Login }> {
  return withPassword((await givenPassword(options)) ?? (await askPassword(`Password for ${address}: `)))
}

function withPassword(password: string): { secrets: { password: string }; login: Login } {
  return { secrets: { password }, login: { kind: 'password', value: Buffer.from(password) } }
}

/** Nobody is sent to a provider for an address that cannot be added. */
async function signInFirst(
  { db }: Deps,
  provider: Provider,
  options: AccountOptions,
  address: string,
): Promise<SignedIn> {
  await refuseTaken({ db }, address)
  return await signIn(provider, options, options.username ?? address)
}

async function refuseTaken({ db }: Pick<Deps, 'db'>, address: string): Promise<void> {
  const [same] = await findAddresses(db, [address])
  if (same !== undefined) throw addressTaken(same.id)
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

/** Before anybody is asked, or anything is connected to. */
function checked(text: string): string {
  try {
    return checkInput(passwordField, text)
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    throw usage(
      `the password ${error.faults[0]?.text}`,
      'give it on standard input with --password-stdin, or in a file with --password-file',
    )
  }
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
async function askStart(deps: Deps, account: NewAccount, login: Login): Promise<string> {
  remark(`looking at the mailboxes on ${account.host} …`)
  const counted = await countMails(deps, account, login).catch(() => 0)
  if (counted <= manyMails) return 'all'
  const answer = await ask(
    `There are ${counted} mails already. Make tickets of all, of new ones only, or since a day? [all/new/YYYY-MM-DD] `,
  )
  const start = toStart(answer.trim() || 'all')
  if (start === undefined) throw usage(`${answer} is none of them`, 'answer all, new or a day as 2026-11-24')
  return start
}

async function countMails({ openSession }: Deps, account: NewAccount, login: Login): Promise<number> {
  const destination = { ...account, username: account.username || account.address }
  await using session = await openSession({ id: 0 }, destination, login, { timeoutMs: 15_000 })
  let count = 0
  for (const mailbox of account.mailboxes) count += (await session.status(mailbox)).messages
  return count
}

/** Connects, logs in and counts. Throws what went wrong. */
export async function testAccount(account: string, options: GlobalOptions): Promise<void> {
  const tested = await withDeps(options, deps => test.run(deps, commandActor(), { account }))
  await printTested(tested)
  const failure = tested.steps.find(({ error }) => error !== undefined)?.error
  if (failure !== undefined) throw failure
  await print(paint('green', 'all is well'))
}

async function printTested({ steps, destination, mailboxes }: Tested): Promise<void> {
  if (hasLoggedIn(steps))
    await print(`logged in to ${destination.host}:${destination.port} with ${destination.security}`)
  for (const { name, messages } of mailboxes) if (messages !== undefined) await print(`${name}: ${messages} mails`)
}

function hasLoggedIn(steps: Tested['steps']): boolean {
  return steps.some(({ name, end }) => name === 'login' && end === 'ok')
}

export async function setAccount(which: string, options: AccountOptions & { yes?: boolean }): Promise<void> {
  const faults: Fault[] = []
  const { start, ...fields } = toFields(options, faults)
  if (start !== undefined) throw usage('--start cannot be changed', 'it is decided once, when the account is added')
  const given = { account: which, ...fields }
  const input = checkOptions(accountChange, given, options, faults)
  const provider = readProvider(options)
  const asks = options.askPassword === true || (options.passwordStdin === true && commandContext().stdin.isTTY === true)
  if (asks && !isInteractive()) checked('')
  const password = asks ? undefined : await givenPassword(options)
  if (Object.keys(fields).length === 0 && !asks && password === undefined && provider === undefined)
    throw usage('nothing to change was given', '`letterlock account set --help` lists what there is')
  await withDeps(options, async deps => {
    const plan = await planChange(deps, { ...input, password: undefined })
    const { account, before, moved } = plan
    const asksAgain = moved !== undefined && password === undefined && before.oauth === null && isInteractive()
    const givesSecret = asks || asksAgain || password !== undefined || provider !== undefined
    if (givesSecret) await confirmDestination(plan, options)
    const question = asks ? 'New password: ' : `The ${moved} of account ${account.id} changes. Its password again: `
    const typed = asks || asksAgain ? await askPassword(question) : password
    const secrets = provider === undefined ? toSecrets(typed) : await signInAgain(deps, provider, plan, options)
    warnOfCleartext(plan.target)
    const asked = { ...given, account: account.id, ...secrets, ...(givesSecret ? { confirm: plan.mark } : {}) }
    const { id, changed } = await change.run(deps, commandActor(), asked as z.input<typeof accountChange>)
    await print(`account ${id} changed: ${changed.join(', ')}`)
  })
}

function toSecrets(password: string | undefined): { password?: string } {
  return password === undefined ? {} : { password }
}

/**
 * Says where a new secret will go before anybody gives it. Where the row names another destination than the old secret was stored for,
 * somebody changed it in the database: a person has to confirm that one. Throws CommandError.
 */
async function confirmDestination(
  { account: { id }, target, needsConfirmation }: ChangePlan,
  options: { yes?: boolean },
): Promise<void> {
  const fault = faultOfDestination(target)
  if (fault !== undefined)
    throw usage(
      `account ${id}: ${destinationFaults[fault.reason](fault.value)}`,
      'give a right one, and find out who writes to the table',
    )
  const where = destinationWords(target)
  if (!needsConfirmation) {
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
  { db, keys }: Deps,
  provider: Provider,
  { account, before }: ChangePlan,
  options: AccountOptions,
): Promise<{ oauth: NewOAuth }> {
  const known = await readKnown(db, readKeyring(keys), account.id, before)
  return (await signIn(provider, options, options.username ?? account.username, known)).secrets
}
