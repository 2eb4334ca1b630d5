// Raw batches without rows: none is left by a mail that is tried again, those that nobody needs go, and those that may hold the only copy stay.
import { cpSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { createEvents } from '../../src/observe/events.ts'
import { createLog } from '../../src/observe/log.ts'
import { runNightly } from '../../src/schedule/nightly.ts'
import { openRawDirectory } from '../../src/store/raw/raw-directory.ts'
import { letterlock, type Ran } from '../cli/letterlock.ts'
import { createWorld, ends, until, type World } from '../support/daemon.ts'
import { commandEnv } from '../support/fleet.ts'
import { startScriptedServer } from '../support/imap-server.ts'
import { rawMail } from '../support/messages.ts'

const cli = (world: World, line: string): Promise<Ran> => letterlock(line.split(' '), { env: commandEnv(world) })

const mails = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ uid: i + 1, source: rawMail({ id: `${i}@x`, subject: `mail ${i}` }) }))

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
  const log: Record<string, unknown>[] = []
  const events = createEvents(createLog(world.config.log, { write: (line: string) => void log.push(JSON.parse(line)) }))
  const night = (day: number) => new Date(Date.now() - (Date.now() % 86_400_000) + (day * 24 + 3) * 3_600_000)
  const { signal } = new AbortController()
  const run = (day: number) => runNightly({ db: world.db, raw, events }, night(day), signal)
  expect([await run(1), await run(2), await run(2)]).toEqual([
    undefined,
    expect.objectContaining({ batches: 1 }),
    undefined,
  ])
  expect(log).toMatchObject([{ event: 'nightly', batches: 1, msg: 'done' }])
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
