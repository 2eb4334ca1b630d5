// Bull Board behind the sign-in: for admins, to look at, and nothing from elsewhere.
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Daemon } from '../../src/daemon.ts'
import { openChromium } from '../support/chromium.ts'
import { createWorld, until, type World } from '../support/daemon.ts'
import { addUser, createWebClient, openWindow, type WebClient } from '../support/web.ts'

let world: World
let daemon: Daemon
let browser: Browser
let admin: WebClient

beforeAll(async () => {
  world = await createWorld()
  await world.add(
    { host: '127.0.0.1', port: 9, security: 'tls', username: 'nobody', caPem: null },
    'a Passw0rd of the queue',
  )
  daemon = await world.start()
  await addUser(world, 'ada', 'admin')
  await addUser(world, 'alan', 'agent')
  admin = createWebClient(daemon.url)
  await admin.signIn('ada')
  browser = await openChromium()
})
afterAll(async () => {
  await browser.close()
  await world[Symbol.asyncDispose]()
})

const queueNames = async (): Promise<string[]> => {
  const { text } = await admin.get('/server/queue/api/queues')
  return (JSON.parse(text).queues as { name: string; readOnlyMode: boolean }[])
    .filter(({ readOnlyMode }) => readOnlyMode)
    .map(({ name }) => name)
    .sort()
}

test('an admin sees the queues of all live workers, and nothing is asked of anybody else', async () => {
  const page = await openWindow(browser, daemon.url, 'ada')
  const asked: string[] = []
  const said: string[] = []
  page.on('request', request => void asked.push(request.url()))
  page.on('console', message => void (message.type() === 'error' && said.push(message.text())))
  page.on('pageerror', error => void said.push(error.message))
  await page.goto('/server/queue')
  await page.getByText(`poll-${daemon.workerId}`).first().waitFor()
  await page.getByText(`sealing-${daemon.workerId}`).first().waitFor()
  await page.goto(`/server/queue/queue/poll-${daemon.workerId}`)
  await page.getByText(`poll-${daemon.workerId}`).first().waitFor()
  expect(asked.length).toBeGreaterThan(5)
  expect(asked.filter(url => new URL(url).origin !== daemon.url)).toEqual([])
  expect(said).toEqual([])
  await page.context().close()
})

test('its page names no other host, and is answered under a policy of its own', async () => {
  const { text, headers } = await admin.get('/server/queue/')
  expect(text).toContain('id="__UI_CONFIG__"')
  expect(text).not.toMatch(/https?:\/\/|<%/)
  const policy = headers.get('content-security-policy') ?? ''
  expect(policy).toContain("default-src 'none'")
  expect(policy).not.toMatch(/https?:|\*|unsafe-eval|script-src[^;]*unsafe/)
  for (const path of [
    '/server/queue/static/../../../package.json',
    '/server/queue/static/%2e%2e%2f%2e%2e%2fpackage.json',
  ])
    expect((await admin.get(path)).status).toBeGreaterThanOrEqual(400)
})

test('another worker’s queues are shown while it lives', async () => {
  const second = await world.start()
  const both = [daemon.workerId, second.workerId].flatMap(id => [`poll-${id}`, `sealing-${id}`]).sort()
  expect(await queueNames()).toEqual(both)
  await second[Symbol.asyncDispose]()
  const own = both.filter(name => name.endsWith(daemon.workerId))
  await until(async () => (await queueNames()).length === own.length)
  expect(await queueNames()).toEqual(own)
})

test('nothing can be changed there, by nobody', async () => {
  const { cookies } = admin
  const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const base = `/server/queue/api/queues/poll-${daemon.workerId}`
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'])
    for (const path of [
      `${base}/pause`,
      `${base}/obliterate`,
      '/server/queue/api/queues/pause',
      `${base}/retry/failed`,
    ]) {
      const { status } = await fetch(new URL(path, daemon.url), { method, headers: { cookie } })
      expect(status).toBe(404)
    }
  const agent = createWebClient(daemon.url)
  await agent.signIn('alan')
  for (const path of ['/server/queue', '/server/queue/', '/server/queue/api/queues', '/server/queue/static/js/x.js'])
    expect((await agent.get(path)).status).toBe(403)
  expect((await createWebClient(daemon.url).get('/server/queue/api/queues')).location).toMatch(/^\/sign-in/)
})
