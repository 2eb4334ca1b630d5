// Adding and changing accounts, by admins. The same checks as the commands', the same way of a password into the store; each step of a
// test is shown before anything is saved.

import type { FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { findWellKnown, wellKnown } from '../../../discovery/well-known-providers.ts'
import { OperationError, Refusal } from '../../../errors/errors.ts'
import { accountChange, type accountTest, newAccount } from '../../../operations/account-input.ts'
import { addAccount as add } from '../../../operations/add-account.ts'
import { type ChangePlan, changeAccount as change, planChange } from '../../../operations/change-account.ts'
import { discoverServer } from '../../../operations/discover-server.ts'
import { checkInput, type Fault, InputError } from '../../../operations/operation.ts'
import { type Tested, testAccount as test } from '../../../operations/test-account.ts'
import { findAddresses } from '../../../store/accounts/account-addresses.ts'
import { portOf } from '../../../store/accounts/account-settings.ts'
import type { AccountDetail } from '../../../store/accounts/accounts.ts'
import { getDestination } from '../../../store/accounts/destinations.ts'
import { destinationWords } from '../../../vault/secrets/destination-words.ts'
import { inSentences } from '../../failures.ts'
import { html } from '../../layout/html.ts'
import { page } from '../../layout/layout.ts'
import { fieldsOf } from '../../layout/parts.ts'
import { goTo } from '../../security/session.ts'
import { depsOf, siteOf, userActor } from '../../site.ts'
import { accountOf } from './accounts.ts'
import { changeOf } from './difference.ts'
import { accountForm, type ConfirmShown, type FormShown } from './form.ts'
import { providerSection } from './provider-choice.ts'
import { atFields, emptyForm, formOf, type Typed, toFields, typedOf } from './typed.ts'

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
  password: string
  /** The destination that somebody said yes to. */
  confirmed: string
  does: 'find' | 'test' | 'test-save' | 'save'
}

const ways = ['find', 'test', 'save'] as const

function readForm(request: FastifyRequest): Asked {
  const fields = fieldsOf(request.body)
  const does = ways.find(way => way === fields.do) ?? 'test-save'
  return { typed: typedOf(fields), password: fields.password ?? '', confirmed: fields.confirm ?? '', does }
}

/** What is wrong with an input. */
function faultsOf(schema: z.ZodType, given: object): readonly Fault[] {
  try {
    checkInput(schema, given)
    return []
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    return error.faults
  }
}

export async function addAccount(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { typed, password, does } = readForm(request)
  const { address } = typed
  const { start, ...fields } = toFields(typed)
  const provider = wellKnown.find(({ host }) => host === typed.host)
  const faults = atFields(faultsOf(newAccount, { address, ...fields, start, password }), typed)
  const again = async (status: number, more: { tested?: Tested | undefined; fault?: string }): Promise<string> =>
    await newPage(reply.code(status), { typed, faults, provider, ...more })
  if (typed.start === '') faults.start = 'Choose what becomes of the mail that is there already.'
  const [same] = faults.address === undefined ? await findAddresses(siteOf(request).db, [address]) : []
  if (same !== undefined) faults.address = `This address is account ${same.id} already.`
  if (does === 'find' && faults.address !== undefined)
    return await newPage(reply.code(422), { typed, faults: { address: faults.address } })
  if (faults.address === undefined && (does === 'find' || typed.host === ''))
    return await findServer(request, reply.code(does === 'find' ? 200 : 422), typed)
  if (Object.keys(faults).length > 0) return await again(422, {})
  return await testAndSave(request, {
    does,
    again,
    test: { address, ...fields, password },
    async save() {
      const { id, isBack } = await add.run(depsOf(request), userActor(request), { address, ...fields, start, password })
      const text = isBack
        ? `${address} is back as account ${id}: reading continues where it stopped.`
        : `${address} is account ${id}.`
      return await goTo(request, reply, `/accounts/${id}`, { tone: 'good', text })
    },
  })
}

/** Fills the form in with the server that is found. Nothing is sent there yet: a person looks at it first. */
async function findServer(request: FastifyRequest, reply: FastifyReply, typed: Typed): Promise<string> {
  const { address } = typed
  try {
    const found = await discoverServer.run(depsOf(request), userActor(request), { address })
    const [best] = found.servers
    if (best === undefined) {
      const faults = {
        host: 'No mail server was found for this address. Ask whoever runs its mail for the IMAP server.',
      }
      return await newPage(reply.code(422), { typed, faults, found })
    }
    const { host, port, security, username, provider } = best
    const filled = {
      ...{ ...typed, host, security },
      port: port === portOf(security) ? '' : String(port),
      username: username === address ? '' : username,
    }
    return await newPage(reply, { typed: filled, faults: {}, provider, found })
  } catch (error) {
    if (!(error instanceof OperationError) || error.code !== 'account.too_many_tests') throw error
    return await newPage(reply.code(429), { typed, faults: {}, fault: tooManyTests })
  }
}

/** Tests and saves, as the form asks for; whatever is refused is told at the form. */
async function testAndSave(
  request: FastifyRequest,
  {
    does,
    again,
    save,
    ...asked
  }: {
    does: Asked['does']
    again(status: number, more: { tested?: Tested | undefined; fault?: string }): Promise<string>
    test: z.input<typeof accountTest>
    save(): Promise<unknown>
  },
): Promise<unknown> {
  let tested: Tested | undefined
  try {
    if (does !== 'save') tested = await test.run(depsOf(request), userActor(request), asked.test)
    if (does === 'test' || tested?.isWell === false)
      return await again(tested?.isWell === false ? 422 : 200, { tested })
    return await save()
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    if (error instanceof OperationError && error.code === 'account.too_many_tests')
      return await again(429, { fault: tooManyTests })
    return await again(422, { tested, fault: inSentences(error) })
  }
}

const tooManyTests = 'Too many mail servers were tested in a short time. Wait a few minutes, or save without a test.'

export async function showEdit(request: FastifyRequest, reply: FastifyReply): Promise<string> {
  const account = await accountOf(request)
  const plan = await planChange(depsOf(request), { account: String(account.id) })
  return await editPage(reply, { account, typed: formOf(account, plan.before), faults: {}, confirm: toConfirm(plan) })
}

/** What has to be confirmed before a password is tried or stored; undefined where the stored secret is bound to where it would go. */
function toConfirm({ needsConfirmation, target, mark }: ChangePlan): ConfirmShown | undefined {
  return needsConfirmation ? { where: destinationWords(target), value: mark } : undefined
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
  const { typed, password, confirmed, does } = readForm(request)
  const { start: _, ...fields } = toFields(typed)
  const secret = password === '' ? {} : { password }
  const wrong = faultsOf(accountChange, { account: account.id, ...fields, ...secret })
  const faults = atFields(wrong, typed)
  const good = Object.fromEntries(
    Object.entries(fields).filter(([name]) => wrong.every(({ path }) => path[0] !== name)),
  )
  const { account: which, ...settings } = checkInput(accountChange, { account: account.id, ...good })
  const before = await getDestination(siteOf(request).db, account.id)
  const asked = { account: which, ...changeOf(account, before, settings), ...secret }
  const plan = await planChange(depsOf(request), asked)
  const confirm = toConfirm(plan)
  const again = async (status: number, more: { tested?: Tested | undefined; fault?: string }): Promise<string> =>
    await editPage(reply.code(status), { account, typed, faults, confirm, ...more })
  if (plan.moved !== undefined && password === '') faults.password = askAgain(plan.moved, account)
  if (Object.keys(faults).length > 0) return await again(422, {})
  if (password !== '' && confirm !== undefined && confirmed !== confirm.value)
    return await again(422, {
      fault: 'Nothing is saved yet: say below whether the password may go to the changed server.',
    })
  const sure = { ...asked, ...(password === '' ? {} : { confirm: plan.mark }) }
  return await testAndSave(request, {
    does,
    again,
    test: sure,
    async save() {
      const { changed } = await change.run(depsOf(request), userActor(request), sure)
      const text = changed.length === 0 ? 'Nothing was changed.' : `Changed: ${changed.join(', ')}.`
      return await goTo(request, reply, `/accounts/${account.id}`, { tone: 'good', text })
    },
  })
}

function askAgain(moved: string, { id, oauth }: AccountDetail): string {
  if (oauth === null)
    return `The ${moved} changes: type the password again. A stored one is never sent to another server.`
  return `The ${moved} changes, and stored tokens are never sent to another server: sign in again on the server with letterlock account set ${id} --oauth PROVIDER and the new ${moved}, or type a password here.`
}
