// Mails in quarantine that an operator asks for again: the way that the manual tells of, with the commands, through a real daemon.
import { expect, test } from 'vitest'
import { getAccount } from '../../src/store/accounts/accounts.ts'
import { letterlock, type Ran } from '../cli/letterlock.ts'
import { createWorld, ends, until, type World } from '../support/daemon.ts'
import { commandEnv } from '../support/fleet.ts'
import { type ScriptedMail, startScriptedServer } from '../support/imap-server.ts'
import { rawMail } from '../support/messages.ts'

const cli = (world: World, line: string): Promise<Ran> => letterlock(line.split(' '), { env: commandEnv(world) })

function mailOf(uid: number, bytes = 10): ScriptedMail {
  const body = `${'x'.repeat(70)}\r\n`.repeat(Math.ceil(bytes / 72))
  return { uid, source: rawMail({ id: `${uid}@x`, subject: `mail ${uid}`, body: `${uid} ${body}` }) }
}

const [small, large] = [{ LETTERLOCK_MAIL_MAX_BYTES: '65536' }, { LETTERLOCK_MAIL_MAX_BYTES: '1000000' }]

/** An account whose second and third mail were too large, polled by a daemon that was restarted with a higher limit. */
async function startOversize(world: World) {
  const server = await startScriptedServer({ mails: [mailOf(1), mailOf(2, 100_000), mailOf(3, 100_000)] })
  const id = await world.add(server.destination, 'secret')
  const before = await world.start(small)
  await until(async () => (await getAccount(world.db, String(id))).lastSuccessAt)
  expect(await ends(world.db)).toEqual({ created: 1, quarantined: 2 })
  await before[Symbol.asyncDispose]()
  await world.start(large)
  await world.poll(id)
  const poll = async () => {
    await world.poll(id)
    return await getAccount(world.db, String(id))
  }
  return { server, poll }
}

test('after the limit was raised a retry makes tickets of oversize mails, and the account goes on', async () => {
  await using world = await createWorld()
  const { server, poll } = await startOversize(world)
  await using _server = server
  const asked = await cli(world, 'quarantine retry --reason too_large')
  expect(asked).toMatchObject({ code: 0, stdout: expect.stringMatching(/^mail 2: pending .*\nmail 3: pending .*\n$/) })
  server.script.mails.push(mailOf(4))
  expect(await poll()).toMatchObject({ state: 'active', code: null })
  expect(await ends(world.db)).toEqual({ created: 4 })
  expect(await poll()).toMatchObject({ state: 'active', code: null })
  const subjects = await world.db('tickets').orderBy('subject').pluck('subject')
  expect(subjects).toEqual(['mail 1', 'mail 2', 'mail 3', 'mail 4'])
})

test('a retry that breaks the connection is made once and keeps no newer mail from coming in', async () => {
  await using world = await createWorld()
  const { server, poll } = await startOversize(world)
  await using _server = server
  server.script.dropAt.add(2)
  expect(await cli(world, 'quarantine retry 2')).toMatchObject({ code: 0 })
  server.script.mails.push(mailOf(4))
  expect(await poll()).toMatchObject({ state: 'failing', code: 'imap.connection_lost' })
  expect(await ends(world.db)).toEqual({ created: 2, quarantined: 2 })
  server.script.mails.push(mailOf(5))
  expect(await poll()).toMatchObject({ state: 'active', code: null })
  server.script.dropAt.clear()
  expect(await cli(world, 'quarantine retry 2')).toMatchObject({ code: 0 })
  expect(await poll()).toMatchObject({ state: 'active', code: null })
  expect(await ends(world.db)).toEqual({ created: 4, quarantined: 1 })
})

test('of several mails each is retried, and what cannot be is told', async () => {
  await using world = await createWorld()
  const { server, poll } = await startOversize(world)
  await using _server = server
  const some = await cli(world, 'quarantine retry 1 2')
  expect(some).toMatchObject({ code: 1, stdout: 'mail 2: pending (fetched at the next poll)\n' })
  expect(some.stderr).toContain('source 1 is not in quarantine')
  server.script.uidValidity = 2
  await poll()
  const renumbered = await cli(world, 'quarantine retry --all')
  expect(renumbered.stderr).toContain('source 2 cannot be fetched again: the server renumbered its mailbox')
  expect(await cli(world, 'quarantine retry')).toMatchObject({ code: 2 })
  expect(await cli(world, 'quarantine retry 1 --all')).toMatchObject({ code: 2 })
})
