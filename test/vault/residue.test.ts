// Old plaintext in a real server: what the facts say of it, and a search through the files of the stopped server, which finds
// everything before the scrub and nothing after what was advised has been done.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Knex } from 'knex'
import { expect, test } from 'vitest'
import { OperationError } from '../../src/errors/errors.ts'
import { openDatabase } from '../../src/store/db/database.ts'
import { migrate } from '../../src/store/db/migrate.ts'
import { findResidues } from '../../src/vault/residue/residue.ts'
import { planScrub, scrub } from '../../src/vault/residue/scrub.ts'
import { readServerFacts } from '../../src/vault/residue/server-facts.ts'
import {
  countByFile,
  findSecrets,
  followAdvice,
  type LoggingMariadb,
  type LoggingMariadbOptions,
  startLoggingMariadb,
} from '../support/forensics.ts'
import { createTestDatabase, defaults } from '../support/servers.ts'

interface Opened extends AsyncDisposable {
  server: LoggingMariadb
  admin: Knex
  service: Knex
  /** Ends the connections, then the server. */
  stop(): Promise<void>
}

async function open(options: LoggingMariadbOptions = {}): Promise<Opened> {
  await using stack = new AsyncDisposableStack()
  const server = stack.use(await startLoggingMariadb(options))
  const [admin, service] = [server.adminUrl, server.serviceUrl].map(url => {
    const db = openDatabase(url, defaults.database)
    stack.defer(() => db.destroy())
    return db
  }) as [Knex, Knex]
  await migrate(service)
  const opened = stack.move()
  const stop = async (): Promise<void> => {
    await Promise.all([admin.destroy(), service.destroy()])
    await server.stop()
  }
  return { server, admin, service, stop, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

/** Stores a secret a row as a helpdesk does, and overwrites them as sealing does. */
async function sealInPlace(db: Knex, count: number): Promise<string[]> {
  const secrets = Array.from({ length: count }, () => `pw-${randomBytes(18).toString('base64url')}`)
  for (const [index, plaintext] of secrets.entries()) {
    const id = index + 1
    await db('accounts').insert({ id, address: `a${id}@example.org`, host: 'mail.example.org' })
    await db('credentials').insert({ account_id: id, plaintext })
  }
  for (const index of secrets.keys())
    await db('credentials')
      .where({ account_id: index + 1 })
      .update({ sealed: randomBytes(160), plaintext: null })
  return secrets
}

const progress = (): void => {}

test('facts are read right by an account with all rights, and what another is not shown is unknown', async () => {
  await using opened = await open({ args: ['--expire-logs-days=7'] })
  const { server, admin, service } = opened
  await admin.raw(
    'CREATE TRIGGER credentials_history BEFORE UPDATE ON credentials FOR EACH ROW SET NEW.kind = NEW.kind',
  )
  const seenByAll = {
    flavour: 'MariaDB',
    database: 'letterlock',
    dataDirectory: `${server.dataDirectory}/`,
    generalLog: { on: true, file: path.join(server.dataDirectory, 'general.log') },
    slowLog: { on: true, file: path.join(server.dataDirectory, 'slow.log'), thresholdS: 0 },
    logOutput: ['FILE'],
    auditLog: null,
    scrubsFreedPages: false,
    redoBytes: 16 * 2 ** 20,
    doublewrite: true,
    statementHistory: false,
    pagesHidden: false,
  }
  const binaryLog = { on: true, format: 'ROW', rowImage: 'FULL', expiresAfterS: 604_800, showsStatements: true }
  expect(await readServerFacts(admin)).toMatchObject({
    ...seenByAll,
    account: "'root'@'localhost'",
    binaryLog: { ...binaryLog, mayChooseRowImage: true, compressed: false, encrypted: false },
    replicas: 0,
    triggers: ['credentials_history'],
    columnStatistics: false,
  })
  expect(await readServerFacts(service)).toMatchObject({
    ...seenByAll,
    account: "'service'@'localhost'",
    binaryLog: { ...binaryLog, mayChooseRowImage: false, compressed: false, encrypted: false },
    replicas: 'unknown',
    triggers: ['credentials_history'],
    columnStatistics: 'unknown',
  })
})

test('facts read what is switched the other way, and trying the row image leaves the session as it was', {
  tags: ['scene'],
}, async () => {
  const args = ['--innodb-undo-tablespaces=3', '--innodb-undo-log-truncate=1', '--log-output=FILE,TABLE']
  const more = ['--innodb-immediate-scrub-data-uncompressed=1', '--skip-innodb-doublewrite', '--performance-schema=1']
  await using opened = await open({ rowImage: 'NOBLOB', grants: ['BINLOG ADMIN'], args: [...args, ...more] })
  const { admin, service } = opened
  await admin.raw('ANALYZE TABLE credentials PERSISTENT FOR ALL')
  const facts = await readServerFacts(service)
  expect(facts).toMatchObject({
    logOutput: ['FILE', 'TABLE'],
    undo: { tablespaces: ['undo001', 'undo002', 'undo003'], truncates: true },
    scrubsFreedPages: true,
    doublewrite: false,
    statementHistory: true,
    // None is shown, but without the right to see them that is no answer.
    triggers: 'unknown',
  })
  expect(facts.binaryLog).toMatchObject({ rowImage: 'NOBLOB', mayChooseRowImage: true, expiresAfterS: 0 })
  const [[session]] = await service.raw('SELECT @@SESSION.binlog_row_image AS image')
  expect(session.image).toBe('NOBLOB')
  expect((await readServerFacts(admin)).columnStatistics).toBe(true)
})

test('plaintext is all over the files of a server after sealing', { tags: ['scene'] }, async () => {
  await using opened = await open()
  const secrets = await sealInPlace(opened.service, 60)
  await opened.stop()
  const found = findSecrets(opened.server.dataDirectory, secrets)
  expect(Object.keys(countByFile(found))).toEqual(
    expect.arrayContaining(['binlog.000001', 'general.log', 'ib_logfile0', 'slow.log']),
  )
  expect(new Set(found.map(({ secret }) => secret))).toEqual(new Set(secrets))
})

test('and nowhere after what was advised has been done, from the first to the last', async () => {
  await using opened = await open({ args: ['--log-output=FILE,TABLE', '--performance-schema=1'] })
  const { admin, service, server } = opened
  const secrets = await sealInPlace(service, 100)
  await admin.raw('ANALYZE TABLE credentials PERSISTENT FOR ALL')
  expect(findSecrets(server.dataDirectory, secrets).length).toBeGreaterThan(100)
  const now = new Date()
  const times = { lastPlaintextAt: now, now, scrubbedAt: null, sealedAt: now }
  const residues = findResidues(await readServerFacts(service), times)
  const lines: string[] = []
  await followAdvice(residues, {
    admin,
    scrub: () => scrub(service, { table: 'credentials', progress: line => lines.push(line) }),
  })
  const [kept] = await admin.raw('SELECT COUNT(*) AS rows_left FROM credentials WHERE sealed IS NOT NULL')
  expect(kept).toEqual([{ rows_left: 100 }])
  await opened.stop()
  expect(countByFile(findSecrets(server.dataDirectory, secrets))).toEqual({})
  expect(lines[0]).toMatch(/writing \d+ MiB .*about as much into the binary log/)
  expect(lines.at(-1)).toBe('100 % written')
})

test('a scrub says what it wrote and what it cannot reach, and leaves no scratch table, not even of one that was killed', {
  tags: ['scene'],
}, async () => {
  await using opened = await open()
  const { service } = opened
  await service.raw('CREATE TABLE letterlock_scrub (id INT) ENGINE=InnoDB')
  const plan = await planScrub(service)
  const report = await scrub(service, { table: 'credentials', progress })
  expect(report.writtenBytes).toBeGreaterThanOrEqual(plan.volumeBytes)
  expect(report.scrubbedAt).toBeInstanceOf(Date)
  expect(report.notDone).toEqual([
    'general log and slow log are out of our reach',
    'the binary log is out of our reach',
  ])
  expect((await service.raw("SHOW TABLES LIKE 'letterlock_scrub'"))[0]).toEqual([])
})

test('a scrub that is broken off removes its scratch table', async () => {
  await using database = await createTestDatabase()
  const stop = new AbortController()
  const broken = scrub(database.db, {
    table: 'credentials',
    progress: line => line.startsWith('10 %') && stop.abort(),
    signal: stop.signal,
  })
  await expect(broken).rejects.toMatchObject({ name: 'AbortError' })
  expect((await database.db.raw("SHOW TABLES LIKE 'letterlock_scrub'"))[0]).toEqual([])
})

test('a scrub is refused while a password is still in plaintext', async () => {
  await using database = await createTestDatabase()
  const { db } = database
  await db('accounts').insert({ id: 1, address: 'a@example.org', host: 'mail.example.org' })
  await db('credentials').insert({ account_id: 1, plaintext: 'not sealed yet' })
  await expect(scrub(db, { table: 'credentials', progress })).rejects.toThrow(/1 passwords are still in plaintext/)
})

test('a scrub is refused before it writes: too large a redo log, another one running, too few rights', {
  tags: ['scene'],
}, async () => {
  await using opened = await open({ logging: false })
  const { admin, service } = opened
  const options = { table: 'credentials', progress } as const
  await expect(scrub(service, { ...options, maxBytes: 2 ** 20 })).rejects.toThrow(/the limit is 1 MiB/)

  const name = "CONCAT('letterlock-scrub-', LEFT(SHA2('letterlock', 256), 16))"
  await admin.transaction(async trx => {
    await trx.raw(`DO GET_LOCK(${name}, 0)`)
    await expect(scrub(service, options)).rejects.toThrow(/another scrub is running/)
    await trx.raw(`DO RELEASE_LOCK(${name})`)
  })

  // The server looks at an account's rights on a database when it connects.
  const withoutRight = async (right: string): Promise<Knex> => {
    await admin.raw(`REVOKE ${right} ON letterlock.* FROM 'service'@'localhost'`)
    return openDatabase(opened.server.serviceUrl, defaults.database)
  }
  const withoutAlter = await withoutRight('ALTER')
  expect((await scrub(withoutAlter, options)).done[0]).toBe('the table of the passwords was rebuilt')
  await withoutAlter.destroy()

  const withoutCreate = await withoutRight('CREATE')
  const refused = await scrub(withoutCreate, options).catch(error => error)
  await withoutCreate.destroy()
  expect(refused).toBeInstanceOf(OperationError)
  expect(refused.hint).toContain("GRANT CREATE, DROP, INSERT, UPDATE ON `letterlock`.* TO 'service'@'localhost';")
})

test('an old snapshot keeps old rows: the scrub says so and does not count as done', { tags: ['scene'] }, async () => {
  await using opened = await open({ logging: false })
  const { admin, service } = opened
  await admin.transaction(
    async trx => {
      // It asks nothing for longer than sessions of ours may.
      await trx.raw('SET wait_timeout = 600')
      await trx.raw('SELECT COUNT(*) FROM accounts')
      const report = await scrub(service, { table: 'credentials', progress })
      expect(report.scrubbedAt).toBeNull()
      expect(report.notDone[0]).toMatch(/a transaction that began before the scrub may still be open/)
    },
    { isolationLevel: 'repeatable read' },
  )
})

test('files are searched across the borders of what is read at once', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-search-'))
  try {
    const border = 4 * 1024 * 1024
    const bytes = Buffer.alloc(2 * border + 100, '.')
    const [first, second] = ['a-secret-of-twenty-fo', 'another-of-many-bytes']
    bytes.write(first ?? '', border - 5)
    bytes.write(Buffer.from(second ?? '').toString('hex'), 2 * border - 30)
    writeFileSync(path.join(directory, 'file'), bytes)
    writeFileSync(path.join(directory, 'empty'), '')
    expect(findSecrets(directory, ['a-secret-of-twenty-fo', 'another-of-many-bytes'])).toEqual([
      { secret: first, encoding: 'raw', file: 'file', offset: border - 5 },
      { secret: second, encoding: 'hex', file: 'file', offset: 2 * border - 30 },
    ])
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
