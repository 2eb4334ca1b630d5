// Every form of a page against the operation that it asks for: its fields are fields of the operation's input, by the same name unless the table
// says otherwise, and each field of the input is in the form or comes from elsewhere. A form that is in no row fails, and so does a row that no
// page shows.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { z } from 'zod'
import { addAccount } from '../../src/operations/add-account.ts'
import type { AnyOperation } from '../../src/operations/all.ts'
import { changeAccount } from '../../src/operations/change-account.ts'
import { pauseAccount, pollAccount, resumeAccount } from '../../src/operations/manage-accounts.ts'
import {
  disableEncryption,
  enableEncryption,
  rotateKey,
  verifyEncryption,
} from '../../src/operations/manage-encryption.ts'
import { retryQuarantined } from '../../src/operations/quarantine.ts'
import { testAccount } from '../../src/operations/test-account.ts'
import { closeTicket, reopenTicket } from '../../src/operations/tickets.ts'
import { trustServers } from '../../src/operations/trust-servers.ts'
import { addUser as add, endSession, removeUser, setPassword, setRole } from '../../src/operations/users.ts'
import { openRawDirectory } from '../../src/store/raw/raw-directory.ts'
import { proofName } from '../../src/vault/keys/keyring.ts'
import { routes } from '../../src/web/routes.ts'
import { createWorld, until, type World } from '../support/daemon.ts'
import { rawMail } from '../support/messages.ts'
import { addUser, createWebClient, type WebClient } from '../support/web.ts'

interface Form {
  /** `POST /accounts/:id/pause` */
  route: string
  /** What it asks for, or why that is no operation. */
  asks: AnyOperation | { none: string }
  /** Fields of the form that have another name than that of the input: `accept-key-loss` is `acceptKeyLoss`. */
  renamed?: Readonly<Record<string, string>>
  /** Fields of the form that are none of the input's, and what they are for. */
  besides?: Readonly<Record<string, string>>
  /** Fields of the input that the form has not, and where they come from. */
  elsewhere?: Readonly<Record<string, string>>
}

const inPath = 'the address of the page'
const choice = 'whether its server is found, or it is tested, saved or both'
const settings = { moveTo: 'the mailbox of `after`: move', do: choice }
const session = { none: 'a session belongs to one browser and its cookie: no command and no program can ask for it' }

const forms: readonly Form[] = [
  { route: 'POST /sign-in', asks: session },
  { route: 'POST /sign-out', asks: session },
  {
    route: 'POST /first-admin',
    asks: add,
    besides: { token: 'the link of the first start', again: 'typed twice' },
    elsewhere: { role: 'the first is an admin', first: 'the link is for nobody else' },
  },
  { route: 'POST /server/users', asks: add, elsewhere: { first: 'only for the link of the first start' } },
  {
    route: 'POST /you/password',
    asks: setPassword,
    renamed: { password: 'current', next: 'password' },
    besides: { again: 'typed twice', username: 'for the browser’s store of passwords' },
    elsewhere: { user: 'the session' },
  },
  {
    route: 'POST /server/users/:id/password',
    asks: setPassword,
    elsewhere: { user: inPath, current: 'an admin sets those of others without it' },
  },
  { route: 'POST /server/users/:id/role', asks: setRole, elsewhere: { user: inPath } },
  { route: 'POST /server/users/:id/remove', asks: removeUser, elsewhere: { user: inPath } },
  { route: 'POST /server/users/sessions/:id/end', asks: endSession, elsewhere: { session: inPath } },
  { route: 'POST /you/sessions/:id/end', asks: endSession, elsewhere: { session: inPath } },
  {
    route: 'POST /accounts/new',
    asks: addAccount,
    besides: { ...settings, since: 'the day of `start`: since' },
    elsewhere: { oauth: 'consent is given at the provider, for a command that waits for it' },
  },
  {
    route: 'POST /accounts/:id/edit',
    asks: changeAccount,
    besides: settings,
    elsewhere: {
      account: inPath,
      oauth: 'consent is given at the provider, for a command that waits for it',
      confirm: 'asked for only where the destination was changed in the database',
    },
  },
  {
    route: 'POST /accounts/:id/test',
    asks: testAccount,
    elsewhere: {
      account: inPath,
      ...Object.fromEntries(
        [
          'address',
          'host',
          'port',
          'security',
          'username',
          'mailboxes',
          'every',
          'push',
          'canary',
          'after',
          'ca',
          'authservIds',
          'password',
          'confirm',
        ].map(name => [name, 'the account is tested as it is stored; the form of the account tests what is typed']),
      ),
    },
  },
  { route: 'POST /accounts/:id/pause', asks: pauseAccount, elsewhere: { account: inPath } },
  { route: 'POST /accounts/:id/resume', asks: resumeAccount, elsewhere: { account: inPath } },
  { route: 'POST /accounts/:id/trust', asks: trustServers, elsewhere: { account: inPath } },
  { route: 'POST /accounts/:id/poll', asks: pollAccount, elsewhere: { account: inPath } },
  { route: 'POST /quarantine/:id/retry', asks: retryQuarantined, elsewhere: { mail: inPath } },
  { route: 'POST /tickets/:ticket/close', asks: closeTicket, elsewhere: { ticket: inPath } },
  { route: 'POST /tickets/:ticket/reopen', asks: reopenTicket, elsewhere: { ticket: inPath } },
  {
    route: 'POST /server/encryption/enable',
    asks: enableEncryption,
    renamed: { 'accept-key-loss': 'acceptKeyLoss', 'have-key-backup': 'haveKeyBackup' },
  },
  { route: 'POST /server/encryption/rotate', asks: rotateKey, renamed: { 'have-key-backup': 'haveKeyBackup' } },
  {
    route: 'POST /server/encryption/verify',
    asks: verifyEncryption,
    elsewhere: { limit: 'a page opens so many in one request' },
  },
  { route: 'POST /server/encryption/disable', asks: disableEncryption },
]

let world: World
/** Names of the fields of each form, by the route that it is sent to. */
const shown = new Map<string, Set<string>>()

beforeAll(async () => {
  world = await createWorld()
  let link = ''
  const daemon = await world.start({}, { tellLink: line => (link = /http\S+/.exec(line)?.[0] ?? link) })
  const nobody = createWebClient(daemon.url)
  await read(nobody, '/sign-in', new URL(link).pathname + new URL(link).search)
  await addUser(world, 'ada', 'admin')
  const other = await addUser(world, 'alan', 'agent')
  const [first, second] = [createWebClient(daemon.url), createWebClient(daemon.url)]
  for (const client of [first, second]) expect((await client.signIn('ada')).status).toBe(303)
  await read(first, '/you', '/server/users', `/server/users/${other}`)
  await readAccounts(first)
  await readMail(first)
  await readEncryption(first)
})
afterAll(() => world[Symbol.asyncDispose]())

/** Notes the forms of the pages. */
async function read(client: WebClient, ...paths: string[]): Promise<void> {
  for (const path of paths) {
    const { status, text } = await client.get(path)
    expect([path, status]).toEqual([path, 200])
    for (const [, attributes = '', body = ''] of text.matchAll(/<form([^>]*)>(.*?)<\/form>/gs)) {
      if (!attributes.includes('method="post"')) continue
      const action = plain(/action="([^"]*)"/.exec(attributes)?.[1] ?? '')
      const names = [...body.matchAll(/<(?:input|select|textarea|button)\b[^>]*\sname="([^"]+)"/g)].map(
        found => found[1] as string,
      )
      const known = shown.get(routeOf(action)) ?? new Set()
      shown.set(routeOf(action), known.union(new Set(names.filter(name => name !== '_csrf'))))
    }
  }
}

function plain(text: string): string {
  return text.replaceAll('&#x2F;', '/').replaceAll('&#x3D;', '=').replaceAll('&amp;', '&')
}

/** The route of the table that answers at this address. */
function routeOf(action: string): string {
  const found = routes.filter(
    ({ method, path }) => method === 'POST' && new RegExp(`^${path.replace(/:\w+/g, '[^/]+')}$`).test(action),
  )
  // One that is written out goes before one with a name in it.
  const [best] = found.toSorted((a, b) => a.path.split(':').length - b.path.split(':').length)
  return `POST ${best?.path ?? action}`
}

async function readAccounts(client: WebClient): Promise<void> {
  const destination = { host: 'imap.invalid', port: 993, security: 'tls', username: '', caPem: null } as const
  const id = await world.add(destination, 'the password of the forms')
  // Its host does not resolve, so that no poll changes what may be asked of it.
  await world.db('accounts').where({ id }).update({ next_attempt_at: '2030-01-01 00:00:00' })
  await world.db('seen_authserv_ids').insert({ account_id: id, authserv_id: 'mx.example.net', mails: 3 })
  await read(client, '/accounts/new', `/accounts/${id}`, `/accounts/${id}/edit`)
  await world.db('accounts').where({ id }).update({ enabled: 0 })
  await read(client, `/accounts/${id}`)
}

async function readMail(client: WebClient): Promise<void> {
  const { db, directory } = world
  const { id: account_id } = await db('accounts').first('id')
  const { id: mailbox_id } = await db('mailboxes').where({ account_id }).first('id')
  const source = rawMail({ id: '1@forms' })
  const mail = { uidValidity: 1, uid: 1, receivedAt: new Date(), complete: true, source }
  const raw = openRawDirectory(path.join(directory, 'raw'))
  const [at] = await raw.archive([{ accountId: account_id, mailbox: 'INBOX', ...mail }])
  const [held] = await db('sources').insert({
    ...{ account_id, mailbox_id, uid_validity: 1, uid: 1, size: source.length, result: 'quarantined', complete: true },
    ...{ message_id: '1@forms', reason: 'rule:test', sha256: at?.sha256 },
    ...{ batch: at?.batch, batch_offset: at?.offset, stored_size: at?.size },
  })
  const requester = { requester_name: 'Anna', requester_address: 'anna@example.org' }
  const [ticket] = await db('tickets').insert({ account_id, ref: 'LL-FORM', subject: 'teapot', ...requester })
  await read(client, `/quarantine/${held}`, `/tickets/${ticket}`)
  await db('tickets').update({ status: 'closed' })
  await read(client, `/tickets/${ticket}`)
}

async function readEncryption(client: WebClient): Promise<void> {
  const at = '/server/encryption'
  await read(client, at)
  await client.post(`${at}/enable`, { 'accept-key-loss': 'yes', 'have-key-backup': 'yes' })
  await until(async () => (await world.db('credentials').whereNull('sealed')).length === 0)
  const { key_id } = await world.db('encryption_keys').first('key_id')
  writeFileSync(path.join(world.directory, proofName), key_id.toString('hex'))
  await until(async () => (await client.get(at)).text.includes(`${at}/disable`.replaceAll('/', '&#x2F;')))
  await read(client, at)
}

test('every action of the pages has a row, and none stands in it twice', () => {
  const actions = routes.filter(({ method }) => method === 'POST').map(({ method, path }) => `${method} ${path}`)
  expect(forms.map(({ route }) => route).toSorted()).toEqual(actions.toSorted())
})

test('every form is in the table, and a page shows every form of the table', () => {
  expect([...shown.keys()].toSorted()).toEqual(forms.map(({ route }) => route).toSorted())
})

const operationForms = forms.flatMap(form => ('none' in form.asks ? [] : [[form.route, form, form.asks] as const]))

test.each(operationForms)('%s has the fields of its operation', (route, form, { input }) => {
  const { renamed = {}, besides = {}, elsewhere = {} } = form
  const names = [...(shown.get(route) ?? [])]
  expect(names).toEqual(expect.arrayContaining([...Object.keys(renamed), ...Object.keys(besides)]))
  const given = names.filter(name => !(name in besides)).map(name => renamed[name] ?? name)
  expect([...given, ...Object.keys(elsewhere)].toSorted()).toEqual(Object.keys(shapeOf(input)).toSorted())
})

function shapeOf(schema: z.ZodType): object {
  return 'shape' in schema ? (schema.shape as object) : {}
}
