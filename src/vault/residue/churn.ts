// Writes into a scratch table until the server's undo log, redo log and doublewrite hold nothing older. Small transactions, so
// that nobody waits for us; the volume is bounded by `churnVolume`.
import { setTimeout as wait } from 'node:timers/promises'
import type { Knex } from 'knex'
import { silentSessionSeconds } from '../../store/db/database.ts'

export interface ChurnVolume {
  /** What goes into the redo log; about as much again goes into the binary log, where there is one. */
  volumeBytes: number
  /** Of which this much first fills the undo log. */
  undoBytes: number
}

export interface ChurnOptions {
  volume: ChurnVolume
  progress(line: string): void
  signal?: AbortSignal
}

const MiB = 2 ** 20
const wakeBytes = 16 * MiB
const leastUndoBytes = 48 * MiB
const maxUndoBytes = 2048 * MiB
/** What sealing a row wrote into the undo log, with room; our updates write as much redo again as undo. */
const undoPerRow = 2 * 256

/** How much overwrites a redo log of that size, and the undo log of sealing that many rows. */
export function churnVolume(redoBytes: number, rows: number): ChurnVolume {
  const undoBytes = Math.min(Math.max(rows * undoPerRow, leastUndoBytes), maxUndoBytes)
  return { volumeBytes: wakeBytes + undoBytes + Math.ceil(redoBytes * 1.5), undoBytes }
}

export const scratch = 'letterlock_scrub'
const fillerBytes = 7600
const scratchRows = 64

/** The rows fill half a page each, so that an update writes them whole into undo and redo. */
export async function createScratch(session: Session): Promise<void> {
  await session(`DROP TABLE IF EXISTS ${scratch}`)
  await session(
    `CREATE TABLE ${scratch} (id INT UNSIGNED NOT NULL PRIMARY KEY, filler VARBINARY(${fillerBytes}) NOT NULL)
       ENGINE=InnoDB COMMENT='written over what the server keeps of old rows; may be dropped'`,
  )
  for (let id = 1; id <= scratchRows; id++)
    await session(`INSERT INTO ${scratch} (id, filler) VALUES (?, REPEAT('a', ${fillerBytes}))`, [id])
}

/**
 * First many single rows, so that each rollback segment gives up the page that it kept for its next transaction; then as much
 * as the undo log may hold, under a snapshot that keeps it from using the same pages again and again; then the redo log, which
 * also makes the server put the pages before it on disk.
 */
export async function churn(
  db: Knex,
  session: Session,
  options: ChurnOptions,
): Promise<{ writtenBytes: number; overwritten: boolean }> {
  const { undoBytes, volumeBytes } = options.volume
  const writer = new Writer(session, options)
  await writer.write(wakeBytes, 'row by row')
  const overwritten = await isPurged(session, writer.transactions)
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
  return { writtenBytes: writer.writtenBytes, overwritten }
}

const purgedWithinMs = 10_000

/**
 * True once the server has purged half of our transactions, and so everything before them: it goes in the order of commits. An
 * old snapshot of somebody else holds that up. MySQL does not tell; there the undo log is not ours to clear.
 */
async function isPurged(session: Session, transactions: number): Promise<boolean> {
  const deadline = Date.now() + purgedWithinMs
  for (;;) {
    const [rows] = (await session("SHOW GLOBAL STATUS LIKE 'Innodb_history_list_length'")) as [{ Value: string }[]]
    if (Number(rows[0]?.Value ?? 0) < transactions / 2) return true
    if (Date.now() > deadline) return false
    await wait(100)
  }
}

/** Updates the scratch table in small transactions and asks the server how much redo that made. */
class Writer {
  readonly #session: Session
  readonly #options: ChurnOptions
  #round = 0
  #reportedTenths = 0
  writtenBytes = 0
  transactions = 0

  constructor(session: Session, options: ChurnOptions) {
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
    await this.#update('', [this.#nextLetter()])
  }

  async #updateEach(): Promise<void> {
    const letter = this.#nextLetter()
    for (let id = 1; id <= scratchRows; id++) await this.#update(' WHERE id = ?', [letter, id])
  }

  async #update(which: string, bindings: (string | number)[]): Promise<void> {
    this.#options.signal?.throwIfAborted()
    await this.#session(`UPDATE ${scratch} SET filler = REPEAT(?, ${fillerBytes})${which}`, bindings)
    this.transactions += 1
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
    const { volume, progress } = this.#options
    const tenths = Math.min(10, Math.floor((10 * this.writtenBytes) / volume.volumeBytes))
    if (tenths === this.#reportedTenths) return
    this.#reportedTenths = tenths
    progress(`${tenths * 10} % written`)
  }
}

/** Every row goes through redo twice: its old value on the way to the undo log, and its new one. */
const certainBytes = 2 * scratchRows * fillerBytes

export type Session = (statement: string, bindings?: readonly (string | number)[]) => Promise<unknown>

export async function onOneConnection<T>(db: Knex, work: (session: Session) => Promise<T>): Promise<T> {
  const connection = await db.client.acquireConnection()
  try {
    const session: Session = async (statement, bindings = []) =>
      await db.raw(statement, bindings).connection(connection)
    // It may ask nothing for long while another one works.
    await session('SET wait_timeout = 86400')
    return await work(session)
  } finally {
    await db
      .raw(`SET wait_timeout = ${silentSessionSeconds}`)
      .connection(connection)
      .catch(() => undefined)
    await db.client.releaseConnection(connection)
  }
}
