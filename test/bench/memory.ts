// The most memory that a daemon takes where mail could make it take more: it is started by `node src/main.ts run`, without flags of its own. Prints its
// peak (VmHWM) in each case, and exits with 1 where one is above the bound.
//
//   npm run bench:memory -- [--cases large,attachments,recipients,idle] [--max-mb 400] [--idle 1000]
import path from 'node:path'
import { parseArgs } from 'node:util'
import { type DovecotUser, startDovecot } from '../../src/embedded/dovecot.ts'
import { benchMails } from './bench-mails.ts'
import {
  type BenchDaemon,
  costOf,
  insertBenchAccounts,
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
    cases: { type: 'string', default: 'large,attachments,recipients,idle' },
    'max-mb': { type: 'string', default: '400' },
    idle: { type: 'string', default: '1000' },
  },
})
const maxMb = Number(values['max-mb'])
const idle = Number(values.idle)
const mixed =
  'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nSee the files.\r\n'

/** What comes in, and how many accounts wait beside it. */
const cases: Readonly<Record<string, { title: string; waiting: number; mails(): Iterable<Buffer> }>> = {
  large: { title: '25 mails of 50 MB in a row', waiting: 0, mails: largeMails },
  attachments: { title: '10,000 attachments in one mail', waiting: 0, mails: () => [mailOfAttachments(10_000)] },
  recipients: { title: '100,000 recipients in one mail', waiting: 0, mails: () => [mailToMany(100_000)] },
  idle: {
    title: `${idle} accounts waiting in IDLE, one with a backlog of 4,000 mails, 206 MB`,
    waiting: idle,
    mails: function* () {
      yield* benchMails('small', 3_400, 'backlog@bench.example')
      yield* benchMails('large', 600, 'backlog@bench.example', 2)
    },
  },
}

await using stack = new AsyncDisposableStack()
const scene = stack.use(await openScene())
const waiting = Array.from({ length: idle }, (_, i) => ({ name: `waiting${i}`, password: 'bench' }))
const receivers = Object.keys(cases).map(name => ({ name, password: 'bench' }))
const dovecot = stack.use(
  await startDovecot({
    directory: path.join(scene.directory, 'dovecot'),
    users: [...receivers, ...waiting],
    progress,
    signal: never,
    settings:
      'service imap {\n  process_limit = 2000\n}\nservice imap-login {\n  service_count = 0\n  process_min_avail = 1\n}\n',
  }),
)
const peaks: { case: string; peakRssMb: number; isBounded: boolean }[] = []
for (const name of values.cases.split(',')) {
  peaks.push(await measure(name))
  progress(JSON.stringify(peaks.at(-1)))
}
process.stdout.write(`${JSON.stringify(peaks, null, 2)}\n`)
if (!peaks.every(({ isBounded }) => isBounded)) process.exitCode = 1

async function measure(name: string) {
  const { title, waiting: beside, mails } = cases[name] ?? fail(name)
  progress(`${title} …`)
  let delivered = 0
  for (const mail of mails()) delivered += dovecot.deliver(name, 'INBOX', [mail]).length
  await using database = await openBenchDatabase(scene, `bench_${name}`)
  await using daemon = await startBenchDaemon(
    scene,
    `bench_${name}`,
    database.url,
    { LETTERLOCK_POLL_HOST_CONNECTIONS: '2000', LETTERLOCK_POLL_KEEP_CONNECTIONS: '2000' },
    [process.execPath, 'src/main.ts', 'run'],
  )
  const add = (users: readonly DovecotUser[]) =>
    insertBenchAccounts(
      database.db,
      { host: dovecot.host, port: dovecot.ports.tls, security: 'tls', caPem: dovecot.caPem },
      users.map(user => ({ username: user.name, password: user.password, everySeconds: 60, push: true })),
    )
  await add(waiting.slice(0, beside))
  await until(async () => (await waitingOf(daemon)) === beside, 500)
  await add([{ name, password: 'bench' }])
  // Quarantined mail has its row as well.
  await until(async () => Number((await database.db('sources').count({ n: '*' }).first())?.n) === delivered)
  const { peakRssMb } = costOf([daemon.pid])
  return { case: title, peakRssMb: round(peakRssMb, 0), isBounded: peakRssMb <= maxMb }
}

async function waitingOf(daemon: BenchDaemon): Promise<number> {
  return (await daemon.metrics()).get('letterlock_imap_connections{state="waiting"}') ?? 0
}

function fail(name: string): never {
  throw new Error(`there is no case ${name}`)
}

function head(id: string, to = 'support@bench.example'): string {
  return `From: Customer <c@customers.example>\r\nTo: ${to}\r\nSubject: ${id}\r\nMessage-ID: <${id}@bench.example>\r\nDate: Thu, 26 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n`
}

function attached(name: string, body: string): string {
  return `--b\r\nContent-Type: application/pdf; name="${name}"\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\n${body}`
}

/** As large as mails may be by default, each with one attachment. */
function* largeMails(): Iterable<Buffer> {
  const line = `${'QmFja2xvZyA'.repeat(7).slice(0, 76)}\r\n`
  const file = Buffer.from(line.repeat(Math.floor(50_000_000 / line.length)))
  for (let i = 0; i < 25; i++)
    yield Buffer.concat([
      Buffer.from(head(`large-${i}`) + mixed + attached('a.pdf', '')),
      file,
      Buffer.from('--b--\r\n'),
    ])
}

function mailOfAttachments(count: number): Buffer {
  const files = Array.from({ length: count }, (_, i) => attached(`file ${i}.pdf`, `${btoa(`content of ${i}`)}\r\n`))
  return Buffer.from(`${head('attachments')}${mixed}${files.join('')}--b--\r\n`)
}

function mailToMany(count: number): Buffer {
  const people = Array.from({ length: count }, (_, i) => `Person ${i} <person${i}@customers.example>`)
  return Buffer.from(`${head('recipients', people.join(',\r\n '))}Content-Type: text/plain\r\n\r\nTo all of you.\r\n`)
}
