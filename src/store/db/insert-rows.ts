// Multi-row INSERTs as prepared statements of a few fixed sizes: the server keeps one plan for each, and large texts travel as they are
// instead of being escaped into a statement. Statements stay well under the smallest max_allowed_packet.
import type { Knex } from 'knex'
import { toDatabaseError } from './database-error.ts'

/** Bytes for a text column are UTF-8 already; they go to the server as they are. */
export type Value = string | number | boolean | Uint8Array | Date | null
export type Row = Readonly<Record<string, Value>>

export interface InsertOptions {
  /** SQL in the place of a column's value; its `?` is the value. */
  expressions?: Readonly<Record<string, string>>
  /** A row whose unique key is there already is passed over: this column is set to itself (IGNORE would also swallow what does not fit). */
  once?: string
}

const sizes = [100, 25, 5, 1]
const maxBytes = 4_000_000

/** Inserts rows that all have the same columns. Runs inside the transaction. */
export async function insertRows(
  trx: Knex.Transaction,
  table: string,
  rows: readonly Row[],
  options: InsertOptions = {},
): Promise<void> {
  const [first] = rows
  if (first === undefined) return
  const columns = Object.keys(first)
  const connection: PreparedConnection = await trx.client.acquireConnection()
  for (let at = 0; at < rows.length; ) {
    const size = sizeFor(rows, at)
    const values = rows.slice(at, at + size).flatMap(row => columns.map(column => toParameter(row[column] ?? null)))
    await execute(connection, statement(table, columns, size, options), values)
    at += size
  }
}

/** The largest size that the rows left fill, and that is light enough. */
function sizeFor(rows: readonly Row[], at: number): number {
  return sizes.find(size => at + size <= rows.length && weightOf(rows, at, size) <= maxBytes) ?? 1
}

/** An upper bound of the bytes: three a UTF-16 unit. */
function weightOf(rows: readonly Row[], at: number, size: number): number {
  let bytes = 0
  for (const row of rows.slice(at, at + size)) {
    for (const value of Object.values(row))
      bytes += typeof value === 'string' ? value.length * 3 : value instanceof Uint8Array ? value.length : 10
  }
  return bytes
}

function statement(table: string, columns: readonly string[], size: number, options: InsertOptions): string {
  const row = `(${columns.map(column => options.expressions?.[column] ?? '?').join(', ')})`
  const names = columns.map(column => `\`${column}\``).join(', ')
  const once =
    options.once === undefined ? '' : ` ON DUPLICATE KEY UPDATE \`${options.once}\` = \`${table}\`.\`${options.once}\``
  return `INSERT INTO \`${table}\` (${names}) VALUES ${Array.from({ length: size }, () => row).join(', ')}${once}`
}

/** The driver knows no other bytes than a Buffer. */
function toParameter(value: Value): Value {
  return value instanceof Uint8Array && !Buffer.isBuffer(value)
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    : value
}

interface PreparedConnection {
  execute(sql: string, values: readonly Value[], done: (error: unknown) => void): void
}

async function execute(connection: PreparedConnection, sql: string, values: readonly Value[]): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    connection.execute(sql, values, error => (error ? reject(toDatabaseError(error, sql)) : resolve()))
  })
}

/** `text` in at most `length` code points, as MySQL counts them; the mark at its end says that it was cut. */
export function cut(text: string, length: number): string {
  if (text.length <= length) return text
  const points = [...text]
  return points.length <= length ? text : `${points.slice(0, length - 1).join('')}…`
}
