// A named lock of the database server: one holder among all processes of all hosts. It goes with its connection, so a crash leaves nothing
// locked.
import type { Knex } from 'knex'
import { silentSessionSeconds } from './database.ts'

const dayOfSeconds = 86_400

/** Lends the lock with the connection that holds it; undefined, without `work`, where another holds it for all of `waitSeconds`. */
export async function withNamedLock<T>(
  db: Knex,
  name: string,
  waitSeconds: number,
  work: (connection: unknown) => Promise<T>,
): Promise<T | undefined> {
  const connection = await db.client.acquireConnection()
  const lock = "CONCAT('letterlock-', LEFT(SHA2(DATABASE(), 256), 16), '-', ?)"
  try {
    const [[row]] = (await db
      .raw(`SELECT GET_LOCK(${lock}, ?) AS locked`, [name, waitSeconds])
      .connection(connection)) as [[{ locked: number | null }]]
    return row.locked === 1 ? await work(connection) : undefined
  } finally {
    await db
      .raw(`DO RELEASE_LOCK(${lock})`, [name])
      .connection(connection)
      .catch(() => undefined)
    await db.client.releaseConnection(connection)
  }
}

/**
 * Lends the lock for work that takes longer than the server lets a connection be silent. What the work writes, it writes through other
 * connections: on the one that holds the lock, a host that stopped would hold its row locks for just as long.
 */
export async function withLongLock<T>(
  db: Knex,
  name: string,
  waitSeconds: number,
  work: () => Promise<T>,
): Promise<T | undefined> {
  return await withNamedLock(db, name, waitSeconds, async connection => {
    const beSilentFor = (seconds: number) => db.raw(`SET wait_timeout = ${seconds}`).connection(connection)
    await beSilentFor(dayOfSeconds)
    try {
      return await work()
    } finally {
      await beSilentFor(silentSessionSeconds).catch(() => undefined)
    }
  })
}
