// What /metrics tells moves when the thing happens that an alert is about: one world with a daemon, and rounds of measuring that the test asks
// for. Each alert of config/monitoring has its figure here; that the figures make the alert fire and clear is in test/monitoring.
import { cpSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Finding, groupOf } from '../../src/cli/doctor/finding.ts'
import type { Daemon } from '../../src/daemon.ts'
import { ServiceError } from '../../src/errors/errors.ts'
import { createSeenCertificates } from '../../src/fetch/seen-certificates.ts'
import { createEvents } from '../../src/observe/events.ts'
import { createGauges } from '../../src/observe/gauges.ts'
import { createHealth, type Health } from '../../src/observe/health.ts'
import { createLog } from '../../src/observe/log.ts'
import { type MeasureDeps, measure, measureRaw } from '../../src/schedule/measure.ts'
import { openRedis } from '../../src/schedule/redis.ts'
import { openRawStore } from '../../src/store/raw/open-raw-store.ts'
import { writePlaintextSeen } from '../../src/store/secrets/encryption-keys.ts'
import { letterlock } from '../cli/letterlock.ts'
import { findPromtool } from '../monitoring/promtool.ts'
import { createWorld, until, type World } from '../support/daemon.ts'
import { startTestDovecot, type TestDovecot, user } from '../support/dovecot.ts'
import { commandEnv } from '../support/fleet.ts'
import { rawMail } from '../support/messages.ts'

const stack = new AsyncDisposableStack()
let dovecot: TestDovecot
let world: World
let daemon: Daemon
let good: number
let refused: number

beforeAll(async () => {
  dovecot = stack.use(await startTestDovecot())
  world = stack.use(await createWorld())
  dovecot.deliver(user.name, 'fetched-box', [
    rawMail({ id: '1@fetched' }),
    rawMail({ id: '2@fetched', subject: 'away', headers: ['Auto-Submitted: auto-replied'] }),
  ])
  good = await world.add(dovecot.destination('tls'), user.password, { mailboxes: ['fetched-box'] })
  refused = await world.add(dovecot.destination('tls'), 'a wrong password', { address: 'refused@example.com' })
  daemon = await world.start()
  await until(async () => (await world.db('sources')).length === 2)
  await until(async () => (await world.db('accounts').where({ id: refused }).first('code')).code !== null)
})
afterAll(() => stack.disposeAsync())

/** Every series with its value. */
type Figures = ReadonlyMap<string, number>

function toFigures(text: string): Figures {
  const lines = text.split('\n').filter(line => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map(line => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )
}

async function scrape(): Promise<Figures> {
  return toFigures(await (await fetch(`${daemon.url}/metrics`)).text())
}

interface Observer extends AsyncDisposable {
  health: Health
  deps: MeasureDeps
  /** What a scrape tells. */
  read(): Promise<Figures>
  /** The same, after a round of measuring. */
  look(): Promise<Figures>
}

/** What a daemon has for measuring, in the hands of the test. */
async function openObserver(): Promise<Observer> {
  await using opened = new AsyncDisposableStack()
  const log = createLog(world.config.log, { write: () => {} })
  const health = createHealth(log)
  const events = createEvents(log)
  const redis = openRedis(world.config.redis.url, world.config.redis, 'commands')
  await redis.connect()
  opened.defer(() => redis.disconnect())
  const raw = opened.use(await openRawStore(world.config))
  const certificates = createSeenCertificates()
  const gauges = createGauges(events.registry, health)
  const deps = { db: world.db, redis, raw, config: world.config, gauges, events, certificates }
  const moved = opened.move()
  const read = async () => toFigures(await events.registry.metrics())
  return {
    health,
    deps,
    read,
    async look() {
      await measure(deps, 0)
      return await read()
    },
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  }
}

const key = { key_id: Buffer.from('00112233445566aa', 'hex'), state: 'active', canary: Buffer.from('x') }

test('a daemon tells its version, its parts, its process and what it measured, as promtool wants it', async () => {
  const figures = await until(async () => {
    const found = await scrape()
    return found.has('letterlock_raw_bytes') && found.has('letterlock_database_bytes') && found
  })
  for (const series of [
    'letterlock_ready{part="database"}',
    'process_resident_memory_bytes',
    'process_open_fds',
    'nodejs_eventloop_lag_p99_seconds',
    'letterlock_filesystem_free_bytes{directory="raw"}',
    'letterlock_raw_orphan_batches',
    'letterlock_round_trip_seconds{service="redis"}',
  ])
    expect(figures.get(series), series).toBeGreaterThanOrEqual(0)
  expect([...figures.keys()].filter(series => series.startsWith('letterlock_build_info{version="'))).toHaveLength(1)
  const promtool = await findPromtool()
  const text = await (await fetch(`${daemon.url}/metrics`)).text()
  expect(promtool?.(['check', 'metrics'], text) ?? '').toBe('')
})

test('an account that is not read: by state, by code, and behind', async () => {
  await using observer = await openObserver()
  const before = await observer.look()
  expect(before.get('letterlock_accounts{state="active"}')).toBe(1)
  expect(before.get('letterlock_accounts{state="failing"}')).toBe(1)
  expect(before.get('letterlock_accounts_in_trouble{code="imap.auth_refused"}')).toBe(1)
  expect(before.get('letterlock_accounts_behind')).toBe(0)
  const rows = world.db('accounts').where({ id: good })
  await rows.clone().update({ last_success_at: world.db.raw('UTC_TIMESTAMP(3) - INTERVAL 2 HOUR') })
  expect((await observer.look()).get('letterlock_accounts_behind')).toBe(1)
  await rows.clone().update({ last_success_at: world.db.raw('UTC_TIMESTAMP(3)') })
  expect((await observer.look()).get('letterlock_accounts_behind')).toBe(0)
})

test('whatever code a row has, the labels are a closed list', async () => {
  await using observer = await openObserver()
  const rows = world.db('accounts').where({ id: refused })
  await rows.clone().update({ code: 'made.up"} 1\nletterlock_up 1' })
  expect((await observer.look()).get('letterlock_accounts_in_trouble{code="other"}')).toBe(1)
  await rows.clone().update({ code: 'imap.auth_refused' })
})

test('encryption: a key that is not here, an unproven backup, residue, and a plaintext that was seen', async () => {
  await using observer = await openObserver()
  const { db } = world
  expect((await observer.look()).get('letterlock_plaintext_secrets')).toBe(2)
  expect((await observer.look()).has('letterlock_key_backup_proven')).toBe(false)
  const [secret] = await db('credentials').where({ account_id: refused }).select('id', 'plaintext')
  const sealed = Buffer.concat([Buffer.from([1]), key.key_id, Buffer.alloc(60)])
  await db('credentials').where({ id: secret.id }).update({ plaintext: null, sealed })
  await until(async () => (await scrape()).get('letterlock_encryption_state{state="locked"}') === 1)
  expect((await scrape()).get('letterlock_encryption_problem{code="key.unknown"}')).toBe(1)
  expect((await scrape()).get('letterlock_ready{part="key"}')).toBe(0)
  await db('encryption_keys').insert({ ...key, completed_at: db.raw('UTC_TIMESTAMP(3)') })
  await writePlaintextSeen(db, refused)
  const unproven = await observer.look()
  expect(unproven.get('letterlock_key_backup_proven')).toBe(0)
  expect(unproven.get('letterlock_residue_places')).toBeGreaterThan(0)
  expect(unproven.get('letterlock_plaintext_seen_timestamp_seconds')).toBeGreaterThan(Date.now() / 1000 - 600)
  await db('encryption_keys').update({ backup_proven_at: db.raw('UTC_TIMESTAMP(3)') })
  expect((await observer.look()).get('letterlock_key_backup_proven')).toBe(1)
  await db('credentials').where({ id: secret.id }).update({ plaintext: secret.plaintext, sealed: null })
  await db('encryption_keys').delete()
  await until(async () => (await scrape()).get('letterlock_encryption_state{state="off"}') === 1)
  expect((await scrape()).has('letterlock_encryption_problem{code="key.unknown"}')).toBe(false)
  expect((await observer.look()).has('letterlock_residue_places')).toBe(false)
})

test('mail that is ignored and mail in quarantine', async () => {
  await using observer = await openObserver()
  expect((await scrape()).get('letterlock_mails_total{result="ignored"}')).toBe(1)
  expect((await observer.look()).get('letterlock_quarantined_mails')).toBe(0)
  await world.db('sources').limit(1).update({ result: 'quarantined' })
  expect((await observer.look()).get('letterlock_quarantined_mails')).toBe(1)
  await world.db('sources').where({ result: 'quarantined' }).update({ result: 'created' })
  expect((await observer.look()).get('letterlock_quarantined_mails')).toBe(0)
})

test('the queue: how late polls began', async () => {
  const count = async () => (await scrape()).get('letterlock_poll_late_seconds_count') ?? 0
  const before = await count()
  await world.db('accounts').where({ id: good }).update({ poll_every_s: 1 })
  await until(async () => (await count()) > before)
  await world.db('accounts').where({ id: good }).update({ poll_every_s: 3_600 })
})

test('storage that does not take mail, and batches without rows', async () => {
  await using observer = await openObserver()
  const series = 'letterlock_problem{part="ingest",code="db.full"}'
  expect((await observer.look()).has(series)).toBe(false)
  observer.health.fail('ingest', new ServiceError('db.full', { where: 'a', why: 'b' }, { temporary: true }))
  expect((await observer.look()).get(series)).toBe(1)
  observer.health.mend('ingest')
  expect((await observer.look()).has(series)).toBe(false)

  const { batch } = await world.db('sources').whereNotNull('batch').first('batch')
  const raw = path.join(world.directory, 'raw')
  mkdirSync(path.join(raw, '2026-01-02'))
  const [, name = ''] = batch.split('/')
  cpSync(path.join(raw, batch), path.join(raw, '2026-01-02', name))
  const look = async () => {
    await world.db('settings').where({ name: 'raw_usage' }).delete()
    expect(await measureRaw(observer.deps, new AbortController().signal)).toBe(true)
    return await observer.look()
  }
  const orphaned = await look()
  expect(orphaned.get('letterlock_raw_orphan_batches')).toBe(1)
  expect(orphaned.get('letterlock_raw_batches')).toBeGreaterThanOrEqual(2)
  await observer.deps.raw.remove(`2026-01-02/${name}`)
  expect((await look()).get('letterlock_raw_orphan_batches')).toBe(0)
})

test('the database and Redis: how long they take', async () => {
  await using observer = await openObserver()
  expect((await observer.look()).get('letterlock_round_trip_seconds{service="redis"}')).toBeGreaterThan(0)
  // No connection is free for a while, as in a database that is overloaded.
  const { client } = world.db
  const held = await Promise.all(Array.from({ length: client.pool.max }, () => client.acquireConnection()))
  const measured = measure(observer.deps, 1)
  const begun = performance.now()
  await until(async () => client.pool.numPendingAcquires() > 0 && performance.now() - begun > 150)
  for (const connection of held) client.releaseConnection(connection)
  await measured
  expect((await observer.read()).get('letterlock_round_trip_seconds{service="database"}')).toBeGreaterThan(0.1)
  await until(async () => ((await observer.look()).get('letterlock_round_trip_seconds{service="database"}') ?? 1) < 0.1)
})

test('certificates: of the mail servers as logins saw them, and of the web interface', async () => {
  const tenYears = Date.now() / 1000 + 3_640 * 86_400
  expect((await scrape()).get('letterlock_certificate_expiry_timestamp_seconds{of="mail"}')).toBeGreaterThan(tenYears)
  await using observer = await openObserver()
  const tlsCertFile = path.join(world.directory, 'web.pem')
  writeFileSync(tlsCertFile, dovecot.caPem)
  observer.deps.config = { ...world.config, web: { ...world.config.web, tlsCertFile } }
  expect((await observer.look()).get('letterlock_certificate_expiry_timestamp_seconds{of="web"}')).toBeGreaterThan(
    tenYears,
  )
})

test('a worker that died is buried and counted, and workers of two versions are seen', async () => {
  await using observer = await openObserver()
  const { db } = world
  expect((await observer.look()).get('letterlock_worker_versions')).toBe(1)
  const worker = { host: 'b', version: '0.0.1', key_ids_json: '[]' }
  await db('workers').insert({ ...worker, id: 'other', lease_until: db.raw('UTC_TIMESTAMP(3) + INTERVAL 1 HOUR') })
  const skewed = await observer.look()
  expect(skewed.get('letterlock_workers')).toBe(2)
  expect(skewed.get('letterlock_worker_versions')).toBe(2)
  await db('workers').where({ id: 'other' }).delete()
  expect((await observer.look()).get('letterlock_worker_versions')).toBe(1)
  const before = (await scrape()).get('letterlock_workers_lost_total') ?? 0
  await db('workers').insert({ ...worker, id: 'dead', lease_until: db.raw('UTC_TIMESTAMP(3) - INTERVAL 1 HOUR') })
  await until(async () => (await scrape()).get('letterlock_workers_lost_total') === before + 1)
})

test('the plugin asks the daemon, and writes what node_exporter reads; a dead daemon is critical', async () => {
  const textfile = path.join(world.directory, 'letterlock.prom')
  const check = async (url: string) => await letterlock(['check', '--monitoring', '--url', url, '--textfile', textfile])
  expect((await check(daemon.url)).stdout).toMatch(/^LETTERLOCK (OK|WARNING) - [^|]+ \| accounts=2;[^\n]+\n$/)
  const written = readFileSync(textfile, 'utf8')
  expect(toFigures(written).get('letterlock_up')).toBe(1)
  const promtool = await findPromtool()
  expect(promtool?.(['check', 'metrics'], written) ?? '').toBe('')
  const dead = await check('http://127.0.0.1:1')
  expect(dead.code).toBe(2)
  expect(dead.stdout).toMatch(/^LETTERLOCK CRITICAL - the daemon does not answer at http:\/\/127\.0\.0\.1:1/)
  expect(toFigures(readFileSync(textfile, 'utf8'))).toEqual(new Map([['letterlock_up', 0]]))
  expect(await letterlock(['check', '--monitoring', '--url', 'nowhere'])).toMatchObject({ code: 3 })
  expect(await letterlock(['check', '--url', daemon.url])).toMatchObject({ code: 2 })
})

test('a support bundle has the state, the doctor’s findings and the figures, and nothing about whose mail it is', async () => {
  const { db } = world
  await world.add({ ...dovecot.destination('tls'), host: 'imap.customer.example' }, 'marked-password', {
    address: 'marked.person@customer.example',
    enabled: false,
  })
  await db('accounts')
    .where({ id: refused })
    .update({ hint: 'The server said: marked-words of a person', code: 'imap.auth_refused' })
  await db('rules').insert({ name: 'marked-rule', conditions_json: 'no JSON', action: 'drop' })
  await db('tickets').update({ subject: 'marked-subject', requester_name: 'marked-requester' })
  await db('messages').update({ subject: 'marked-subject', text: 'marked-text' })
  const listen = new URL(daemon.url).host
  const options = { env: commandEnv(world, { LETTERLOCK_WEB_LISTEN: listen }), directory: world.directory }
  const file = path.join(world.directory, 'bundle.json')

  const asked = await letterlock(['support-bundle', file], options)
  expect(asked).toMatchObject({ code: 2 })
  expect(JSON.parse(asked.stdout)).toHaveProperty('findings')
  expect(existsSync(file)).toBe(false)

  expect(await letterlock(['support-bundle', file, '--yes'], options)).toMatchObject({ code: 0, stderr: '' })
  expect(statSync(file).mode & 0o777).toBe(0o600)
  const text = readFileSync(file, 'utf8')
  const people = await db('messages').distinct('from_address').pluck('from_address')
  const secrets = [user.password, 'a wrong password', ...people, world.directory]
  const words = ['marked', 'customer.example', 'example.com', 'example.org', 'fetched-box', 'anna', ...secrets]
  expect(words.filter(word => text.toLowerCase().includes(word.toLowerCase()))).toEqual([])
  const bundle = JSON.parse(text)
  expect(JSON.stringify(bundle.findings)).not.toMatch(new RegExp(`(?<![\\w-])${hostname()}(?![\\w-])`))
  expect(bundle.accounts.byState).toMatchObject({ failing: 1, paused: 1 })
  expect(bundle.findings.some((finding: { check: string }) => finding.check === 'rules')).toBe(true)
  expect(bundle.metrics).toContain('letterlock_up 1')
  expect(bundle.configuration['poll.concurrency']).toBe(100)
  expect(await letterlock(['support-bundle', file, '--yes'], options)).toMatchObject({ code: 1 })
})

test('doctor: findings stand group by group, and --strict counts notes', async () => {
  const options = { env: commandEnv(world, { LETTERLOCK_WEB_LISTEN: new URL(daemon.url).host }) }
  const { stdout, code } = await letterlock(['doctor', '--json'], options)
  const findings: Finding[] = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  expect(code).toBe(1)
  const groups = findings.map(groupOf).filter((group, i, all) => group !== all[i - 1])
  expect(groups).toEqual(['service', 'database', 'mail', 'encryption', 'redis'])
  expect(new Set(findings.map(({ check }) => check))).toEqual(
    new Set([
      ...['configuration', 'permissions', 'disk', 'web', 'database', 'settings', 'privileges', 'clock'],
      ...['daemon', 'accounts', 'quarantine', 'rules', 'raw mail', 'encryption', 'redis'],
    ]),
  )
  await world.db('accounts').where({ id: refused }).update({ enabled: 0 })
  const strict = async (...more: string[]) => (await letterlock(['doctor', ...more], options)).code
  expect(await strict()).toBe(0)
  expect(await strict('--strict')).toBe(1)
})
