// `letterlock account … --oauth`, the real program against a real authorization server and a Dovecot that takes its tokens.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import {
  type AuthorizationServer,
  browse,
  clientSecret,
  consentAt,
  startAuthorizationServer,
  startOAuthDovecot,
} from '../support/authorization-server.ts'
import type { TestDovecot } from '../support/dovecot.ts'
import { rawMail } from '../support/messages.ts'
import { createTestDatabase, type TestDatabase } from '../support/servers.ts'
import { cleanEnv, letterlock, type Ran } from './letterlock.ts'

let server: AuthorizationServer
let dovecot: TestDovecot
let database: TestDatabase
let directory: string
let secretFile: string
beforeAll(async () => {
  server = await startAuthorizationServer()
  dovecot = await startOAuthDovecot(server)
  dovecot.deliver('support', 'INBOX', [rawMail()])
  directory = mkdtempSync(path.join(tmpdir(), 'letterlock-oauth-cli-'))
  secretFile = path.join(directory, 'client-secret')
  writeFileSync(secretFile, `${clientSecret}\n`)
})
beforeEach(async () => {
  database = await createTestDatabase()
  return () => database[Symbol.asyncDispose]()
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await dovecot[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

const env = () => ({ LETTERLOCK_DATABASE_URL: database.url })

const add = (...more: string[]): string[] => [
  ...['account', 'add', 'support@example.com', '--username', 'support', '--oauth', server.issuer],
  ...['--host', '127.0.0.1', '--port', String(dovecot.ports.cleartext), '--security', 'cleartext', ...more],
]

/** Runs the program; `person` reads along what it says and may answer. */
async function withPerson(
  args: readonly string[],
  person: (said: string, child: ChildProcessWithoutNullStreams) => Promise<unknown> | undefined,
): Promise<Ran> {
  const child = spawn(process.execPath, ['src/main.ts', ...args], { env: cleanEnv(env()), stdio: 'pipe' })
  const said = { stdout: '', stderr: '' }
  let done: Promise<unknown> | undefined
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].on('data', data => {
      said[name] += data
      done ??= person(said[name], child)
      done?.catch(() => child.kill())
    })
  }
  const code = await new Promise<number | null>(resolve => child.on('close', resolve))
  await done
  return { code, ...said }
}

/** Types the code in on another device. */
function atDevice(said: string): Promise<unknown> | undefined {
  const [, code] = /enter the code (\S+)/.exec(said) ?? []
  return code === undefined ? undefined : browse(`${server.issuer}/device?user_code=${code}`)
}

/** Opens the page in a browser and pastes the address at which it ends, or what `pick` makes of it. */
function inBrowser(pick: (ended: URL) => string) {
  return (said: string, child: ChildProcessWithoutNullStreams): Promise<unknown> | undefined => {
    const [, page] = /^(http\S+\/auth\?\S+)\n/m.exec(said) ?? []
    if (page === undefined || !said.includes('Paste that address')) return undefined
    return browse(page).then(ended => child.stdin.end(`${pick(ended)}\n`))
  }
}

/** Nothing that a provider gave, and no secret of a client. */
function expectNoSecret(...ran: Ran[]): void {
  const text = ran.map(({ stdout, stderr }) => stdout + stderr).join()
  for (const secret of [...server.given.access, ...server.given.refresh, clientSecret])
    expect(text).not.toContain(secret)
}

const secretsOf = async (id: number): Promise<Record<string, string>> =>
  Object.fromEntries((await database.db('credentials').where({ account_id: id })).map(row => [row.kind, row.plaintext]))

test('with a device code: added, tested, shown', async () => {
  const added = await withPerson(add('--client-id', 'letterlock'), atDevice)
  expect(added).toMatchObject({ code: 0 })
  expect(added.stdout).toContain('account 1 added')
  expect(await secretsOf(1)).toEqual({ 'oauth-refresh-token': server.given.refresh.at(-1) })
  const tested = await letterlock(['account', 'test', '1'], { env: env() })
  expect(tested).toMatchObject({ code: 0, stderr: '' })
  expect(tested.stdout).toContain('INBOX: 1 mails')
  const shown = await letterlock(['account', 'show', '1'], { env: env() })
  expect(shown.stdout).toMatch(new RegExp(`signs in +OAuth 2 at ${server.issuer}, client letterlock\n`))
  expect(shown.stdout).toMatch(/refresh token +stored/)
  const json = await letterlock(['account', 'show', '1', '--json'], { env: env() })
  expect(JSON.parse(json.stdout)).toMatchObject({
    hasPassword: false,
    oauth: {
      issuer: server.issuer,
      tokenEndpoint: server.tokenEndpoint,
      hasRefreshToken: true,
      hasClientSecret: false,
    },
  })
  expectNoSecret(added, tested, shown, json)
})

test.each([
  ['the whole address', (ended: URL) => ended.href],
  ['the bare code', (ended: URL) => ended.searchParams.get('code') ?? ''],
])('in a browser, with %s pasted: added and tested', async (_, pick) => {
  const added = await withPerson(add('--client-id', 'only-browser'), inBrowser(pick))
  expect(added).toMatchObject({ code: 0 })
  expect(added.stderr).toContain('lets this client use no device code')
  const tested = await letterlock(['account', 'test', '1'], { env: env() })
  expect(tested).toMatchObject({ code: 0, stderr: '' })
  expectNoSecret(added, tested)
})

test('an address of another sign-in is refused', async () => {
  const other = inBrowser(ended => {
    ended.searchParams.set('state', 'of another')
    return ended.href
  })
  const added = await withPerson(add('--client-id', 'only-browser'), other)
  expect(added).toMatchObject({ code: 1, stdout: '' })
  expect(added.stderr).toContain('did not go along with the sign-in')
  expect(await database.db('accounts')).toEqual([])
})

test('a client with a secret; signing in again needs the provider’s name alone', async () => {
  const args = add('--client-id', 'confidential', '--client-secret-file', secretFile)
  const added = await withPerson(args, atDevice)
  expect(added).toMatchObject({ code: 0 })
  const before = await secretsOf(1)
  expect(before['oauth-client-secret']).toBe(clientSecret)
  await server.withdraw()
  const refused = await letterlock(['account', 'test', '1'], { env: env() })
  expect(refused).toMatchObject({ code: 1 })
  expect(refused.stderr).toContain('letterlock account set 1 --oauth')
  const again = await withPerson(['account', 'set', '1', '--oauth', server.issuer], atDevice)
  expect(again).toMatchObject({ code: 0, stdout: 'account 1 changed: OAuth sign-in\n' })
  const after = await secretsOf(1)
  expect(after['oauth-client-secret']).toBe(clientSecret)
  expect(after['oauth-refresh-token']).not.toBe(before['oauth-refresh-token'])
  const tested = await letterlock(['account', 'test', '1'], { env: env() })
  expect(tested).toMatchObject({ code: 0 })
  expectNoSecret(added, refused, again, tested)
})

test('a stored client secret goes to no endpoint of an issuer that somebody wrote into the database', async () => {
  await withPerson(add('--client-id', 'confidential', '--client-secret-file', secretFile), atDevice)
  const bodies: string[] = []
  const evil = createServer(async (request, response) => {
    bodies.push(
      decodeURIComponent(
        Buffer.concat(await request.toArray())
          .toString()
          .replaceAll('+', ' '),
      ),
    )
    const { port } = evil.address() as AddressInfo
    const issuer = `http://127.0.0.1:${port}`
    const endpoints = { token_endpoint: server.tokenEndpoint, device_authorization_endpoint: `${issuer}/device` }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ issuer, ...endpoints, error: 'access_denied' }))
  }).listen(0, '127.0.0.1')
  await once(evil, 'listening')
  const issuer = `http://127.0.0.1:${(evil.address() as AddressInfo).port}`
  await database.db('accounts').update({ oauth_issuer: issuer })
  const refused = await letterlock(['account', 'set', '1', '--oauth', issuer], { env: env() })
  expect(refused).toMatchObject({ code: 1, stdout: '' })
  expect(refused.stderr).toContain('--client-secret-file')
  expect(bodies.join()).not.toContain(clientSecret)
  // The control: who gives the secret for this very issuer sends it there.
  await letterlock(['account', 'set', '1', '--oauth', issuer, '--client-secret-file', secretFile], { env: env() })
  expect(bodies.join()).toContain(clientSecret)
  evil.close()
})

test('a client whose secret goes into the header, and a Dovecot that knows XOAUTH2 alone', async () => {
  await using other = await startOAuthDovecot(server, { mechanisms: 'xoauth2' })
  const client = ['--client-id', 'confidential', '--client-auth', 'basic']
  const wrongFile = path.join(directory, 'wrong-secret')
  writeFileSync(wrongFile, 'a wrong one')
  const wrong = await letterlock(add(...client, '--client-secret-file', wrongFile), { env: env() })
  expect(wrong).toMatchObject({ code: 1, stdout: '' })
  expect(wrong.stderr).toMatch(/\(invalid_client\)\nhint: check --client-id/)
  const args = add(...client, '--client-secret-file', secretFile, '--port', String(other.ports.cleartext))
  expect(await withPerson(args, atDevice)).toMatchObject({ code: 0 })
  const tested = await letterlock(['account', 'test', '1'], { env: env() })
  expect(tested).toMatchObject({ code: 0, stderr: '' })
  expect(server.requests.slice(-2)).toMatchObject([
    { byHeader: true, status: 200 },
    { grant: 'refresh_token', byHeader: true, status: 200 },
  ])
  expectNoSecret(wrong, tested)
})

test('a refresh token that one has already, from standard input; then a password instead', async () => {
  const { refreshToken } = await consentAt(server)
  const args = add('--client-id', 'letterlock', '--refresh-token-stdin')
  const added = await letterlock(args, { env: env(), stdin: `${refreshToken}\n` })
  expect(added).toMatchObject({ code: 0, stderr: '' })
  const tested = await letterlock(['account', 'test', '1'], { env: env() })
  expect(tested).toMatchObject({ code: 0, stderr: '' })
  expectNoSecret(added, tested)
  const moved = await letterlock(['account', 'set', '1', '--host', 'localhost'], { env: env() })
  expect(moved).toMatchObject({ code: 1 })
  expect(moved.stderr).toContain('without signing in again')
  await letterlock(['account', 'set', '1', '--password-stdin'], { env: env(), stdin: 'a right Passw0rd: ü' })
  expect(await letterlock(['account', 'test', '1'], { env: env() })).toMatchObject({ code: 0 })
  expect(Object.keys(await secretsOf(1))).toEqual(['password'])
})

test('google and microsoft are known: nothing but the client is to be said', async () => {
  const known = { google: 'imap.gmail.com', microsoft: 'outlook.office365.com' }
  for (const [provider, host] of Object.entries(known)) {
    const address = `a@${provider}.example`
    const args = ['account', 'add', address, '--oauth', provider, '--client-id', 'mine', '--refresh-token-stdin']
    expect(await letterlock(args, { env: env(), stdin: 'a token' })).toMatchObject({ code: 0, stderr: '' })
    const { stdout } = await letterlock(['account', 'show', address, '--json'], { env: env() })
    expect(JSON.parse(stdout)).toMatchObject({ host, port: 993, security: 'tls', oauth: { clientId: 'mine' } })
  }
})

test('an address that is there already is told before anybody is sent to the provider', async () => {
  await database.db('accounts').insert({ address: 'support@example.com', host: 'h' })
  const ran = await letterlock(add('--client-id', 'letterlock'), { env: env() })
  expect(ran).toMatchObject({ code: 1, stdout: '' })
  expect(ran.stderr).toMatch(/^error: the address is account 1 already/)
})

test('a server that offers neither OAUTHBEARER nor XOAUTH2 gets no token', async () => {
  await using plain = await startOAuthDovecot(server, { settings: '' })
  const { refreshToken } = await consentAt(server)
  const args = [...add('--client-id', 'letterlock', '--refresh-token-stdin'), '--port', String(plain.ports.cleartext)]
  await letterlock(args, { env: env(), stdin: refreshToken })
  const tested = await letterlock(['account', 'test', '1'], { env: env() })
  expect(tested).toMatchObject({ code: 1 })
  expect(tested.stderr).toContain('OAUTHBEARER or XOAUTH2')
})

test.each<[string, string[], string]>([
  ['no client', [], '--client-id is missing'],
  ['a name of nobody', ['--oauth', 'nobody'], 'must be google, microsoft or the https URL of an issuer'],
  ['an issuer without https', ['--oauth', 'http://login.example.com'], 'must be google, microsoft or the https URL'],
  ['a password too', ['--password-stdin'], 'an account signs in in one way only'],
  ['no such file', ['--client-id', 'c', '--client-secret-file', '/nonexistent'], 'cannot be read'],
  ['an empty token', ['--client-id', 'c', '--refresh-token-stdin'], 'standard input holds no refresh token'],
  ['a bad redirect', ['--client-id', 'c', '--redirect-uri', 'here'], 'must be a URL'],
])('a mistake (%s) is told, and nothing is added', async (_, more, told) => {
  const ran = await letterlock(add(...more), { env: env() })
  expect(ran).toMatchObject({ code: 2, stdout: '' })
  expect(ran.stderr).toContain(told)
  expect(await database.db('accounts')).toEqual([])
})

test('--client-id without --oauth is told', async () => {
  const ran = await letterlock(['account', 'set', '1', '--client-id', 'c'], { env: env() })
  expect(ran).toMatchObject({ code: 2 })
  expect(ran.stderr).toContain('--client-id goes with --oauth')
})
