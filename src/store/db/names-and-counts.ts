// What a support bundle needs of the rows: the words that say who and where, so that they can be hidden, and how many mails had which outcome.
import type { Knex } from 'knex'

/** Columns whose words name somebody or some place. */
const columns = [
  ['address', 'accounts', 'address'],
  ['address', 'accounts', 'username'],
  ['host', 'accounts', 'host'],
  ['name', 'mailboxes', 'name'],
  ['name', 'rules', 'name'],
  ['name', 'users', 'name'],
  ['host', 'workers', 'host'],
] as const

const maxWords = 10_000

/** The different words of these columns, each with its kind. */
export async function findNames(db: Knex): Promise<[kind: 'address' | 'host' | 'name', word: string][]> {
  const found = columns.map(async ([kind, table, column]) => {
    const words: string[] = await db(table).distinct(column).limit(maxWords).pluck(column)
    return words.map((word): [typeof kind, string] => [kind, word])
  })
  return (await Promise.all(found)).flat()
}

/** How many mails had which outcome. */
export async function countOutcomes(db: Knex): Promise<Record<string, number>> {
  const rows: { result: string; n: number }[] = await db('sources').groupBy('result').select('result').count({ n: '*' })
  return Object.fromEntries(rows.map(({ result, n }) => [result, Number(n)]))
}
