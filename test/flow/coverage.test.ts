// Nothing is missing, and it is shown: every mail that a server holds is accounted for, and what the cursor passed over is named and read.
import { expect, test } from 'vitest'
import { letterlock, type Ran } from '../cli/letterlock.ts'
import { createWorld, ends, until, type World } from '../support/daemon.ts'
import { commandEnv } from '../support/fleet.ts'
import { startScriptedServer } from '../support/imap-server.ts'
import { rawMail } from '../support/messages.ts'

const cli = (world: World, ...args: string[]): Promise<Ran> => letterlock(args, { env: commandEnv(world) })

const mail = (uid: number, subject = `mail ${uid}`) => ({ uid, source: rawMail({ id: `${subject}@x`, subject }) })
const mails = (...uids: number[]) => uids.map(uid => mail(uid))

const created = async (world: World): Promise<number> => (await ends(world.db)).created ?? 0

interface Coverage extends Record<string, unknown> {
  onServer: number
  uncovered: number[]
}

/** Of the one mailbox; the numbers must add up. */
async function coverageOf(world: World, id: number): Promise<Coverage> {
  const { code, stdout, stderr } = await cli(world, 'account', 'coverage', String(id), '--json')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const coverage: Coverage = JSON.parse(stdout)
  const { onServer, uncovered, address: _, mailbox: __, ...counts } = coverage
  const sum = Object.values(counts).reduce<number>((total, count) => total + Number(count), uncovered.length)
  expect(sum).toBe(onServer)
  return coverage
}

const none = {
  created: 0,
  appended: 0,
  ignored: 0,
  duplicate: 0,
  quarantined: 0,
  beforeStart: 0,
  waiting: 0,
  uncovered: [],
}

test('a mail that was hidden from the cursor is named, and the next poll reads it, once', async () => {
  await using server = await startScriptedServer({ mails: mails(1, 2, 4, 5) })
  await using world = await createWorld()
  const id = await world.add(server.destination, 'secret')
  await world.start()
  await until(async () => (await created(world)) === 4)
  const whole = { address: 'support@example.com', mailbox: 'INBOX', ...none, onServer: 4, created: 4 }
  expect(await coverageOf(world, id)).toEqual(whole)
  server.script.mails = mails(1, 2, 3, 4, 5)
  expect(await coverageOf(world, id)).toEqual({ ...whole, onServer: 5, uncovered: [3] })
  expect((await cli(world, 'doctor')).stdout).toMatch(/FAULT coverage +1 messages in INBOX of account \d+ should/)
  const shown = await cli(world, 'account', 'coverage')
  expect(shown.stderr).toContain('UIDs 3 are without a row')
  await world.poll(id)
  expect(await created(world)).toBe(5)
  expect(await coverageOf(world, id)).toEqual({ ...whole, onServer: 5, created: 5 })
  expect((await cli(world, 'doctor')).stdout).not.toContain('coverage')
  expect(await world.db('mailboxes').pluck('last_uid')).toEqual([5])
})

test('UIDs that a restored server gave to other mails are found and read; mails that only changed their date are not doubled', async () => {
  await using server = await startScriptedServer({ mails: mails(1, 2, 3, 4) })
  await using world = await createWorld()
  const id = await world.add(server.destination, 'secret')
  await world.start()
  await until(async () => (await created(world)) === 4)
  // The server lost 3 and 4 and gave their UIDs, and some more, to mails that came later: UIDNEXT is beyond the cursor.
  server.script.mails = [...mails(1, 2), mail(3, 'other 3'), mail(4, 'other 4'), mail(5)]
  server.script.internalDate = '"30-Nov-2026 10:00:00 +0000"'
  await world.poll(id)
  expect((await coverageOf(world, id)).uncovered).toEqual([1, 2, 3, 4])
  await world.poll(id)
  expect(await created(world)).toBe(7)
  expect(await coverageOf(world, id)).toMatchObject({ onServer: 5, created: 5, uncovered: [] })
  expect(new Set(await world.db('tickets').pluck('subject'))).toEqual(
    new Set(['mail 1', 'mail 2', 'mail 3', 'mail 4', 'mail 5', 'other 3', 'other 4']),
  )
})

test('what was there before the start and what waits is counted as such; a backfill reads the former beside the cursor', async () => {
  await using server = await startScriptedServer({ mails: mails(1, 2) })
  await using world = await createWorld()
  const id = await world.add(server.destination, 'secret', { startFrom: 'new' })
  await world.start()
  await world.poll(id)
  server.script.mails = mails(1, 2, 3)
  await world.poll(id)
  await until(async () => (await created(world)) === 1)
  server.script.mails = mails(1, 2, 3, 4)
  expect(await coverageOf(world, id)).toMatchObject({ onServer: 4, created: 1, beforeStart: 2, waiting: 1 })
  expect(await cli(world, 'account', 'backfill', String(id), '--since', '2099-01-01')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('no mail since'),
  })
  expect(await cli(world, 'account', 'backfill', String(id), '--since', 'yesterday')).toMatchObject({ code: 2 })
  const asked = await cli(world, 'account', 'backfill', String(id), '--since', '2000-01-01', '--json')
  expect(JSON.parse(asked.stdout)).toEqual({ id, mails: 2 })
  await world.poll(id)
  await until(async () => (await created(world)) === 4)
  expect(await coverageOf(world, id)).toMatchObject({ onServer: 4, created: 4, beforeStart: 0, waiting: 0 })
  expect(await world.db('mailboxes').pluck('last_uid')).toEqual([4])
})

test('the daily comparison finds what is missing by itself; what does not come is shown by the metric and doctor', async () => {
  await using server = await startScriptedServer({ mails: mails(1, 4) })
  await using world = await createWorld()
  const id = await world.add(server.destination, 'secret')
  const daemon = await world.start()
  await until(async () => (await created(world)) === 2)
  const yesterday = () =>
    world.db('mailboxes').update({ covered_at: world.db.raw('UTC_TIMESTAMP(3) - INTERVAL 25 HOUR') })
  server.script.mails = mails(1, 2, 3, 4)
  server.script.refuseMails.set(3, 'NO not now')
  await world.poll(id)
  expect(await created(world)).toBe(2)
  await yesterday()
  await world.poll(id)
  expect(await created(world)).toBe(3)
  const metric = async () => (await fetch(`${daemon.url}/metrics`)).text()
  await until(async () => /^letterlock_uncovered_messages [12]$/m.test(await metric()))
  expect((await cli(world, 'doctor')).stdout).toMatch(/FAULT coverage/)
  server.script.refuseMails.clear()
  await yesterday()
  await world.poll(id)
  expect(await created(world)).toBe(4)
  await until(async () => /^letterlock_uncovered_messages 0$/m.test(await metric()))
})
