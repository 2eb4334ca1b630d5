// Canaries: a mail of ours comes back as any mail does, opens no ticket and is removed; a server that went deaf is told of; nobody else has a canary.
import { expect, test } from 'vitest'
import { countCanaries } from '../../src/store/accounts/canaries.ts'
import { letterlock } from '../cli/letterlock.ts'
import { createWorld, ends, until, type World } from '../support/daemon.ts'
import { connectToDovecot, startTestDovecot, user } from '../support/dovecot.ts'
import { commandEnv } from '../support/fleet.ts'
import { capabilities, startScriptedServer } from '../support/imap-server.ts'
import { rawMail } from '../support/messages.ts'

const intervalSeconds = 600
const withCanary = { push: true, everySeconds: 60, canarySeconds: intervalSeconds }

/** As if so much of an interval had gone by. */
async function goBy(world: World, intervals: number): Promise<void> {
  const back = (column: string) => world.db.raw(`${column} - INTERVAL ? SECOND`, [intervals * intervalSeconds])
  await world.db('accounts').update({
    created_at: back('created_at'),
    canary_from: back('canary_from'),
    canary_sent_at: back('canary_sent_at'),
    canary_seen_at: back('canary_seen_at'),
  })
}

async function canaryOf(world: World): Promise<{ provenAt: string | null; seconds: number | null; isLate: boolean }> {
  const { stdout } = await letterlock(['account', 'list', '--json'], { env: commandEnv(world) })
  return JSON.parse(stdout).canary
}

test('a server that goes deaf turns the canary red within two intervals, though the account is active', async () => {
  await using server = await startScriptedServer({ capabilities: [...capabilities, 'IDLE', 'UIDPLUS'] })
  await using world = await createWorld()
  const id = await world.add(server.destination, 'secret', withCanary)
  await world.start()
  const appended = () => server.commands.filter(command => command === 'APPEND').length
  await until(async () => (await canaryOf(world)).provenAt !== null)
  expect(await ends(world.db)).toEqual({ ignored: 1 })
  expect(await world.db('tickets')).toEqual([])
  expect(await world.db('canaries')).toEqual([])
  await goBy(world, 1.01)
  await until(async () => (await ends(world.db)).ignored === 2)
  expect((await canaryOf(world)).isLate).toBe(false)
  // Nothing is told, and whoever asks is answered as before.
  Object.assign(server.script, { tells: false, hidesAppended: true })
  const before = appended()
  await goBy(world, 1.01)
  await until(async () => appended() > before)
  expect((await canaryOf(world)).isLate).toBe(false)
  await goBy(world, 0.98)
  expect(await canaryOf(world)).toMatchObject({ isLate: true })
  expect(await countCanaries(world.db)).toMatchObject({ late: 1 })
  expect((await world.db('accounts').where({ id }).first()).state).toBe('active')
  const env = commandEnv(world)
  expect((await letterlock(['account', 'list'], { env })).stdout).toMatch(
    /LAST PROVEN.*\(late\).*its canary did not come/s,
  )
  expect((await letterlock(['doctor'], { env })).stdout).toContain('its canary did not come')
  // It hears again, and the next canary proves it.
  Object.assign(server.script, { tells: true, hidesAppended: false })
  await goBy(world, 0.1)
  await until(async () => !(await canaryOf(world)).isLate)
  expect(
    world.log.filter(({ event, msg }) => event === 'canary' && String(msg).includes('did not come back')),
  ).toHaveLength(1)
})

test('a canary is removed from the server, and one that is another’s or was used is a mail like any other', async () => {
  await using dovecot = await startTestDovecot()
  await using world = await createWorld()
  const id = await world.add(dovecot.destination('tls'), user.password, withCanary)
  await world.start()
  await until(async () => (await world.db('sources').where({ reason: 'canary' }).first())?.settled_at != null)
  const [source] = await world.db('sources').select('message_id', 'result', 'after_ingest')
  expect(source).toMatchObject({ result: 'ignored', after_ingest: 'delete' })
  const client = await connectToDovecot(dovecot)
  expect((await client.status('INBOX', { messages: true })) || {}).toMatchObject({ messages: 0 })
  const stranger = `letterlock-canary.${'A'.repeat(43)}@letterlock.invalid`
  for (const [i, messageId] of [source.message_id, stranger].entries())
    await client.append('INBOX', rawMail({ id: messageId, subject: `pretends ${i}` }))
  await client.logout()
  await until(async () => (await ends(world.db)).created === 2)
  expect(new Set(await world.db('tickets').pluck('subject'))).toEqual(new Set(['pretends 0', 'pretends 1']))
  const covered = await letterlock(['account', 'coverage', String(id), '--json'], { env: commandEnv(world) })
  expect(JSON.parse(covered.stdout)).toMatchObject({ onServer: 2, created: 2, ignored: 0, uncovered: [] })
  // Off again: nothing is sent, and nothing is said of it.
  const set = await letterlock(['account', 'set', String(id), '--canary', 'off'], { env: commandEnv(world) })
  expect(set).toMatchObject({ code: 0, stdout: expect.stringContaining('changed') })
  expect(await canaryOf(world)).toBeUndefined()
})
