// What the pages of tickets cost a server with many of them: the list under every kind of filter, at its first page and deep in it, a ticket,
// and conversations whose HTML is derived from raw mail on disk, for their first reader (cold) and the next one (warm). Times are of one
// request after the other, over HTTP on loopback, with a session.
//
//   npm run bench:pages -- [--tickets 20000] [--accounts 20] [--requests 60] [--conversations 40]
import path from 'node:path'
import { parseArgs } from 'node:util'
import type { Knex } from 'knex'
import { parseMessage } from '../../src/parse/parse-message.ts'
import { insertUser } from '../../src/store/people/user-rows.ts'
import { openRawDirectory } from '../../src/store/raw/raw-directory.ts'
import { createPasswords } from '../../src/vault/secrets/password-hash.ts'
import { createWebClient, linkOf, type WebClient, webPassword } from '../support/web.ts'
import { benchMails } from './bench-mails.ts'
import {
  insertBenchAccounts,
  median,
  openBenchDatabase,
  openScene,
  progress,
  round,
  startBenchDaemon,
} from './scene.ts'

const { values } = parseArgs({
  options: {
    tickets: { type: 'string', default: '20000' },
    accounts: { type: 'string', default: '20' },
    requests: { type: 'string', default: '60' },
    conversations: { type: 'string', default: '40' },
  },
})
const tickets = Number(values.tickets)
const accounts = Number(values.accounts)
const requests = Number(values.requests)
const conversations = Number(values.conversations)
/** As many as a page shows. */
const mailsEach = 20
const name = 'bench_tickets'
const warmUp = 5
/** A ticket a second. */
const startedAt = Date.UTC(2025, 11, 31) - tickets * 1_000

await using stack = new AsyncDisposableStack()
const scene = stack.use(await openScene())
const { db, url: databaseUrl } = stack.use(await openBenchDatabase(scene, name))
await insertBenchAccounts(
  db,
  { host: '127.0.0.1', port: 9, security: 'tls', caPem: null },
  Array.from({ length: accounts }, (_, i) => ({
    username: `desk${i}`,
    password: null,
    everySeconds: 3_600,
    push: false,
  })),
)
progress(`${tickets} tickets …`)
await fill(db)
await insertUser(db, { name: 'grace', role: 'agent', passwordHash: await createPasswords().hash(webPassword) })
const daemon = stack.use(await startBenchDaemon(scene, name, databaseUrl))
const client = createWebClient(daemon.url)
await client.signIn('grace')

const account = 'desk3@bench.example'
for (const where of [
  "status = 'open'",
  "status = 'closed' AND account_id = 4",
  "status = 'closed' AND kind = 'bounce'",
  "status = 'closed' AND kind = 'bounce' AND account_id = 4",
]) {
  // As the list asks for it, in the middle.
  const at = `FROM_UNIXTIME(${Math.floor(startedAt / 1_000 + tickets / 2)})`
  const [[plan]] = await db.raw(
    `EXPLAIN SELECT id, updated_at FROM tickets WHERE ${where} AND updated_at <= ${at} AND (updated_at < ${at} OR id < 9) ORDER BY updated_at DESC, id DESC LIMIT 51`,
  )
  progress(`${where}: ${plan.type} ${plan.key} (${plan.key_len}), ${plan.Extra}`)
}
const deep = await deepPaths(client)
const cases: Case[] = [
  { what: 'list: open', path: () => '/tickets' },
  { what: 'list: closed', path: () => '/tickets?status=closed' },
  { what: 'list: all, first page', path: () => '/tickets?status=all' },
  { what: `list: all, page ${deep.length - 20} to ${deep.length}`, path: i => deep[deep.length - 1 - (i % 20)] ?? '' },
  { what: 'list: all, from the middle on', path: i => `/tickets?status=all&before=${middle(i)}` },
  { what: 'list: all, back from the middle', path: i => `/tickets?status=all&after=${middle(i)}` },
  { what: 'list: all, last page', path: () => `/tickets?status=all&before=${startedAt + 50_000}-0` },
  { what: 'list: one account', path: () => `/tickets?status=all&account=${account}` },
  { what: 'list: a rare kind', path: () => '/tickets?status=all&kind=bounce' },
  { what: 'list: a rare kind of one account', path: () => `/tickets?status=all&account=${account}&kind=bounce` },
  { what: 'a ticket', path: i => `/tickets/${1 + ((i * 7_919) % (tickets - 1))}` },
  { what: 'a ticket of 2,000 mails', path: () => `/tickets/${tickets}` },
]
const times = new Map(cases.map(({ what }) => [what, [] as number[]]))
// In turns, so that whatever else the machine does falls on all of them alike.
for (let i = -3; i < requests; i++) {
  for (const { what, path } of cases) {
    const from = performance.now()
    const { status } = await client.get(path(Math.abs(i)))
    if (status !== 200) throw new Error(`${path(i)} answers ${status}`)
    if (i >= 0) times.get(what)?.push(performance.now() - from)
  }
}
progress(`${conversations} conversations of ${mailsEach} mails …`)
for (const [i, id] of (await insertConversations(db, daemon.dataDirectory)).entries()) {
  for (const what of ['cold', 'warm']) {
    const from = performance.now()
    const { status, text } = await client.get(`/tickets/${id}`)
    const ms = performance.now() - from
    if (status !== 200 || text.split('<iframe').length !== mailsEach + 1) throw new Error(`ticket ${id}: ${status}`)
    // The first have the parser's code compiled.
    if (i < warmUp) continue
    const key = `a ticket of ${mailsEach} mails with HTML, ${what}`
    times.set(key, [...(times.get(key) ?? []), ms])
  }
}
const rows = [...times].map(([what, ms]) => ({
  what,
  medianMs: round(median(ms), 1),
  worstMs: round(Math.max(...ms), 1),
}))
process.stdout.write(`${rows.map(row => JSON.stringify(row)).join('\n')}\n`)

/** Their ids. Raw mail lies where the daemon has its own; the rows are as ingest writes them. */
async function insertConversations(to: Knex, dataDirectory: string): Promise<number[]> {
  await using raw = openRawDirectory(path.join(dataDirectory, 'raw'))
  const { id: mailbox, account_id } = await to('mailboxes').first('id', 'account_id')
  const mails = [...benchMails('small', mailsEach * (conversations + warmUp), 'desk0@bench.example')]
  const ids: number[] = []
  for (let uid = 10_000_000; mails.length > 0; ) {
    const batch = mails.splice(0, mailsEach).map(source => ({ source, uid: uid++ }))
    const facts = { accountId: account_id, mailbox: 'INBOX', uidValidity: 1, receivedAt: new Date(), complete: true }
    const places = await raw.archive(batch.map(mail => ({ ...facts, ...mail })))
    const about = { account_id, subject: 'a conversation', requester_name: '', requester_address: 'a@example.org' }
    const [ticket_id = 0] = await to('tickets').insert({ ...about, ref: `LL-C${uid}`, messages: mailsEach })
    for (const [i, { source, uid }] of batch.entries()) {
      const { sha256, size, offset, batch: name } = places[i] as (typeof places)[number]
      const stored = {
        sha256,
        size,
        stored_size: size,
        batch_offset: offset,
        batch: name,
        result: 'created',
        ticket_id,
      }
      const [source_id] = await to('sources').insert({
        account_id,
        mailbox_id: mailbox,
        uid_validity: 1,
        uid,
        ...stored,
      })
      const { kind, text, reply, subject, hasHtml, from, to: people } = await parseMessage(source)
      await to('messages').insert({
        ...{
          ticket_id,
          source_id,
          kind,
          subject,
          text,
          reply,
          has_html: hasHtml,
          reasons_json: '[]',
          thread_reason: 'new',
        },
        ...{ from_address: from?.address ?? '', from_name: from?.name ?? '', to_json: JSON.stringify(people) },
        ...{ cc_json: '[]', reply_to_json: '[]' },
      })
    }
    ids.push(ticket_id)
  }
  return ids
}

interface Case {
  what: string
  path(i: number): string
}

/** The pages of the list by following its links, as far as a few hundred. */
async function deepPaths(by: WebClient): Promise<string[]> {
  const paths = ['/tickets?status=all']
  while (paths.length < 300) {
    const next = linkOf(await by.get(paths.at(-1) ?? ''), 'next')
    if (next === undefined) break
    paths.push(next)
  }
  return paths
}

/** A place near it. */
function middle(i: number): string {
  return `${startedAt + Math.floor(tickets / 2 - i) * 1_000}-1`
}

async function fill(to: Knex): Promise<void> {
  const digits =
    '(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)'
  const numbers = `(SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d + 100000 * g.d + 1 AS n
    FROM ${digits} a, ${digits} b, ${digits} c, ${digits} e, ${digits} f, ${digits} g HAVING n <= ?) AS numbers`
  const [{ first }] = (await to('accounts').min({ first: 'id' })) as [{ first: number }]
  await to.raw(
    `INSERT INTO tickets (id, ref, account_id, kind, subject, requester_name, requester_address, status, messages, created_at, updated_at)
     SELECT n, CONCAT('LL-', LPAD(n DIV 10000, 4, '0'), '-', LPAD(n MOD 10000, 4, '0')), ? + n MOD ?,
       IF(n MOD 997 = 0, 'bounce', IF(n MOD 5 = 0, 'auto-generated', 'human')), CONCAT('a question about order ', n), CONCAT('Customer ', n),
       CONCAT('customer', n MOD 5000, '@example.org'), IF(n MOD 10 = 0, 'open', 'closed'), 2,
       FROM_UNIXTIME(? / 1000 + n), FROM_UNIXTIME(? / 1000 + n)
     FROM ${numbers} ORDER BY n`,
    [first, accounts, startedAt, startedAt, tickets],
  )
  await to('mailboxes').insert({ account_id: first, name: 'INBOX' })
  const { id: mailbox } = await to('mailboxes').first('id')
  await to.raw(
    `INSERT INTO sources (id, account_id, mailbox_id, uid_validity, uid, size, complete, result, ticket_id)
     SELECT n, ?, ?, 1, n, 3000, 1, 'created', LEAST((n + 1) DIV 2, ?) FROM ${numbers} ORDER BY n`,
    [first, mailbox, tickets, 2 * tickets + 2_000],
  )
  await to.raw(
    `INSERT INTO messages (ticket_id, source_id, kind, reasons_json, thread_reason, from_address, from_name, to_json, cc_json, reply_to_json, subject, text, has_html, reply)
     SELECT ticket_id, id, 'human', '[]', 'new', 'customer@example.org', 'A customer', '[{"name":"","address":"support@example.com"}]', '[]', '[]',
       'a question', REPEAT('words of a mail and what it quotes\\n', 40), 0, REPEAT('words of a mail\\n', 20)
     FROM sources`,
  )
  await to.raw(`INSERT INTO participants (ticket_id, address) SELECT id, requester_address FROM tickets`)
  for (const table of ['tickets', 'messages', 'sources', 'participants']) await to.raw(`ANALYZE TABLE ${table}`)
}
