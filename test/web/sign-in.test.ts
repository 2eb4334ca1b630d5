// Signing in: who gets a session, who does not, and what a session is good for.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Daemon } from '../../src/daemon.ts'
import { createWorld, type World } from '../support/daemon.ts'
import { addUser, createWebClient, webPassword } from '../support/web.ts'

let world: World
let daemon: Daemon
const told: string[] = []

beforeAll(async () => {
  world = await createWorld()
  daemon = await world.start({}, { tellLink: line => told.push(line) })
})
afterAll(() => world[Symbol.asyncDispose]())

test('the link of the first start makes the first admin, once', async () => {
  const link = new URL(/http\S+/.exec(told.join('\n'))?.[0] ?? '')
  const token = link.searchParams.get('token') ?? ''
  const client = createWebClient(daemon.url)
  expect((await client.get('/first-admin?token=nonsense')).status).toBe(403)
  expect((await client.get(link.pathname + link.search)).text).toContain('Create admin')
  const fields = { token, name: 'Ada', password: webPassword, again: webPassword }
  expect(await client.post('/first-admin', { ...fields, password: 'short', again: 'short' })).toMatchObject({
    status: 422,
    text: expect.stringContaining('at least 12 characters'),
  })
  expect(await client.post('/first-admin', { ...fields, again: 'another' })).toMatchObject({ status: 422 })
  expect(await client.post('/first-admin', fields)).toMatchObject({ status: 303, location: '/' })
  expect((await client.get('/you')).text).toContain('an admin')
  expect((await createWebClient(daemon.url).post('/first-admin', { ...fields, name: 'eve' })).status).toBe(403)
  expect(await world.db('users').pluck('name')).toEqual(['ada'])
  expect(JSON.stringify(world.log)).not.toContain(token)
})

test('a name and its password sign in, and nothing else does', async () => {
  const id = await addUser(world, 'grace', 'agent')
  const client = createWebClient(daemon.url)
  for (const [name, password] of [
    ['grace', 'wrong'],
    ['nobody', webPassword],
    ['', ''],
  ] as const) {
    const answer = await client.post('/sign-in', { name, password })
    expect(answer).toMatchObject({ status: 401, text: expect.stringContaining('The name or the password is wrong.') })
    expect(client.cookies.has('letterlock')).toBe(false)
  }
  expect(await client.post('/sign-in', { name: ' GRACE ', password: webPassword, to: '/you' })).toMatchObject({
    status: 303,
    location: '/you',
  })
  expect(await world.db('sessions').where({ user_id: id })).toHaveLength(1)
  expect((await client.post('/sign-out')).location).toBe('/sign-in')
  expect(await world.db('sessions').where({ user_id: id })).toHaveLength(0)
  expect((await client.get('/you')).location).toBe('/sign-in?to=%2Fyou')
})
