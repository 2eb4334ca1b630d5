// What accounts cost that have no mail: at three sizes and in three ways, one daemon with all servers on the same machine.
//
//   schedule   accounts without a password: jobs, rows and turns, and no connection
//   poll       a connection that is kept, asked with STATUS at every slot
//   push       connections that wait in IDLE; asked at every slot all the same
//
//   node test/bench/accounts.ts [--ways schedule,poll,push] [--sizes 100,1000,10000] [--every 60] [--seconds 120]
import path from 'node:path'
import { parseArgs } from 'node:util'
import { startDovecot } from '../../src/embedded/dovecot.ts'
import {
  type BenchAccount,
  costOf,
  findProcesses,
  insertBenchAccounts,
  never,
  openBenchDatabase,
  openScene,
  progress,
  quantile,
  round,
  startBenchDaemon,
  until,
} from './scene.ts'

const { values } = parseArgs({
  options: {
    ways: { type: 'string', default: 'schedule,poll,push' },
    sizes: { type: 'string', default: '100,1000,10000' },
    every: { type: 'string', default: '60' },
    seconds: { type: 'string', default: '120' },
    env: { type: 'string', multiple: true, default: [] },
  },
})
const everySeconds = Number(values.every)
const sizes = values.sizes.split(',').map(Number)
const ways = values.ways.split(',')
/** A Dovecot of this size bears no more. */
const maxConnections = 1_000
const late = 'letterlock_poll_late_seconds'

await using stack = new AsyncDisposableStack()
const scene = stack.use(await openScene())
const users = Array.from({ length: Math.min(maxConnections, Math.max(...sizes)) }, (_, i) => ({
  name: `user${i}`,
  password: `password ${i}`,
}))
const dovecot = stack.use(
  await startDovecot({
    directory: path.join(scene.directory, 'dovecot'),
    users,
    progress,
    signal: never,
    settings:
      'service imap {\n  process_limit = 2000\n}\nservice imap-login {\n  service_count = 0\n  process_min_avail = 1\n}\n',
  }),
)
const rows: object[] = []
for (const way of ways) {
  for (const size of sizes) {
    if (way !== 'schedule' && size > maxConnections) continue
    progress(`${way}: ${size} accounts, every ${everySeconds} s, for ${values.seconds} s …`)
    rows.push(await measure(way, size))
    progress(JSON.stringify(rows.at(-1)))
  }
}
process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`)

async function measure(way: string, size: number): Promise<object> {
  const name = `bench_${way}_${size}`
  await using database = await openBenchDatabase(scene, name)
  const accounts = Array.from(
    { length: size },
    (_, i): BenchAccount => ({
      username: `user${i}`,
      password: way === 'schedule' ? null : (users[i]?.password ?? null),
      everySeconds,
      push: way === 'push',
    }),
  )
  const { host, ports, caPem } = dovecot
  await using daemon = await startBenchDaemon(scene, name, database.url, {
    LETTERLOCK_POLL_HOST_CONNECTIONS: '2000',
    LETTERLOCK_POLL_KEEP_CONNECTIONS: '2000',
    ...Object.fromEntries(values.env.map(entry => entry.split('=') as [string, string])),
  })
  const empty = costOf([daemon.pid])
  await insertBenchAccounts(database.db, { host, port: ports.tls, security: 'tls', caPem }, accounts)
  const startedAt = performance.now()
  await until(
    async () => Number((await database.db('accounts').whereNull('last_attempt_at').count({ n: '*' }).first())?.n) === 0,
  )
  const firstRoundSeconds = (performance.now() - startedAt) / 1000
  if (way === 'push')
    await until(async () => (await daemon.metrics()).get('letterlock_imap_connections{state="waiting"}') === size, 500)
  // What the first round left behind is worked off in the next.
  await new Promise(resolve => setTimeout(resolve, everySeconds * 1000))
  const redis = await findProcesses('redis-server', scene.servers.redisUrl.slice('unix://'.length))
  const mariadb = await findProcesses('mariadbd', scene.directory)
  const before = {
    metrics: await daemon.metrics(),
    daemon: costOf([daemon.pid]),
    redis: costOf(redis),
    mariadb: costOf(mariadb),
  }
  const from = performance.now()
  await new Promise(resolve => setTimeout(resolve, Number(values.seconds) * 1000))
  const seconds = (performance.now() - from) / 1000
  const metrics = await daemon.metrics()
  const after = { daemon: costOf([daemon.pid]), redis: costOf(redis), mariadb: costOf(mariadb) }
  const failed = await database.db('accounts').where({ state: 'failing' }).count({ n: '*' }).first()
  const polls = (metrics.get(`${late}_count`) ?? 0) - (before.metrics.get(`${late}_count`) ?? 0)
  const cores = (part: 'daemon' | 'redis' | 'mariadb') =>
    round((after[part].cpuSeconds - before[part].cpuSeconds) / seconds, 3)
  return {
    way,
    accounts: size,
    firstRoundSeconds: round(firstRoundSeconds, 1),
    polls,
    dueInThatTime: Math.round((size * seconds) / everySeconds),
    lateP50Seconds: quantile(late, 0.5, metrics, before.metrics),
    lateP99Seconds: quantile(late, 0.99, metrics, before.metrics),
    failing: Number(failed?.n),
    coresDaemon: cores('daemon'),
    coresRedis: cores('redis'),
    coresMariadb: cores('mariadb'),
    rssMb: round(after.daemon.rssMb, 0),
    peakRssMb: round(after.daemon.peakRssMb, 0),
    kbPerAccount: round(((after.daemon.rssMb - empty.rssMb) * 1024) / size, 0),
    waiting: metrics.get('letterlock_imap_connections{state="waiting"}'),
  }
}
