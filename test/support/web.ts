// Somebody at the web interface: over HTTP with cookies and forms, or in a browser.
import axe from 'axe-core'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { insertUser, type Role } from '../../src/store/people/user-rows.ts'
import { createPasswords } from '../../src/vault/secrets/password-hash.ts'
import { quickHashes, type World } from './daemon.ts'

/** Every test user's. */
export const webPassword = 'correct horse battery staple'
let hashed: Promise<string> | undefined

export async function addUser(world: World, name: string, role: Role): Promise<number> {
  hashed ??= createPasswords(quickHashes).hash(webPassword)
  world.answers.add('password', webPassword)
  return await insertUser(world.db, { name, role, passwordHash: await hashed })
}

export interface WebAnswer {
  status: number
  headers: Headers
  text: string
  /** Where it sends the browser, or null. */
  location: string | null
}

export interface WebClient {
  cookies: Map<string, string>
  get(path: string, headers?: Record<string, string>): Promise<WebAnswer>
  /** With the token of a form, unless `fields` has one; redirects are not followed. */
  post(path: string, fields?: Record<string, string>, headers?: Record<string, string>): Promise<WebAnswer>
  signIn(name: string): Promise<WebAnswer>
}

export function createWebClient(url: string): WebClient {
  const cookies = new Map<string, string>()
  const ask = async (path: string, init: RequestInit, headers: Record<string, string>): Promise<WebAnswer> => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(new URL(path, url), { ...init, redirect: 'manual', headers: { cookie, ...headers } })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (value === '') cookies.delete(name)
      else cookies.set(name, value)
    }
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, location: response.headers.get('location') }
  }
  const client: WebClient = {
    cookies,
    get: (path, headers = {}) => ask(path, {}, headers),
    async post(path, fields = {}, headers = {}) {
      const _csrf = fields._csrf ?? (await tokenOf(client))
      return await ask(path, { method: 'POST', body: new URLSearchParams({ ...fields, _csrf }) }, headers)
    },
    signIn: name => client.post('/sign-in', { name, password: webPassword, to: '/' }),
  }
  return client
}

/** A token for any form of this client. */
export async function tokenOf(client: WebClient): Promise<string> {
  const signIn = await client.get('/sign-in')
  const { text } = signIn.status === 200 ? signIn : await client.get('/you')
  return /name="_csrf" value="([^"]+)"/.exec(text)?.[1] ?? ''
}

/** Where the page's link of that relation leads. */
export function linkOf({ text }: Pick<WebAnswer, 'text'>, relation: 'prev' | 'next'): string | undefined {
  const href = new RegExp(`rel="${relation}" href="([^"]+)"`).exec(text)?.[1]
  return href?.replace(/&(?:amp|#x([0-9A-F]+));/g, (_, hex?: string) =>
    hex === undefined ? '&' : String.fromCharCode(Number.parseInt(hex, 16)),
  )
}

export interface Look {
  scheme?: 'light' | 'dark'
  width?: 390 | 1440
  javaScript?: boolean
}

/** Each scheme and each width; in long runs each with each. */
export const looks: readonly Look[] = [
  { scheme: 'light', width: 1440 },
  { scheme: 'dark', width: 390 },
  ...(process.env.TEST_LONG
    ? ([
        { scheme: 'dark', width: 1440 },
        { scheme: 'light', width: 390 },
      ] as const)
    : []),
]

const windowPatienceMs = 300_000

/** A browser window of its own; `name` is signed in. */
export async function openWindow(
  browser: Browser,
  url: string,
  name: string | undefined,
  look: Look = {},
): Promise<Page> {
  const { scheme = 'light', width = 1440, javaScript = true } = look
  const context: BrowserContext = await browser.newContext({
    baseURL: url,
    colorScheme: scheme,
    javaScriptEnabled: javaScript,
    viewport: { width, height: 900 },
  })
  // Nothing has to be quick here: what hangs is ended by the test's own time.
  context.setDefaultTimeout(windowPatienceMs)
  const page = await context.newPage()
  if (name === undefined) return page
  const cookies = await sessionOf(url, name)
  await context.addCookies([...cookies].map(([cookie, value]) => ({ name: cookie, value, url })))
  return page
}

const sessions = new Map<string, WebClient>()

/** A session of that user, if one of before goes on that one. */
async function sessionOf(url: string, name: string): Promise<ReadonlyMap<string, string>> {
  const before = sessions.get(`${name} ${url}`)
  if (before !== undefined && (await before.get('/you')).status === 200) return before.cookies
  const client = createWebClient(url)
  await client.signIn(name)
  sessions.set(`${name} ${url}`, client)
  return client.cookies
}

const maxBytes = 60_000

/**
 * Goes to the page and returns what is wrong with it: what axe finds, what the browser complains of (a broken policy, a script that failed),
 * requests to elsewhere, a first load over 60 kB, a page that must be scrolled sideways. None is right.
 */
export async function faultsOfPage(page: Page, path: string): Promise<string[]> {
  const faults: string[] = []
  const complain = (message: { type(): string; text(): string }): void => {
    // That a page is one of failure is no fault of it.
    if (message.type() === 'error' && !message.text().includes('the server responded with a status of'))
      faults.push(`console: ${message.text()}`)
  }
  const crash = (error: Error): void => void faults.push(`script: ${error.message}`)
  const request = (asked: { url(): string }): void => {
    if (new URL(asked.url()).origin !== new URL(page.url()).origin && page.url() !== 'about:blank')
      faults.push(`elsewhere: ${asked.url()}`)
  }
  page.on('console', complain).on('pageerror', crash).on('request', request)
  await page.goto(path, { waitUntil: 'load' })
  faults.push(...(await accessibilityFaults(page)))
  const { bytes, sideways } = (await page.evaluate(`({
    bytes: [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
      .reduce((sum, entry) => sum + entry.encodedBodySize + 300, 0),
    sideways: document.documentElement.scrollWidth > document.documentElement.clientWidth,
  })`)) as { bytes: number; sideways: boolean }
  if (bytes > maxBytes || bytes < 1_000) faults.push(`${bytes} bytes at the first load`)
  if (sideways) faults.push('scrolls sideways')
  page.off('console', complain).off('pageerror', crash).off('request', request)
  return faults.map(fault => `${path}: ${fault}`)
}

/** What axe finds on the page: rule and elements; none is right. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate(
    () => (globalThis as unknown as { axe: typeof axe }).axe.run() as Promise<{ violations: axe.Result[] }>,
  )
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(node => `${id}: ${node.target.join(' ')}: ${node.failureSummary}`),
  )
}
