// The server's own variables and what it answers to a question that our rights may not cover: `unknown` instead of an error.
import type { Knex } from 'knex'
import { ServiceError } from '../../errors/errors.ts'

export type Known<T> = T | 'unknown'

/** Variables of the server; one that it does not have is `unknown`. */
export class Variables {
  readonly #values: ReadonlyMap<string, string>

  constructor(values: ReadonlyMap<string, string>) {
    this.#values = values
  }

  text(name: string): Known<string> {
    return this.#values.get(name) || 'unknown'
  }

  flag(name: string): Known<boolean> {
    const value = this.#values.get(name)?.toUpperCase()
    return value === undefined ? 'unknown' : !['OFF', '0', 'NO', ''].includes(value)
  }

  number(name: string): Known<number> {
    const value = this.#values.get(name)
    return value === undefined || value === '' || Number.isNaN(Number(value)) ? 'unknown' : Number(value)
  }

  list(name: string): Known<readonly string[]> {
    const value = this.#values.get(name)
    return value === undefined ? 'unknown' : value.toUpperCase().split(',')
  }
}

export async function readPairs(db: Knex, statement: string): Promise<Variables> {
  const rows = await ask<{ Variable_name: string; Value: string }>(db, statement)
  return new Variables(new Map(rows === 'unknown' ? [] : rows.map(row => [row.Variable_name, row.Value])))
}

/** The rows of a statement, or `unknown` if the server refuses it. */
export async function ask<Row>(db: Knex, statement: string, connection?: unknown): Promise<Known<Row[]>> {
  try {
    const query = db.raw(statement)
    const [rows] = (await (connection === undefined ? query : query.connection(connection))) as [Row[]]
    return rows
  } catch (error) {
    if (error instanceof ServiceError && error.code === 'db.failed') return 'unknown'
    throw error
  }
}
