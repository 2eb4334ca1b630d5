// What Letterlock does with its database, on every server that it says it works on: the schema, mail of every kind, sealing and back, a backup
// with the server's own tool and its restore. What comes of the mails must be the same everywhere. The manual's table has a row for each.
import { createHash } from 'node:crypto'
import { globSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import type { Knex } from 'knex'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { letterlock, type Ran } from '../cli/letterlock.ts'
import { chrootsImpossible } from '../support/chroot.ts'
import { createWorld, ends, until, type World } from '../support/daemon.ts'
import { type DatabaseServer, databaseServers, startDatabaseServer } from '../support/database-servers.ts'
import { startTestDovecot, type TestDovecot, user } from '../support/dovecot.ts'
import { commandEnv } from '../support/fleet.ts'
import { rawMail } from '../support/messages.ts'
import { writeProof } from '../support/sealing.ts'

const root = path.resolve(import.meta.dirname, '../..')
const corpus = globSync(path.join(root, 'test/fixtures/mail/*.eml'))
  .sort()
  .map(file => readFileSync(file))
const box = 'corpus'

let dovecot: TestDovecot
let expected: Stored
beforeAll(async () => {
  dovecot = await startTestDovecot()
  dovecot.deliver(user.name, box, corpus)
  await using world = await createWorld()
  await ingestCorpus(world)
  expected = await findStored(world.db)
  expect(Object.values(expected.results).reduce((sum, count) => sum + count, 0)).toBe(corpus.length)
})
afterAll(() => dovecot[Symbol.asyncDispose]())

/** What came of the mails: counts, and a hash of the texts in the order of their raw mails. */
interface Stored {
  results: Record<string, number>
  texts: string
}

async function findStored(db: Knex): Promise<Stored> {
  const rows = await db('messages')
    .join('sources', 'sources.id', 'messages.source_id')
    .orderBy(['sources.sha256', 'sources.uid'])
    .select(
      'sources.sha256',
      'messages.kind',
      'messages.subject',
      'messages.text',
      'messages.reply',
      'messages.from_address',
    )
  return { results: await ends(db), texts: createHash('sha256').update(JSON.stringify(rows)).digest('hex') }
}

async function ingestCorpus(world: World): Promise<number> {
  const id = await world.add(dovecot.destination('tls'), user.password, { mailboxes: [box] })
  await using daemon = await world.start()
  expect(daemon.url).toContain('http')
  await until(async () => {
    const counts = await ends(world.db)
    return Object.values(counts).reduce((sum, count) => sum + count, 0) >= corpus.length
  })
  return id
}

async function emptyDatabase(world: World): Promise<void> {
  const name = new URL(world.config.database.url).pathname.slice(1)
  await world.db.raw(`DROP DATABASE ${name}`)
  await world.db.raw(`CREATE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci`)
  await world.db.destroy()
  world.db.initialize()
}

const why = chrootsImpossible()
if (why !== null) process.stderr.write(`the tests of other servers are left out: ${why}\n`)

describe.skipIf(why !== null).each(databaseServers)('$title', kind => {
  let server: DatabaseServer
  let world: World
  const cli = (line: string): Promise<Ran> =>
    letterlock(line.split(' '), { env: { ...commandEnv(world), PATH: `${server.tools}:${process.env.PATH}` } })
  const stateOf = async (): Promise<string> => JSON.parse((await cli('encryption status --json')).stdout).state
  const accountPassword = async (): Promise<{ plaintext: unknown; sealed: unknown }> =>
    await world.db('credentials').first('plaintext', 'sealed')

  beforeAll(async () => {
    server = await startDatabaseServer(kind)
    world = await createWorld({}, server.url)
  })
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]()
    await server?.[Symbol.asyncDispose]()
  })

  test('migrate', async () => {
    await emptyDatabase(world)
    expect(await cli('migrate')).toMatchObject({ code: 0 })
    expect((await cli('migrate --status')).code).toBe(0)
    const [[row]] = await world.db.raw('SELECT VERSION() AS version')
    expect(row.version).toContain(kind.title.split(' ')[1])
  })

  test('ingest: mails of every kind become what they become everywhere', async () => {
    await ingestCorpus(world)
    expect(await findStored(world.db)).toEqual(expected)
  })

  test('seal, rotate, disable', async () => {
    const daemon = await world.start()
    expect(await cli('encryption enable --i-accept-key-loss --i-have-a-key-backup')).toMatchObject({ code: 0 })
    await until(async () => (await stateOf()) === 'on')
    expect(await accountPassword()).toMatchObject({ plaintext: null, sealed: expect.any(Buffer) })
    expect(await cli('encryption verify')).toMatchObject({ code: 0, stdout: expect.stringContaining('1 of 1') })
    const keyId = async (): Promise<string> => JSON.parse((await cli('encryption status --json')).stdout).keyId
    const before = await keyId()
    expect(await cli('encryption rotate --yes')).toMatchObject({ code: 0 })
    await until(async () => (await stateOf()) === 'on' && (await keyId()) !== before)
    expect(await cli('encryption verify')).toMatchObject({ code: 0 })
    expect((await cli('encryption audit')).code).toBeLessThan(2)
    writeProof(world, await keyId())
    expect(await cli('encryption disable --yes')).toMatchObject({ code: 0 })
    await until(async () => (await stateOf()) === 'off')
    expect(await accountPassword()).toMatchObject({ sealed: null, plaintext: user.password })
    await daemon[Symbol.asyncDispose]()
  })

  test('backup and restore by the server’s own tool', async () => {
    const backup = path.join(world.directory, 'backups')
    const made = await cli(`backup ${backup}`)
    expect(made, made.stderr).toMatchObject({ code: 0 })
    expect(await cli(`backup --verify ${backup}`)).toMatchObject({ code: 0 })
    await emptyDatabase(world)
    rmSync(path.join(world.directory, 'raw'), { recursive: true })
    const restored = await cli(`restore ${backup}`)
    expect(restored, restored.stderr).toMatchObject({ code: 0 })
    expect(await findStored(world.db)).toEqual(expected)
  })

  test('doctor finds no fault, and mail goes on coming in', async () => {
    await using _daemon = await world.start()
    const { stdout } = await cli('doctor --all')
    expect(stdout.split('\n').filter(line => /^FAULT/.test(line))).toEqual([])
    const name = `after ${kind.title}`
    dovecot.deliver(user.name, 'after', [rawMail({ id: `${randomId()}@after`, subject: name })])
    await world.db('mailboxes').insert({
      account_id: await world
        .db('accounts')
        .first('id')
        .then(row => row.id),
      name: 'after',
    })
    await until(async () => (await world.db('tickets').where({ subject: name }).first('id')) !== undefined)
  })

  test('the manual has its row', () => {
    expect(readFileSync(path.join(root, 'docs/servers.md'), 'utf8')).toContain(`| ${kind.title} |`)
  })
})

function randomId(): string {
  return createHash('sha256').update(String(performance.now())).digest('hex').slice(0, 12)
}
