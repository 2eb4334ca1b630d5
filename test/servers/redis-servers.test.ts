// The queue on Redis' relatives: polls, a server that loses everything, and what `doctor` says.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { letterlock } from '../cli/letterlock.ts'
import { chrootsImpossible } from '../support/chroot.ts'
import { createWorld, ends, until } from '../support/daemon.ts'
import { startTestDovecot, type TestDovecot, user } from '../support/dovecot.ts'
import { commandEnv } from '../support/fleet.ts'
import { rawMail } from '../support/messages.ts'
import { redisServers, startRedisServer } from '../support/redis-servers.ts'

let dovecot: TestDovecot
beforeAll(async () => {
  dovecot = await startTestDovecot()
})
afterAll(() => dovecot[Symbol.asyncDispose]())

describe.skipIf(chrootsImpossible() !== null).each(redisServers)('$title', kind => {
  test('mail comes in, also after it lost everything; doctor names it', async () => {
    const box = kind.name.replace(/\W/g, '-')
    await using server = await startRedisServer(kind)
    await using world = await createWorld({ LETTERLOCK_REDIS_URL: server.url })
    dovecot.deliver(user.name, box, [rawMail({ id: `1@${box}` })])
    await world.add(dovecot.destination('tls'), user.password, { mailboxes: [box], everySeconds: 1 })
    const daemon = await world.start()
    await until(async () => (await ends(world.db)).created === 1)
    const said = await letterlock(['doctor'], { env: commandEnv(world) })
    expect(said.stdout).toContain(kind.title)
    await server.loseEverything()
    dovecot.deliver(user.name, box, [rawMail({ id: `2@${box}` })])
    await until(async () => (await ends(world.db)).created === 2)
    await until(async () => (await fetch(`${daemon.url}/ready`)).ok)
    await daemon[Symbol.asyncDispose]()
  })

  test('the manual has its row', () => {
    expect(readFileSync(path.resolve(import.meta.dirname, '../../docs/servers.md'), 'utf8')).toContain(
      `| ${kind.title} |`,
    )
  })
})
