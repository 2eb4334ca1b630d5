// Whether a huge mailbox or a slow server delays the others: one account with a backlog of gigabytes, some whose server is behind a slow line, and
// many quiet ones, which get a mail now and then. Prints how long a quiet account's mail took from its delivery to its ticket, beside them and,
// in the same run, without them. With `--slow` the exit code is 1 if a quiet mail took more than five seconds, if the slow lines were not busy
// all the while, or if a slow mail does not become a ticket once its line is quick.
//
//   node test/bench/fairness.ts [--gigabytes 10] [--megabytes-each 1] [--quiet 200] [--mails 400] [--push on]
//     [--slow 0] [--slow-megabytes 40] [--slow-kilobytes-per-second 375]
import path from 'node:path'
import { parseArgs } from 'node:util'
import { startDovecot } from '../../src/embedded/dovecot.ts'
import { type SlowLine, startSlowLine } from '../support/slow-line.ts'
import {
  costOf,
  insertBenchAccounts,
  median,
  never,
  openBenchDatabase,
  openScene,
  progress,
  round,
  startBenchDaemon,
  until,
} from './scene.ts'

const { values } = parseArgs({
  options: {
    gigabytes: { type: 'string', default: '10' },
    'megabytes-each': { type: 'string', default: '1' },
    quiet: { type: 'string', default: '200' },
    mails: { type: 'string', default: '400' },
    every: { type: 'string', default: '60' },
    push: { type: 'string', default: 'on' },
    slow: { type: 'string', default: '0' },
    'slow-megabytes': { type: 'string', default: '40' },
    'slow-kilobytes-per-second': { type: 'string', default: '375' },
  },
})
const quiet = Number(values.quiet)
const mails = Number(values.mails)
const mailBytes = Math.round(Number(values['megabytes-each']) * 1_000_000)
const backlog = Math.round((Number(values.gigabytes) * 1e9) / mailBytes)
/** From one mail to the next, over all quiet accounts. */
const gapMs = 250
const slow = Number(values.slow)
const slowNames = Array.from({ length: slow }, (_, i) => `slow${i}`)
/** No mail may wait for longer beside a slow server. */
const maxSeconds = 5
/** Of what one slow line lets through. */
const minSlowBusy = 0.8
const lineBytesPerSecond = Number(values['slow-kilobytes-per-second']) * 1000

await using stack = new AsyncDisposableStack()
const scene = stack.use(await openScene())
const users = ['huge', ...slowNames, ...Array.from({ length: quiet }, (_, i) => `quiet${i}`)].map(name => ({
  name,
  password: `of ${name}`,
}))
const dovecot = stack.use(
  await startDovecot({
    directory: path.join(scene.directory, 'dovecot'),
    users,
    progress,
    signal: never,
    settings: 'service imap-login {\n  service_count = 0\n  process_min_avail = 1\n}\n',
  }),
)
const database = stack.use(await openBenchDatabase(scene, 'bench_fair'))
const { db } = database
const daemon = stack.use(
  await startBenchDaemon(scene, 'bench_fair', database.url, { LETTERLOCK_POLL_HOST_CONNECTIONS: '1000' }),
)
const { host, ports, caPem } = dovecot
const account = ({ name, password }: { name: string; password: string }) => ({
  username: name,
  password,
  everySeconds: Number(values.every),
  push: values.push === 'on',
})
await insertBenchAccounts(
  db,
  { host, port: ports.tls, security: 'tls', caPem },
  users.filter(({ name }) => name.startsWith('quiet')).map(account),
)
const waiting = async () => (await daemon.metrics()).get('letterlock_imap_connections{state="waiting"}') ?? 0
await until(
  async () => Number((await db('accounts').whereNotNull('last_success_at').count({ n: '*' }).first())?.n) === quiet,
)
if (values.push === 'on') await until(async () => (await waiting()) === quiet, 500)

const alone = await deliverQuiet('alone')
const lines = await startSlowAccounts()
if (backlog > 0) await startBacklog()
const startedAt = performance.now()
const doneBefore = await progressOfBacklog()
const passedBefore = passedBySlowLines()
const beside = await deliverQuiet('beside')
const seconds = (performance.now() - startedAt) / 1000
const done = await progressOfBacklog()
const passed = passedBySlowLines() - passedBefore
// The budget bounds how many of them are on the wire at once: one at least always is.
const slowBusy = passed / (lineBytesPerSecond * seconds)
const slowTaken = await countSlowTickets()
for (const line of lines) line.release()
const slowTakenAfterRelease = await waitForSlowTickets()
process.stdout.write(
  `${JSON.stringify(
    {
      backlogGigabytes: Number(values.gigabytes),
      quietAccounts: quiet,
      push: values.push,
      alone,
      beside,
      backlogMbPerSecond: round(((done - doneBefore) * mailBytes) / 1e6 / seconds, 1),
      backlogDoneShare: round(done / Math.max(1, backlog)),
      ...(slow > 0 && {
        slowAccounts: slow,
        slowMbMeanwhile: round(passed / 1e6, 1),
        slowLinesBusy: round(slowBusy),
        slowConnections: lines.map(line => line.accepted()),
        slowTaken,
        slowTakenAfterRelease,
      }),
      peakRssMb: round(costOf([daemon.pid]).peakRssMb, 0),
    },
    null,
    2,
  )}\n`,
)

if (slow > 0 && (beside.slowestSeconds > maxSeconds || slowBusy < minSlowBusy || slowTakenAfterRelease < slow)) {
  process.exitCode = 1
}

/** Each with one large mail and a line of its own; resolves once all of them are on the wire, or were. */
async function startSlowAccounts(): Promise<SlowLine[]> {
  const lines: SlowLine[] = []
  const body = Buffer.from(`${'x'.repeat(76)}\r\n`.repeat(Math.ceil((Number(values['slow-megabytes']) * 1e6) / 78)))
  for (const user of users.filter(({ name }) => name.startsWith('slow'))) {
    dovecot.deliver(user.name, 'INBOX', [Buffer.concat([smallMail(`${user.name}@bench.example`), body])])
    const line = stack.use(await startSlowLine(host, ports.tls, lineBytesPerSecond))
    lines.push(line)
    await insertBenchAccounts(db, { host, port: line.port, security: 'tls', caPem }, [account(user)])
  }
  await until(async () => lines.every(line => line.passed() > 100_000))
  return lines
}

function passedBySlowLines(): number {
  return lines.reduce((sum, line) => sum + line.passed(), 0)
}

async function countSlowTickets(): Promise<number> {
  return Number((await db('messages').where('message_id', 'like', 'slow%').count({ n: '*' }).first())?.n)
}

/** As many as there are, or as came in within three polls. */
async function waitForSlowTickets(): Promise<number> {
  const end = performance.now() + 3 * Number(values.every) * 1000
  await until(async () => (await countSlowTickets()) === slow || performance.now() > end, 500)
  return await countSlowTickets()
}

async function startBacklog(): Promise<void> {
  progress(`writing a backlog of ${backlog} mails of ${mailBytes} bytes …`)
  await writeBacklog()
  await insertBenchAccounts(db, { host, port: ports.tls, security: 'tls', caPem }, users.slice(0, 1).map(account))
  await until(async () => (await progressOfBacklog()) > 0)
}

async function progressOfBacklog(): Promise<number> {
  const row = await db('sources')
    .join('accounts', 'accounts.id', 'sources.account_id')
    .where('accounts.username', 'huge')
    .count({ n: '*' })
    .first()
  return Number(row?.n)
}

interface Latency {
  mails: number
  medianSeconds: number
  p99Seconds: number
  slowestSeconds: number
}

/** Delivers to the quiet accounts in turn and waits for all of the tickets; seconds from delivery to the ticket's row. */
async function deliverQuiet(name: string): Promise<Latency> {
  const deliveredAt = new Map<string, number>()
  for (let i = 0; i < mails; i++) {
    const id = `${name}-${i}@bench.example`
    dovecot.deliver(`quiet${i % quiet}`, 'INBOX', [smallMail(id)])
    deliveredAt.set(id, Date.now())
    await new Promise(resolve => setTimeout(resolve, gapMs))
  }
  const prefix = `${name}-%`
  await until(
    async () =>
      Number((await db('messages').where('message_id', 'like', prefix).count({ n: '*' }).first())?.n) === mails,
    200,
  )
  const rows: { message_id: string; created_at: Date }[] = await db('messages')
    .join('message_ids', 'message_ids.ticket_id', 'messages.ticket_id')
    .where('messages.message_id', 'like', prefix)
    .select('messages.message_id', 'message_ids.created_at')
  const took = rows.map(row => (row.created_at.getTime() - (deliveredAt.get(row.message_id) ?? Number.NaN)) / 1000)
  took.sort((a, b) => a - b)
  return {
    mails: took.length,
    medianSeconds: round(median(took)),
    p99Seconds: round(took[Math.floor(took.length * 0.99)] ?? Number.NaN),
    slowestSeconds: round(took.at(-1) ?? Number.NaN),
  }
}

function smallMail(id: string): Buffer {
  return Buffer.from(
    `From: Customer <c@customers.example>\r\nTo: support@bench.example\r\nSubject: ${id}\r\nMessage-ID: <${id}>\r\nDate: Thu, 26 Nov 2026 10:00:00 +0000\r\n\r\nWhere is my parcel?\r\n`,
  )
}

async function writeBacklog(): Promise<void> {
  const line = `${'QmFja2xvZyA'.repeat(7).slice(0, 76)}\r\n`
  const file = Buffer.from(line.repeat(Math.floor(mailBytes / line.length)))
  const tail = Buffer.from('\r\n--b--\r\n')
  for (let i = 0; i < backlog; i++) {
    const head = Buffer.from(
      `From: Customer <c${i % 997}@customers.example>\r\nTo: support@bench.example\r\nSubject: ${i}\r\nMessage-ID: <huge-${i}@bench.example>\r\nDate: Thu, 26 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nSee the file.\r\n--b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\n`,
    )
    dovecot.deliver('huge', 'INBOX', [Buffer.concat([head, file, tail])])
    // The connections to the database live meanwhile.
    if (i % 20 === 0) await new Promise(resolve => setImmediate(resolve))
  }
}
