// How polls ended, written to the accounts' rows. Most ends are alike: it worked, or what was missing is still missing. Those of a few
// milliseconds are written by one statement, because a thousand quiet mailboxes a minute would otherwise be a thousand commits.
import { setTimeout as wait } from 'node:timers/promises'
import type { Knex } from 'knex'
import type { Params } from '../../errors/entry.ts'
import { readCause } from '../db/json-columns.ts'

/** Why no mail comes in: the code and its values. `said`: what the mail server said, which may hold addresses. */
export interface Cause {
  code: string
  params: Params
  said?: string | undefined
}

/** How a poll ended. `afterMs`: no attempt before then; null: at the next slot. `worked`: it counts as one that did. */
export type PollResult =
  | { state: 'active' }
  | (Cause & { state: 'failing' | 'waiting'; hint: string; afterMs: number | null; worked?: boolean })

export interface PollResults {
  /** Resolves when it is written, if the account still has this owner. `before`: the code that it had. */
  write(accountId: number, end: PollResult, before: string | null): Promise<void>
}

/** So long ends are gathered. */
const gatherMs = 20

export function openPollResults(db: Knex, owner: string): PollResults {
  const update = async (ids: readonly number[], values: object): Promise<void> =>
    void (await db('accounts').where({ lease_owner: owner }).whereIn('id', ids).update(values))
  const active = gather(ids => update(ids, activeColumns(db)))
  const unchanged = gather(ids => update(ids, unchangedColumns(db)))
  return {
    async write(accountId, end, before) {
      if (end.state === 'active') return await active(accountId)
      if (end.state === 'waiting' && end.code === before && end.afterMs === null) return await unchanged(accountId)
      await update([accountId], failedColumns(db, end))
    },
  }
}

/** Calls that come within a few milliseconds become one. */
function gather(flush: (ids: readonly number[]) => Promise<void>): (id: number) => Promise<void> {
  let gathering: { ids: number[]; written: Promise<void> } | null = null
  return id => {
    if (gathering === null) {
      const ids: number[] = []
      const written = wait(gatherMs).then(() => {
        gathering = null
        // Ascending, as everybody who locks several accounts.
        return flush(ids.sort((a, b) => a - b))
      })
      gathering = { ids, written }
    }
    gathering.ids.push(id)
    return gathering.written
  }
}

function activeColumns(db: Knex): object {
  const now = db.raw('UTC_TIMESTAMP(3)')
  return {
    state: 'active',
    code: null,
    hint: null,
    cause_json: null,
    failures: 0,
    last_success_at: now,
    last_attempt_at: now,
    next_attempt_at: null,
  }
}

function unchangedColumns(db: Knex): object {
  return { failures: oneMore(db), last_attempt_at: db.raw('UTC_TIMESTAMP(3)'), next_attempt_at: null }
}

function failedColumns(db: Knex, end: Exclude<PollResult, { state: 'active' }>): object {
  return {
    state: end.state,
    code: end.code,
    hint: end.hint.slice(0, 1000),
    cause_json: toJson(end),
    ...(end.worked ? { failures: 0, last_success_at: db.raw('UTC_TIMESTAMP(3)') } : { failures: oneMore(db) }),
    last_attempt_at: db.raw('UTC_TIMESTAMP(3)'),
    next_attempt_at:
      end.afterMs === null
        ? null
        : db.raw('UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND', [Math.round(end.afterMs * 1000)]),
  }
}

function oneMore(db: Knex): Knex.Raw {
  return db.raw('LEAST(failures + 1, 1000000)')
}

const maxJsonLength = 4_000

/** Null rather than cut. */
function toJson({ code, params, said }: Cause): string | null {
  const json = JSON.stringify({ code, params, said })
  return json.length > maxJsonLength ? null : json
}

/** The causes of these accounts, as far as this version or a newer one wrote them with the code that the row has. */
export async function findCauses(db: Knex, accountIds: readonly number[]): Promise<Map<number, Cause>> {
  const rows = await db('accounts').whereIn('id', accountIds).select('id', 'code', 'cause_json')
  return new Map(
    rows.flatMap(row => {
      const cause = readCause(row.cause_json)
      return cause === null || cause.code !== row.code ? [] : [[Number(row.id), cause] as const]
    }),
  )
}
