// How fast passwords are sealed, against what no sealing can do without, in the same run and on the same rows: (a) a bare UPDATE that writes
// as many bytes, in whichever of several shapes is the fastest, and (b) sealing and opening as many secrets in memory. Everything durable,
// as in production. Prints a table and one JSON object; numbers of one machine compare only with each other.
//
//   node test/bench/sealing.ts [--sizes 10000,100000,1000000] [--rounds 1]
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import type { Knex } from 'knex'
import { keyPathsOf, readKeyring } from '../../src/vault/keys/keyring.ts'
import { runPass } from '../../src/vault/sealing/seal-rows.ts'
import { adoptKey } from '../../src/vault/sealing/transitions.ts'
import { imapDestination, open, seal, toKey } from '../../src/vault/secrets/envelope.ts'
import { never, openBenchDatabase, openScene, progress } from './scene.ts'

const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '10000,100000,1000000' },
    rounds: { type: 'string', default: '1' },
  },
})
/** The server is taken for idle with fewer pages to write, or after so long. */
const cleanPages = 200
const settledWithinMs = 20_000
/** Of /proc. */
const ticksPerSecond = 100
/** Of passwords up to 46 bytes. */
const envelopeBytes = 49 + 64 + 16

await using stack = new AsyncDisposableStack()
const scene = stack.use(await openScene({ redis: false }))
const place = keyPathsOf(path.join(scene.directory, 'encryption-key.bin'), {})
writeFileSync(place.file, randomBytes(32), { mode: 0o600 })

/** Seconds by the clock, and of processor time, ours and the server's: on a busy machine only the latter says something. */
interface Time {
  seconds: number
  cpu: number
  /** Of `cpu`, the server's. */
  server: number
}

interface Measured {
  rows: number
  update: Time
  /** The shape of the UPDATE that was the fastest. */
  shape: string
  crypto: Time
  sealing: Time
  ratio: number
  cpuRatio: number
  rowsPerSecond: number
  peakRssMb: number
}

const measured: Measured[] = []
for (let round = 1; round <= Number(values.rounds); round++) {
  for (const size of values.sizes.split(',').map(Number)) measured.push(await measure(size))
}
printTable(measured)
process.stdout.write(`${JSON.stringify(measured)}\n`)

async function measure(rows: number): Promise<Measured> {
  await using database = await openBenchDatabase(scene, `bench_${rows}`, 'sealing')
  const { db } = database
  progress(`${rows} rows …`)
  await insertRows(db, rows)
  const { time: update, shape } = await timeUpdates(db, rows)
  const crypto = await timed(db, async () => sealAndOpen(rows))
  tell('seal and open', crypto)
  const { time: sealing, peakRssMb } = await timeSealing(db, rows)
  const ratio = sealing.seconds / (update.seconds + crypto.seconds)
  const cpuRatio = sealing.cpu / (update.cpu + crypto.cpu)
  return { rows, update, shape, crypto, sealing, ratio, cpuRatio, rowsPerSecond: rows / sealing.seconds, peakRssMb }
}

/** Half of the digits of a row's number are hashed, so that no two passwords are the same. */
async function insertRows(db: Knex, rows: number): Promise<void> {
  const numbers = `(WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < ${rows}) SELECT i FROM n)`
  await db.transaction(async trx => {
    await trx.raw(`SET SESSION max_recursive_iterations = ${rows + 1}`)
    await trx.raw(`INSERT INTO accounts (id, address, host, enabled)
      SELECT i, CONCAT('a', i, '@example.com'), 'imap.example.com', 0 FROM ${numbers} numbers`)
    await trx.raw(`INSERT INTO credentials (account_id, plaintext)
      SELECT i, CONCAT('Pw-', LEFT(SHA2(i, 256), 16)) FROM ${numbers} numbers`)
  })
}

/** Before each the table is as it was, and nothing waits to be written. */
async function reset(db: Knex): Promise<void> {
  await db.raw("UPDATE credentials SET plaintext = CONCAT('Pw-', LEFT(SHA2(account_id, 256), 16)), sealed = NULL")
  await db.raw('FLUSH TABLES credentials')
  await settle(db)
}

/** Has the server write what a measurement before left to it, so that the next one does not pay for it. */
async function settle(db: Knex): Promise<void> {
  const most = 'SET GLOBAL innodb_max_dirty_pages_pct ='
  await db.raw(`${most} 0`)
  const deadline = Date.now() + settledWithinMs
  for (let dirty = Number.POSITIVE_INFINITY; dirty > cleanPages && Date.now() < deadline; ) {
    await new Promise(resolve => setTimeout(resolve, 100))
    const [[row]] = await db.raw("SHOW GLOBAL STATUS LIKE 'Innodb_buffer_pool_pages_dirty'")
    dirty = Number(row.Value)
  }
  await db.raw(`${most} 90`)
}

/** The same bytes for all rows, by batches of their ids, or in one statement. */
async function timeUpdates(db: Knex, rows: number): Promise<{ time: Time; shape: string }> {
  const found: { time: Time; shape: string }[] = []
  for (const batch of new Set([1_000, 10_000, rows])) {
    await reset(db)
    const sealed = randomBytes(envelopeBytes)
    const time = await timed(db, async () => {
      for (let after = 0; after < rows; after += batch) {
        await db.raw('UPDATE credentials SET sealed = ?, plaintext = NULL WHERE id > ? AND id <= ?', [
          sealed,
          after,
          after + batch,
        ])
      }
    })
    found.push({ time, shape: batch === rows ? 'one statement' : `batches of ${batch}` })
    tell(`UPDATE in ${found.at(-1)?.shape}`, time)
  }
  await reset(db)
  return found.reduce((best, next) => (next.time.seconds < best.time.seconds ? next : best))
}

/** As many secrets sealed and opened, with nothing else. */
function sealAndOpen(rows: number): void {
  const key = toKey(randomBytes(32))
  const destination = imapDestination({
    ...{ host: 'imap.example.com', port: 993, security: 'tls' },
    ...{ username: 'a@example.com', caPem: null },
  })
  for (let accountId = 1; accountId <= rows; accountId++) {
    const where = { table: 'credentials', kind: 'password', accountId } as const
    const opened = open(() => key, where, seal(key, where, destination, Buffer.from('Pw-0123456789abcdef')))
    if (opened.end !== 'ok') throw new Error('an envelope does not open')
  }
}

async function timeSealing(db: Knex, rows: number): Promise<{ time: Time; peakRssMb: number }> {
  const { current } = readKeyring(place)
  if (current.kind !== 'valid') throw new Error('the key file is refused')
  if (!(await adoptKey(db, current.key, 'bench'))) throw new Error('the key was not adopted')
  let peak = process.memoryUsage.rss()
  const time = await timed(db, async () => {
    const { changed } = await runPass({ db, keyPaths: place, actor: 'bench' }, 'seal', never, () => {
      peak = Math.max(peak, process.memoryUsage.rss())
    })
    if (changed !== rows) throw new Error(`${changed} rows instead of ${rows}`)
  })
  tell('sealing', time)
  return { time, peakRssMb: Math.round(peak / 1_048_576) }
}

function tell(what: string, { seconds, cpu, server }: Time): void {
  progress(
    `  ${what}: ${seconds.toFixed(2)} s; CPU ${(cpu - server).toFixed(2)} s here, ${server.toFixed(2)} s in the server`,
  )
}

function printTable(lines: readonly Measured[]): void {
  const table = [
    [
      'rows',
      '(a) UPDATE',
      '(b) seal, open',
      '(c) sealing',
      '(c)/((a)+(b))',
      'of CPU time',
      'rows/s',
      'peak RSS',
      'fastest UPDATE',
    ],
    ...lines.map(line => [
      String(line.rows),
      `${line.update.seconds.toFixed(2)} s`,
      `${line.crypto.seconds.toFixed(2)} s`,
      `${line.sealing.seconds.toFixed(2)} s`,
      line.ratio.toFixed(2),
      line.cpuRatio.toFixed(2),
      String(Math.round(line.rowsPerSecond)),
      `${line.peakRssMb} MB`,
      line.shape,
    ]),
  ]
  const widths = (table[0] ?? []).map((_, i) => Math.max(...table.map(row => (row[i] ?? '').length)))
  for (const row of table) progress(row.map((cell, i) => cell.padStart(widths[i] ?? 0)).join('  '))
}

async function timed(db: Knex, work: () => Promise<void>): Promise<Time> {
  const [[{ pidFile }]] = await db.raw('SELECT @@pid_file AS pidFile')
  const pid = readFileSync(pidFile, 'utf8').trim()
  const [startedAt, ours, theirs] = [performance.now(), process.cpuUsage(), serverSeconds(pid)]
  await work()
  const { user, system } = process.cpuUsage(ours)
  const server = serverSeconds(pid) - theirs
  return { seconds: (performance.now() - startedAt) / 1000, cpu: (user + system) / 1e6 + server, server }
}

/** Processor time that the server has had. */
function serverSeconds(pid: string): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return (Number(stat[11]) + Number(stat[12])) / ticksPerSecond
}
