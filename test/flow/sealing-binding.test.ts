// A sealed password is for one account and one destination: whoever may write to the database cannot have it sent elsewhere. And what a
// helpdesk writes goes on working: the newer password is used at the very next poll, and sealed.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import type { Daemon } from '../../src/daemon.ts'
import { getAccount } from '../../src/store/accounts/accounts.ts'
import { createWorld, until, type World } from '../support/daemon.ts'
import { type ScriptedServer, startScriptedServer } from '../support/imap-server.ts'
import { countWhere, insertPaused, keyFileOf, sweep, untilAction, writeKey, wrongOf } from '../support/sealing.ts'

const secret = 'the sealed secret'

interface Scene extends AsyncDisposable {
  world: World
  daemon: Daemon
  /** Where the account's mail is. */
  home: ScriptedServer
  /** Where somebody would have its password sent. */
  away: ScriptedServer
  id: number
}

/** An account that polls with a sealed password; every poll logs in anew. */
async function sealedScene(): Promise<Scene> {
  await using stack = new AsyncDisposableStack()
  const world = stack.use(await createWorld({ LETTERLOCK_POLL_KEEP_CONNECTIONS: '0' }))
  const home = stack.use(await startScriptedServer())
  const away = stack.use(await startScriptedServer())
  const id = await world.add(home.destination, secret)
  writeKey(keyFileOf(world))
  const daemon = await world.start()
  await untilAction(world.db, 'encryption.on')
  const opened = stack.move()
  return { world, daemon, home, away, id, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

const logins = (server: ScriptedServer): string[] => server.commands.filter(line => line.startsWith('LOGIN'))

const codeOf = async (world: World, id: number) => {
  const { state, code } = await getAccount(world.db, String(id))
  return { state, code }
}

const change = (world: World, id: number, columns: object) => world.db('accounts').where({ id }).update(columns)

test('host, port, security, user name or CA changed by SQL: the account waits, and no server sees a connection', async () => {
  await using scene = await sealedScene()
  const { world, home, away, id } = scene
  const { port } = away.destination
  const before = { ...home.destination, ca_pem: null }
  const changes = [
    { host: 'localhost', port },
    { host: 'localhost' },
    { port },
    { security: 'starttls' },
    { security: 'tls' },
    { username: 'other' },
    { ca_pem: '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n' },
  ]
  for (const columns of changes) {
    const { host, port: homePort, security, username, ca_pem } = before
    await change(world, id, { host, port: homePort, security, username, ca_pem })
    // The control: with the right destination it logs in.
    const seen = logins(home).length
    await world.poll(id)
    expect(await codeOf(world, id)).toEqual({ state: 'active', code: null })
    expect(logins(home)).toHaveLength(seen + 1)

    const commands = home.commands.length
    await change(world, id, columns)
    await world.poll(id)
    expect(await codeOf(world, id)).toEqual({ state: 'waiting', code: 'vault.destination_changed' })
    expect(home.commands).toHaveLength(commands)
    expect(away.accepted()).toBe(0)
  }
  // The control: the other server does see one that a new password is meant for.
  await change(world, id, { port, security: 'cleartext', host: '127.0.0.1', username: 'support', ca_pem: null })
  await world.db('credentials').where({ account_id: id }).update({ plaintext: 'for away' })
  await world.poll(id)
  expect(logins(away).join()).toContain('for away')
  expect([...home.commands, ...away.commands].filter(line => line.includes(secret))).toEqual(logins(home))
})

test('the same host in other letters, or with its dot, is the same destination', async () => {
  await using world = await createWorld({ LETTERLOCK_POLL_KEEP_CONNECTIONS: '0' })
  await using server = await startScriptedServer()
  const id = await world.add({ ...server.destination, host: 'localhost' }, secret)
  writeKey(keyFileOf(world))
  await world.start()
  await untilAction(world.db, 'encryption.on')
  await change(world, id, { host: 'LocalHost' })
  await world.poll(id)
  expect(await codeOf(world, id)).toEqual({ state: 'active', code: null })
  expect(logins(server).at(-1)).toContain(secret)
})

test('envelopes of two rows swapped, and one copied to a new account: they wait, and no server sees a connection', async () => {
  await using scene = await sealedScene()
  const { world, home, away, id } = scene
  await change(world, id, { enabled: false })
  const other = await world.add(home.destination, 'another secret', { address: 'b@example.com', enabled: false })
  await untilSealed(world)
  const [[one, two]] = await world.db.raw('SELECT account_id, sealed FROM credentials ORDER BY account_id')
  await world.db('credentials').where({ account_id: other }).update({ sealed: one.sealed })
  await world.db('credentials').where({ account_id: id }).update({ sealed: two.sealed })
  const [copy] = await world.db('accounts').insert({
    ...{ address: 'c@example.com', host: away.destination.host, port: away.destination.port },
    ...{ security: 'cleartext', username: 'support', enabled: false },
  })
  await world.db('credentials').insert({ account_id: copy, sealed: one.sealed })
  const commands = home.commands.length
  await world.db('accounts').update({ enabled: true })
  for (const account of [id, other, Number(copy)]) {
    await world.poll(account)
    expect(await codeOf(world, account)).toEqual({ state: 'waiting', code: 'vault.tampered' })
  }
  expect(home.commands).toHaveLength(commands)
  expect(away.accepted()).toBe(0)
  // The control: each in its place again, both log in.
  await world.db('credentials').where({ account_id: id }).update({ sealed: one.sealed })
  await world.db('credentials').where({ account_id: other }).update({ sealed: two.sealed })
  for (const account of [id, other]) {
    await world.poll(account)
    expect(await codeOf(world, account)).toEqual({ state: 'active', code: null })
  }
  expect(logins(home).slice(-2).join()).toMatch(/the sealed secret.*another secret/)
})

const untilSealed = (world: World) =>
  until(async () => (await countWhere(world.db, 'plaintext IS NOT NULL OR sealed IS NULL')) === 0)

/** The statements of the manual's page in this block, for this account. */
function manual(block: RegExp, id: number): string[] {
  const page = readFileSync(path.resolve(import.meta.dirname, '../../docs/helpdesk.md'), 'utf8')
  const found = [...page.matchAll(/```sql\n(.*?)```/gs)].find(([, text = '']) => block.test(text))
  const statements = (found?.[1] ?? '').split(/;\s*/).filter(Boolean)
  return statements.map(statement => statement.replace(/= 7\b/, `= ${id}`))
}

const otherWays: [string, string][] = [
  [
    'upsert',
    "INSERT INTO credentials (account_id, plaintext) VALUES (ID, 'SECRET') ON DUPLICATE KEY UPDATE plaintext = VALUES(plaintext)",
  ],
  ['replace', "REPLACE INTO credentials (account_id, plaintext) VALUES (ID, 'SECRET')"],
  [
    'whole row',
    "UPDATE credentials SET account_id = ID, kind = 'password', sealed = sealed, plaintext = 'SECRET' WHERE account_id = ID",
  ],
]

test('a helpdesk that writes a password over a sealed one: it is used at the very next poll, and sealed', async () => {
  await using scene = await sealedScene()
  const { world, daemon, home, id } = scene
  for (const statement of manual(/UPDATE credentials SET plaintext/, id)) await world.db.raw(statement)
  await world.poll(id)
  expect(logins(home).at(-1)).toContain('the new password')
  for (const [name, statement] of otherWays) {
    const value = `newer by ${name}`
    await world.db.raw(statement.replaceAll('ID', String(id)).replace('SECRET', value))
    await world.db.raw('UPDATE accounts SET next_attempt_at = NULL WHERE id = ?', [id])
    await world.poll(id)
    expect(logins(home).at(-1)).toContain(value)
    await sweep(world, daemon)
    expect(await countWhere(world.db, 'plaintext IS NOT NULL')).toBe(0)
    await world.poll(id)
    expect(logins(home).at(-1)).toContain(value)
  }
  // A pause and its end leave the sealed password as it is.
  const pause = manual(/enabled = 0/, id)
  expect(pause).toHaveLength(2)
  for (const statement of pause) await world.db.raw(statement)
  await world.poll(id)
  expect(logins(home).at(-1)).toContain('newer by whole row')
  // An account that a helpdesk adds is polled with what it wrote, and sealed like the others.
  await world.db.transaction(async trx => {
    await trx.raw(
      "INSERT INTO accounts (address, host, port, security) VALUES ('new@example.com', '127.0.0.1', ?, 'cleartext')",
      [home.destination.port],
    )
    await trx.raw("INSERT INTO credentials (account_id, plaintext) VALUES (LAST_INSERT_ID(), 'of a new one')")
  })
  await until(async () => logins(home).some(line => line.includes('of a new one')))
  await untilSealed(world)
}, 600_000)

test('a trigger that changes what is written: that row is left as it is and named, the others are sealed', async () => {
  await using world = await createWorld()
  const secrets = await insertPaused(world.db, 300)
  const odd = [...secrets.keys()][123] ?? 0
  await world.db.raw(`CREATE TRIGGER shout BEFORE UPDATE ON credentials FOR EACH ROW
    SET NEW.sealed = IF(NEW.account_id = ${odd}, UPPER(CONVERT(NEW.sealed USING latin1)), NEW.sealed)`)
  writeKey(keyFileOf(world))
  const daemon = await world.start()
  await until(async () => (await countWhere(world.db, 'plaintext IS NULL')) === 299)
  await until(async () => world.log.some(line => line.code === 'vault.refused'))
  expect(world.log.filter(line => line.code === 'vault.refused')).toMatchObject([{ account: odd }])
  await sweep(world, daemon)
  expect(await world.db('credentials').whereNotNull('plaintext').select('account_id', 'sealed')).toEqual([
    { account_id: odd, sealed: null },
  ])
  expect(await wrongOf(world.db, keyFileOf(world), secrets)).toEqual([])
  await world.db.raw('DROP TRIGGER shout')
  await untilAction(world.db, 'encryption.on')
  expect(await wrongOf(world.db, keyFileOf(world), secrets)).toEqual([])
})

test('a row that somebody keeps locked is passed over, and sealed when it is free', async () => {
  await using world = await createWorld()
  const secrets = await insertPaused(world.db, 300)
  const held = [...secrets.keys()][7] ?? 0
  const trx = await world.db.transaction()
  await trx.raw('SET wait_timeout = 600')
  await trx.raw('UPDATE credentials SET plaintext = ? WHERE account_id = ?', ['of a slow clerk', held])
  writeKey(keyFileOf(world))
  const daemon = await world.start()
  await until(async () => (await countWhere(world.db, 'plaintext IS NULL')) === 299)
  await sweep(world, daemon)
  expect(await countWhere(world.db, 'plaintext IS NOT NULL')).toBe(1)
  await trx.commit()
  secrets.set(held, 'of a slow clerk')
  await untilAction(world.db, 'encryption.on')
  expect(await wrongOf(world.db, keyFileOf(world), secrets)).toEqual([])
})
