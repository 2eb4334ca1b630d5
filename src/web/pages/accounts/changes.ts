// Adding and changing accounts, by admins. The same checks as the commands', the same way of a password into the store; each step of a
// test is shown before anything is saved.

import type { FastifyReply, FastifyRequest } from 'fastify'
import { CommandError } from '../../../errors/errors.ts'
import type { Destination } from '../../../model/destination.ts'
import { findAddresses, findRemoved } from '../../../store/accounts/account-addresses.ts'
import {
  type AccountChange,
  insertAccount,
  movedPart,
  type NewAccount,
  updateAccount,
} from '../../../store/accounts/account-changes.ts'
import {
  accountDefaults,
  changedDestination,
  faultOfAddress,
  faultOfPassword,
  portOf,
  type Settings,
  toSettings,
} from '../../../store/accounts/account-settings.ts'
import type { AccountDetail } from '../../../store/accounts/accounts.ts'
import { type AccountDestination, getDestination } from '../../../store/accounts/destinations.ts'
import { insertAudit } from '../../../store/people/audit.ts'
import { readKeyring } from '../../../vault/keys/keyring.ts'
import { bindingOf } from '../../../vault/secrets/bound-destination.ts'
import { destinationWords } from '../../../vault/secrets/destination-words.ts'
import { imapDestination } from '../../../vault/secrets/envelope.ts'
import { createSecretWriter } from '../../../vault/secrets/write-secret.ts'
import { sentence } from '../../failures.ts'
import { html } from '../../layout/html.ts'
import { page } from '../../layout/layout.ts'
import { fieldsOf } from '../../layout/parts.ts'
import { goTo } from '../../security/session.ts'
import { actorOf, siteOf } from '../../site.ts'
import { accountOf } from './accounts.ts'
import { type Tested, type Tried, testServer } from './connection-test.ts'
import { changeOf, triedOf } from './difference.ts'
import { accountForm, type ConfirmShown, type FormShown } from './form.ts'
import { providerSection } from './provider-choice.ts'
import { emptyForm, type Faults, formOf, type Typed, toGiven, typedOf } from './typed.ts'
import { findWellKnown, wellKnown } from './well-known-providers.ts'
import { pageWords } from './words.ts'

export async function showNewAccount(request: FastifyRequest, reply: FastifyReply): Promise<string> {
  const provider = findWellKnown(fieldsOf(request.query).provider)
  return await newPage(reply, { typed: emptyForm(provider), faults: {}, provider })
}

async function newPage(reply: FastifyReply, shown: Omit<FormShown, 'account'>): Promise<string> {
  return await page(reply, {
    title: 'Add an account',
    section: 'accounts',
    body: html`${providerSection(shown.provider)}
${accountForm(reply, { account: undefined, ...shown })}`,
  })
}

/** What a form asks for. */
interface Asked {
  typed: Typed
  settings: Settings
  password: string
  /** The destination that somebody said yes to. */
  confirmed: string
  faults: Faults
  does: 'test' | 'test-save' | 'save'
}

function readForm(request: FastifyRequest): Asked {
  const fields = fieldsOf(request.body)
  const typed = typedOf(fields)
  const given = toGiven(typed)
  const found: string[] = []
  const settings = toSettings(given, found, name => `${name}\0`)
  const faults: Faults = {}
  for (const fault of found) {
    const [name = '', text = ''] = fault.split('\0')
    faults[fieldNames[name] ?? fieldOf(name, typed)] ??= sentence(text.replace(/^:? /, ''))
  }
  const does = fields.do === 'test' || fields.do === 'save' ? fields.do : 'test-save'
  return { typed, settings, password: fields.password ?? '', confirmed: fields.confirm ?? '', faults, does }
}

const fieldNames: Readonly<Record<string, keyof Typed>> = { mailbox: 'mailboxes' }

function fieldOf(name: string, typed: Typed): keyof Typed {
  if (name === 'after' && typed.after === 'move') return 'moveTo'
  if (name === 'start' && typed.start === 'since') return 'since'
  return name as keyof Typed
}

export async function addAccount(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { db } = siteOf(request)
  const { typed, settings, password, faults, does } = readForm(request)
  const provider = wellKnown.find(({ host }) => host === typed.host)
  const again = async (status: number, more: { tested?: Tested | undefined; fault?: string }): Promise<string> =>
    await newPage(reply.code(status), { typed, faults, provider, ...more })
  const { address } = typed
  Object.assign(faults, faultsOf({ address: faultOfAddress(address), password: faultOfPassword(password) }))
  if (typed.start === '') faults.start = 'Choose what becomes of the mail that is there already.'
  const [same] = faults.address === undefined ? await findAddresses(db, [address]) : []
  if (same !== undefined) faults.address = `This address is account ${same.id} already.`
  if (Object.keys(faults).length > 0) return await again(422, {})
  const account = toAccount(settings, address, password)
  const { mailboxes, afterIngest } = account
  const login = { destination: destinationOf(account), password }
  const tried: Tried = { accountId: undefined, login, mailboxes, afterIngest }
  const tested = does === 'save' ? undefined : await testServer(request, tried)
  if (does !== 'save' && tested === undefined) return await again(429, { fault: tooManyTests })
  if (does === 'test' || tested?.isWell === false) return await again(tested?.isWell === false ? 422 : 200, { tested })
  return await refusable(
    () => saveNew(request, reply, account),
    fault => again(422, { tested, fault }),
  )
}

const tooManyTests = 'Too many mail servers were tested in a short time. Wait a few minutes, or save without a test.'

function faultsOf(found: Record<string, string | undefined>): Faults {
  const wrong = Object.entries(found).filter((pair): pair is [string, string] => pair[1] !== undefined)
  return Object.fromEntries(wrong.map(([name, text]) => [name, sentence(text)]))
}

function toAccount(settings: Settings, address: string, password: string): NewAccount {
  const { host = '', security = accountDefaults.security } = settings
  return { ...accountDefaults, port: portOf(security), ...settings, host, address, password }
}

function destinationOf(account: NewAccount): Destination {
  const { host, port, security, username, address, caPem } = account
  return { host, port, security, username: username === '' ? address : username, caPem }
}

/** What cannot be done is told at the form. */
async function refusable<T, U>(act: () => Promise<T>, refused: (fault: string) => Promise<U>): Promise<T | U> {
  try {
    return await act()
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    const { message, hint } = error
    return await refused(pageWords(hint === undefined ? message : `${message}: ${hint}`))
  }
}

async function saveNew(request: FastifyRequest, reply: FastifyReply, account: NewAccount): Promise<unknown> {
  const { db, keys } = siteOf(request)
  const back = (await findRemoved(db, account.address)) !== undefined
  const id = await insertAccount(db, account, createSecretWriter(keys))
  await insertAudit(db, { actor: actorOf(request), action: 'account.add', accountId: id })
  const text = back
    ? `${account.address} is back as account ${id}: reading goes on where it stopped.`
    : `${account.address} is account ${id}.`
  return await goTo(request, reply, `/accounts/${id}`, { tone: 'good', text })
}

export async function showEdit(request: FastifyRequest, reply: FastifyReply): Promise<string> {
  const account = await accountOf(request)
  const before = await getDestination(siteOf(request).db, account.id)
  const confirm = await findConfirm(request, account, before, {})
  return await editPage(reply, { account, typed: formOf(account, before), faults: {}, confirm })
}

/** What has to be confirmed before a password is tried or stored; undefined where the stored secret is bound to where it would go. */
async function findConfirm(
  request: FastifyRequest,
  { id, address }: AccountDetail,
  before: AccountDestination,
  change: AccountChange,
): Promise<ConfirmShown | undefined> {
  const { db, keys } = siteOf(request)
  const target = changedDestination(address, before, change)
  if ((await bindingOf(db, readKeyring(keys), id, before, target)) !== 'changed') return undefined
  return { where: destinationWords(target), value: imapDestination(target).toString('hex') }
}

async function editPage(reply: FastifyReply, shown: FormShown & { account: AccountDetail }): Promise<string> {
  return await page(reply, {
    title: `Edit ${shown.account.address}`,
    section: 'accounts',
    body: accountForm(reply, shown),
  })
}

export async function changeAccount(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const account = await accountOf(request)
  const before = await getDestination(siteOf(request).db, account.id)
  const { typed, settings, password, confirmed, faults, does } = readForm(request)
  delete faults.start
  const change = changeOf(account, before, settings, password)
  const confirm = await findConfirm(request, account, before, change)
  const again = async (status: number, more: { tested?: Tested | undefined; fault?: string }): Promise<string> =>
    await editPage(reply.code(status), { account, typed, faults, confirm, ...more })
  if (password !== '') Object.assign(faults, faultsOf({ password: faultOfPassword(password) }))
  const moved = movedPart(before, change)
  if (moved !== undefined && password === '') faults.password = askAgain(moved, account)
  if (Object.keys(faults).length > 0) return await again(422, {})
  if (password !== '' && confirm !== undefined && confirmed !== confirm.value)
    return await again(422, {
      fault: 'Nothing is saved yet: say below whether the password may go to the changed server.',
    })
  const tested = does === 'save' ? undefined : await testServer(request, triedOf(account, before, change, password))
  if (does !== 'save' && tested === undefined) return await again(429, { fault: tooManyTests })
  if (does === 'test' || tested?.isWell === false) return await again(tested?.isWell === false ? 422 : 200, { tested })
  return await refusable(
    () => saveChange(request, reply, account.id, change, before),
    fault => again(422, { tested, fault }),
  )
}

function askAgain(moved: string, { id, oauth }: AccountDetail): string {
  if (oauth === null)
    return `The ${moved} changes: type the password again. A stored one is never sent to another server.`
  return `The ${moved} changes, and stored tokens are never sent to another server: sign in again on the server with letterlock account set ${id} --oauth PROVIDER and the new ${moved}, or type a password here.`
}

const words: Readonly<Record<string, string>> = {
  caPem: 'CA',
  everySeconds: 'interval',
  afterIngest: 'after',
  username: 'user name',
}

async function saveChange(
  request: FastifyRequest,
  reply: FastifyReply,
  id: number,
  change: AccountChange,
  shown: AccountDestination,
): Promise<unknown> {
  const { db, keys } = siteOf(request)
  const changed = Object.keys(change)
    .map(name => words[name] ?? name)
    .join(', ')
  const path = `/accounts/${id}`
  if (changed === '') return await goTo(request, reply, path, { tone: 'good', text: 'Nothing was changed.' })
  await updateAccount(db, id, change, createSecretWriter(keys), shown)
  await insertAudit(db, { actor: actorOf(request), action: 'account.set', accountId: id, detail: { changed } })
  return await goTo(request, reply, path, { tone: 'good', text: `Changed: ${changed}.` })
}
