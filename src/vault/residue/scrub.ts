// Overwrites old copies of the passwords inside the database server, as far as our rights reach: the table is rebuilt, then a
// scratch table is written until undo, redo and doublewrite hold nothing else. The order matters: a rebuild after it would write
// old pages into the redo log again. Binary log and replicas get the scratch writes too, so the volume is said before the first.
// Blocks that the server freed on its disk, logs and backups are out of reach: `findResidues` names what is left.
import { existsSync, statfsSync } from 'node:fs'
import { hostname } from 'node:os'
import type { Knex } from 'knex'
import { OperationError, ServiceError } from '../../errors/errors.ts'
import { DatabaseError } from '../../store/db/database-error.ts'
import { type ChurnVolume, churn, churnVolume, createScratch, onOneConnection, type Session, scratch } from './churn.ts'
import { type Known, readServerFacts, type ServerFacts } from './server-facts.ts'

export interface ScrubOptions {
  table: 'credentials'
  progress(line: string): void
  signal?: AbortSignal
  /** More than this is not written; default: 16 GiB. */
  maxBytes?: number
}

export interface ScrubPlan extends ChurnVolume {
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
  /** Copies of what was sealed before it are gone, by the database's clock; null: some may have stayed, and another is needed. */
  scrubbedAt: Date | null
}

const MiB = 2 ** 20
/** A row with its indexes, for the second copy that a rebuild makes. */
const maxPerRow = 2048

/** What a scrub would write, and where. */
export async function planScrub(db: Knex): Promise<ScrubPlan> {
  return toPlan(db, await readServerFacts(db))
}

async function toPlan(db: Knex, facts: ServerFacts): Promise<ScrubPlan> {
  if (facts.redoBytes === 'unknown') throw new OperationError('scrub.no_redo_size', {})
  const [[table]] = (await db.raw('SELECT COUNT(*) AS count, @@hostname AS host FROM credentials')) as [
    [{ count: number; host: string }],
  ]
  const volume = churnVolume(facts.redoBytes, Number(table.count))
  return {
    ...volume,
    tableBytes: Number(table.count) * maxPerRow,
    binaryLog: facts.binaryLog.on,
    freeBytes: freeBytesOf(facts.dataDirectory, table.host),
  }
}

function freeBytesOf(directory: Known<string>, host: string): Known<number> {
  if (directory === 'unknown' || host !== hostname() || !existsSync(directory)) return 'unknown'
  const { bavail, bsize } = statfsSync(directory)
  return bavail * bsize
}

/** Does what our rights allow. Throws OperationError before anything is written where disk or rights do not. */
export async function scrub(db: Knex, options: ScrubOptions): Promise<ScrubReport> {
  const facts = await readServerFacts(db)
  const plan = await toPlan(db, facts)
  refuseWhatDoesNotFit(plan, options)
  options.progress(announcementOf(plan))
  return await onOneConnection(db, async session => {
    await takeLock(session)
    try {
      const scrubbedAt = await refuseUnsealed(session)
      await prepare(session, facts)
      await rebuild(session, facts, options)
      const { writtenBytes, overwritten } = await churn(db, session, { ...options, volume: plan })
      const report = { writtenBytes, ...outcomeOf(facts, writtenBytes), scrubbedAt }
      if (overwritten) return report
      return { ...report, scrubbedAt: null, notDone: [heldBack, ...report.notDone] }
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
  if (volumeBytes > limit) throw new OperationError('scrub.too_large', { neededBytes: volumeBytes, limitBytes: limit })
  const needed = 2 * volumeBytes + 2 * tableBytes
  if (freeBytes !== 'unknown' && freeBytes < needed)
    throw new OperationError('scrub.no_space', { freeBytes, neededBytes: needed })
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

const heldBack =
  'a transaction that began before the scrub may still be open and keep old rows in the undo log: end it and run the scrub again'

const lock = "CONCAT('letterlock-scrub-', LEFT(SHA2(DATABASE(), 256), 16))"

async function takeLock(session: Session): Promise<void> {
  const [[row]] = (await session(`SELECT GET_LOCK(${lock}, 0) AS locked`)) as [[{ locked: number | null }]]
  if (row.locked !== 1) throw new OperationError('scrub.running', {})
}

/** Plaintext that is still in use would only be copied. Returns the moment up to which the scrub will count. */
async function refuseUnsealed(session: Session): Promise<Date> {
  const [[row]] = (await session(
    'SELECT COUNT(*) AS count, UTC_TIMESTAMP(3) AS now FROM credentials WHERE has_plaintext = 1',
  )) as [[{ count: number; now: Date }]]
  if (Number(row.count) === 0) return row.now
  throw new OperationError('scrub.plaintext_left', { count: Number(row.count) })
}

const accessDenied: ReadonlySet<number> = new Set([1044, 1142, 1227, 1370])
const inUse: ReadonlySet<number> = new Set([1205, 3572])

function isRefused(error: unknown): boolean {
  return error instanceof DatabaseError && accessDenied.has(error.errno)
}

function missingRights(rights: string, { database, account }: ServerFacts, over = '*'): OperationError {
  const on = `\`${database}\`.${over}`
  return new OperationError('scrub.no_rights', account === 'unknown' ? { rights } : { rights, on, to: account })
}

async function prepare(session: Session, facts: ServerFacts): Promise<void> {
  try {
    await createScratch(session)
  } catch (error) {
    throw isRefused(error) ? missingRights('CREATE, DROP, INSERT, UPDATE', facts) : error
  }
}

/** A rebuild waits for those who use the table, and everybody else waits behind it: it gives up soon. */
async function rebuild(session: Session, facts: ServerFacts, { table, progress }: ScrubOptions): Promise<void> {
  await session(`SET SESSION lock_wait_timeout = ${lockWaitS}`)
  try {
    await session(`ALTER TABLE ${table} ENGINE=InnoDB`)
  } catch (error) {
    if (error instanceof DatabaseError && inUse.has(error.errno))
      throw new OperationError('scrub.table_in_use', { seconds: lockWaitS })
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

const diskErrors: ReadonlySet<number> = new Set([1021, 1026, 1114])

function isDiskFull(error: unknown): boolean {
  return error instanceof DatabaseError && diskErrors.has(error.errno)
}

function diskFull(): ServiceError {
  return new ServiceError('db.failed', { reason: 'scrub_disk_full' }, { temporary: true })
}

function inMiB(bytes: number): string {
  return `${Math.ceil(bytes / MiB)} MiB`
}
