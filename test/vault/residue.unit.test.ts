// Where old plaintext may lie, judged from what a server said of itself; and the search that proves it, on bytes of ours.
import { expect, test } from 'vitest'
import { churnVolume } from '../../src/vault/residue/churn.ts'
import {
  findResidues,
  findWarnings,
  plaintextHorizon,
  type Residue,
  type ResiduePlace,
} from '../../src/vault/residue/residue.ts'
import type { ServerFacts } from '../../src/vault/residue/server-facts.ts'
import { encodingsOf, findSecrets } from '../support/forensics.ts'

const mariadb: ServerFacts = {
  flavour: 'MariaDB',
  version: '10.11.19',
  account: "'letterlock'@'localhost'",
  database: 'helpdesk',
  dataDirectory: '/var/lib/mysql/',
  startedAt: new Date('2026-11-01T00:00:00Z'),
  generalLog: { on: false, file: '/var/lib/mysql/db.log' },
  slowLog: { on: false, file: '/var/lib/mysql/db-slow.log', thresholdS: 10 },
  logOutput: ['FILE'],
  auditLog: null,
  binaryLog: {
    on: true,
    format: 'MIXED',
    rowImage: 'FULL',
    mayChooseRowImage: false,
    expiresAfterS: 864_000,
    showsStatements: true,
    compressed: false,
    encrypted: false,
  },
  undo: { tablespaces: [], truncates: false },
  scrubsFreedPages: false,
  redoBytes: 96 * 2 ** 20,
  doublewrite: true,
  statementHistory: false,
  replicas: 0,
  triggers: [],
  columnStatistics: false,
  pagesHidden: false,
}
const mysql: ServerFacts = {
  ...mariadb,
  flavour: 'MySQL',
  version: '8.4.6',
  statementHistory: true,
  undo: { tablespaces: ['innodb_undo_001', 'innodb_undo_002'], truncates: true },
}
const nothingShown: ServerFacts = {
  ...mariadb,
  account: 'unknown',
  dataDirectory: 'unknown',
  startedAt: 'unknown',
  generalLog: { on: 'unknown', file: 'unknown' },
  slowLog: { on: 'unknown', file: 'unknown', thresholdS: 'unknown' },
  logOutput: 'unknown',
  auditLog: 'unknown',
  binaryLog: {
    on: 'unknown',
    format: 'unknown',
    rowImage: 'unknown',
    mayChooseRowImage: 'unknown',
    expiresAfterS: 'unknown',
    showsStatements: 'unknown',
    compressed: 'unknown',
    encrypted: 'unknown',
  },
  undo: { tablespaces: 'unknown', truncates: 'unknown' },
  scrubsFreedPages: 'unknown',
  redoBytes: 'unknown',
  doublewrite: 'unknown',
  statementHistory: 'unknown',
  replicas: 'unknown',
  triggers: 'unknown',
  columnStatistics: 'unknown',
  pagesHidden: 'unknown',
}

const sealedAt = new Date('2026-11-20T12:00:00Z')
const now = new Date('2026-11-21T12:00:00Z')
const sealed = { lastPlaintextAt: sealedAt, now, scrubbedAt: null, sealedAt }
const scrubbed = { ...sealed, scrubbedAt: new Date('2026-11-20T13:00:00Z') }

function at(place: ResiduePlace, residues: readonly Residue[]): Residue {
  const residue = residues.find(found => found.place === place)
  if (residue === undefined) throw new Error(`nothing about ${place}`)
  return residue
}

const statesOf = (residues: readonly Residue[]) =>
  Object.fromEntries(residues.map(({ place, state }) => [place, state]))

test('after sealing every place that the server rewrites late is dirty, what is switched off is clean, the rest unknown', () => {
  expect(statesOf(findResidues(mariadb, sealed))).toEqual({
    'general-log': 'clean',
    'slow-log': 'clean',
    'statement-history': 'clean',
    triggers: 'clean',
    statistics: 'clean',
    'table-pages': 'dirty',
    undo: 'dirty',
    redo: 'dirty',
    doublewrite: 'dirty',
    'binary-log': 'dirty',
    replicas: 'unknown',
    backups: 'unknown',
    disk: 'unknown',
  })
})

test('the table is rebuilt before undo, redo and doublewrite follow, whatever is asked of the administrator besides', () => {
  const order = ['table-pages', 'undo', 'redo', 'doublewrite', 'binary-log']
  for (const facts of [mariadb, mysql])
    expect(
      findResidues(facts, sealed)
        .map(({ place }) => place)
        .filter(place => order.includes(place)),
    ).toEqual(order)
})

test('a scrub after the last plaintext cleans what it overwrites, one before it cleans nothing', () => {
  const after = statesOf(findResidues(mariadb, scrubbed))
  expect(after).toMatchObject({ 'table-pages': 'clean', undo: 'clean', redo: 'clean', doublewrite: 'clean' })
  expect(after['binary-log']).toBe('dirty')
  const later = { ...scrubbed, lastPlaintextAt: new Date('2026-11-20T14:00:00Z') }
  expect(statesOf(findResidues(mariadb, later))).toMatchObject({ 'table-pages': 'dirty', undo: 'dirty', redo: 'dirty' })
})

test('whether an administrator emptied the undo tablespaces of a MySQL is not known to a scrub', () => {
  expect(at('undo', findResidues(mysql, sealed))).toMatchObject({ state: 'dirty', who: 'database-admin' })
  expect(at('undo', findResidues(mysql, scrubbed))).toMatchObject({ state: 'unknown', who: 'database-admin' })
})

test('undo tablespaces are emptied one after the other while a spare one stands in', () => {
  const { statements } = at('undo', findResidues(mysql, sealed))
  expect(statements[0]).toBe("CREATE UNDO TABLESPACE letterlock_undo ADD DATAFILE 'letterlock_undo.ibu';")
  expect(statements.filter(statement => statement.endsWith('ACTIVE;'))).toEqual([
    'ALTER UNDO TABLESPACE `innodb_undo_001` SET INACTIVE;',
    'ALTER UNDO TABLESPACE `innodb_undo_001` SET ACTIVE;',
    'ALTER UNDO TABLESPACE `innodb_undo_002` SET INACTIVE;',
    'ALTER UNDO TABLESPACE `innodb_undo_002` SET ACTIVE;',
    'ALTER UNDO TABLESPACE letterlock_undo SET INACTIVE;',
  ])
  expect(statements.at(-1)).toBe('DROP UNDO TABLESPACE letterlock_undo;')
})

test('passwords stand in the binary log until it expires, counted from the last plaintext', () => {
  const { until, state } = at('binary-log', findResidues(mariadb, sealed))
  expect(state).toBe('dirty')
  expect(until?.toISOString()).toBe('2026-11-30T12:00:00.000Z')
})

test('an expired binary log is not called clean: the server removes its files late', () => {
  const late = { ...sealed, now: new Date('2026-12-24T00:00:00Z') }
  expect(at('binary-log', findResidues(mariadb, late))).toMatchObject({ state: 'unknown', until: null })
})

test('a binary log that never expires is never clean by itself', () => {
  const facts = { ...mariadb, binaryLog: { ...mariadb.binaryLog, expiresAfterS: 0 } }
  expect(at('binary-log', findResidues(facts, sealed))).toMatchObject({ state: 'dirty', until: null })
  expect(plaintextHorizon(findResidues(facts, scrubbed))).toBe('never')
})

test('the horizon is never before a scrub, the expiry of the binary log after it, and none where nothing is left', () => {
  expect(plaintextHorizon(findResidues(mariadb, sealed))).toBe('never')
  expect(plaintextHorizon(findResidues(mariadb, scrubbed))).toEqual(new Date('2026-11-30T12:00:00Z'))
  const quiet = { ...mariadb, binaryLog: { ...mariadb.binaryLog, on: false } }
  expect(plaintextHorizon(findResidues(quiet, scrubbed))).toBeNull()
})

test('what was never stored in plaintext has left nothing', () => {
  const residues = findResidues(mysql, { ...sealed, lastPlaintextAt: null })
  expect(new Set(residues.map(({ state }) => state))).toEqual(new Set(['clean']))
  expect(plaintextHorizon(residues)).toBeNull()
})

test('a server that shows nothing is called neither clean nor dirty where its own word is wanted', () => {
  const states = statesOf(findResidues(nothingShown, sealed))
  expect(Object.values(states)).not.toContain('clean')
  expect(states).toMatchObject({ 'general-log': 'unknown', 'slow-log': 'unknown', 'binary-log': 'unknown' })
})

test('logs are switched off first, then their tables emptied and their files destroyed, as the server keeps them', () => {
  const on = { ...mariadb, generalLog: { on: true, file: "/srv/my logs/o'clock.log" } }
  const statements = (logOutput: ServerFacts['logOutput']) =>
    at('general-log', findResidues({ ...on, logOutput }, sealed)).statements
  expect(statements(['FILE'])).toEqual([
    'SET GLOBAL general_log = OFF;',
    "shred --remove '/srv/my logs/o'\\''clock.log'",
  ])
  expect(statements(['TABLE'])).toEqual(['SET GLOBAL general_log = OFF;', 'TRUNCATE TABLE mysql.general_log;'])
})

test('a slow log is dirty when it takes every statement, and unknown when it takes slow ones', () => {
  const slow = (thresholdS: number) => ({ ...mariadb, slowLog: { on: true, file: 'unknown' as const, thresholdS } })
  expect(at('slow-log', findResidues(slow(0), sealed)).state).toBe('dirty')
  expect(at('slow-log', findResidues(slow(10), sealed)).state).toBe('unknown')
})

test('an audit plug-in counts as a log of statements', () => {
  const audited = { ...mariadb, auditLog: 'server_audit.log' }
  expect(at('general-log', findResidues(audited, sealed))).toMatchObject({ state: 'dirty' })
})

test('kept statements are gone once the server was started after the last plaintext', () => {
  expect(at('statement-history', findResidues(mysql, sealed)).state).toBe('unknown')
  const restarted = { ...mysql, startedAt: new Date('2026-11-21T00:00:00Z') }
  expect(at('statement-history', findResidues(restarted, sealed)).state).toBe('clean')
})

test('triggers on the table are named, since they may have copied its values', () => {
  const facts = { ...mariadb, triggers: ['credentials_history'] }
  expect(at('triggers', findResidues(facts, sealed)).statements).toEqual([
    'SHOW CREATE TRIGGER `helpdesk`.`credentials_history`;',
  ])
})

test('before sealing, warnings are only of what is better done before: MariaDB', () => {
  const facts = { ...mariadb, generalLog: { on: true, file: 'unknown' as const } }
  const warnings = findWarnings(facts, now)
  expect(warnings.map(({ place, statements }) => [place, statements])).toEqual([
    ['general-log', ['SET GLOBAL general_log = OFF;']],
    ['undo', ['SET GLOBAL innodb_immediate_scrub_data_uncompressed = ON;']],
    ['binary-log', ["GRANT BINLOG ADMIN ON *.* TO 'letterlock'@'localhost';"]],
  ])
})

test('before sealing, warnings are only of what is better done before: MySQL', () => {
  expect(findWarnings(mysql, now).map(({ place, statements }) => [place, statements])).toEqual([
    ['binary-log', ["GRANT SESSION_VARIABLES_ADMIN ON *.* TO 'letterlock'@'localhost';"]],
  ])
  const allowed = { ...mysql, binaryLog: { ...mysql.binaryLog, mayChooseRowImage: true } }
  expect(findWarnings(allowed, now)).toEqual([])
})

test('a scrub writes the redo log over one and a half times, and the undo log as far as sealing can have filled it', () => {
  const MiB = 2 ** 20
  expect(churnVolume(96 * MiB, 5)).toEqual({ volumeBytes: (16 + 48 + 144) * MiB, undoBytes: 48 * MiB })
  expect(churnVolume(96 * MiB, 1_000_000).undoBytes).toBe(512_000_000)
  expect(churnVolume(96 * MiB, 1e9).undoBytes).toBe(2048 * MiB)
})

const secret = `it's "50%" \\ Grüße+ß`

test('a secret is found in every form that programs write', () => {
  const sentence = Buffer.from(`\0somebody@example.org\0${secret}`)
  const forms: Record<string, Buffer | string> = {
    raw: secret,
    base64: Buffer.from(secret).toString('base64'),
    'SASL PLAIN': sentence.toString('base64'),
    base64url: Buffer.from(`xx${secret}`).toString('base64url'),
    'UTF-16': Buffer.from(secret, 'utf16le'),
    hex: `0x${Buffer.from(secret).toString('hex')}`,
    'hex, upper case': Buffer.from(secret).toString('hex').toUpperCase(),
    JSON: JSON.stringify({ pass: secret }),
    URL: encodeURIComponent(secret),
    form: new URLSearchParams({ pass: secret }).toString(),
    SQL: secret.replace(/['"\\]/g, '\\$&'),
    'SQL, doubled': secret.replaceAll("'", "''"),
  }
  const missed = Object.entries(forms).filter(
    ([, form]) =>
      findSecrets(Buffer.concat([Buffer.from('before '), Buffer.from(form), Buffer.from(' after')]), [secret])
        .length === 0,
  )
  expect(missed.map(([name]) => name)).toEqual([])
})

test('a secret without odd characters has fewer forms, each once', () => {
  const forms = encodingsOf('abcdefgh01234567').map(({ bytes }) => bytes.toString('latin1'))
  expect(new Set(forms).size).toBe(forms.length)
  expect(forms.filter(form => form === 'abcdefgh01234567')).toHaveLength(1)
})

test('many secrets are found at once, where they stand, and overlapping ones both', () => {
  const secrets = Array.from({ length: 300 }, (_, index) => `secret-number-${String(index).padStart(4, '0')}`)
  const bytes = Buffer.alloc(5_000_000, '.')
  secrets.forEach((text, index) => {
    bytes.write(text, index * 16_000 + 7, 'latin1')
  })
  const found = findSecrets(bytes, [...secrets, 'number-0007'])
  expect(found.filter(({ secret }) => secret !== 'number-0007').map(({ offset }) => offset)).toEqual(
    secrets.map((_, index) => index * 16_000 + 7),
  )
  expect(found.find(({ secret }) => secret === 'number-0007')?.offset).toBe(7 * 16_000 + 7 + 7)
})
