// Reads a dump without a server: how many rows each table has, the rows of a few tables, and whether the dump came to its end. Both tools write
// strings with every line break escaped, so a line of the file is never in the middle of a string.
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { pipeline, Transform } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { type DumpedRow, insertOf, isEndOfInsert, readRows } from './dump-rows.ts'

export interface DumpFacts {
  /** Rows by table. */
  rows: Record<string, number>
  /** The tool wrote its last line. */
  isComplete: boolean
}

/** What is done with rows of a table, as many as a line of the dump has. */
export type DumpVisitor = Readonly<Record<string, (rows: readonly DumpedRow[]) => void | Promise<void>>>

/** Reads the whole file, gzipped SQL text. Rejects where it cannot be unpacked. */
export async function readDump(file: string, visit: DumpVisitor = {}): Promise<DumpFacts> {
  const facts: DumpFacts = { rows: {}, isComplete: false }
  let insert: ReturnType<typeof insertOf>
  for await (const line of linesOf(file)) {
    const begun = insertOf(line)
    const table = /^CREATE TABLE `(\w+)`/.exec(line)?.[1]
    if (table !== undefined) facts.rows[table] ??= 0
    if (line !== '') facts.isComplete = line.startsWith('-- Dump completed')
    insert = begun ?? insert
    if (insert === undefined) continue
    const visitor = visit[insert.table]
    const { rows, count } = readRows(line, begun?.end ?? 0, visitor === undefined ? undefined : insert.columns)
    facts.rows[insert.table] = (facts.rows[insert.table] ?? 0) + count
    if (visitor !== undefined && rows.length > 0) await visitor(rows)
    if (isEndOfInsert(line)) insert = undefined
  }
  return facts
}

/** As Latin-1: every byte is a character, and what steers the reading is ASCII. */
async function* linesOf(file: string): AsyncIterable<string> {
  const input = createReadStream(file)
  const text = createGunzip()
  // A fault of either stream is the reader's.
  const failed = new Promise<never>((_, reject) => pipeline(input, text, error => error && reject(error)))
  failed.catch(() => {})
  text.setEncoding('latin1')
  const lines = createInterface({ input: text, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]()
  for (;;) {
    const next = await Promise.race([lines.next(), failed])
    if (next.done === true) break
    yield next.value
  }
  if (text.errored ?? input.errored) throw text.errored ?? input.errored
}

/** MariaDB's first line keeps its own client from running commands of a dump; other clients stumble over it. */
export function withoutSandboxLine(): Transform {
  let isFirst = true
  return new Transform({
    transform(chunk: Buffer, _, done) {
      const end = isFirst && chunk.subarray(0, 8).toString('latin1') === '/*M!9999' ? chunk.indexOf(10) + 1 : 0
      isFirst = false
      done(null, chunk.subarray(end))
    },
  })
}
