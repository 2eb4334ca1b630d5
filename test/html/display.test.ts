// Hostile mails in a real browser, the way that the page shows them: stored as the parser makes them, then as the document of a
// sandboxed frame. Nothing runs, nothing is requested, nothing moves. Each wall is also tried without the others.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { attributes, tags } from '../../src/parse/html/safe-html.ts'
import { parseHtml } from '../../src/parse/parse-message.ts'
import { type MailDocument, mailDocument } from '../../src/web/pages/tickets/mail-html.ts'
import { openChromium } from '../support/chromium.ts'
import { attacks, controls } from './attacks.ts'
import { type Deed, type Shown, WatchedPage } from './watched-page.ts'

/** Much else may run on the machine at the same time. */
const patience = 180_000

const corpora = process.env.TEST_CORPORA ?? path.resolve(import.meta.dirname, '../../../shared/corpora')
const snippets = path.join(corpora, 'snippets.jsonl')

let browser: Browser
let watched: WatchedPage

beforeAll(async () => {
  browser = await openChromium()
}, 600_000)

afterAll(() => browser?.close())

// What the controls opened is not there any more for the next test.
beforeEach(async () => {
  watched = await WatchedPage.open(browser)
})

afterEach(() => watched[Symbol.asyncDispose]())

/** HTML on its way through a mail. */
async function derived(html: string): Promise<string> {
  const head = 'From: a@remote.example\r\nContent-Type: text/html; charset=utf-8\r\n\r\n'
  return (await parseHtml(Buffer.from(head + html)))?.html ?? ''
}

function shown(html: string, changes: Partial<Parameters<typeof mailDocument>[1]> = {}): MailDocument {
  return mailDocument(html, {
    images: 'blocked',
    links: 'blocked',
    attachments: [{ contentId: 'picture@mail', contentType: 'image/png' }],
    attachmentPath: () => '/inline/1',
    ...changes,
  })
}

/** Without any wall behind the HTML. */
function bare(name: string, html: string): Shown {
  return { name, body: `<!doctype html><meta charset="utf-8"><body>${html}` }
}

type Case = readonly [name: string, html: string]

const perPage = 75

/** What the cases do, shown by `dress`. */
async function deedsOf(
  cases: readonly Case[],
  dress: (name: string, html: string) => Shown,
  look?: () => Promise<void>,
) {
  watched.deeds.length = 0
  for (let at = 0; at < cases.length; at += perPage) {
    await watched.show(cases.slice(at, at + perPage).map(([name, html]) => dress(name, html)))
    await look?.()
  }
  return watched.deeds.splice(0)
}

const allowedTags = new Set([...tags, 'html', 'head', 'meta', 'body'])
const allowedAttributes = new Set(Object.values(attributes).flat())

interface Found {
  tags: string[]
  attributes: string[]
  foreign: number
}

const pressAll = `(() => {
  const elements = [...document.querySelectorAll('*')]
  for (const element of elements.slice(0, 500)) {
    for (const type of ['mouseover', 'focus', 'error', 'load', 'toggle', 'submit'])
      element.dispatchEvent(new Event(type, { bubbles: false, cancelable: true }))
    if (element instanceof HTMLElement) element.click()
  }
  return {
    tags: [...new Set(elements.map(element => element.localName))],
    attributes: [...new Set(elements.slice(2).flatMap(element => (element.localName === 'meta' ? [] : element.getAttributeNames())))],
    foreign: elements.filter(element => element.namespaceURI !== 'http://www.w3.org/1999/xhtml').length,
  }
})()`

/** What the browser made of the HTML is on the list, too; then everything in it is pressed, pointed at and given the focus. */
async function lookInside(): Promise<void> {
  for (const { name, frame } of watched.frames()) {
    const found = await frame.evaluate<Found>(pressAll)
    const beyond = {
      tags: found.tags.filter(tag => !allowedTags.has(tag)),
      attributes: found.attributes.filter(attribute => !allowedAttributes.has(attribute)),
      foreign: found.foreign,
    }
    expect({ name, ...beyond }).toEqual({ name, tags: [], attributes: [], foreign: 0 })
  }
}

/** Images that came with the mail are what the page shows, whoever named them. */
function remarkable(deeds: readonly Deed[]): Deed[] {
  return deeds.filter(deed => deed.kind !== 'inline')
}

const framed = (name: string, html: string): Shown => ({ name, ...shown(html) })

async function expectNothing(cases: readonly Case[]): Promise<void> {
  const safe = await Promise.all(cases.map(async ([name, html]) => [name, await derived(html)] as const))
  expect(remarkable(await deedsOf(safe, framed)), 'as the page shows it').toEqual([])
  expect(await deedsOf(safe, bare, lookInside), 'sanitised, without policy and sandbox').toEqual([])
}

test('the browser is seen running scripts, asking for images and moving on', async () => {
  const deeds = await deedsOf(Object.entries(controls), bare)
  expect(deeds.map(({ kind, name }) => `${name}: ${kind}`)).toEqual(
    expect.arrayContaining(['script: script', 'request: request', 'navigation: navigation']),
  )
})

test(
  'most attacks would do something if nothing stood in their way',
  async () => {
    const cases = Object.entries(attacks).filter(([, html]) => html.length < 5_000)
    const deeds = await deedsOf(cases, bare)
    expect(new Set(deeds.map(deed => deed.kind))).toEqual(new Set(['script', 'request', 'navigation']))
    expect(new Set(deeds.map(deed => deed.name)).size).toBeGreaterThan(40)
  },
  patience,
)

test(
  'no attack does anything',
  async () => {
    await expectNothing(Object.entries(attacks))
  },
  patience,
)

test(
  'no attack does anything in the frame, even if it was stored as it came',
  async () => {
    expect(remarkable(await deedsOf(Object.entries(attacks), framed))).toEqual([])
  },
  patience,
)

test.skipIf(!existsSync(snippets))(
  `no snippet of ${snippets} does anything (skipped where there is none)`,
  async () => {
    const lines = readFileSync(snippets, 'utf8')
      .split('\n')
      .filter(line => line.includes('"xss"'))
    const cases = lines
      .map(line => JSON.parse(line) as { kind: string; corpus: string; id: string; input: string })
      .filter(({ kind }) => kind === 'xss')
      .map(({ corpus, id, input }) => [`${corpus} ${id}`, input] as const)
    expect(cases.length).toBeGreaterThan(0)
    await expectNothing(cases)
  },
)

test('an image that came with the mail is shown, one from elsewhere only when it is asked for', async () => {
  await watched.answerForOthers()
  const html = await derived(
    '<img src="cid:picture@mail"><img src="CID:picture%40mail"><img src="cid:other@mail"><img src="https://remote.example/a.png" width=9><img src="https://remote.example/t.png" width=1 height=1>',
  )
  const requests = async (images: 'blocked' | 'allowed') =>
    (await deedsOf([['images', html]], (name, body) => ({ name, ...shown(body, { images }) }))).map(deed => deed.what)
  const inline = `${watched.origin}/inline/1`
  expect(await requests('blocked')).toEqual([inline])
  expect((await requests('allowed')).sort()).toEqual([inline, 'https://remote.example/a.png'].sort())
})

test('a link leads nowhere until it is asked for, then to a window that knows nothing of us', async () => {
  await watched.answerForOthers()
  const html = await derived(
    '<a href="https://remote.example/in"><span style="display:block;height:100px;background:#eee">press</span></a>',
  )
  const press = async (links: 'blocked' | 'allowed') => {
    const deeds = await deedsOf(
      [['link', html]],
      (name, body) => ({ name, ...shown(body, { links }) }),
      async () => {
        if (links === 'blocked') return await watched.page.mouse.click(100, 60)
        const window = watched.page.context().waitForEvent('page')
        await watched.page.mouse.click(100, 60)
        const opened = await window
        await opened.waitForLoadState()
        expect(await opened.evaluate('[String(window.opener), document.referrer]')).toEqual(['null', ''])
        await opened.close()
      },
    )
    return deeds.map(({ kind }) => kind)
  }
  expect(await press('blocked')).toEqual([])
  expect(new Set(await press('allowed'))).toEqual(new Set(['navigation']))
})
