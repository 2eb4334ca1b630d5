// Every own page, wide and narrow, light and dark: nothing that keeps anybody out, nothing from elsewhere, nothing heavy.
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Daemon } from '../../src/daemon.ts'
import { openChromium } from '../support/chromium.ts'
import { createWorld, type World } from '../support/daemon.ts'
import { addUser, faultsOfPage, looks, openWindow } from '../support/web.ts'

let world: World
let daemon: Daemon
let browser: Browser
const told: string[] = []

beforeAll(async () => {
  world = await createWorld()
  ;[daemon, browser] = await Promise.all([world.start({}, { tellLink: line => told.push(line) }), openChromium()])
})
afterAll(async () => {
  await browser.close()
  await world[Symbol.asyncDispose]()
})

test('whoever starts for the first time is led from the link to the first page, by keyboard alone', async () => {
  const link = /http\S+/.exec(told.join('\n'))?.[0] ?? ''
  const page = await openWindow(browser, daemon.url, undefined)
  expect(await faultsOfPage(page, link)).toEqual([])
  await page.locator('#field-name').focus()
  await page.keyboard.press('Control+A')
  for (const word of ['ada', 'correct horse battery staple', 'correct horse battery staple']) {
    await page.keyboard.type(word)
    await page.keyboard.press('Tab')
  }
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Tickets', level: 1 }).waitFor()
  await page.keyboard.press('Tab')
  expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to content')
  await page.context().close()
})

test.each(looks)('$scheme, $width pixels', async look => {
  if ((await world.db('users').where({ name: 'grace' })).length === 0) {
    for (const [name, role] of [
      ['grace', 'agent'],
      ['linus', 'admin'],
    ] as const)
      await addUser(world, name, role)
  }
  const page = await openWindow(browser, daemon.url, 'linus', look)
  const { id } = await world.db('users').where({ name: 'grace' }).first('id')
  const paths = [
    '/server/encryption',
    '/server/encryption/copies',
    '/server/audit',
    '/server/users',
    `/server/users/${id}`,
    '/you',
    '/there-is-no-such-page',
  ]
  for (const path of paths) expect(await faultsOfPage(page, path)).toEqual([])
  const stranger = await openWindow(browser, daemon.url, undefined, look)
  expect(await faultsOfPage(stranger, '/sign-in')).toEqual([])
  await Promise.all([page, stranger].map(window => window.context().close()))
})

test('what a page is made of is kept by the browser for a year', async () => {
  const text = await (await fetch(`${daemon.url}/sign-in`)).text()
  const paths = [...text.matchAll(/(?:href|src)="([^"]*assets[^"]*)"/g)].map(([, path = '']) =>
    path.replaceAll('&#x2F;', '/'),
  )
  expect(paths).toHaveLength(2)
  for (const path of paths) {
    const { status, headers } = await fetch(new URL(path, daemon.url))
    expect([status, headers.get('cache-control')]).toEqual([200, 'public, max-age=31536000, immutable'])
  }
  const policy = (await fetch(`${daemon.url}/sign-in`)).headers.get('content-security-policy')
  expect(policy).toContain("default-src 'none'")
  expect(policy).not.toMatch(/unsafe|https?:|\*/)
})
