// Mails in frames of a page, in a browser that notes whatever they do: scripts (dialogs, console, errors, and attempts that a wall
// stopped), requests, navigations, windows. Answers come from here alone; nothing leaves the machine.
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, BrowserContext, ConsoleMessage, Frame, Page, Request } from 'playwright-core'

/** A document in its frame. */
export interface Shown {
  name: string
  body: string
  headers?: Readonly<Record<string, string>>
  /** Of the frame; without it the document may do as it likes. */
  sandbox?: string
}

export interface Deed {
  /** `inline`: it asked for an image that came with the mail. */
  kind: 'script' | 'request' | 'navigation' | 'inline'
  /** The document's name, '' if that cannot be told. */
  name: string
  what: string
}

export const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

export class WatchedPage implements AsyncDisposable {
  readonly deeds: Deed[] = []
  readonly #server: Server
  readonly #context: BrowserContext
  readonly page: Page
  readonly origin: string
  #documents = new Map<string, Shown>()
  /** Pages of a run have a number, so that a straggler of the one before is not taken for one of the next. */
  #run = 0

  private constructor(server: Server, context: BrowserContext, page: Page) {
    this.#server = server
    this.#context = context
    this.page = page
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    server.on('request', (request, response) => {
      const { status, headers, body } = this.#answer(request.url ?? '/')
      response.writeHead(status, headers).end(body)
    })
  }

  static async open(browser: Browser): Promise<WatchedPage> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const context = await browser.newContext({ serviceWorkers: 'block', acceptDownloads: false })
    const watched = new WatchedPage(server, context, await context.newPage())
    await watched.#watch()
    return watched
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#context.close()
    this.#server.closeAllConnections()
    this.#server.close()
  }

  /** Shows documents until each had its time; what they do is in `deeds`. */
  async show(documents: readonly Shown[]): Promise<void> {
    this.#run++
    this.#documents = new Map(documents.map((document, i) => [`/mail/${this.#run}/${i}`, document]))
    // The last frame is a clock: it moves on twice and then speaks, and by then the others would have, too.
    const tick = this.page.waitForEvent('console', message => message.text() === `tick ${this.#run}`)
    await this.page.goto(`${this.origin}/page/${this.#run}`, { waitUntil: 'load' })
    await tick
  }

  /** From now on other hosts seem to answer; until then they are not found. It slows every request down. */
  async answerForOthers(): Promise<void> {
    await this.#context.route(
      url => !url.href.startsWith(this.origin),
      route => route.fulfill({ status: 200, contentType: 'image/png', body: png }),
    )
  }

  /** The frames of the documents last shown. */
  frames(): { name: string; frame: Frame }[] {
    return this.page.frames().flatMap(frame => {
      const name = this.#nameAt(frame.url())
      return name === undefined ? [] : [{ name, frame }]
    })
  }

  #nameAt(url: string): string | undefined {
    return this.#documents.get(url.replace(this.origin, '').replace(/#.*$/, ''))?.name
  }

  async #watch(): Promise<void> {
    const note = (kind: Deed['kind'], url: string, what: string): void => {
      this.deeds.push({ kind, name: this.#nameAt(url) ?? '', what: what.slice(0, 300) })
    }
    await this.#context.addInitScript(speaking)
    this.#context.on('console', message => {
      if (this.#isOurs(message)) return
      const text = message.text()
      note('script', /^called \w+ in (\S+)$/.exec(text)?.[1] ?? message.location().url, text)
    })
    this.#context.on('dialog', dialog => {
      note('script', dialog.page()?.url() ?? '', dialog.message())
      void dialog.dismiss()
    })
    this.#context.on('weberror', error => note('script', '', String(error.error())))
    this.#context.on('request', request => {
      const path = request.url().replace(this.origin, '')
      const expected =
        path.startsWith('/page/') || path.startsWith('/clock/') || this.#nameAt(request.url()) !== undefined
      if (expected || path === '/favicon.ico') return
      const kind = path.startsWith('/inline/') ? 'inline' : 'request'
      note(request.isNavigationRequest() ? 'navigation' : kind, placeOf(request), request.url())
    })
    this.page.on('framenavigated', frame => {
      const path = frame.url().replace(this.origin, '')
      if (/^\/(page|clock)\//.test(path) || this.#nameAt(frame.url()) !== undefined) return
      // Every frame begins empty.
      if (frame.url() !== 'about:blank' && frame.url() !== '') note('navigation', frame.url(), frame.url())
    })
    this.#context.on('page', page => note('navigation', '', `window: ${page.url()}`))
    this.page.on('download', download => note('navigation', '', `download: ${download.url()}`))
    this.page.on('websocket', socket => note('request', '', socket.url()))
  }

  /** What the clock says, and complaints about images of our own that are not there. */
  #isOurs(message: ConsoleMessage): boolean {
    return /^tick \d+$/.test(message.text())
  }

  #answer(url: string): { status: number; headers: Record<string, string>; body: string | Buffer } {
    const html = { 'content-type': 'text/html; charset=utf-8' }
    const document = this.#documents.get(url)
    if (document !== undefined) return { status: 200, headers: { ...html, ...document.headers }, body: document.body }
    if (url.startsWith('/page/')) return { status: 200, headers: html, body: this.#pageOfFrames() }
    if (url.startsWith('/clock/')) return { status: 200, headers: html, body: clock(url) }
    if (url.startsWith('/inline/'))
      return {
        status: 200,
        headers: { 'content-type': 'image/png', 'cross-origin-resource-policy': 'cross-origin' },
        body: png,
      }
    return { status: url === '/favicon.ico' ? 204 : 404, headers: html, body: '' }
  }

  #pageOfFrames(): string {
    // All of them are in sight: a frame that is not may sleep.
    const [width, height] = this.#documents.size === 1 ? [400, 200] : [100, 50]
    const frames = [...this.#documents].map(([path, { sandbox }]) => {
      const attribute = sandbox === undefined ? '' : ` sandbox="${sandbox}"`
      return `<iframe${attribute} src="${path}" width="${width}" height="${height}"></iframe>`
    })
    return `<!doctype html><title>page</title>${frames.join('')}<iframe src="/clock/${this.#run}/0"></iframe>`
  }
}

/** '' for the first request of a new window, which has no frame yet. */
function placeOf(request: Request): string {
  try {
    return request.frame().url()
  } catch {
    return ''
  }
}

/** What a dialog would say goes where no one has to close it. */
const speaking = `for (const name of ['alert', 'confirm', 'prompt', 'print'])
  globalThis[name] = () => console.log('called ' + name + ' in ' + location.href)`

/** Twice by a refresh, as the slowest of the ways that documents move on. */
function clock(url: string): string {
  const [, run = '', step = ''] = /^\/clock\/(\d+)\/(\d)/.exec(url) ?? []
  if (step === '2') return `<script>console.log('tick ${run}')</script>`
  return `<meta http-equiv="refresh" content="0;url=/clock/${run}/${Number(step) + 1}">`
}
