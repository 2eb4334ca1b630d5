// Tickets in a browser, with a running daemon and a real mail server, with and without JavaScript: found, read, closed, reopened; what is
// folded, what comes while one looks, what is asked for only when it is wanted.
import { createHmac, createPrivateKey } from 'node:crypto'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { up } from '../../migrations/20261126_04_ticket_lists.ts'
import { findTicketPage, type TicketFilter } from '../../src/store/tickets/ticket-list.ts'
import {
  type Permission,
  readPermission,
  toPermission,
  toPictureKey,
} from '../../src/web/security/inline-permission.ts'
import { png } from '../html/watched-page.ts'
import { openChromium } from '../support/chromium.ts'
import { until } from '../support/daemon.ts'
import { rawMail } from '../support/messages.ts'
import { multipart, openTicketDesk, type TicketDesk } from '../support/ticket-desk.ts'
import { accessibilityFaults, createWebClient, linkOf, looks, openWindow, type WebClient } from '../support/web.ts'

let desk: TicketDesk
let browser: Browser

const quotation = 'On Tue, Nov 24, 2026 at 10:00 AM Support <support@example.com> wrote:\r\n> It is on its way.\r\n'
const head = (subject: string, id: string) => [
  'From: Anna <anna@example.org>',
  'To: support@example.com',
  `Subject: ${subject}`,
  `Message-ID: <${id}>`,
  'Date: Tue, 24 Nov 2026 10:00:00 +0000',
]

beforeAll(async () => {
  ;[desk, browser] = await Promise.all([openTicketDesk(), openChromium()])
  await desk.deliver(
    rawMail({ id: 'parcel@x', subject: 'Where is my parcel?', body: 'Hello, where is it?' }),
    rawMail({
      id: 'thanks@x',
      subject: 'Re: Where is my parcel?',
      inReplyTo: 'parcel@x',
      references: ['parcel@x'],
      body: `It has come, thank you!\r\n\r\n${quotation}`,
    }),
    multipart('mixed', head('Pictures of the damage', 'damage@x'), [
      {
        headers: ['Content-Type: text/html; charset=utf-8'],
        body: '<p>Broken: <img src="cid:lamp@x" width="40" height="40"> <img src="https://remote.example/a.png" width="80" height="30"> <a href="https://remote.example/shop">our shop</a></p>',
      },
      {
        headers: ['Content-Type: image/png; name="lamp.png"', 'Content-ID: <lamp@x>', 'Content-Disposition: inline'],
        body: png,
      },
      {
        headers: ['Content-Type: application/pdf', 'Content-Disposition: attachment; filename="bill.pdf"'],
        body: '%PDF-1.4',
      },
    ]),
    rawMail({ from: 'cron@example.net', subject: 'Backup done', headers: ['Auto-Submitted: auto-generated'] }),
  )
}, 600_000)
afterAll(async () => {
  await browser?.close()
  await desk?.[Symbol.asyncDispose]()
})

const main = (page: Page) => page.locator('main')

async function agent(): Promise<WebClient> {
  const client = createWebClient(desk.daemon.url)
  expect((await client.signIn('grace')).status).toBe(303)
  return client
}

test.each([true, false])('a ticket is found, read, closed and reopened; JavaScript: %s', async javaScript => {
  const page = await openWindow(browser, desk.daemon.url, 'grace', { javaScript })
  await page.goto('/')
  expect(new URL(page.url()).pathname).toBe('/tickets')
  await page.getByRole('link', { name: 'Where is my parcel?' }).click()
  await page.getByRole('heading', { level: 1, name: 'Where is my parcel?' }).waitFor()

  // The new words are there; the quotation and the rest only when they are asked for.
  const [first, second] = [page.locator('article').first(), page.locator('article').nth(1)]
  await first.getByText('Hello, where is it?').waitFor()
  await second.getByText('It has come, thank you!').first().waitFor()
  expect(await second.getByText('It is on its way.').isVisible()).toBe(false)
  await second.getByText('Show quoted').click()
  expect(await second.getByText('It is on its way.').isVisible()).toBe(true)
  expect(await first.getByText('Show quoted').count()).toBe(0)
  await first.getByText('Show original').click()
  await first.getByText('parcel@x').waitFor()
  expect(await page.locator('.token').textContent()).toMatch(/^\[LL-\w{4}-\w{4}-\w{16}\]$/)
  const original = page.waitForEvent('download')
  await first.getByRole('link', { name: 'Download the original' }).click()
  expect((await original).suggestedFilename()).toMatch(/^LL-\w{4}-\w{4}-\d+\.eml$/)

  await page.getByRole('button', { name: 'Close ticket' }).click()
  await page.locator('.flash', { hasText: 'is closed.' }).waitFor()
  await page.goto('/tickets')
  expect(await page.getByRole('link', { name: 'Where is my parcel?' }).count()).toBe(0)
  await page.getByLabel('Status').selectOption('closed')
  await page.getByRole('button', { name: 'Show' }).click()
  await page.getByRole('link', { name: 'Where is my parcel?' }).click()
  await page.getByRole('button', { name: 'Reopen ticket' }).click()
  await page.locator('.flash', { hasText: 'is open.' }).waitFor()
  const acts = await desk.world.db('audit_log').where('action', 'like', 'ticket.%').orderBy('id', 'desc').limit(2)
  expect(acts.map(({ actor, action }) => `${actor} ${action}`)).toEqual([
    'grace (web) ticket.reopen',
    'grace (web) ticket.close',
  ])
  await page.context().close()
})

test('the list by kind and by account, and in words where it is empty', async () => {
  const client = await agent()
  const shown = async (query: string) => {
    const { text } = await client.get(`/tickets?${query}`)
    return [...text.matchAll(/class="subject" href="[^"]+"><bdi>([^<]*)/g)].map(([, subject]) => subject)
  }
  expect(await shown('')).toHaveLength(3)
  expect(await shown('kind=auto-generated')).toEqual(['Backup done'])
  expect(await shown('kind=human&account=support@example.com')).toHaveLength(2)
  expect(await shown('kind=nonsense&status=nonsense&before=nonsense&after=x')).toHaveLength(3)
  for (const [query, words] of [
    ['status=closed&kind=bounce', 'No closed tickets of this kind.'],
    ['account=nobody@example.com', 'No open tickets of nobody@example.com.'],
    ['status=all&account=nobody@example.com', 'No tickets of nobody@example.com yet'],
    ['before=1-1', 'There is nothing older.'],
  ] as const)
    expect((await client.get(`/tickets?${query}`)).text, query).toContain(words)
})

test('tickets of an older program get the kind of the mail that opened them', async () => {
  const { db } = desk.world
  const kinds = () => db('tickets').orderBy('id').pluck('kind')
  const before = await kinds()
  expect(new Set(before)).toEqual(new Set(['human', 'auto-generated']))
  await db('tickets').update({ kind: 'human', updated_at: db.ref('updated_at') })
  await up(db)
  expect(await kinds()).toEqual(before)
})

test('pages by key, forth and back, each ticket once', async () => {
  const { db } = desk.world
  const at = new Date('2020-01-01T00:00:00.123Z')
  // Many of one instant: the id decides.
  const rows = Array.from({ length: 130 }, (_, i) => ({
    ref: `LL-PAGE-${String(i).padStart(4, '0')}`,
    account_id: desk.accountId,
    subject: `page ${i}`,
    requester_name: '',
    requester_address: 'pages@example.org',
    status: i % 3 === 0 ? 'closed' : 'open',
    kind: 'list',
    created_at: at,
    updated_at: i < 100 ? at : new Date(at.getTime() + i),
  }))
  await db('tickets').insert(rows)
  const client = await agent()
  const read = async (path: string) => {
    const { text } = await client.get(path)
    return {
      refs: [...text.matchAll(/<code>(LL-PAGE-\d{4})<\/code> (?=[^<]*(?:<span|<\/span))/g)].map(([, ref]) => ref),
      newer: linkOf({ text }, 'prev'),
      older: linkOf({ text }, 'next'),
    }
  }
  const forth = []
  for (let path: string | undefined = '/tickets?status=all&kind=list'; path !== undefined; path = forth.at(-1)?.older)
    forth.push(await read(path))
  expect(forth.map(({ refs }) => refs.length)).toEqual([50, 50, 30])
  const expected = rows.toReversed().toSorted((a, b) => b.updated_at.getTime() - a.updated_at.getTime())
  expect(forth.flatMap(({ refs }) => refs)).toEqual(expected.map(({ ref }) => ref))
  expect(await read(forth[2]?.newer ?? '')).toMatchObject({ refs: forth[1]?.refs })
  expect(await read(forth[1]?.newer ?? '')).toMatchObject({ refs: forth[0]?.refs, newer: undefined })
  await db('tickets').where({ requester_address: 'pages@example.org' }).delete()
})

test('a deep page reads as many rows as the first, under every filter', async () => {
  const { db } = desk.world
  const many = 4_000
  const from = Date.UTC(2021, 0, 1)
  const place = (i: number) => ({ updatedAt: new Date(from + i * 1_000), id: 0 })
  for (let at = 0; at < many; at += 1_000) {
    await db('tickets').insert(
      Array.from({ length: 1_000 }, (_, i) => ({
        ref: `LL-MANY-${at + i}`,
        account_id: desk.accountId,
        subject: 'one of many',
        requester_name: '',
        requester_address: 'many@example.org',
        status: i % 2 === 0 ? 'closed' : 'open',
        kind: i % 4 < 2 ? 'loop' : 'list',
        created_at: new Date(from),
        updated_at: place(at + i).updatedAt,
      })),
    )
  }
  await db.raw('ANALYZE TABLE tickets')
  const accountIds = [desk.accountId]
  for (const wanted of [
    {},
    { status: 'open' },
    { accountIds },
    { kind: 'loop' },
    { status: 'closed', accountIds, kind: 'loop' },
  ] as const satisfies TicketFilter[]) {
    await db.transaction(async trx => {
      const reads = async (reach: Parameters<typeof findTicketPage>[2]) => {
        await trx.raw('FLUSH STATUS')
        expect((await findTicketPage(trx, wanted, reach)).tickets).toHaveLength(reach.limit)
        const [rows] = await trx.raw("SHOW SESSION STATUS LIKE 'Handler_read%'")
        return rows.reduce((sum: number, row: { Value: string }) => sum + Number(row.Value), 0)
      }
      const first = await reads({ limit: 20 })
      // A page reads its tickets, their accounts and participants, and one row more in each part.
      expect(first, JSON.stringify(wanted)).toBeLessThan(400)
      for (const reach of [
        { before: place(2_000) },
        { before: place(200) },
        { after: place(3_000) },
        { after: place(500) },
      ])
        expect(await reads({ ...reach, limit: 20 }), JSON.stringify([wanted, reach])).toBeLessThanOrEqual(first + 10)
    })
  }
  await db('tickets').where({ requester_address: 'many@example.org' }).delete()
})

test('what comes is shown while one looks', async () => {
  const [list, conversation] = [
    await openWindow(browser, desk.daemon.url, 'grace'),
    await openWindow(browser, desk.daemon.url, 'grace'),
  ]
  const streams = [list, conversation].map(page => page.waitForResponse(answer => answer.url().includes('/changes')))
  await list.goto('/tickets')
  await conversation.goto(`/tickets/${await desk.ticket('parcel')}`)
  await Promise.all(streams)
  await conversation.locator('article').first().getByText('Show original').click()
  await desk.deliver(
    rawMail({ id: 'new@x', from: 'Zoe <zoe@example.org>', subject: 'Something new' }),
    rawMail({
      id: 'again@x',
      subject: 'Re: parcel',
      inReplyTo: 'parcel@x',
      references: ['parcel@x'],
      body: 'One more thing',
    }),
  )
  await list.getByRole('link', { name: 'Something new' }).waitFor()
  await conversation.locator('.after:last-child').getByText('New message.').waitFor()
  // Whatever was open stays so until the reader wants the new.
  expect(await conversation.locator('article').first().locator('details').getAttribute('open')).not.toBeNull()
  await conversation.getByRole('link', { name: 'Show', exact: true }).click()
  await conversation.getByText('One more thing').waitFor()
  expect(await conversation.getByText('New message.').last().isVisible()).toBe(false)
  await Promise.all([list.context().close(), conversation.context().close()])

  const blind = await openWindow(browser, desk.daemon.url, 'grace', { javaScript: false })
  await blind.goto('/tickets')
  expect(await blind.content()).toContain('<meta http-equiv="refresh" content="60">')
  await blind.context().close()
})

test.each([true, false])(
  'HTML in its frame, remote images only when they are asked for; JavaScript: %s',
  async javaScript => {
    const page = await openWindow(browser, desk.daemon.url, 'grace', { javaScript })
    const remote: string[] = []
    await page.context().route('https://remote.example/**', route => {
      remote.push(route.request().url())
      return route.fulfill({ contentType: 'image/png', body: png })
    })
    const ticket = await desk.ticket('damage')
    const inline = page.waitForResponse(answer => answer.url().includes('/inline/'))
    await page.goto(`/tickets/${ticket}`)
    await page.getByText('Show original').click()
    const picture = await inline
    expect(picture.status()).toBe(200)
    expect(picture.request().headers().cookie).toBeUndefined()
    expect(await picture.headerValue('cross-origin-resource-policy')).toBe('cross-origin')
    const mail = page.frameLocator('iframe.mail')
    await mail.getByText('Broken:').waitFor()
    expect(remote).toEqual([])
    expect(await mail.getByRole('link').count()).toBe(0)

    await page.getByRole('button', { name: 'Load remote images (1)' }).click()
    await until(async () => remote.length > 0)
    expect(remote).toEqual(['https://remote.example/a.png'])

    await page.getByRole('link', { name: 'Enable links' }).click()
    const window = page.context().waitForEvent('page')
    await mail.getByRole('link', { name: 'our shop' }).click()
    const opened = await window
    await opened.waitForURL('https://remote.example/shop')
    expect(new URL(page.url()).pathname).toBe(`/tickets/${ticket}`)
    await page.context().close()
  },
)

test('an inline picture is seen by its address until the session ends, and by no other', async () => {
  const client = await agent()
  const ticket = await desk.ticket('damage')
  const { id } = await desk.world.db('messages').where({ ticket_id: ticket }).first('id')
  const { text, headers } = await client.get(`/tickets/${ticket}/messages/${id}/html`)
  expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; img-src 'self' data:; .*; sandbox$/)
  const path = /\/inline\/[^"]+/.exec(text)?.[0] ?? ''
  const stranger = createWebClient(desk.daemon.url)
  const seen = await stranger.get(path)
  expect(seen.status).toBe(200)
  expect(seen.headers.get('content-type')).toBe('image/png')
  expect(seen.headers.get('content-security-policy')).toContain("default-src 'none'; sandbox")
  const [session = '', until_ = '', file = '', code = ''] = path.replace('/inline/', '').split('.')
  for (const other of [
    [session, until_, Number(file) + 1, code],
    [session, Number(until_) + 3_600, file, code],
    [Number(session) + 1, until_, file, code],
    [session, until_, file, code.replace(/^./, code.startsWith('A') ? 'B' : 'A')],
  ])
    expect((await stranger.get(`/inline/${other.join('.')}`)).status, String(other)).toBe(404)
  await client.post('/sign-out')
  expect((await stranger.get(path)).status).toBe(404)
})

test('whoever reads the sessions in the database cannot make the address of a picture', async () => {
  const client = await agent()
  const ticket = await desk.ticket('damage')
  const { db } = desk.world
  const { id } = await db('messages').where({ ticket_id: ticket }).first('id')
  const { text } = await client.get(`/tickets/${ticket}/messages/${id}/html`)
  const own = /\/inline\/([^"]+)/.exec(text)?.[1] ?? ''
  const [session = '', until_ = '', file = ''] = own.split('.')
  const row: Record<string, unknown> = await db('sessions').where({ id: session }).first()
  const stored = Object.values(row).filter(value => Buffer.isBuffer(value))
  const stranger = createWebClient(desk.daemon.url)
  const facts = `${session}.${until_}.${file}`
  const forged = stored.flatMap(value => [
    `${facts}.${createHmac('sha256', value).update(`letterlock/v1/inline-image\0${facts}`).digest('base64url')}`,
    toPermission(toPictureKey(value.toString('base64url')), readPermission(own) as Permission),
    toPermission(privateKeyOf(value), readPermission(own) as Permission),
  ])
  expect(forged.length).toBeGreaterThanOrEqual(6)
  for (const path of forged) expect((await stranger.get(`/inline/${path}`)).status).toBe(404)
  // The same facts, signed by whoever has the cookie, are an address.
  const token = client.cookies.get('letterlock') ?? ''
  const right = toPermission(toPictureKey(token), readPermission(own) as Permission)
  expect((await stranger.get(`/inline/${right}`)).status).toBe(200)
  // And not for longer than it says.
  const past = { ...(readPermission(own) as Permission), until: Math.floor(Date.now() / 1_000) - 1 }
  expect((await stranger.get(`/inline/${toPermission(toPictureKey(token), past)}`)).status).toBe(404)
})

/** As if the bytes were the secret. */
function privateKeyOf(bytes: Buffer) {
  const head = Buffer.from('302e020100300506032b657004220420', 'hex')
  return createPrivateKey({ key: Buffer.concat([head, bytes]), format: 'der', type: 'pkcs8' })
}

test('an attachment that has no place in its mail is cut out by parsing it again', async () => {
  const { db } = desk.world
  // A multipart without parts inside: such a mail is read leniently.
  await desk.deliver(
    multipart('mixed', head('Mended mail', 'mended@x'), [
      { headers: ['Content-Type: multipart/alternative; boundary="nowhere"'], body: '' },
      { headers: ['Content-Type: text/plain'], body: 'words' },
      {
        headers: ['Content-Type: application/pdf', 'Content-Disposition: attachment; filename="mended.pdf"'],
        body: '%PDF-1.5',
      },
    ]),
  )
  const client = await agent()
  const { id, part_offset } = await db('attachments').where({ filename: 'mended.pdf' }).first('id', 'part_offset')
  expect(part_offset).toBeNull()
  const path = `/tickets/${await desk.ticket('Mended')}/files/${id}`
  expect(await client.get(path)).toMatchObject({ status: 200, text: '%PDF-1.5' })
  await db('attachments')
    .where({ id })
    .update({ sha256: '0'.repeat(64) })
  expect(await client.get(path)).toMatchObject({
    status: 409,
    text: expect.stringContaining('cannot be cut out of its mail'),
  })
})

test('bounces and automatic answers say what they are', async () => {
  await desk.deliver(
    rawMail({
      id: 'away@x',
      subject: 'Automatic reply: parcel',
      inReplyTo: 'parcel@x',
      references: ['parcel@x'],
      headers: ['Auto-Submitted: auto-replied'],
      body: 'I am away.',
    }),
  )
  const page = await openWindow(browser, desk.daemon.url, 'grace')
  const ticket = await desk.ticket('parcel')
  const [message] = await desk.world.db('messages').where({ ticket_id: ticket }).orderBy('id', 'desc').limit(1)
  await page.goto(`/tickets/${ticket}`)
  await page.locator(`#message-${message.id} .badge`, { hasText: 'auto-reply' }).waitFor()
  await desk.world
    .db('messages')
    .where({ id: message.id })
    .update({ kind: 'bounce', bounce_json: JSON.stringify({ recipients: ['gone@example.org'], statuses: ['5.1.1'] }) })
  await desk.world
    .db('participants')
    .insert({ ticket_id: ticket, address: 'gone@example.org', bounced_at: new Date(), bounce_status: '5.1.1' })
  await page.reload()
  expect(await page.locator(`#message-${message.id}`).textContent()).toMatch(
    /bounce[\s\S]*Not delivered to gone@example.org: 5\.1\.1/,
  )
  expect(await page.locator('.ticket-head').textContent()).toContain(
    'Mail to gone@example.org could not be delivered (5.1.1)',
  )
  await page.goto('/tickets?status=all')
  expect(await page.locator('tr', { hasText: 'Where is my parcel?' }).textContent()).toContain('mail came back')
  await page.context().close()
})

test('tickets that belong together lead to each other', async () => {
  const [parcel, damage] = [await desk.ticket('parcel'), await desk.ticket('damage')]
  await desk.world.db('tickets').where({ id: damage }).update({ linked_ticket_id: parcel })
  const page = await openWindow(browser, desk.daemon.url, 'grace')
  await page.goto(`/tickets/${damage}`)
  await main(page).getByRole('link', { name: 'Where is my parcel?' }).click()
  await main(page).getByRole('link', { name: 'Pictures of the damage' }).click()
  expect(new URL(page.url()).pathname).toBe(`/tickets/${damage}`)
  await page.context().close()
})

test.each(looks)('everybody can use the pages: $scheme, $width pixels', async look => {
  const page = await openWindow(browser, desk.daemon.url, 'grace', look)
  for (const path of [
    '/tickets',
    '/tickets?status=closed',
    `/tickets/${await desk.ticket('damage')}`,
    `/tickets/${await desk.ticket('parcel')}`,
  ]) {
    await page.goto(path)
    for (const summary of await page.locator('summary').all()) await summary.click()
    expect(await accessibilityFaults(page), path).toEqual([])
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), path).toBe(true)
  }
  await page.context().close()
})

test('the first load of a page is small', async () => {
  for (const path of ['/tickets', `/tickets/${await desk.ticket('parcel')}`]) {
    const page = await openWindow(browser, desk.daemon.url, 'grace')
    let bytes = 0
    const session = await page.context().newCDPSession(page)
    await session.send('Network.enable')
    session.on('Network.loadingFinished', ({ encodedDataLength }) => {
      bytes += encodedDataLength
    })
    await page.goto(path, { waitUntil: 'load' })
    expect(bytes, path).toBeGreaterThan(1_000)
    expect(bytes, path).toBeLessThan(60_000)
    await page.context().close()
  }
})
