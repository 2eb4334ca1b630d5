// Faults of the host that can be made in a moment: a read-only database, a read-only disk, a clock of the database that is set back. Each has its
// code, and is over by itself; docs/faults.md has the whole list, test/scenes the slow ones.
import { execFileSync, spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { getAccount } from '../../src/store/accounts/accounts.ts'
import { findLiveWorkers } from '../../src/store/accounts/leases.ts'
import { createWorld, ends, until } from '../support/daemon.ts'
import { startScriptedServer } from '../support/imap-server.ts'
import { rawMail } from '../support/messages.ts'

interface Ready {
  ready: boolean
  problems: { part: string; code: string; hint: string }[]
}

async function readiness(url: string): Promise<Ready> {
  return (await (await fetch(`${url}/ready`)).json()) as Ready
}

const mail = (uid: number) => ({ uid, source: rawMail({ id: `${uid}@x`, subject: `mail ${uid}` }) })

test('a database that became read-only blames no account: all wait, and go on by themselves', async () => {
  const refusal =
    "SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 1290, MESSAGE_TEXT = 'running with the --super-read-only option'"
  await using server = await startScriptedServer({ mails: [mail(1)] })
  await using world = await createWorld()
  const id = await world.add(server.destination, 'secret', { everySeconds: 1 })
  const daemon = await world.start({ LETTERLOCK_POLL_LEASE_SECONDS: '5' })
  await until(async () => (await ends(world.db)).created === 1)
  for (const [what, table] of [
    ['INSERT', 'sources'],
    ['INSERT', 'workers'],
    ['UPDATE', 'workers'],
  ])
    await world.db.raw(`CREATE TRIGGER ro_${what}_${table} BEFORE ${what} ON ${table} FOR EACH ROW ${refusal}`)
  server.script.mails.push(mail(2))
  const down = await until(async () => {
    const { problems } = await readiness(daemon.url)
    return problems.find(problem => problem.part === 'database')
  })
  expect(down).toMatchObject({ code: 'db.read_only', hint: expect.stringContaining('primary') })
  expect(await getAccount(world.db, String(id))).toMatchObject({ code: null, failures: 0 })
  for (const name of ['INSERT_sources', 'INSERT_workers', 'UPDATE_workers'])
    await world.db.raw(`DROP TRIGGER ro_${name}`)
  await until(async () => (await ends(world.db)).created === 2)
  await until(async () => (await readiness(daemon.url)).ready)
})

const canMount = spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0

test.skipIf(!canMount)(
  'a file system that became read-only keeps mail on its server until it is writable again',
  async () => {
    await using server = await startScriptedServer({ mails: [mail(1)] })
    await using world = await createWorld()
    const id = await world.add(server.destination, 'secret')
    const daemon = await world.start()
    await until(async () => (await ends(world.db)).created === 1)
    // The whole data directory: raw mail, key file, what was seen of keys.
    const mount = (...options: string[]) => execFileSync('mount', [...options, world.directory])
    mount('--bind', world.directory)
    await using stack = new AsyncDisposableStack()
    stack.defer(() => void execFileSync('umount', ['--lazy', world.directory]))
    mount('-o', 'remount,bind,ro')
    server.script.mails.push(mail(2))
    await world.poll(id)
    expect(await readiness(daemon.url)).toMatchObject({
      ready: false,
      problems: [{ part: 'raw', code: 'raw.unwritable', hint: expect.stringContaining('read-only') }],
    })
    expect(await ends(world.db)).toEqual({ created: 1 })
    mount('-o', 'remount,bind,rw')
    await until(async () => (await readiness(daemon.url)).ready)
    await world.poll(id)
    expect(await ends(world.db)).toEqual({ created: 2 })
  },
)

test('the clock of the database is set back by hours: a dead worker keeps no account, and no account waits for hours', async () => {
  await using server = await startScriptedServer({ mails: [mail(1)] })
  await using world = await createWorld()
  const id = await world.add(server.destination, 'secret')
  // What a worker that died left behind, and a failed account, as they look once the clock was set back.
  await world.db.raw(
    "INSERT INTO workers (id, host, version, schema_version, key_ids_json, last_seen_at, lease_until) VALUES ('dead', 'a', '1', 1, '[]', UTC_TIMESTAMP(3) + INTERVAL 5 HOUR, UTC_TIMESTAMP(3) + INTERVAL 5 HOUR)",
  )
  await world
    .db('accounts')
    .where({ id })
    .update({
      lease_owner: 'dead',
      state: 'failing',
      code: 'imap.auth_refused',
      last_attempt_at: world.db.raw('UTC_TIMESTAMP(3) + INTERVAL 5 HOUR'),
      next_attempt_at: world.db.raw('UTC_TIMESTAMP(3) + INTERVAL 6 HOUR'),
    })
  expect(await findLiveWorkers(world.db)).toEqual([])
  await world.start()
  await until(async () => (await ends(world.db)).created === 1)
  await until(async () => (await getAccount(world.db, String(id))).state === 'active')
})
