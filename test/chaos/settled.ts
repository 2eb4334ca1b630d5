// Waiting until nothing is left to do: every mail has its row, every account was polled in full by a poll that began after the faults
// ended, and what was to be flagged, moved or deleted is. What an operator does in the manual after an outage is done here too: failing accounts are polled
// now instead of after their backoff, and mails that were given up as unfetchable are asked for again.
import type { Knex } from 'knex'
import { requestRetry } from '../../src/store/ingest/quarantine-rows.ts'
import { until } from '../support/until.ts'
import { keyOf, type Register } from './register.ts'
import type { Scene } from './scene.ts'

/** Resolves with what is still to be done when the time is over: nothing, if all is well. */
export async function settle(scene: Scene, register: Register, patienceMs: number): Promise<string[]> {
  const deadline = performance.now() + patienceMs
  // The poll that ends first may have begun before the last fault: with a mailbox open that is another one by now.
  const left = await settleOnce(scene, register, deadline)
  return left.length > 0 ? left : await settleOnce(scene, register, deadline)
}

async function settleOnce(scene: Scene, register: Register, deadline: number): Promise<string[]> {
  const { db } = scene
  const [[{ since }]] = await insist(() => db.raw('SELECT CAST(UTC_TIMESTAMP(3) AS CHAR) AS since'))
  let left: string[] = []
  await until(
    async () => {
      left = await insist(async () => {
        await helpOut(db)
        return await findLeft(scene, register, since)
      })
      return left.length === 0
    },
    Math.max(0, deadline - performance.now()),
  ).catch(() => {})
  return left
}

const insistMs = 60_000

/** The database may be down at this moment. */
export async function insist<T>(ask: () => Promise<T>): Promise<T> {
  const found = await until(
    async () =>
      await ask()
        .then(answer => ({ answer }))
        .catch(() => undefined),
    insistMs,
  )
  return found.answer
}

/** `letterlock account poll` and `letterlock quarantine retry`. */
export async function helpOut(db: Knex): Promise<{ retried: number }> {
  await db('accounts').where({ state: 'failing' }).update({ next_attempt_at: null })
  const given: number[] = await db('sources')
    .where({ result: 'quarantined', complete: false })
    .whereNull('retry_at')
    .pluck('id')
  for (const id of given) await requestRetry(db, id)
  return { retried: given.length }
}

async function findLeft({ db, accounts }: Scene, register: Register, since: string): Promise<string[]> {
  const rows: { account_id: number; sha256: string }[] = await db('sources')
    .where({ complete: true })
    .distinct('account_id', 'sha256')
  const known = new Set(rows.map(row => keyOf(row.account_id, row.sha256)))
  const missing = [...register.mails].filter(([key, mail]) => !known.has(key) && mail.takenUnread < mail.times)
  const unpolled: { id: number; code: string | null }[] = await db('accounts')
    .whereIn(
      'id',
      accounts.map(({ id }) => id),
    )
    .where(late =>
      late.whereNull('last_success_at').orWhere('last_success_at', '<', since).orWhereNot('state', 'active'),
    )
    .select('id', 'code')
  const unsettled = await db('sources')
    .join('mailboxes', 'mailboxes.id', 'sources.mailbox_id')
    .whereRaw('sources.uid_validity = mailboxes.uid_validity')
    .where({ complete: true })
    .whereNull('settled_at')
    .count({ n: '*' })
    .first()
  const pending = Number(unsettled?.n ?? 0)
  return [
    ...missing.map(([key]) => `no row of ${key}`),
    ...unpolled.map(({ id, code }) => `account ${id} was not polled in full (${code ?? 'no code'})`),
    ...(pending > 0 ? [`${pending} mails wait to be settled`] : []),
  ]
}
