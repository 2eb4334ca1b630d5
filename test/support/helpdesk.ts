// A helpdesk that writes passwords at 200 statements a second in all the ways that helpdesks do. It is the only one to write its accounts,
// so before each write it knows what the account has to open to: a change that was lost in between is seen at once.
import { setInterval as ticks } from 'node:timers/promises'
import type { Knex } from 'knex'
import { DatabaseError } from '../../src/store/db/database-error.ts'
import { randomOf } from './random.ts'

export interface HelpdeskOptions {
  /** What was written last, by account; kept up to date. */
  secrets: Map<number, string>
  /** Accounts that get most of the writes. */
  hot: readonly number[]
  seed: number
  /** What an account's password is to a poll at this moment. */
  read(id: number): Promise<string>
}

export interface Helpdesk {
  /** Changes that were gone before the next one. */
  lost: { id: number; wanted: string; found: string }[]
  statements(): number
  stop(): Promise<void>
}

const clerks = 4
const everyMs = 20

/** Each of four clerks writes every 20 ms, to accounts of its own. */
export function startHelpdesk(db: Knex, { secrets, hot, seed, read }: HelpdeskOptions): Helpdesk {
  const stop = new AbortController()
  const lost: Helpdesk['lost'] = []
  let statements = 0
  const clerk = async (which: number): Promise<void> => {
    const random = randomOf(seed * clerks + which)
    const mine = (ids: readonly number[]): number[] => ids.filter(id => id % clerks === which)
    const [myHot, myAll] = [mine(hot), mine([...secrets.keys()])]
    const desk: Desk = { db, forms: new Map() }
    for await (const _ of ticks(everyMs)) {
      if (stop.signal.aborted) return
      const id = pick(random() < 0.8 ? myHot : myAll, random())
      const [wanted = '', found] = [secrets.get(id), await read(id)]
      if (found !== wanted) lost.push({ id, wanted, found })
      const write = pick(writes, random())
      statements += 1
      secrets.set(id, (await again(() => write(desk, id, `${statements} of ${id}`))) ?? wanted)
    }
  }
  const done = Promise.all(Array.from({ length: clerks }, (_, which) => clerk(which)))
  // Awaited at the end; a clerk that fails before is not unhandled.
  done.catch(() => {})
  return {
    lost,
    statements: () => statements,
    async stop() {
      stop.abort()
      await done
    },
  }
}

const deadlock = 1213

/** A statement that was rolled back to end a deadlock (clerks that upsert and replace meet each other) is made again. */
async function again<T>(statement: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await statement()
    } catch (error) {
      if (!(error instanceof DatabaseError) || error.errno !== deadlock) throw error
    }
  }
}

function pick<T>(from: readonly T[], random: number): T {
  return from[Math.floor(random * from.length)] as T
}

interface Desk {
  db: Knex
  /** Rows as they were when an account's form was opened. */
  forms: Map<number, Record<string, unknown>>
}

/** Writes a password and returns it, or undefined where the statement is no change of it. */
type Write = (desk: Desk, id: number, password: string) => Promise<string | undefined>

const writes: readonly Write[] = [update, upsert, replace, saveWhole, saveBlank]

async function update({ db }: Desk, id: number, password: string): Promise<string> {
  await db.raw('UPDATE credentials SET plaintext = ? WHERE account_id = ?', [password, id])
  return password
}

async function upsert({ db }: Desk, id: number, password: string): Promise<string> {
  await db.raw(
    'INSERT INTO credentials (account_id, plaintext) VALUES (?, ?) ON DUPLICATE KEY UPDATE plaintext = VALUES(plaintext)',
    [id, password],
  )
  return password
}

/** The row goes, and another one comes with another id. */
async function replace({ db }: Desk, id: number, password: string): Promise<string> {
  await db.raw('REPLACE INTO credentials (account_id, plaintext) VALUES (?, ?)', [id, password])
  return password
}

/** An object mapper saves all columns, the sealed bytes too, as it read them when the form was opened: at the save before this one. */
async function saveWhole({ db, forms }: Desk, id: number, password: string): Promise<string> {
  const row = await db('credentials').where({ account_id: id }).first('account_id', 'kind', 'sealed', 'created_at')
  await db('credentials')
    .where({ account_id: id })
    .update({ ...(forms.get(id) ?? row), plaintext: password })
  forms.set(id, row)
  return password
}

/** A form whose password field is left blank. */
async function saveBlank({ db }: Desk, id: number): Promise<undefined> {
  await db('credentials').where({ account_id: id, plaintext: null }).update({ plaintext: '' })
}
