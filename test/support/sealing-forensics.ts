// Seals the passwords of a whole installation while its mailboxes are polled and some of them fail, and then looks for every password
// in every place and in every form. In each place lies a secret that was planted there, as text in all these forms: a search that does
// not find it proves nothing.
import { randomBytes } from 'node:crypto'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { createConnection } from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Residue } from '../../src/vault/residue/residue.ts'
import { until } from './daemon.ts'
import {
  bytesSince,
  cores,
  countInLogs,
  countNames,
  decodeSince,
  dumpDatabase,
  dumpKeys,
  type Found,
  logOf,
  noteMoment,
  plant,
  plantInFile,
  readKeys,
  search,
  webAnswers,
} from './forensic-places.ts'
import {
  createPassword,
  type Fate,
  type Password,
  type Scene,
  type SceneOptions,
  startScene,
} from './forensic-scene.ts'
import { findSecrets, followAdvice } from './forensics.ts'

interface ForensicsOptions extends SceneOptions {
  /** How long anything may take that is waited for. */
  patienceMs: number
}

interface Audit {
  firstAdvice: string
  plaintextHorizon: string | null
  residues: Residue[]
}

/** Registers the tests of one installation. */
export function testSealing(options: ForensicsOptions): void {
  const right = options.mayChooseRowImage ? 'with' : 'without'
  describe(`${options.accounts} accounts, ${right} the right for minimal row images`, () => {
    const opened: { scene?: Scene } = {}
    let examined: Examined
    beforeAll(async () => {
      opened.scene = await startScene(options)
      examined = await examine(opened.scene, options)
    }, options.patienceMs * 10)
    afterAll(() => opened.scene?.[Symbol.asyncDispose](), options.patienceMs)
    describeFindings(() => examined, options)
  })
}

type Examined = Awaited<ReturnType<typeof examine>>

const textForms = ['raw', 'base64 at 0', 'base64 at 1', 'hex', 'json', 'url']
/** Where texts were escaped once more. */
const escapedForms = textForms.filter(form => form !== 'json')
const allForms = [...textForms, 'utf-16le']

function describeFindings(examined: () => Examined, { accounts, mayChooseRowImage }: ForensicsOptions): void {
  /** One account has a refresh token too. */
  const secrets = accounts + 1
  test('mailboxes are polled throughout, and those fail that should, as they should', () => {
    const { ends, sealed, refusedLogins, exitCode } = examined()
    expect(ends).toEqual({
      works: ['active'],
      jammed: ['active'],
      refused: ['imap.auth_refused'],
      untrusted: ['imap.tls_untrusted'],
    })
    expect(sealed).toEqual({ plaintext: 0, sealed: secrets, leftUntilFreed: accounts / 5 })
    expect(refusedLogins).toBe(accounts / 5)
    expect(exitCode).toBe(0)
  })

  test('before, every password stood in the logs of the database', () => {
    const { before } = examined()
    expect(before).toEqual({ 'general log': secrets, 'slow log': secrets, 'binary log': secrets })
  })

  test('no search is blind: what was planted is found in every place', () => {
    const { places } = examined()
    const planted = Object.fromEntries(
      Object.entries(places).map(([name, found]) => [name, found.planted.filter(form => allForms.includes(form))]),
    )
    expect(planted).toEqual({
      'dump of the database': expect.arrayContaining(textForms),
      'general log': expect.arrayContaining(textForms),
      'slow log': expect.arrayContaining(textForms),
      'binary log': expect.arrayContaining(allForms),
      'binary log, decoded': expect.arrayContaining(textForms),
      'keys of Redis': expect.arrayContaining(allForms),
      'records of jobs': expect.arrayContaining(escapedForms),
      'commands that Redis keeps': expect.arrayContaining(allForms),
      'snapshot of Redis': expect.arrayContaining(allForms),
      'web answers': expect.arrayContaining(textForms),
      arguments: expect.arrayContaining(textForms),
      environment: expect.arrayContaining(textForms),
      'diagnostic report': expect.arrayContaining(escapedForms),
      'heap snapshot': expect.arrayContaining(escapedForms),
      'log of the daemon': expect.arrayContaining(textForms),
      'log of MariaDB': expect.arrayContaining(textForms),
      'files of the daemon': expect.arrayContaining(allForms),
      'output of commands': expect.arrayContaining(['raw']),
      'files of the stopped database': expect.arrayContaining(allForms),
    })
  })

  test('no password is anywhere, but in the binary log where the right is missing', () => {
    const { places } = examined()
    const { 'binary log': binaryLog, 'binary log, decoded': decoded, ...others } = places
    expect(Object.entries(others).flatMap(([name, { leaks }]) => leaks.map(leak => `${name}: ${leak}`))).toEqual([])
    const leaking = mayChooseRowImage ? 0 : secrets
    expect([binaryLog?.leaks.length, decoded?.leaks.length]).toEqual([leaking, leaking])
  })

  test('audit says so, before, after, and when all is done that it advised', () => {
    const { audits } = examined()
    expect(audits).toEqual({
      before: expect.objectContaining({
        'binary-log': mayChooseRowImage ? ['dirty'] : ['dirty', "GRANT BINLOG ADMIN ON *.* TO 'service'@'localhost';"],
      }),
      after: expect.objectContaining({
        'general-log': ['dirty', 'SET GLOBAL general_log = OFF;', expect.stringMatching(/^shred .*general\.log$/)],
        'slow-log': ['dirty', 'SET GLOBAL slow_query_log = OFF;', expect.stringMatching(/^shred .*slow\.log$/)],
        'binary-log': ['dirty', 'FLUSH BINARY LOGS;', expect.stringMatching(/^PURGE BINARY LOGS BEFORE /)],
        'table-pages': ['dirty', expect.stringContaining('ENGINE=InnoDB;')],
        undo: ['dirty', 'letterlock encryption audit --scrub'],
        redo: ['dirty', 'letterlock encryption audit --scrub'],
        doublewrite: ['dirty', 'letterlock encryption audit --scrub'],
        horizon: ['never'],
      }),
      done: expect.objectContaining({
        'general-log': ['clean'],
        'slow-log': ['clean'],
        'table-pages': ['clean'],
        undo: ['clean'],
        redo: ['clean'],
        doublewrite: ['clean'],
        // The server does not tell us that the old files were purged.
        'binary-log': ['dirty', expect.any(String), expect.any(String)],
      }),
    })
  })
}

async function examine(scene: Scene, options: ForensicsOptions) {
  const { admin, mailboxes, daemon } = scene
  const passwords = new Map<string, Password>(mailboxes.map(({ id, password }) => [`account ${id}`, password]))
  passwords.set('account 2, refresh token', scene.token)
  const places: Record<string, Found> = {}
  const look = (place: string, where: string | Buffer): void => {
    places[place] = search(where, passwords, scene.planted)
  }
  const patiently = <T>(ask: () => Promise<T | undefined | null | false>): Promise<T> => until(ask, options.patienceMs)
  const audits: Record<string, Record<string, string[]>> = {}

  await patiently(async () => daemon.log().some(line => line.msg === 'started'))
  await patiently(() => isPolledSince(scene, new Date(0)))
  await jam(scene)
  passwords.set('refused by the database', await setRefusedPassword(scene))
  audits.before = summaryOf(await audit(scene))
  const moment = await noteMoment(scene)
  const before = await countInLogs(scene, passwords, moment)

  await plant(scene)
  writeFileSync(scene.keyFile, randomBytes(32), { mode: 0o600 })
  const leftUntilFreed = await patiently(() => areOnlyJammedLeft(scene))
  await admin.raw('DROP TRIGGER credentials_jam')
  await patiently(async () => (await stir(scene)) && (await isOn(scene)))
  const sealed = { ...(await countRows(scene)), leftUntilFreed }
  await pollAgain(scene, patiently)
  const ends = await readEnds(scene)
  passwords.set('set when sealed', await runCommands(scene, options))
  await patiently(async () => (await stir(scene)) && (await codeOf(scene, 1)) === 'imap.auth_refused')

  look('web answers', await webAnswers(daemon.url))
  const dumps = await dumpAfterLastLogin(scene, patiently)
  look('heap snapshot', path.join(dumps, 'heap.json'))
  look('diagnostic report', path.join(dumps, 'report.json'))
  look('arguments', readFileSync(`/proc/${daemon.pid}/cmdline`))
  look('environment', readFileSync(`/proc/${daemon.pid}/environ`))
  look('keys of Redis', await dumpKeys(scene))
  look('records of jobs', await readKeys(scene))
  await scene.redis.save()
  look('snapshot of Redis', path.join(scene.redisDirectory, 'redis/dump.rdb'))
  look('dump of the database', await dumpDatabase(scene))
  look('general log', readFileSync(logOf(scene, 'general.log')).subarray(moment.generalLog))
  look('slow log', readFileSync(logOf(scene, 'slow.log')).subarray(moment.slowLog))
  look('binary log', bytesSince(scene, moment))
  look('binary log, decoded', await decodeSince(scene, moment))

  const found = await audit(scene)
  audits.after = summaryOf(found)
  await followAdvice(found.residues, {
    admin,
    scrub: () => command(scene, ['encryption', 'audit', '--scrub', '--yes']),
  })
  audits.done = summaryOf(await audit(scene))
  const exitCode = await daemon.stop()
  await Promise.all([admin.destroy(), scene.mariadb.stop()])
  look('log of the daemon', path.join(scene.directory, 'daemon.log'))
  look('log of MariaDB', plantInFile(logOf(scene, '../server.log'), scene.planted))
  look('files of the daemon', path.join(scene.directory, 'files'))
  look('commands that Redis keeps', path.join(scene.redisDirectory, 'redis/appendonlydir'))
  look('output of commands', Buffer.from(JSON.stringify(scene.journal)))
  look('files of the stopped database', scene.mariadb.dataDirectory)
  const refusedLogins = countNames(
    findSecrets(Buffer.from(scene.refusing.commands.join('\n')), cores(passwords)),
    passwords,
  )
  return { places, audits, before, sealed, ends, refusedLogins, exitCode }
}

/** True once every account was tried after that, and those that work were read. */
async function isPolledSince({ admin, mailboxes }: Scene, since: Date): Promise<boolean> {
  const [row] = await admin('accounts')
    .where('last_attempt_at', '>', since)
    .select(admin.raw('COUNT(*) AS tried, SUM(last_success_at > ?) AS read_', [since]))
  const working = mailboxes.filter(({ fate }) => fate === 'works' || fate === 'jammed').length
  return Number(row.tried) === mailboxes.length && Number(row.read_) === working
}

/** Everybody is due again, those too that would wait after a failure. */
async function stir({ admin }: Scene): Promise<true> {
  await admin('accounts').whereNotNull('next_attempt_at').update({ next_attempt_at: null })
  await new Promise(resolve => setTimeout(resolve, 100))
  return true
}

async function pollAgain(scene: Scene, patiently: (ask: () => Promise<boolean>) => Promise<unknown>): Promise<void> {
  const [[{ now }]] = await scene.admin.raw('SELECT UTC_TIMESTAMP(3) AS now')
  await patiently(async () => (await stir(scene)) && (await isPolledSince(scene, now)))
}

/**
 * Some rows cannot be sealed, and for some accounts no other password can be stored; the server's complaint repeats the password. It is
 * made without a statement in the trigger, because the general log shows those with their values.
 */
async function jam({ admin, mailboxes, mariadb }: Scene): Promise<void> {
  const jammed = mailboxes.filter(({ fate }) => fate === 'jammed')
  await admin.raw(`
    CREATE TRIGGER credentials_jam BEFORE UPDATE ON credentials FOR EACH ROW
    BEGIN
      IF OLD.account_id IN (${jammed.map(({ id }) => id).join()}) AND NOT (NEW.plaintext <=> OLD.plaintext) THEN
        SET NEW.account_id = COALESCE(NEW.plaintext, OLD.plaintext);
      END IF;
    END`)
  const [first] = jammed
  const connection = await createConnection({
    socketPath: mariadb.socket,
    user: 'root',
    database: 'letterlock',
    disableEval: true,
  })
  const sealing = connection.query("UPDATE credentials SET sealed = 'x', plaintext = NULL WHERE account_id = ?", [
    first?.id,
  ])
  const complaint: Error = await sealing.then(
    () => new Error('there was none'),
    error => error,
  )
  await connection.end()
  expect(complaint.message).toContain(first?.password.core)
}

async function setRefusedPassword(scene: Scene): Promise<Password> {
  const jammed = scene.mailboxes.find(({ fate }) => fate === 'jammed')
  const password = createPassword('"x')
  const ran = await scene.letterlock(['account', 'set', String(jammed?.id), '--password-stdin'], password.whole)
  expect(ran).toMatchObject({ code: 1, stderr: expect.stringContaining('database') })
  return password
}

/** Runs a command that has to work. */
async function command(scene: Scene, args: readonly string[], stdin?: string): Promise<string> {
  const { code, stdout, stderr } = await scene.letterlock(args, stdin)
  expect(code, `${args.join(' ')}: ${stderr}`).toBe(0)
  return stdout
}

async function audit(scene: Scene): Promise<Audit> {
  return JSON.parse(await command(scene, ['encryption', 'audit', '--json']))
}

/** The state of each place and the statements that clear it. */
function summaryOf({ residues, plaintextHorizon }: Audit): Record<string, string[]> {
  const places = residues.map(({ place, state, statements }) => [place, [state, ...statements]])
  return { ...Object.fromEntries(places), horizon: [String(plaintextHorizon)] }
}

/** How many rows are left, once all others are sealed and the daemon has said which it had to leave; undefined until then. */
async function areOnlyJammedLeft(scene: Scene): Promise<number | undefined> {
  await stir(scene)
  const jammed = scene.mailboxes.filter(({ fate }) => fate === 'jammed').length
  const told = scene.daemon.log().some(line => line.msg === 'secret left as it is' && line.code === 'vault.refused')
  const { plaintext } = await countRows(scene)
  return told && plaintext === jammed ? plaintext : undefined
}

async function countRows({ admin }: Scene): Promise<{ plaintext: number; sealed: number }> {
  const [row] = await admin('credentials').select(
    admin.raw('COUNT(plaintext) AS plaintext'),
    admin.raw('COUNT(sealed) AS sealed'),
  )
  return { plaintext: Number(row.plaintext), sealed: Number(row.sealed) }
}

async function isOn({ admin }: Scene): Promise<boolean> {
  return (await admin('audit_log').where({ action: 'encryption.on' }).first('id')) !== undefined
}

/** How the accounts of each fate are: their codes, or `active`. */
async function readEnds({ admin, mailboxes }: Scene): Promise<Record<Fate, string[]>> {
  const rows: { id: number; state: string; code: string | null }[] = await admin('accounts').select(
    'id',
    'state',
    'code',
  )
  const endOf = new Map(rows.map(({ id, state, code }) => [id, code ?? state]))
  const of = (fate: Fate): string[] => [
    ...new Set(mailboxes.filter(mailbox => mailbox.fate === fate).map(({ id }) => endOf.get(id) ?? 'gone')),
  ]
  return { works: of('works'), jammed: of('jammed'), refused: of('refused'), untrusted: of('untrusted') }
}

async function codeOf({ admin }: Scene, id: number): Promise<string | null> {
  return (await admin('accounts').where({ id }).first('code'))?.code
}

/** What people do who look at all this; returns a password that was set meanwhile, which its server does not take. */
async function runCommands(scene: Scene, { mayChooseRowImage }: SceneOptions): Promise<Password> {
  const password = createPassword(' "ü\\')
  const idOf = (fate: Fate): string => String(scene.mailboxes.find(mailbox => mailbox.fate === fate)?.id)
  await Promise.all([
    command(scene, ['account', 'set', '1', '--password-stdin'], password.whole),
    command(scene, ['account', 'list', '--json']),
  ])
  // The rest prints the same whatever the right.
  if (!mayChooseRowImage) return password
  const copy = path.join(scene.directory, 'copy.bin')
  copyFileSync(scene.keyFile, copy)
  await Promise.all([command(scene, ['account', 'test', '2']), command(scene, ['account', 'show', '1', '--json'])])
  await Promise.all([
    command(scene, ['encryption', 'verify']),
    command(scene, ['encryption', 'backup', '--verify', copy]),
  ])
  await Promise.all([scene.letterlock(['doctor', '--json']), command(scene, ['encryption', 'status'])])
  await Promise.all(['refused', 'untrusted'].map(fate => scene.letterlock(['account', 'test', idOf(fate as Fate)])))
  return password
}

const quietMs = 5_000

/** Everything is paused; then what is in memory five seconds after the last login. Some connections are still open. */
async function dumpAfterLastLogin(
  { admin, daemon }: Scene,
  patiently: (ask: () => Promise<boolean>) => Promise<unknown>,
): Promise<string> {
  await admin('accounts').update({ enabled: false })
  await patiently(async () => {
    const polls = daemon.log().filter(line => line.event === 'poll')
    const begun = polls.filter(line => line.msg === 'start').length
    const last = Date.parse(String(polls.at(-1)?.time))
    return polls.length === begun * 2 && Date.now() - last >= quietMs
  })
  return await daemon.dump()
}
