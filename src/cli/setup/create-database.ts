// The database and the user that Letterlock works with, made by an administrator of the server. Everything may be there already.
import type { Knex } from 'knex'
import type { Config } from '../../config/config.ts'
import { isLocal, openDatabase } from '../../store/db/database.ts'
import { DatabaseError } from '../../store/db/database-error.ts'

/** Who may create users and databases. */
export interface Admin {
  url: string
  password?: string
  passwordFile?: string
}

/** Whether these settings lead into the database. Throws what another password would not mend. */
export async function isReachable({ database }: Config): Promise<boolean> {
  const db = openDatabase(database.url, database)
  try {
    await db.raw('SELECT 1')
    return true
  } catch (error) {
    if (error instanceof DatabaseError && error.code === 'db.access_denied') return false
    throw error
  } finally {
    await db.destroy()
  }
}

/** Makes the user with its password, the database, and the rights of the one on the other. */
export async function createDatabase(
  url: string,
  password: string,
  admin: Admin,
  settings: Config['database'],
): Promise<void> {
  const { username, pathname } = new URL(url)
  const [user, name] = [decodeURIComponent(username), decodeURIComponent(pathname.slice(1))]
  const db = openDatabase(
    admin.url,
    { ...settings, passwordFile: admin.passwordFile ?? '' },
    'everything',
    admin.password,
  )
  try {
    await db.raw(`CREATE DATABASE IF NOT EXISTS ${quoted(name)} CHARACTER SET utf8mb4`)
    for (const host of hostsOf(url)) await grant(db, { user, host, name, password })
  } finally {
    await db.destroy()
  }
}

/** Where the server sees this host come from. */
function hostsOf(url: string): string[] {
  const { hostname, searchParams } = new URL(url)
  if (searchParams.has('socket')) return ['localhost']
  return isLocal(hostname) ? ['localhost', '127.0.0.1'] : ['%']
}

async function grant(
  db: Knex,
  { user, host, name, password }: { user: string; host: string; name: string; password: string },
): Promise<void> {
  const encrypted = host === '%' ? ' REQUIRE SSL' : ''
  await db.raw(`CREATE USER IF NOT EXISTS ?@? IDENTIFIED BY ?${encrypted}`, [user, host, password])
  await db.raw(`ALTER USER ?@? IDENTIFIED BY ?${encrypted}`, [user, host, password])
  // An underscore would stand for any letter here.
  await db.raw(`GRANT ALL ON ${quoted(name.replace(/[_%]/g, '\\$&'))}.* TO ?@?`, [user, host])
}

function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``
}
