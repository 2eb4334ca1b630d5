// Who may: every route with nobody, an agent and an admin, against the table.
import { readdirSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Daemon } from '../../src/daemon.ts'
import { type Route, routes } from '../../src/web/routes.ts'
import { createWorld, type World } from '../support/daemon.ts'
import { addUser, createWebClient, type WebAnswer, type WebClient } from '../support/web.ts'

let world: World
let daemon: Daemon
const visitors = ['nobody', 'agent', 'admin'] as const
type Visitor = (typeof visitors)[number]

beforeAll(async () => {
  world = await createWorld()
  daemon = await world.start()
  await addUser(world, 'agent', 'agent')
  await addUser(world, 'admin', 'admin')
})
afterAll(() => world[Symbol.asyncDispose]())

const ranks: Record<Route['who'] | Visitor, number> = { public: 0, nobody: 0, agent: 1, admin: 2 }

const signedIn = new Map<Visitor, WebClient>()

/** Signed in anew where the one before was signed out. */
async function visit(who: Visitor): Promise<WebClient> {
  const known = signedIn.get(who)
  if (known?.cookies.has('letterlock')) return known
  const client = createWebClient(daemon.url)
  if (who !== 'nobody') expect((await client.signIn(who)).status).toBe(303)
  signedIn.set(who, client)
  return client
}

/** A thing that is not there: only who may ask learns that. */
const pathOf = ({ path }: Route): string => path.replace(/:\w+/g, '999999')

/** Streams do not end: the head is enough. */
async function ask(client: WebClient, route: Route): Promise<Pick<WebAnswer, 'status' | 'location'>> {
  if (route.method === 'POST') return await client.post(pathOf(route))
  const stop = new AbortController()
  const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const url = new URL(pathOf(route), daemon.url)
  const { status, headers } = await fetch(url, { redirect: 'manual', headers: { cookie }, signal: stop.signal })
  stop.abort()
  return { status, location: headers.get('location') }
}

describe.each(visitors)('%s', who => {
  test.each(routes.map(route => [`${route.method} ${route.path}`, route] as const))('%s', async (_, route) => {
    const client = await visit(who)
    const { status, location } = await ask(client, route)
    const refused = status === 403 || (status === 303 && location?.startsWith('/sign-in?') === true)
    const toSignIn = status === 303 && location === '/sign-in'
    if (ranks[who] < ranks[route.who]) {
      // `/` leads to the sign-in without a way back.
      expect({ route, refused: refused || (route.path === '/' && toSignIn) }).toMatchObject({ refused: true })
      if (who === 'nobody' && route.method === 'GET') expect(status).toBe(303)
      else expect(status).toBe(403)
      return
    }
    // The link of the first admin is no good here.
    if (route.path !== '/first-admin') expect({ route, status, refused }).toMatchObject({ refused: false })
    expect(status).toBeLessThan(500)
  })
})

test('nothing answers that is not in the table, but health, metrics and what pages are made of', async () => {
  const { openServer } = await import('../../src/web/server.ts')
  const { createHealth } = await import('../../src/observe/health.ts')
  const { createEvents } = await import('../../src/observe/events.ts')
  const { createLog } = await import('../../src/observe/log.ts')
  const log = createLog(world.config.log, { write: () => {} })
  await using server = await openServer(world.config.web, createHealth(log), createEvents(log).registry)
  const tree = server.printRoutes({ commonPrefix: false })
  const found = [...tree.matchAll(/(?:^|[├└]── )(\/?\S*) \(([^)]*)\)/gm)].length
  const pages = new Set(routes.map(({ path }) => path)).size
  const assets = readdirSync('src/web/assets').length
  const probes = 3
  expect({ tree, found }).toMatchObject({ found: pages + assets + probes })
})
