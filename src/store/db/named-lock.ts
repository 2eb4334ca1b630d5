// A named lock of the database server: one holder among all processes of all hosts. It goes with its connection, so a crash leaves nothing
// locked.
import type { Knex } from 'knex'

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
