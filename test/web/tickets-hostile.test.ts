// Hostile mails on the pages of tickets, in a real browser, from the mail server to the screen: every field that a mail fills tries every
// attack. No script runs, nothing is asked of another host, nothing moves. A control shows that the browser is seen doing all three.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { attacks, controls } from '../html/attacks.ts'
import { png } from '../html/watched-page.ts'
import { openChromium } from '../support/chromium.ts'
import { multipart, openTicketDesk, type TicketDesk } from '../support/ticket-desk.ts'
import { createWebClient, openWindow } from '../support/web.ts'

const corpora = process.env.TEST_CORPORA ?? path.resolve(import.meta.dirname, '../../../shared/corpora')
const snippets = path.join(corpora, 'snippets.jsonl')

let desk: TicketDesk
let browser: Browser

beforeAll(async () => {
  ;[desk, browser] = await Promise.all([openTicketDesk(), openChromium()])
}, 600_000)
afterAll(async () => {
  await browser?.close()
  await desk?.[Symbol.asyncDispose]()
})

/** Ways out of where a field may stand: text, an attribute, a title, a style, a script, a comment. */
const escapes: readonly string[] = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "'><svg onload=alert(1)>",
  '" onmouseover="alert(1)" autofocus onfocus="alert(2)" x="',
  '</title><script>alert(1)</script>',
  '</style></script><script>alert(1)</script>',
  '--><img src=https://remote.example/c.png onerror=alert(1)>',
  '</bdi></a></h1><iframe src="https://remote.example/f"></iframe>',
  '<meta http-equiv=refresh content="0;url=https://remote.example/m">',
  '<base href=https://remote.example/><link rel=stylesheet href=s.css>',
  '<form action=https://remote.example/><button autofocus>press</button></form>',
  'javascript:alert(1)//https://remote.example/',
  '&lt;img src=x onerror=alert(1)&gt;&#60;script&#62;alert(1)&#60;/script&#62;',
  '\\u003cscript\\u003ealert(1)\\u003c/script\\u003e{{constructor.constructor("alert(1)")()}}',
  '\u202e<img src=x onerror=alert(1)>\u0000\u001b[31m\u2028',
  '+ADw-script+AD4-alert(1)+ADw-/script+AD4-',
]

function corpusSnippets(): string[] {
  if (!existsSync(snippets)) return []
  const lines = readFileSync(snippets, 'utf8')
    .split('\n')
    .filter(line => line.includes('"xss"'))
  return lines
    .map(line => JSON.parse(line) as { kind: string; input: string })
    .filter(({ kind }) => kind === 'xss')
    .map(({ input }) => input)
}

const everything = (): string[] => [
  ...escapes,
  ...Object.values(attacks).filter(html => html.length < 5_000),
  ...corpusSnippets(),
]

/** RFC 2047, in words of which each is short enough for a line. */
function encoded(text: string): string {
  const letters = [...text.replace(/[\r\n]+/g, ' ')].slice(0, 300)
  const chunks = Array.from({ length: Math.ceil(letters.length / 10) }, (_, i) =>
    letters.slice(i * 10, i * 10 + 10).join(''),
  )
  return chunks.map(chunk => `=?utf-8?B?${Buffer.from(chunk).toString('base64')}?=`).join('\r\n ')
}

/** RFC 2231, as a parameter of a header. */
const parameter = (text: string) =>
  encodeURIComponent(
    text
      .slice(0, 80)
      .toWellFormed()
      .replace(/[\r\n]+/g, ' '),
  ).replace(/['()*]/g, '_')

/** A mail that has the text wherever a mail has words. `replyTo`: it goes into the ticket of that mail. */
function hostile(text: string, i: number, replyTo?: string): Buffer {
  const id = text.replace(/[^\x21-\x7e]|[<>@]/g, '').slice(0, 60)
  const name = parameter(text)
  return multipart(
    'mixed',
    [
      `From: ${encoded(text)} <${replyTo === undefined ? `h${i}` : 'mallory'}@example.org>`,
      `To: ${encoded(text)} <support@example.com>`,
      `Cc: "${text.replace(/[^\x20-\x7e]|["\\]/g, '').slice(0, 60)}"@remote.example`,
      `Subject: ${encoded(text)}`,
      `Message-ID: <${replyTo === undefined ? 'own' : 'reply'}-${i}-${id}@remote.example>`,
      ...(replyTo === undefined ? [] : [`In-Reply-To: <${replyTo}>`, `References: <${replyTo}>`]),
    ],
    [
      { headers: ['Content-Type: text/html; charset=utf-8'], body: `${text}<img src="cid:${id}"><p>words</p>` },
      {
        headers: ['Content-Type: text/plain; charset=utf-8'],
        body: `${text}\n\nOn Monday somebody wrote:\n> ${text}\n`,
      },
      {
        headers: [
          `Content-Type: text/html; name*=utf-8''${name}`,
          `Content-ID: <${id}>`,
          `Content-Disposition: attachment; filename*=utf-8''${name}`,
        ],
        body: text,
      },
      {
        headers: [
          `Content-Type: image/png; name*=utf-8''${name}`,
          `Content-ID: <${id}>`,
          `Content-Disposition: inline; filename*=utf-8''${name}`,
        ],
        body: i % 2 === 0 ? png : text,
      },
    ],
  )
}

interface Watch {
  page: Page
  deeds: string[]
}

/** Whatever a page does beside showing what this server sends. */
async function openWatch(name: string): Promise<Watch> {
  const page = await openWindow(browser, desk.daemon.url, name)
  const context: BrowserContext = page.context()
  const deeds: string[] = []
  const { origin } = new URL(desk.daemon.url)
  const isOwn = (url: string) =>
    new URL(url).origin === origin && /^\/(tickets|assets|inline|live)\b/.test(new URL(url).pathname)
  await context.addInitScript(
    "for (const name of ['alert', 'confirm', 'prompt', 'print']) globalThis[name] = () => console.log('called ' + name)",
  )
  context.on('console', message => {
    // A remark of the browser on the headers of our own pages, about the process that shows them.
    if (message.text().includes('origin-keyed agent cluster')) return
    // An inline part that says it is a picture and is none.
    if (/Failed to load resource.* 404/.test(message.text()) && isOwn(message.location().url)) return
    deeds.push(`script: ${message.text()}`)
  })
  context.on('dialog', dialog => {
    deeds.push(`script: ${dialog.message()}`)
    void dialog.dismiss()
  })
  context.on('weberror', error => deeds.push(`script: ${error.error()}`))
  context.on('request', request => {
    if (!isOwn(request.url()))
      deeds.push(`${request.isNavigationRequest() ? 'navigation' : 'request'}: ${request.url()}`)
  })
  page.on('framenavigated', frame => {
    const url = frame.url()
    if (url !== 'about:blank' && url !== '' && !isOwn(url)) deeds.push(`navigation: ${url}`)
  })
  context.on('page', other => deeds.push(`navigation: window ${other.url()}`))
  page.on('download', download => deeds.push(`navigation: download ${download.url()}`))
  return { page, deeds }
}

/** Opens all that is folded, and waits until every frame shows its mail. */
async function unfold(page: Page): Promise<void> {
  const frames = await page.evaluate<number>(`(() => {
    for (const details of document.querySelectorAll('details')) details.open = true
    const frames = [...document.querySelectorAll('iframe')]
    for (const frame of frames) frame.loading = 'eager'
    return frames.length
  })()`)
  for (;;) {
    const shown = page.frames().filter(frame => /\/html(\?|$)/.test(frame.url()))
    if (shown.length >= frames) break
    await page.waitForEvent('framenavigated')
  }
  await Promise.all(page.frames().map(frame => frame.waitForLoadState('load')))
  await settle(page)
}

/** What was begun has come to something: three more answers of the same server were waited for. */
async function settle(page: Page): Promise<void> {
  await page.evaluate(
    "(async () => { for (let i = 0; i < 3; i++) await fetch('/live').then(answer => answer.text()) })()",
  )
}

test('the watch sees scripts, requests and navigations', async () => {
  const { page, deeds } = await openWatch('grace')
  for (const [name, html] of Object.entries(controls)) {
    await page.route('**/tickets/control', route =>
      route.fulfill({
        headers: { 'content-type': 'text/html', 'origin-agent-cluster': '?1' },
        body: `<!doctype html><body>${html}`,
      }),
    )
    await page.goto('/tickets/control')
    while (!deeds.some(deed => deed.startsWith(name))) await page.waitForEvent('console')
    await page.unroute('**/tickets/control')
  }
  expect(new Set(deeds.map(deed => deed.split(':')[0]))).toEqual(new Set(['script', 'request', 'navigation']))
  await page.context().close()
})

test('no field of a mail does anything, in the list, in a conversation, or in a frame', async () => {
  const texts = everything()
  const root = 'root@remote.example'
  await desk.deliver(
    multipart(
      'alternative',
      ['From: Mallory <mallory@example.org>', 'To: support@example.com', 'Subject: the root', `Message-ID: <${root}>`],
      [{ headers: ['Content-Type: text/plain'], body: 'words' }],
    ),
  )
  await desk.deliver(...texts.map((text, i) => hostile(text, i)), ...texts.map((text, i) => hostile(text, i, root)))
  const ticket = await desk.ticket('the root')
  const { messages } = await desk.world.db('tickets').where({ id: ticket }).first('messages')
  expect(messages).toBe(texts.length + 1)

  const { page, deeds } = await openWatch('grace')
  let rows = 0
  await page.goto('/tickets?status=all')
  for (;;) {
    rows += await page.locator('tbody tr').count()
    await settle(page)
    const older = page.locator('a[rel=next]')
    if ((await older.count()) === 0) break
    await Promise.all([page.waitForNavigation(), older.click()])
  }
  expect(rows).toBe(texts.length + 1)

  let articles = 0
  await page.goto(`/tickets/${ticket}`)
  for (;;) {
    articles += await page.locator('article').count()
    await unfold(page)
    const earlier = page.locator('a', { hasText: 'Earlier messages' })
    if ((await earlier.count()) === 0) break
    await Promise.all([page.waitForNavigation(), earlier.click()])
  }
  expect(articles).toBe(texts.length + 1)

  // A subject is a title, too.
  const own: number[] = await desk.world
    .db('tickets')
    .whereNot({ id: ticket })
    .orderBy('id')
    .limit(escapes.length)
    .pluck('id')
  for (const id of own) {
    await page.goto(`/tickets/${id}`)
    await unfold(page)
  }
  expect(deeds).toEqual([])
  await page.context().close()
}, 600_000)

test('no attachment is ever shown as a page, whatever it says it is, and no name leaves its place', async () => {
  const names = [
    '../../../../etc/passwd',
    '..\\..\\windows\\system32\\evil.exe',
    'a\r\nSet-Cookie: evil=1\r\n\r\n<script>alert(1)</script>.html',
    'quote".html; filename="other.exe',
    "it's%0d%0aX-Evil: 1 (1)*.txt",
    '\u202egnp.exe',
    'CON',
    '...',
    '\ud83d\ude00 Größe.html',
    `${'long '.repeat(80)}.pdf`,
  ]
  await desk.deliver(
    multipart(
      'mixed',
      ['From: eve@example.org', 'To: support@example.com', 'Subject: hostile names', 'Message-ID: <names@x>'],
      names.map(name => ({
        headers: [
          'Content-Type: text/html; charset=utf-7',
          `Content-Disposition: attachment; filename*=utf-8''${encodeURIComponent(name)}`,
        ],
        body: '<script>alert(1)</script>',
      })),
    ),
  )
  const ticket = await desk.ticket('hostile names')
  // Past the parser, too: as if it had kept the names as they came.
  const ids: number[] = await desk.world
    .db('attachments')
    .join('messages', 'messages.id', 'of_message')
    .where({ ticket_id: ticket })
    .orderBy('attachments.id')
    .pluck('attachments.id')
  expect(ids).toHaveLength(names.length)
  for (const [i, id] of ids.entries()) await desk.world.db('attachments').where({ id }).update({ filename: names[i] })
  const client = createWebClient(desk.daemon.url)
  await client.signIn('grace')
  const dispositions: string[] = []
  for (const id of ids) {
    const { status, headers, text } = await client.get(`/tickets/${ticket}/files/${id}`)
    expect({ status, text }).toEqual({ status: 200, text: '<script>alert(1)</script>' })
    expect(headers.get('content-type')).toBe('application/octet-stream')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; sandbox;/)
    expect(headers.has('x-evil')).toBe(false)
    expect(headers.get('set-cookie') ?? '').not.toContain('evil')
    dispositions.push(headers.get('content-disposition') ?? '')
    expect((await client.get(`/tickets/${ticket}/files/${id}/picture`)).status).toBe(404)
  }
  for (const disposition of dispositions) {
    const [, quoted, token, utf8] =
      /^attachment; filename=(?:"([^"\\]*)"|([\w!#$&'*+.^`|~-]+))(?:; filename\*=UTF-8''([\w.!#$&+^`|~%-]*))?$/.exec(
        disposition,
      ) ?? []
    const ascii = quoted ?? token ?? ''
    expect(ascii, disposition).not.toBe('')
    for (const name of [ascii, decodeURIComponent(utf8 ?? ascii)])
      expect(name, disposition).not.toMatch(/[\\/\r\n\0\u202e]|^\./)
    expect(ascii, disposition).not.toContain('%')
  }
  expect(dispositions[6]).toMatch(/filename=_CON(?:;|$)/)
  expect(dispositions[7]).toMatch(/filename=attachment-\d+(?:;|$)/)
  expect(dispositions[8]).toContain("UTF-8''%F0%9F%98%80%20Gr%C3%B6%C3%9Fe.html")

  // In the browser it is a download, and the page stays.
  const page = await openWindow(browser, desk.daemon.url, 'grace')
  await page.goto(`/tickets/${ticket}`)
  const [download] = await Promise.all([page.waitForEvent('download'), page.locator('.files a').first().click()])
  expect(download.suggestedFilename()).not.toMatch(/[\\/]|^\./)
  expect(new URL(page.url()).pathname).toBe(`/tickets/${ticket}`)
  const [opened] = await Promise.all([
    page.waitForEvent('download'),
    page.goto(`/tickets/${ticket}/files/${ids[2]}`).catch(error => String(error)),
  ])
  expect(opened.url()).toContain(`/files/${ids[2]}`)
  await page.context().close()
})

test('nobody gets at a file, a frame or an original by another ticket’s number', async () => {
  const client = createWebClient(desk.daemon.url)
  await client.signIn('grace')
  const ticket = await desk.ticket('hostile names')
  const other = await desk.ticket('the root')
  const message = await desk.world.db('messages').where({ ticket_id: ticket }).first('id')
  const file = await desk.world.db('attachments').where({ of_message: message.id }).first('id')
  const html = await desk.world.db('messages').where({ ticket_id: other }).where({ has_html: true }).first('id')
  for (const [right, wrong] of [
    [`/tickets/${ticket}/files/${file.id}`, `/tickets/${other}/files/${file.id}`],
    [`/tickets/${ticket}/messages/${message.id}/original`, `/tickets/${other}/messages/${message.id}/original`],
    [`/tickets/${ticket}/messages/${message.id}/text`, `/tickets/${other}/messages/${message.id}/text`],
    [`/tickets/${other}/messages/${html.id}/html`, `/tickets/${ticket}/messages/${html.id}/html`],
  ] as const) {
    expect((await client.get(right)).status, right).toBe(200)
    const refused = await client.get(wrong)
    expect(refused.status, wrong).toBe(404)
    expect(refused.headers.get('content-security-policy'), wrong).toContain("default-src 'none'")
    const stranger = await createWebClient(desk.daemon.url).get(right)
    expect(stranger, right).toMatchObject({ status: 303, location: `/sign-in?to=${encodeURIComponent(right)}` })
  }
  for (const odd of [
    '/tickets/0',
    '/tickets/-1',
    '/tickets/1e3',
    '/tickets/99999999999999999999',
    `/tickets/${ticket}/files/x`,
    '/tickets/..%2f..%2fetc',
    `/inline/1.1.1.${'a'.repeat(43)}`,
  ])
    expect((await client.get(odd)).status, odd).toBe(404)
})
