// PURE. The INSERT statements of a dump: which table and columns, and the values of each row. MariaDB's tool writes a row a line, MySQL's
// all of a statement in one.

/** Values by column, as text; bytes as `0x…`, null as null. */
export type DumpedRow = Readonly<Record<string, string | null>>

export interface Insert {
  table: string
  columns: readonly string[]
  /** Where the rows begin in the line. */
  end: number
}

/** The statement that begins in this line. */
export function insertOf(line: string): Insert | undefined {
  const [head, table, columns = ''] = /^INSERT (?:IGNORE )?INTO `(\w+)` \(([^)]*)\) VALUES/.exec(line) ?? []
  if (head === undefined || table === undefined) return undefined
  return { table, columns: columns.split(', ').map(name => name.slice(1, -1)), end: head.length }
}

export function isEndOfInsert(line: string): boolean {
  return line.endsWith(';')
}

/** The rows of a line, or (without `columns`) only how many there are. */
export function readRows(
  line: string,
  from: number,
  columns?: readonly string[],
): { rows: DumpedRow[]; count: number } {
  const rows: DumpedRow[] = []
  let count = 0
  for (let at = line.indexOf('(', from); at >= 0; at = line.indexOf('(', at)) {
    const values: (string | null)[] = []
    at = readTuple(line, at + 1, columns === undefined ? undefined : values)
    count += 1
    if (columns !== undefined) rows.push(Object.fromEntries(columns.map((name, i) => [name, values[i] ?? null])))
  }
  return { rows, count }
}

/** Reads up to the closing parenthesis; returns where the reading goes on. */
function readTuple(line: string, from: number, values: (string | null)[] | undefined): number {
  let at = from
  for (;;) {
    const isString = line[at] === "'"
    const end = isString ? endOfString(line, at + 1) + 1 : endOfWord(line, at)
    if (end <= at) return line.length
    const text = line.slice(at, end)
    values?.push(isString ? unescaped(text.slice(1, -1)) : text === 'NULL' ? null : text)
    if (line[end] !== ',') return end + 1
    at = end + 1
  }
}

/** Where the quote is that ends the string. */
function endOfString(line: string, from: number): number {
  for (let at = line.indexOf("'", from); at >= 0; at = line.indexOf("'", at + 1)) {
    let before = at - 1
    while (line[before] === '\\') before -= 1
    if ((at - before) % 2 === 1) return at
  }
  return line.length
}

function endOfWord(line: string, from: number): number {
  const end = line.slice(from, from + maxWord).search(/[,)]/)
  return end < 0 ? line.length : from + end
}

/** A column of 64 KiB in hex, and more than any number. */
const maxWord = 200_000

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', 0: '\0', Z: '\x1a' }

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, (_, letter: string) => escapes[letter] ?? letter)
}
