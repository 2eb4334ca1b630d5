// How fast mail becomes tickets: a mailbox on a Dovecot over TLS into MariaDB, everything durable, against mbsync, which writes the same
// mailbox to files, in the same run. Prints one JSON object; numbers of one machine compare only with each other.
//
//   node test/bench/ingest.ts [--mails 5000] [--sizes 10000:30000] [--rounds 1]
import { execFile } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs, promisify } from 'node:util'
import type { Knex } from 'knex'
import { startDovecot } from '../../src/embedded/dovecot.ts'
import { insertAccount } from '../../src/store/accounts/account-changes.ts'
import { keyPathsOf } from '../../src/vault/keys/keyring.ts'
import { createSecretWriter } from '../../src/vault/secrets/write-secret.ts'
import { costOf, never, openBenchDatabase, openScene, progress, startBenchDaemon, until } from './scene.ts'

const { values } = parseArgs({
  options: {
    mails: { type: 'string', default: '5000' },
    sizes: { type: 'string', default: '10000:30000' },
    rounds: { type: 'string', default: '1' },
  },
})
const count = Number(values.mails)
const [smallest = 10_000, largest = 30_000] = values.sizes.split(':').map(Number)
const user = { name: 'bench', password: 'benchmark' }

await using stack = new AsyncDisposableStack()
const scene = stack.use(await openScene())
const dovecot = stack.use(
  await startDovecot({ directory: path.join(scene.directory, 'dovecot'), users: [user], progress, signal: never }),
)

progress(`writing ${count} mails of ${smallest} to ${largest} bytes …`)
const bytes = deliverMails()
const rounds: object[] = []
for (let round = 1; round <= Number(values.rounds); round++) rounds.push(await measure(round))
process.stdout.write(`${JSON.stringify({ mails: count, bytes, rounds }, null, 2)}\n`)

async function measure(round: number): Promise<object> {
  const mbsync = await runMbsync(round)
  const letterlock = await runLetterlock(round)
  return {
    mbsyncSeconds: mbsync,
    letterlockSeconds: letterlock.seconds,
    mailsPerSecond: letterlock.seconds === null ? null : Math.round(count / letterlock.seconds),
    timesMbsync: mbsync === null ? null : Number((letterlock.seconds / mbsync).toFixed(2)),
    peakRssMb: letterlock.peakRssMb,
    daemonCpuMsPerMail: letterlock.cpuMsPerMail,
    databaseBytesPerMail: letterlock.databaseBytesPerMail,
  }
}

/** Text with an HTML alternative; every fourth mail has an attachment, every third is a reply. */
function deliverMails(): number {
  let total = 0
  let batch: Buffer[] = []
  for (let i = 0; i < count; i++) {
    const size = smallest + ((i * 7919) % Math.max(1, largest - smallest))
    const mail = benchMail(i, size)
    total += mail.length
    batch.push(mail)
    if (batch.length === 500 || i === count - 1) {
      dovecot.deliver(user.name, 'INBOX', batch)
      batch = []
    }
  }
  return total
}

function benchMail(i: number, size: number): Buffer {
  const reply = i % 3 === 2 ? [`In-Reply-To: <${i - 1}@bench.example>`, `References: <${i - 1}@bench.example>`] : []
  const words = 'The parcel came on Tuesday, größer als erwartet, and one of the cups was broken. '
  const attachment = i % 4 === 3
  const half = Math.floor(size / (attachment ? 4 : 2))
  const text = words.repeat(Math.ceil(half / words.length))
  const alternative =
    `--a\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n${lines(text)}\r\n` +
    `--a\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n<html><body><p>${lines(text)}</p></body></html>\r\n--a--\r\n`
  const file = Buffer.alloc(Math.floor((size / 2) * 0.73), i & 255)
    .toString('base64')
    .replace(/.{76}/g, '$&\r\n')
  const body = attachment
    ? `--b\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n${alternative}\r\n--b\r\nContent-Type: application/pdf; name="a${i}.pdf"\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\n${file}\r\n--b--\r\n`
    : alternative
  const head = [
    `From: Customer ${i % 997} <c${i % 997}@customers.example>`,
    'To: support@bench.example',
    `Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= ${i}`,
    `Message-ID: <${i}@bench.example>`,
    'Date: Tue, 24 Nov 2026 10:00:00 +0000',
    ...reply,
    'MIME-Version: 1.0',
    `Content-Type: multipart/${attachment ? 'mixed; boundary=b' : 'alternative; boundary=a'}`,
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`)
}

function lines(text: string): string {
  return text.replace(/(.{70,76}) /g, '$1\r\n')
}

/** Seconds, or null where mbsync is not installed. */
async function runMbsync(round: number): Promise<number | null> {
  const target = path.join(scene.directory, `mbsync-${round}`)
  mkdirSync(target)
  const ca = path.join(scene.directory, 'ca.pem')
  writeFileSync(ca, dovecot.caPem)
  const config = path.join(scene.directory, 'mbsyncrc')
  writeFileSync(
    config,
    `IMAPStore far
Host localhost
Port ${dovecot.ports.tls}
User ${user.name}
Pass ${user.password}
SSLType IMAPS
SystemCertificates no
CertificateFile ${ca}
PipelineDepth 50

MaildirStore near
Path ${target}/
Inbox ${target}/INBOX

Channel bench
Far :far:
Near :near:
Patterns INBOX
Create Near
Sync Pull
SyncState ${target}/state-
`,
  )
  const startedAt = performance.now()
  try {
    await promisify(execFile)('mbsync', ['-c', config, '-q', 'bench'], { maxBuffer: 1e8 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    progress('mbsync is not installed (Debian: isync): no comparison')
    return null
  }
  const seconds = since(startedAt)
  rmSync(target, { recursive: true })
  return seconds
}

/** From the start of a daemon's poll to the last row; the daemon is a process of its own. */
async function runLetterlock(
  round: number,
): Promise<{ seconds: number; peakRssMb: number; databaseBytesPerMail: number; cpuMsPerMail: number }> {
  const name = `bench_${round}`
  await using database = await openBenchDatabase(scene, name)
  const { db } = database
  await insertAccount(
    db,
    {
      address: 'support@bench.example',
      host: dovecot.host,
      port: dovecot.ports.tls,
      security: 'tls',
      username: user.name,
      caPem: dovecot.caPem,
      everySeconds: 3_600,
      push: false,
      afterIngest: 'keep',
      startFrom: 'all',
      mailboxes: ['INBOX'],
      enabled: false,
      password: user.password,
    },
    createSecretWriter(keyPathsOf('/nonexistent/key.bin', {})),
  )
  const daemon = await startBenchDaemon(scene, name, database.url, { LETTERLOCK_LOG_LEVEL: 'warn' })
  await until(async () => (await db('workers').count({ n: '*' }).first())?.n === 1)
  await db('accounts').update({ enabled: true })
  await until(async () => (await db('mailboxes').whereNotNull('uid_validity').first('id')) !== undefined, 10)
  const startedAt = performance.now()
  await until(async () => (await db('mailboxes').where({ last_uid: count }).first('id')) !== undefined, 10)
  const seconds = since(startedAt)
  const rows = await db('messages').count({ n: '*' }).first()
  if (Number(rows?.n) !== count) throw new Error(`${rows?.n} messages instead of ${count}`)
  const { cpuSeconds, peakRssMb } = costOf([daemon.pid])
  const cpuMsPerMail = Number(((cpuSeconds * 1000) / count).toFixed(2))
  await daemon[Symbol.asyncDispose]()
  const databaseBytesPerMail = await bytesPerMail(db, name)
  return { seconds, peakRssMb: Math.round(peakRssMb), databaseBytesPerMail, cpuMsPerMail }
}

/** Rows and indexes, as the server counts its pages. */
async function bytesPerMail(db: Knex, name: string): Promise<number> {
  await db.raw('ANALYZE TABLE sources, tickets, messages, attachments, message_ids, participants')
  const [rows] = (await db.raw(
    'SELECT SUM(data_length + index_length) AS bytes FROM information_schema.tables WHERE table_schema = ?',
    [name],
  )) as [{ bytes: string }[]]
  return Math.round(Number(rows[0]?.bytes) / count)
}

function since(startedAt: number): number {
  return Number(((performance.now() - startedAt) / 1000).toFixed(2))
}
