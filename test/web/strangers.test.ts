// Whoever has no session: what they can break, whom they can keep out, and what is different for those who were here before.
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Daemon } from '../../src/daemon.ts'
import { openRedis } from '../../src/schedule/redis.ts'
import { createPasswords } from '../../src/vault/secrets/password-hash.ts'
import { routes } from '../../src/web/routes.ts'
import { createFirstAdmin } from '../../src/web/security/first-admin.ts'
import { countAttempt } from '../../src/web/security/throttle.ts'
import { createWorld, until, type World } from '../support/daemon.ts'
import { addUser, createWebClient, tokenOf, webPassword } from '../support/web.ts'

let world: World
let daemon: Daemon

beforeAll(async () => {
  world = await createWorld()
  daemon = await world.start({
    LETTERLOCK_WEB_TRUSTED_PROXIES: '127.0.0.1',
    LETTERLOCK_WEB_HOSTS: 'localhost,127.0.0.1',
  })
  await addUser(world, 'ada', 'admin')
})
afterAll(() => world[Symbol.asyncDispose]())

const from = (address: string) => ({ 'x-forwarded-for': address })

/** Signs in through the proxy, as if from that address. */
async function signInFrom(address: string, password = webPassword, client = createWebClient(daemon.url)) {
  return await client.post('/sign-in', { name: 'ada', password, to: '/' }, from(address))
}

test('guesses from one address keep the only admin out nowhere else', async () => {
  const stranger = createWebClient(daemon.url)
  const _csrf = await tokenOf(stranger)
  const statuses = new Map<number, number>()
  for (let i = 0; i < 110; i++) {
    const guess = { name: 'ada', password: `guess ${i}`, _csrf }
    const { status } = await stranger.post('/sign-in', guess, from('203.0.113.9'))
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
  }
  // The stranger is refused, in whatever spelling of the address.
  expect(Object.fromEntries(statuses)).toEqual({ 401: 8, 429: 102 })
  expect((await signInFrom('::ffff:203.0.113.9')).status).toBe(429)
  expect((await signInFrom('198.51.100.7')).status).toBe(303)
})

test('a browser that signed in before signs in again beside a stranger at the same address', async () => {
  const ada = createWebClient(daemon.url)
  expect((await signInFrom('203.0.113.77', webPassword, ada)).status).toBe(303)
  await ada.post('/sign-out', {}, from('203.0.113.77'))
  for (let i = 0; i < 8; i++) expect((await signInFrom('203.0.113.77', `guess ${i}`)).status).toBe(401)
  expect((await signInFrom('203.0.113.77')).status).toBe(429)
  expect((await signInFrom('203.0.113.77', webPassword, ada)).status).toBe(303)
})

test('guesses from many addresses keep nobody out who was there before, and those who were not are still limited', async () => {
  const redis = openRedis(world.config.redis.url, world.config.redis, 'commands')
  await redis.connect()
  try {
    const { prefix } = world.config.redis
    const count = (address: string, device?: string) => countAttempt(redis, prefix, { name: 'grace', address, device })
    const known = await count('198.51.100.1')
    await known?.forget()
    await known?.remember('D'.repeat(43))
    const refused: string[] = []
    for (let i = 0; i < 14; i++)
      for (let j = 0; j < 8; j++) if ((await count(`2001:db8:0:${i}::${j}`)) === undefined) refused.push(`${i} ${j}`)
    expect(refused.length).toBe(12)
    expect(await count('192.0.2.1')).toBeUndefined()
    expect(await count('192.0.2.1', 'E'.repeat(43))).toBeUndefined()
    expect(await count('198.51.100.1')).toBeDefined()
    expect(await count('192.0.2.1', 'D'.repeat(43))).toBeDefined()
    // Known is one who signed in under this very name.
    expect(
      await countAttempt(redis, prefix, { name: 'grace', address: '2001:db8:0:1::ff', device: 'E'.repeat(43) }),
    ).toBeUndefined()
    // A known browser does not guess without end either.
    for (let i = 0; i < 7; i++) await count('192.0.2.1', 'D'.repeat(43))
    expect(await count('192.0.2.1', 'D'.repeat(43))).toBeUndefined()
  } finally {
    redis.disconnect()
  }
})

test('a hash that costs far more than ours is not followed, as if the user did not exist', async () => {
  const { hash, check } = createPasswords()
  const ours = await hash(webPassword)
  const costly = ['m=1048576,t=20,p=4', 'm=1048576,t=3,p=4', 'm=65536,t=99,p=4', 'm=8,t=9999,p=1', 'm=65536,t=3,p=64']
  for (const parameters of costly) {
    const startedAt = process.cpuUsage()
    const checked = await check(webPassword, ours.replace('m=65536,t=3,p=4', parameters))
    const { user, system } = process.cpuUsage(startedAt)
    // The worst of them would take 24 seconds and 1 GiB.
    expect([parameters, checked.right, user + system < 4_000_000]).toEqual([parameters, false, true])
  }
  expect(await check(webPassword, ours)).toEqual({ right: true, outdated: false })
})

test('one’s own password is not changed without the present one, and the session that stays has a new token', async () => {
  const ada = createWebClient(daemon.url)
  expect((await signInFrom('198.51.100.20', webPassword, ada)).status).toBe(303)
  const { id } = await world.db('users').where({ name: 'ada' }).first('id')
  const next = 'a wholly other phrase of words'
  expect((await ada.get(`/server/users/${id}`)).text).not.toContain('type="password"')
  expect((await ada.post(`/server/users/${id}/password`, { password: next })).status).toBe(422)
  expect((await ada.post('/you/password', { password: 'wrong', next, again: next })).status).toBe(422)
  expect((await signInFrom('198.51.100.21')).status).toBe(303)

  const read = createWebClient(daemon.url)
  read.cookies.set('letterlock', ada.cookies.get('letterlock') ?? '')
  expect((await read.get('/you')).status).toBe(200)
  expect((await ada.post('/you/password', { password: webPassword, next, again: next })).status).toBe(303)
  expect((await ada.get('/you')).text).toContain('Your password was changed.')
  expect((await read.get('/you')).status).toBe(303)
  expect(await world.db('sessions').where({ user_id: id })).toHaveLength(1)
  expect((await ada.post('/you/password', { password: next, next: webPassword, again: webPassword })).status).toBe(303)
})

test('a link for the first admin with a letter of two bytes is wrong, and no failure', () => {
  const { path, isRight } = createFirstAdmin()
  const token = path.split('=')[1] ?? ''
  expect([isRight(token), isRight(token.replace(/.$/, 'é')), isRight(''), isRight('é'.repeat(21))]).toEqual([
    true,
    false,
    false,
    false,
  ])
})

/** Sends the bytes over a connection of their own; the status, or nothing where the connection was closed without one. */
function send(bytes: string | Buffer): Promise<number | undefined> {
  const { hostname, port } = new URL(daemon.url)
  const { promise, resolve } = Promise.withResolvers<number | undefined>()
  const socket = connect(Number(port), hostname, () => socket.write(bytes))
  let head = ''
  socket
    .on('data', chunk => {
      head += chunk.toString('latin1')
      const status = /^HTTP\/1\.1 (\d{3})[\s\S]*\r\n\r\n/.exec(head)?.[1]
      if (status === undefined || status === '100') return
      resolve(Number(status))
      socket.destroy()
    })
    .on('error', () => resolve(undefined))
    .on('close', () => resolve(undefined))
  return promise
}

const failed = () => world.log.filter(line => line.msg === 'a page failed')

test('a connection that is reset before its request is handled is no failure of ours', async () => {
  const { hostname, port } = new URL(daemon.url)
  const before = failed().length
  const resets = Array.from({ length: 200 }, async (_, i) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const socket = connect(Number(port), hostname, () =>
      socket.write(`GET /sign-in?reset=${i} HTTP/1.1\r\nHost: localhost\r\n\r\n`, () => socket.resetAndDestroy()),
    )
    socket.on('error', () => {}).on('close', () => resolve())
    await promise
  })
  await Promise.all(resets)
  // Whatever was to be handled is handled by then.
  await until(async () => (await createWebClient(daemon.url).get('/live')).status === 200)
  expect(failed().slice(before)).toEqual([])
})

const hostile = [
  '0',
  '-1',
  '9'.repeat(40),
  '1e3',
  '%00',
  '%ff%fe',
  '%',
  '%E2%80%AE%0d%0a',
  '__proto__',
  'constructor',
  "1'%20OR%201=1--",
  '..%2f..%2fetc%2fpasswd',
  'a'.repeat(300),
  '\u00ff\u00fe',
  `1.9999999999.1.${'A'.repeat(86)}`,
]

test('no stranger’s request to any route is answered with a failure of ours', async () => {
  const client = createWebClient(daemon.url)
  const _csrf = await tokenOf(client)
  const form = `letterlock-form=${client.cookies.get('letterlock-form')}`
  const requests = routes.flatMap(({ method, path }) =>
    hostile.map((value, i) => {
      const at = path.replace(/:\w+|\*/g, value)
      const target = at === path ? `${path}?to=${value}&token=${value}&id=${value}&__proto__=${value}` : at
      const fields = `_csrf=${encodeURIComponent(_csrf)}&token=${value}&name=${value}&name=2&to=${value}&__proto__=${value}`
      const body = method === 'POST' ? fields : ''
      return [
        `${method} ${target} HTTP/1.1`,
        'Host: localhost',
        // Each in its turn: a session that is none, a form's cookie, the right form, nonsense.
        `Cookie: ${[`letterlock=${'A'.repeat(43)}; ${form}`, 'letterlock-form=a.b; letterlock-device=%', form, ';;=;\u00ff'][i % 4]}`,
        `X-Forwarded-For: 192.0.2.${i}, ${value}`,
        `X-Forwarded-Host: localhost`,
        ...(method === 'POST' ? ['Content-Type: application/x-www-form-urlencoded'] : []),
        `Content-Length: ${Buffer.byteLength(body, 'latin1')}`,
        'Connection: close',
        '',
        body,
      ].join('\r\n')
    }),
  )
  const odd = [
    'GET http://evil.example/sign-in HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'GET //sign-in HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'GET /sign-in HTTP/1.1\r\nHost: [\r\n\r\n',
    'GET /sign-in HTTP/1.0\r\n\r\n',
    'GET /sign-in HTTP/1.1\r\nHost: localhost\r\nHost: other\r\n\r\n',
    'HEAD /accounts/events HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'GET /sign-in HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Proto: nonsense\r\nX-Forwarded-For: ,,\r\n\r\n',
    'GET /assets/..%2f..%2fserver.ts HTTP/1.1\r\nHost: localhost\r\nRange: bytes=9-1\r\n\r\n',
    `GET /sign-in HTTP/1.1\r\nHost: localhost\r\nCookie: ${'a=b; '.repeat(5_000)}\r\n\r\n`,
    'POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded; charset=utf-7\r\nContent-Length: 3\r\n\r\n%%%',
    'POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    'POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Type: \r\nContent-Length: 1\r\n\r\nx',
    'POST /sign-in HTTP/1.1\r\nHost: localhost\r\nOrigin: http://[\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1\r\n\r\nx',
    'PUT /sign-in HTTP/1.1\r\nHost: localhost\r\nExpect: 200-nothing\r\nContent-Length: 0\r\n\r\n',
    'TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'nonsense\r\n\r\n',
  ]
  const before = failed().length
  const failures: string[] = []
  const all = [...requests, ...odd]
  for (let i = 0; i < all.length; i += 20) {
    const part = all.slice(i, i + 20)
    const statuses = await Promise.all(part.map(text => send(Buffer.from(text, 'latin1'))))
    failures.push(...part.filter((_, j) => (statuses[j] ?? 400) >= 500))
  }
  expect(failures).toEqual([])
  expect(failed().slice(before)).toEqual([])
})
