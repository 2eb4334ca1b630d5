// The rest after a refused login: mail servers lock out who is refused again and again, so whoever asks for a poll or a test then has the
// account log in once a minute at most. A new password is another matter: it is tried at once.
import type { Knex } from 'knex'

/** What a poll ends with when a far side refused what the account signs in with. */
const refusals: readonly string[] = [
  'imap.auth_refused',
  'oauth.client_refused',
  'oauth.consent_needed',
  'oauth.token_refused',
]
const restSeconds = 60

/** True for the code of an account that waits after a refused login. */
export function isRefusedLogin(code: string | null): boolean {
  return code !== null && refusals.includes(code)
}

const isResting = `(code IN (${refusals.map(() => '?').join()}) AND last_attempt_at BETWEEN UTC_TIMESTAMP(3) - INTERVAL ${restSeconds} SECOND AND UTC_TIMESTAMP(3))`

/** The earliest next attempt of an account's row, for `next_attempt_at`: at once, or after the rest. */
export function soonestAttempt(db: Knex): Knex.Raw {
  return db.raw(`CASE WHEN ${isResting} THEN last_attempt_at + INTERVAL ${restSeconds} SECOND END`, [...refusals])
}

/** Counts a login that is about to be tried, where the last one was refused. Resolves to the seconds that it has to wait for; 0: none. */
export async function claimLogin(db: Knex, id: number): Promise<number> {
  const row: { rest: number } | undefined = await db('accounts')
    .where({ id })
    .whereRaw(isResting, [...refusals])
    .first(
      db.raw(
        `CEILING(${restSeconds} - TIMESTAMPDIFF(MICROSECOND, last_attempt_at, UTC_TIMESTAMP(3)) / 1000000) AS rest`,
      ),
    )
  if (row !== undefined) return Math.max(1, Number(row.rest))
  await db('accounts')
    .where({ id })
    .whereIn('code', refusals)
    .update({ last_attempt_at: db.raw('UTC_TIMESTAMP(3)') })
  return 0
}
