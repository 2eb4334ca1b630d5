// Overwrites old copies of the passwords inside the database server, as far as our rights reach: the table is rebuilt, then a
// scratch table is written until undo, redo and doublewrite hold nothing else. The order matters: a rebuild after it would write
// old pages into the redo log again. Binary log and replicas get the scratch writes too, so the volume is said before the first.
// Blocks that the server freed on its disk, logs and backups are out of reach: `findResidues` names what is left.
import { existsSync, statfsSync } from 'node:fs'
import { hostname } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import type { Knex } from 'knex'
import { CommandError, ServiceError } from '../errors.ts'
import { DatabaseError } from '../store/database.ts'
import { type Known, readServerFacts, type ServerFacts } from './server-facts.ts'

export interface ScrubOptions {
  table: 'credentials'
  progress(line: string): void
  signal?: AbortSignal
  /** More than this is not written; default: 16 GiB. */
  maxBytes?: number
}

export interface ScrubPlan {
  /** What the scratch table writes into the redo log; about as much again goes into the binary log, where there is one. */
  volumeBytes: number
  /** Of which this much first fills the undo log. */
  undoBytes: number
  tableBytes: number
  binaryLog: Known<boolean>
  /** On the server's disk; `unknown` where the server is another host. */
  freeBytes: Known<number>
}

export interface ScrubReport {
  writtenBytes: number
  /** Sentences. */
  done: string[]
  notDone: string[]
  /** By the database's clock; null: old copies may have stayed, and another scrub is needed. */
  finishedAt: Date | null
}

const scratch = 'letterlock_scrub'
const MiB = 2 ** 20
const wakeBytes = 16 * MiB
const leastUndoBytes = 48 * MiB
const mostUndoBytes = 2048 * MiB
/** What sealing a row wrote into the undo log, with room; our updates write as much redo again as undo. */
const undoPerRow = 2 * 256
/** A row with its indexes, for the second copy that a rebuild makes. */
const mostPerRow = 2048

/** What a scrub would write, and where. */
export async function planScrub(db: Knex): Promise<ScrubPlan> {
  return toPlan(db, await readServerFacts(db))
}

async function toPlan(db: Knex, facts: ServerFacts): Promise<ScrubPlan> {
  if (facts.redoBytes === 'unknown')
    throw new CommandError('the database server does not show how large its redo log is', 'nothing was written')
  const [[table]] = (await db.raw('SELECT COUNT(*) AS count, @@hostname AS host FROM credentials')) as [
    [{ count: number; host: string }],
  ]
  const undoBytes = Math.min(Math.max(Number(table.count) * undoPerRow, leastUndoBytes), mostUndoBytes)
  return {
    volumeBytes: wakeBytes + undoBytes + Math.ceil(facts.redoBytes * 1.5),
    undoBytes,
    tableBytes: Number(table.count) * mostPerRow,
    binaryLog: facts.binaryLog.on,
    freeBytes: freeBytesOf(facts.dataDirectory, table.host),
  }
}

function freeBytesOf(directory: Known<string>, host: string): Known<number> {
  if (directory === 'unknown' || host !== hostname() || !existsSync(directory)) return 'unknown'
  const { bavail, bsize } = statfsSync(directory)
  return bavail * bsize
}

/** Does what our rights allow. Throws CommandError before anything is written where disk or rights do not. */
export async function scrub(db: Knex, options: ScrubOptions): Promise<ScrubReport> {
  const facts = await readServerFacts(db)
  const plan = await toPlan(db, facts)
  refuseWhatDoesNotFit(plan, options)
  options.progress(announcementOf(plan))
  return await onOneConnection(db, async session => {
    await takeLock(session)
    try {
      await createScratch(session, facts)
      await rebuild(session, facts, options)
      const writtenBytes = await churn(db, session, { ...options, plan })
      const [[row]] = (await session('SELECT UTC_TIMESTAMP(3) AS now')) as [[{ now: Date }]]
      const report = { writtenBytes, ...outcomeOf(facts, writtenBytes), finishedAt: row.now }
      if (await isPurged(session)) return report
      return { ...report, finishedAt: null, notDone: [heldBack, ...report.notDone] }
    } catch (error) {
      throw isDiskFull(error) ? diskFull() : error
    } finally {
      await session(`DROP TABLE IF EXISTS ${scratch}`).catch(() => undefined)
      await session(`DO RELEASE_LOCK(${lock})`).catch(() => undefined)
    }
  })
}

function refuseWhatDoesNotFit({ volumeBytes, tableBytes, freeBytes }: ScrubPlan, { maxBytes }: ScrubOptions): void {
  const limit = maxBytes ?? 16 * 1024 * MiB
  if (volumeBytes > limit)
    throw new CommandError(
      `the redo log is so large that ${inMiB(volumeBytes)} would have to be written, the limit is ${inMiB(limit)}`,
      'make the redo log smaller for the time of the scrub',
    )
  const needed = 2 * volumeBytes + 2 * tableBytes
  if (freeBytes !== 'unknown' && freeBytes < needed)
    throw new CommandError(
      `the disk of the database server has ${inMiB(freeBytes)} free, the scrub may need ${inMiB(needed)}`,
      'free some space, or purge binary logs, and run it again',
    )
}

function announcementOf({ volumeBytes, binaryLog, freeBytes }: ScrubPlan): string {
  const log = binaryLog === false ? '' : ', and about as much into the binary log, which replicas read'
  const free = freeBytes === 'unknown' ? '; how much space its disk has is not to be seen from here' : ''
  return `rebuilding the table, then writing ${inMiB(volumeBytes)} into a scratch table of the database${log}${free}`
}

function outcomeOf({ flavour, binaryLog, generalLog, slowLog }: ServerFacts, writtenBytes: number) {
  const mysql = flavour === 'MySQL'
  return {
    done: [
      'the table of the passwords was rebuilt',
      `${inMiB(writtenBytes)} were written over ${mysql ? 'redo log and doublewrite files' : 'undo log, redo log and doublewrite buffer'}`,
    ],
    notDone: [
      ...(mysql ? ['the undo tablespaces can be emptied only by a database administrator, and before a scrub'] : []),
      ...(generalLog.on === false && slowLog.on === false ? [] : ['general log and slow log are out of our reach']),
      ...(binaryLog.on === false ? [] : ['the binary log is out of our reach']),
    ],
  }
}

type Session = (statement: string, bindings?: readonly (string | number)[]) => Promise<unknown>

async function onOneConnection<T>(db: Knex, work: (session: Session) => Promise<T>): Promise<T> {
  const connection = await db.client.acquireConnection()
  try {
    return await work(async (statement, bindings = []) => await db.raw(statement, bindings).connection(connection))
  } finally {
    await db.client.releaseConnection(connection)
  }
}

const lock = "CONCAT('letterlock-scrub-', LEFT(SHA2(DATABASE(), 256), 16))"

async function takeLock(session: Session): Promise<void> {
  const [[row]] = (await session(`SELECT GET_LOCK(${lock}, 0) AS locked`)) as [[{ locked: number | null }]]
  if (row.locked !== 1) throw new CommandError('another scrub is running on this database', 'wait until it is done')
}

const accessDenied: ReadonlySet<number> = new Set([1044, 1142, 1227, 1370])
const inUse: ReadonlySet<number> = new Set([1205, 3572])

function isRefused(error: unknown): boolean {
  return error instanceof DatabaseError && accessDenied.has(error.errno)
}

function missingRights(rights: string, { database, account }: ServerFacts, over = '*'): CommandError {
  const grant =
    account === 'unknown'
      ? `the rights ${rights}`
      : `GRANT ${rights} ON \`${database}\`.${over} TO ${account}; as a database administrator`
  return new CommandError('the database account may not do what a scrub needs', `it needs ${grant}`)
}

/** The rows fill half a page each, so that an update writes them whole into undo and redo. */
async function createScratch(session: Session, facts: ServerFacts): Promise<void> {
  try {
    await session(`DROP TABLE IF EXISTS ${scratch}`)
    await session(
      `CREATE TABLE ${scratch} (id INT UNSIGNED NOT NULL PRIMARY KEY, filler VARBINARY(${fillerBytes}) NOT NULL)
         ENGINE=InnoDB COMMENT='written over what the server keeps of old rows; may be dropped'`,
    )
    for (let id = 1; id <= scratchRows; id++)
      await session(`INSERT INTO ${scratch} (id, filler) VALUES (?, REPEAT('a', ${fillerBytes}))`, [id])
  } catch (error) {
    throw isRefused(error) ? missingRights('CREATE, DROP, INSERT, UPDATE', facts, '*') : error
  }
}

const fillerBytes = 7600
const scratchRows = 64

/** A rebuild waits for those who use the table, and everybody else waits behind it: it gives up soon. */
async function rebuild(session: Session, facts: ServerFacts, { table, progress }: ScrubOptions): Promise<void> {
  await session(`SET SESSION lock_wait_timeout = ${lockWaitS}`)
  try {
    await session(`ALTER TABLE ${table} ENGINE=InnoDB`)
  } catch (error) {
    if (error instanceof DatabaseError && inUse.has(error.errno))
      throw new CommandError(
        `the table was in use for ${lockWaitS} s, so that it could not be rebuilt`,
        'end long transactions on it, backups for example, and run it again',
      )
    if (!isRefused(error)) throw error
    await optimize(session, facts, table)
  } finally {
    await session('SET SESSION lock_wait_timeout = DEFAULT').catch(() => undefined)
  }
  progress('the table is rebuilt')
}

const lockWaitS = 20

/** Rebuilds too and wants fewer rights; its errors come as rows. */
async function optimize(session: Session, facts: ServerFacts, table: string): Promise<void> {
  const [rows] = (await session(`OPTIMIZE TABLE ${table}`).catch(error => {
    throw isRefused(error) ? missingRights('ALTER, CREATE, INSERT', facts, table) : error
  })) as [{ Msg_type: string }[]]
  if (rows.some(({ Msg_type }) => /error/i.test(Msg_type))) throw missingRights('ALTER, CREATE, INSERT', facts, table)
}

/**
 * First many single rows, so that each rollback segment gives up the page that it kept for its next transaction; then as much
 * as the undo log may hold, under a snapshot that keeps it from using the same pages again and again; then the redo log, which
 * also makes the server put the pages before it on disk.
 */
async function churn(db: Knex, session: Session, options: ScrubOptions & { plan: ScrubPlan }): Promise<number> {
  const { undoBytes, volumeBytes } = options.plan
  const writer = new Writer(session, options)
  await writer.write(wakeBytes, 'row by row')
  await isPurged(session)
  await onOneConnection(db, async reader => {
    await reader('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ')
    await reader('START TRANSACTION WITH CONSISTENT SNAPSHOT')
    try {
      await writer.write(undoBytes, 'all rows')
    } finally {
      await reader('ROLLBACK')
    }
  })
  await writer.write(volumeBytes - undoBytes - wakeBytes, 'all rows')
  return writer.writtenBytes
}

const heldBack =
  'a transaction that began before the scrub is still open and keeps old rows in the undo log: end it and run the scrub again'
const purgedWithinMs = 30_000
const pausedHistory = 40

/** False if the server keeps our own updates for somebody's old snapshot, and so what was there before. MySQL does not tell. */
async function isPurged(session: Session): Promise<boolean> {
  const deadline = Date.now() + purgedWithinMs
  for (;;) {
    const [rows] = (await session("SHOW GLOBAL STATUS LIKE 'Innodb_history_list_length'")) as [{ Value: string }[]]
    if (Number(rows[0]?.Value ?? 0) < pausedHistory) return true
    if (Date.now() > deadline) return false
    await wait(100)
  }
}

/** Updates the scratch table in small transactions and asks the server how much redo that made. */
class Writer {
  readonly #session: Session
  readonly #options: ScrubOptions & { plan: ScrubPlan }
  #round = 0
  #reportedTenths = 0
  writtenBytes = 0

  constructor(session: Session, options: ScrubOptions & { plan: ScrubPlan }) {
    this.#session = session
    this.#options = options
  }

  async write(bytes: number, how: 'row by row' | 'all rows'): Promise<void> {
    const goal = this.writtenBytes + bytes
    while (this.writtenBytes < goal) {
      const before = await this.#redoWritten()
      await (how === 'all rows' ? this.#updateAll() : this.#updateEach())
      const counted = (await this.#redoWritten()) - before
      // Others write too, and the server may not count: never more than what these rows must have made.
      this.writtenBytes += Math.min(counted > 0 ? counted : certainBytes, certainBytes)
      this.#report()
    }
  }

  async #updateAll(): Promise<void> {
    this.#options.signal?.throwIfAborted()
    await this.#session(`UPDATE ${scratch} SET filler = REPEAT(?, ${fillerBytes})`, [this.#nextLetter()])
  }

  async #updateEach(): Promise<void> {
    const letter = this.#nextLetter()
    for (let id = 1; id <= scratchRows; id++) {
      this.#options.signal?.throwIfAborted()
      await this.#session(`UPDATE ${scratch} SET filler = REPEAT(?, ${fillerBytes}) WHERE id = ?`, [letter, id])
    }
  }

  #nextLetter(): string {
    this.#round += 1
    return String.fromCharCode(97 + (this.#round % 26))
  }

  async #redoWritten(): Promise<number> {
    const [rows] = (await this.#session("SHOW GLOBAL STATUS LIKE 'Innodb_os_log_written'")) as [{ Value: string }[]]
    return Number(rows[0]?.Value ?? 0)
  }

  #report(): void {
    const { plan, progress } = this.#options
    const tenths = Math.min(10, Math.floor((10 * this.writtenBytes) / plan.volumeBytes))
    if (tenths === this.#reportedTenths) return
    this.#reportedTenths = tenths
    progress(`${tenths * 10} % written`)
  }
}

/** Every row goes through redo twice: its old value on the way to the undo log, and its new one. */
const certainBytes = 2 * scratchRows * fillerBytes

const diskErrors: ReadonlySet<number> = new Set([3, 28, 1021, 1026, 1114])

function isDiskFull(error: unknown): boolean {
  return error instanceof DatabaseError && diskErrors.has(error.errno)
}

function diskFull(): ServiceError {
  return new ServiceError('db.failed', 'the disk of the database server is full', {
    temporary: true,
    hint: 'the scratch table is removed; free some space and run the scrub again',
  })
}

function inMiB(bytes: number): string {
  return `${Math.ceil(bytes / MiB)} MiB`
}
