// Raw batches without rows: none is left by a mail that is tried again, those that nobody needs go, and those that may hold the only copy stay.
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Knex } from 'knex'
import { expect, test } from 'vitest'
import type { Destination } from '../../src/model/destination.ts'
import { createEvents } from '../../src/observe/events.ts'
import { createLog } from '../../src/observe/log.ts'
import { commitBatch } from '../../src/poll/ingest/ingest-batch.ts'
import { createTriagePolicy } from '../../src/poll/ingest/triage-policy.ts'
import { type NightlyDeps, runNightly } from '../../src/schedule/nightly.ts'
import { findMailboxes } from '../../src/store/accounts/mailboxes.ts'
import { findDueAccount, type PolledAccount } from '../../src/store/accounts/polled-account.ts'
import { openRawDirectory } from '../../src/store/raw/raw-directory.ts'
import type { RawIndexEntry, RawStore } from '../../src/store/raw/raw-store.ts'
import { keyPathsOf } from '../../src/vault/keys/keyring.ts'
import { letterlock, type Ran } from '../cli/letterlock.ts'
import { createWorld, ends, until, type World } from '../support/daemon.ts'
import { commandEnv } from '../support/fleet.ts'
import { startScriptedServer } from '../support/imap-server.ts'
import { rawMail } from '../support/messages.ts'

const cli = (world: World, line: string): Promise<Ran> => letterlock(line.split(' '), { env: commandEnv(world) })

const mails = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ uid: i + 1, source: rawMail({ id: `${i}@x`, subject: `mail ${i}` }) }))

/** The nightly job, `day` days from now; the first night of a database does nothing. */
function nights(world: World, raw: RawStore, retention: Partial<NightlyDeps['retention']> = {}) {
  const log: Record<string, unknown>[] = []
  const events = createEvents(createLog(world.config.log, { write: (line: string) => void log.push(JSON.parse(line)) }))
  const deps = {
    ...{ db: world.db, raw, events, actor: 'worker', keyPaths: keyPathsOf(world.config.encryption.keyFile, {}) },
    retention: { rawDays: 30, auditDays: 730, sessionIdleHours: 12, ...retention },
  }
  const night = (day: number) => new Date(Date.now() - (Date.now() % 86_400_000) + (day * 24 + 3) * 3_600_000)
  const { signal } = new AbortController()
  return {
    log,
    night,
    run: (day: number, change: Partial<NightlyDeps> = {}) => runNightly({ ...deps, ...change }, night(day), signal),
  }
}

/** Nobody connects to it. */
const unusedDestination = {
  ...{ host: 'localhost', port: 9, security: 'cleartext', username: 'support', caPem: null },
} satisfies Destination

/** The raw store of the world, and what writes a batch with one mail there, `days` from now. */
function worldStore(world: World) {
  const raw = openRawDirectory(path.join(world.directory, 'raw'))
  const archive = async (accountId: number, uid: number, days: number): Promise<string> => {
    const mail = { accountId, mailbox: 'INBOX', uidValidity: 1, uid, receivedAt: new Date(), complete: true }
    const [place] = await raw.archive([{ ...mail, source: rawMail({ id: `${uid}@old` }) }])
    const day = new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10)
    mkdirSync(path.join(raw.where, day), { recursive: true })
    const batch = `${day}/10000000${uid}-old`
    renameSync(path.join(raw.where, place?.batch ?? ''), path.join(raw.where, batch))
    return batch
  }
  return { raw, archive }
}

/** MariaDB makes this view anew only if nobody has read it for a tenth of a second. */
async function isWaitingForLock(db: Knex): Promise<boolean> {
  await setTimeout(150)
  const [rows] = (await db.raw(
    `SELECT 1 FROM information_schema.innodb_trx JOIN information_schema.processlist AS p ON p.id = trx_mysql_thread_id
       WHERE trx_state = 'LOCK WAIT' AND p.db = DATABASE()`,
  )) as [unknown[]]
  return rows.length > 0
}

/** Commits the mail as a poll does that found it archived before. */
async function commitOld(
  world: World,
  raw: RawStore,
  { id, batch, entry }: { id: number; batch: string; entry: RawIndexEntry },
): Promise<unknown> {
  const owner = 'worker'
  await world.db('accounts').where({ id }).update({ lease_owner: owner, fence: 7, next_attempt_at: null })
  const account = (await findDueAccount(world.db, id, owner)) as PolledAccount
  const cursor = { uidValidity: 1, lastUid: 0, startBeforeUid: 0, rereadBeforeUid: 0 }
  const [mailbox] = await world.db('mailboxes').where({ account_id: id }).select('id', 'name')
  const { uid, offset, size, sha256 } = entry
  const source = rawMail({ id: `${uid}@old` })
  const archived = {
    mail: { uid, size, source, complete: true, receivedAt: new Date() },
    location: { batch, offset, size, sha256 },
    ...{ parsed: null, fault: 'unparsable' },
  }
  const triage = createTriagePolicy(world.config, async () => Buffer.alloc(32, 7))
  const parse = () => Promise.reject(new Error('not asked for'))
  return await commitBatch({ db: world.db, raw, parse, triage }, { account, mailbox, cursor }, [archived], {
    lastUid: uid,
  })
}

function batchesOf(world: World): string[] {
  const raw = path.join(world.directory, 'raw')
  const days = readdirSync(raw).filter(name => /^\d/.test(name))
  return days.flatMap(day => readdirSync(path.join(raw, day)).map(name => `${day}/${name}`)).sort()
}

test('a batch that is tried again and again is kept once, also by a daemon that starts anew', async () => {
  await using server = await startScriptedServer({ mails: mails(4) })
  await using world = await createWorld()
  const signal = "SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 1644, MESSAGE_TEXT = 'refused by a test'"
  await world.db.raw(`CREATE TRIGGER refusing BEFORE INSERT ON messages FOR EACH ROW ${signal}`)
  const id = await world.add(server.destination, 'secret')
  const before = await world.start()
  await until(async () => batchesOf(world).length > 0)
  await world.poll(id)
  await world.poll(id)
  await before[Symbol.asyncDispose]()
  await world.start()
  await world.poll(id)
  await world.db.raw('DROP TRIGGER refusing')
  await until(async () => (await ends(world.db)).created === 4)
  expect(batchesOf(world)).toHaveLength(1)
  expect((await cli(world, 'doctor')).stdout).toMatch(/ok +raw mail +1 batches in .*, all with rows/)
})

test('leftovers are told apart from mail that has no row, and they alone are removed, by a command and at night', async () => {
  await using server = await startScriptedServer({ mails: mails(3) })
  await using world = await createWorld()
  const id = await world.add(server.destination, 'secret')
  await world.start()
  await until(async () => (await ends(world.db)).created === 3)
  const raw = openRawDirectory(path.join(world.directory, 'raw'))
  const [used = ''] = batchesOf(world)
  const copy = () => cpSync(path.join(raw.where, used), path.join(raw.where, `${used}-copy`))
  copy()
  const left = await cli(world, 'doctor')
  expect(left.stdout).toMatch(/note +raw mail +1 of 2 batches are leftovers of \d+ bytes.*\n.*source prune/)
  expect(left.stdout).not.toContain('source recover')
  const lost = { accountId: id, mailbox: 'INBOX', uidValidity: 1, uid: 99, receivedAt: new Date(), complete: true }
  const [gap] = await raw.archive([{ ...lost, source: rawMail({ id: 'lost@x' }) }])
  const kept = [used, gap?.batch].sort()
  expect(await cli(world, 'source prune')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^1 batches with/) })
  expect(batchesOf(world)).toEqual(kept)
  expect((await cli(world, 'doctor')).stdout).toMatch(
    /note +raw mail +1 of 2 batches have no rows .*\n.*source recover/,
  )

  copy()
  const { run, log } = nights(world, raw)
  expect([await run(1), await run(2), await run(2)]).toEqual([
    undefined,
    expect.objectContaining({ batches: 1, expiredBatches: 0, waitingBatches: 1 }),
    undefined,
  ])
  expect(log).toMatchObject([{ event: 'nightly', batches: 1, msg: 'done' }])
  const audit = await world.db('audit_log').where({ action: 'nightly' }).select('actor', 'detail_json')
  expect(audit.map(row => ({ ...row, detail_json: JSON.parse(row.detail_json) }))).toEqual([
    { actor: 'worker', detail_json: expect.objectContaining({ batches: 1, waitingBatches: 1 }) },
  ])
  expect((await cli(world, 'doctor')).stdout).toMatch(/ok +nightly job +removed 1 raw batches, 0 sessions/)
  expect(batchesOf(world)).toEqual(kept)
  expect((await cli(world, 'source recover')).stdout).toBe('1 mails of 1 batches had no row and were taken in\n')
  expect((await cli(world, 'doctor')).stdout).toMatch(/ok +raw mail +2 batches in .*, all with rows/)
})

test('a leftover whose other copy is damaged stays', async () => {
  await using server = await startScriptedServer({ mails: mails(1) })
  await using world = await createWorld()
  await world.add(server.destination, 'secret')
  await world.start()
  await until(async () => (await ends(world.db)).created === 1)
  const [used = ''] = batchesOf(world)
  const file = path.join(world.directory, 'raw', used)
  cpSync(file, `${file}-copy`)
  const bytes = readFileSync(file)
  bytes[10] = (bytes[10] ?? 0) ^ 1
  writeFileSync(file, bytes)
  expect((await cli(world, 'source prune')).stdout).toMatch(/^0 batches/)
  expect(batchesOf(world)).toHaveLength(2)
})

test('doctor --all reads everything, and finds a changed mail and a cut batch', async () => {
  await using server = await startScriptedServer({ mails: mails(60) })
  await using world = await createWorld({ LETTERLOCK_POLL_BATCH_MESSAGES: '20' })
  await world.add(server.destination, 'secret')
  await world.start()
  await until(async () => (await ends(world.db)).created === 60)
  expect((await cli(world, 'doctor --all')).stdout).toMatch(/ok +raw mail +all 60 mails were read/)
  const [changed = '', cut = ''] = batchesOf(world).map(batch => path.join(world.directory, 'raw', batch))
  const bytes = readFileSync(changed)
  bytes[10] = (bytes[10] ?? 0) ^ 1
  writeFileSync(changed, bytes)
  truncateSync(cut, readFileSync(cut).length - 5)
  const { code, stdout } = await cli(world, 'doctor --all')
  expect(code).toBe(1)
  expect(stdout).toMatch(/FAULT raw mail +source 1: .* does not have the recorded hash/)
  expect(stdout).toMatch(/FAULT raw mail +raw batch .*: it has no footer/)
})

test('a batch without rows goes 30 nights after it was first found; a night that breaks off, a gap and a row that comes are survived', async () => {
  await using world = await createWorld()
  const id = await world.add(unusedDestination, 'secret')
  const { raw, archive } = worldStore(world)
  const { run, night } = nights(world, raw)
  const first = await archive(id, 1, -40)
  const stranger = await archive(4_711, 2, -40)
  const third = await archive(id, 3, -40)
  await run(1)
  // Written long ago, and only found without rows now.
  expect(await run(2)).toMatchObject({ expiredBatches: 0, waitingBatches: 3 })
  expect((await cli(world, 'doctor')).stdout).toContain(
    `30 days after it first found them (retention.raw_days), the first of them on ${night(32).toISOString().slice(0, 10)}`,
  )
  // No daemon ran for ten days, or an older database was restored: the time begins anew.
  expect(await run(12)).toMatchObject({ expiredBatches: 0, waitingBatches: 3 })
  for (let day = 14; day < 42; day += 2) expect(await run(day)).toMatchObject({ expiredBatches: 0 })
  expect(await run(41, { retention: { rawDays: 0, auditDays: 0, sessionIdleHours: 12 } })).toMatchObject({
    expiredBatches: 0,
  })
  // The process ends after the file is removed, before the transaction is committed.
  const dies = async (batch: string) => {
    await raw.remove(batch)
    throw new Error('killed')
  }
  await expect(run(42, { raw: { ...raw, remove: dies } })).rejects.toThrow('killed')
  expect(batchesOf(world)).toEqual([stranger, third].sort())
  // Somebody recovers the mail of a batch that is due.
  expect((await cli(world, 'source recover')).stdout).toContain('1 mails of 1 batches')
  expect(await run(43)).toMatchObject({ expiredBatches: 1, waitingBatches: 0 })
  expect(batchesOf(world)).toEqual([third])
  expect(first).not.toBe(third)
  expect(await world.db('raw_without_rows').pluck('batch')).toEqual([])
})

test('while an ingest counts on an old batch, the batch stays; and one that is gone is noticed before the commit', async () => {
  await using world = await createWorld()
  const id = await world.add(unusedDestination, 'secret')
  const { raw, archive } = worldStore(world)
  const { run } = nights(world, raw)
  const batch = await archive(id, 1, -40)
  const [entry] = await raw.index(batch)
  const [mailbox] = await findMailboxes(world.db, id)
  for (let day = 1; day < 33; day += 2) await run(day)
  const row = { account_id: id, mailbox_id: mailbox?.id, uid_validity: 1, uid: 1, size: 1, result: 'ignored', batch }
  const expired = await world.db.transaction(async trx => {
    // As commitBatch and recoverSources do: the account first.
    await trx('accounts').where({ id }).forUpdate().first('id')
    const running = run(34)
    await until(async () => await isWaitingForLock(world.db))
    await trx('sources').insert(row)
    return { running }
  })
  expect(await expired.running).toMatchObject({ expiredBatches: 0, waitingBatches: 1 })
  expect(batchesOf(world)).toEqual([batch])
  await world.db('sources').delete()
  expect(await run(35)).toMatchObject({ expiredBatches: 1 })
  await expect(commitOld(world, raw, { id, batch, entry: entry as RawIndexEntry })).rejects.toMatchObject({
    code: 'raw.unreadable',
    temporary: true,
  })
})

test('the nightly job of several hosts runs once a day; old audit rows, ended sessions and idle key files are dealt with', async () => {
  await using world = await createWorld()
  const { raw } = worldStore(world)
  const { run } = nights(world, raw, { auditDays: 10 })
  await run(1)
  const [user] = await world.db('users').insert({ name: 'ada', role: 'admin', password_hash: 'x' })
  const session = (token: number, days: number) => ({
    token_sha256: Buffer.alloc(32, token),
    user_id: user,
    expires_at: new Date(Date.now() + days * 86_400_000),
  })
  await world.db('sessions').insert([session(1, -1), session(2, 1)])
  const audit = (days: number) => ({
    actor: 'x',
    action: `d${days}`,
    detail_json: '{}',
    at: new Date(Date.now() + days * 86_400_000),
  })
  await world.db('audit_log').delete()
  await world.db('audit_log').insert([...Array(1_500).fill(audit(-60)), audit(-2)])
  writeFileSync(path.join(world.directory, 'encryption-key.retired-00112233445566aa.bin'), Buffer.alloc(32, 7))
  const reports = await Promise.all([run(2), run(2), run(2)])
  expect(reports.filter(report => report !== undefined)).toEqual([
    expect.objectContaining({ auditRows: 1_500, sessions: 1, idleKeyFiles: 1 }),
  ])
  expect(await world.db('audit_log').orderBy('id').pluck('action')).toEqual(['d-2', 'nightly'])
  expect(await world.db('sessions').count({ n: '*' })).toEqual([{ n: 1 }])
  expect((await cli(world, 'doctor')).stdout).toMatch(/note +key files +nothing in the database needs .*retired-0011/)
})
