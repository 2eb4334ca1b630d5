// What another site, a guesser, or whoever put something into the browser or the network before, cannot do.
import { request } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Daemon } from '../../src/daemon.ts'
import { createPasswords } from '../../src/vault/secrets/password-hash.ts'
import { createHostCheck } from '../../src/web/security/hosts.ts'
import { safeTarget } from '../../src/web/security/session.ts'
import { createWorld, quickHashes, type World } from '../support/daemon.ts'
import { addUser, createWebClient, tokenOf, webPassword } from '../support/web.ts'

let world: World
let daemon: Daemon

beforeAll(async () => {
  world = await createWorld()
  daemon = await world.start()
  for (const [name, role] of [
    ['ada', 'admin'],
    ['grace', 'agent'],
    ['linus', 'agent'],
  ] as const)
    await addUser(world, name, role)
})
afterAll(() => world[Symbol.asyncDispose]())

async function signedIn(name: string) {
  const client = createWebClient(daemon.url)
  expect((await client.signIn(name)).status).toBe(303)
  return client
}

test('a form without its token, with another session’s, or from another site does nothing', async () => {
  const [ada, grace] = await Promise.all([signedIn('ada'), signedIn('grace')])
  const add = { name: 'mallory', role: 'admin', password: webPassword }
  const tokens = ['', 'nonsense', await tokenOf(grace)]
  for (const _csrf of tokens) expect((await ada.post('/server/users', { ...add, _csrf })).status).toBe(403)
  const foreign = [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ]
  for (const headers of foreign) expect((await ada.post('/server/users', add, headers)).status).toBe(403)
  // A token of before the sign-in, with the cookie that it belongs to.
  const client = createWebClient(daemon.url)
  const before = await tokenOf(client)
  await client.signIn('ada')
  expect((await client.post('/server/users', { ...add, _csrf: before })).status).toBe(403)
  expect(await world.db('users').where({ name: 'mallory' })).toEqual([])
  expect((await ada.post('/server/users', add, { origin: daemon.url, 'sec-fetch-site': 'same-origin' })).status).toBe(
    303,
  )
  expect(await world.db('users').where({ name: 'mallory' })).toHaveLength(1)
})

test('a session that was in the browser before never becomes the signed-in one, and a stolen one of before is worth nothing', async () => {
  const client = createWebClient(daemon.url)
  client.cookies.set('letterlock', 'A'.repeat(43))
  await client.signIn('grace')
  const first = client.cookies.get('letterlock') ?? ''
  expect(first).not.toBe('A'.repeat(43))
  expect(await world.db('sessions').where({ token_sha256: Buffer.from(first, 'base64url') })).toEqual([])
  await client.post('/sign-in', { name: 'grace', password: webPassword })
  const old = createWebClient(daemon.url)
  old.cookies.set('letterlock', first)
  expect((await old.get('/you')).status).toBe(303)
  expect(client.cookies.get('letterlock')).not.toBe(first)
  expect((await client.get('/you')).status).toBe(200)
  const cookie = (await createWebClient(daemon.url).signIn('grace')).headers.getSetCookie().join('\n')
  expect(cookie).toMatch(/letterlock=[\w-]{43}; Max-Age=604800; Path=\/; HttpOnly; SameSite=Lax/)
})

test('a session ends after hours without a request, after days in any case, with its user, and when it is ended', async () => {
  const [row] = await world.db('users').where({ name: 'linus' }).select('id')
  const ends: [string, () => Promise<unknown>][] = [
    ['idle', () => world.db('sessions').update({ last_seen_at: world.db.raw('UTC_TIMESTAMP(3) - INTERVAL 13 HOUR') })],
    ['days', () => world.db('sessions').update({ expires_at: world.db.raw('UTC_TIMESTAMP(3) - INTERVAL 1 SECOND') })],
    ['disabled', () => world.db('users').where({ id: row.id }).update({ enabled: 0 })],
  ]
  for (const [, end] of ends) {
    const linus = await signedIn('linus')
    expect((await linus.get('/you')).status).toBe(200)
    await end()
    expect((await linus.get('/you')).status).toBe(303)
  }
  await world.db('users').where({ id: row.id }).update({ enabled: 1 })

  const [ada, linus] = [await signedIn('ada'), await signedIn('linus')]
  const { text } = await ada.get('/server/users')
  const [, path = ''] = /action="([^"]+sessions[^"]+end)"[^\n]*?Sign out linus/.exec(text) ?? []
  expect((await ada.post(path.replaceAll('&#x2F;', '/'))).status).toBe(303)
  expect((await linus.get('/you')).status).toBe(303)
  const again = await signedIn('linus')
  await ada.post(`/server/users/${row.id}/password`, { password: webPassword })
  expect((await again.get('/you')).status).toBe(303)
  const last = await signedIn('linus')
  const { id } = await world.db('sessions').where({ user_id: row.id }).first('id')
  // What is another's is not there.
  expect((await (await signedIn('grace')).post(`/you/sessions/${id}/end`)).status).toBe(404)
  await ada.post(`/server/users/${row.id}/remove`)
  expect((await last.get('/you')).status).toBe(303)
  expect(await world.db('sessions').where({ user_id: row.id })).toEqual([])
})

test('the last admin stays, and nobody removes himself', async () => {
  const ada = await signedIn('ada')
  await world.db('users').where({ name: 'mallory' }).delete()
  const { id } = await world.db('users').where({ name: 'ada' }).first('id')
  await ada.post(`/server/users/${id}/role`, { role: 'agent' })
  expect((await ada.get('/server/users')).text).toContain('That is the last admin')
  await ada.post(`/server/users/${id}/remove`)
  expect((await ada.get('/server/users')).text).toContain('You cannot remove yourself')
  expect(await world.db('users').where({ name: 'ada' }).pluck('role')).toEqual(['admin'])
})

/** fetch sends the host of the address. */
function askAs(host: string, path: string): Promise<number | undefined> {
  const { hostname, port } = new URL(daemon.url)
  return new Promise((resolve, reject) => {
    request({ hostname, port, path, headers: { host, 'x-forwarded-host': 'localhost' } }, answer => {
      answer.resume()
      resolve(answer.statusCode)
    })
      .on('error', reject)
      .end()
  })
}

test('under another name nothing is answered, and what a stranger forwards is not believed', async () => {
  for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example:8025'])
    expect([host, await askAs(host, '/sign-in')]).toEqual([host, 421])
  for (const host of ['localhost', 'localhost:8025', '127.0.0.1:1', '[::1]:8025'])
    expect([host, await askAs(host, '/sign-in')]).toEqual([host, 200])
  // Monitoring asks by any name.
  expect(await askAs('monitored.internal', '/live')).toBe(200)
  const web = { ...world.config.web, hosts: 'Tickets.example.com, tickets' }
  const check = createHostCheck(web)
  expect(['tickets.example.com:443', 'TICKETS', 'localhost', '127.0.0.1'].map(check)).toEqual([
    true,
    true,
    false,
    false,
  ])
})

test('after the sign-in it goes to a page of this server and nowhere else', async () => {
  const elsewhere = [
    'https://evil.example/',
    '//evil.example/',
    '/\\evil.example',
    '\\\\evil.example',
    '/\t/evil.example',
    '/..//evil.example',
    '/%0d%0aset-cookie:a=b/../..//evil.example',
    'javascript:alert(1)',
    '',
    'you',
    '/\r\nlocation: https://evil.example',
    `/${'a'.repeat(3_000)}`,
  ]
  for (const to of elsewhere) {
    const target = safeTarget(to)
    expect([to, new URL(target, 'http://here.example').host, target.startsWith('//')]).toEqual([
      to,
      'here.example',
      false,
    ])
  }
  expect(['/you', '/server/audit?before=7'].map(safeTarget)).toEqual(['/you', '/server/audit?before=7'])
  const client = createWebClient(daemon.url)
  const signIn = (to: string) => client.post('/sign-in', { name: 'grace', password: webPassword, to })
  expect((await signIn('//evil.example/')).location).toBe('/')
  expect((await signIn('/you')).location).toBe('/you')
})

test('guessing is slowed down for a name at an address, whatever comes next, and a stranger is told the same', async () => {
  for (const name of ['grace', 'nobody']) {
    const client = createWebClient(daemon.url)
    const statuses: number[] = []
    for (let i = 0; i < 10; i++) statuses.push((await client.post('/sign-in', { name, password: `guess ${i}` })).status)
    expect([name, statuses]).toEqual([name, [...Array(8).fill(401), 429, 429]])
  }
  const right = await createWebClient(daemon.url).post('/sign-in', { name: 'grace', password: webPassword })
  expect(right).toMatchObject({ status: 429, text: expect.stringContaining('Too many sign-in attempts') })
  // Another is not hindered.
  expect((await createWebClient(daemon.url).signIn('ada')).status).toBe(303)
})

test('passwords are hashed one way, with parameters that grow with the next sign-in', async () => {
  const ours = createPasswords()
  const hash = await ours.hash(webPassword)
  expect(hash).toMatch(/^\$argon2id\$v=19\$m=65536,t=3,p=4\$/)
  expect(hash).not.toContain(webPassword)
  expect(await ours.check(webPassword, hash)).toEqual({ right: true, outdated: false })
  expect(await ours.check(webPassword, hash.replace('t=3', 't=2'))).toEqual({ right: false, outdated: true })
  const password_hash = await createPasswords({ ...quickHashes, passes: 2 }).hash(webPassword)
  await world.db('users').where({ name: 'ada' }).update({ password_hash })
  await signedIn('ada')
  const [now] = await world.db('users').where({ name: 'ada' }).pluck('password_hash')
  expect(now).toMatch(/^\$argon2id\$v=19\$m=64,t=1,p=1\$/)
  await signedIn('ada')
  expect(await world.db('users').where({ name: 'ada' }).pluck('password_hash')).toEqual([now])
  expect(now).not.toContain(webPassword)
})

test('what is not a form is refused, and failures are told in words without a detail', async () => {
  const ada = await signedIn('ada')
  const cookie = [...ada.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const json = await fetch(`${daemon.url}/server/users`, {
    method: 'POST',
    headers: { cookie, 'content-type': 'application/json' },
    body: '{}',
  })
  expect([json.status, await json.text()]).toEqual([415, expect.stringContaining('is not a form')])
  expect(await ada.get('/server/users/1e9')).toMatchObject({ status: 404, text: expect.stringContaining('Not found') })
  expect((await ada.get('/../../etc/passwd')).status).toBe(404)
  const large = await ada.post('/sign-in', { name: 'a'.repeat(70_000) })
  expect(large).toMatchObject({ status: 413, text: expect.stringContaining('Too large') })

  await world.db.raw('RENAME TABLE audit_log TO audit_away')
  const broken = await ada.get('/server/audit')
  await world.db.raw('RENAME TABLE audit_away TO audit_log')
  expect(broken.status).toBe(503)
  expect(broken.text).not.toMatch(/audit_log|ER_|SELECT|at .*\.ts/)
  expect(world.log.some(line => line.event === 'web' && line.route === '/server/audit')).toBe(true)
})
