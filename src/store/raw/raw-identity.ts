// The rows say in which batch a mail lies, so the database and the raw store belong together. A random id, in the settings and
// beside the batches, keeps a host from working on a database whose mail lies elsewhere: an empty mount, the wrong directory or
// bucket, or a second host with a directory of its own.
import { randomBytes } from 'node:crypto'
import type { Knex } from 'knex'
import { ServiceError } from '../../errors/errors.ts'
import { findLiveWorkers } from '../accounts/leases.ts'
import type { RawStore } from './raw-store.ts'

const setting = 'raw_store_id'

/** Who asks, and what kind of store it has. */
export interface RawHost {
  host: string
  /** Several hosts may keep their mail there. */
  shared: boolean
  /** Of this host: it may be a disk that is not mounted yet. */
  isDirectory: boolean
}

/**
 * Throws unless the store is the one of this database and nobody else keeps mail elsewhere: `raw.missing` (temporary) where there is
 * no directory yet, as before a mount; `config.invalid` where there is another one, or where another host keeps one of its own.
 */
export async function checkRawStore(db: Knex, raw: RawStore, here: RawHost): Promise<void> {
  const inDatabase: string | undefined = (await db('settings').where({ name: setting }).first('value'))?.value
  const inStore = await raw.readId()
  if (inDatabase === undefined) return await adopt(db, raw, inStore)
  if (!here.shared) await refuseOtherHosts(db, here.host)
  if (inStore === undefined && here.isDirectory) throw missingStore(raw.where)
  if (inStore === inDatabase) return
  throw refused(
    `the mail of this database does not lie in ${raw.where}`,
    'point data.directory (or raw.s3_bucket and raw.s3_prefix) at the place where it lies; several hosts need one bucket, or one shared directory and raw.shared = true',
  )
}

async function refuseOtherHosts(db: Knex, host: string): Promise<void> {
  const other = (await findLiveWorkers(db)).find(worker => worker.host !== host)
  if (other === undefined) return
  throw refused(
    `host ${other.host} works on this database too, and raw mail is kept in a local directory`,
    'stop letterlock there, or keep raw mail in a bucket (raw.s3_bucket), or share the directory among the hosts and set raw.shared = true on each',
  )
}

/** The database has mail, and where its raw mail should be there is none. */
export function missingStore(where: string): ServiceError {
  return new ServiceError('raw.missing', `the raw mail of this database is not in ${where}`, {
    temporary: true,
    hint: 'mount or restore the directory that holds it, or point data.directory (or raw.s3_bucket and raw.s3_prefix) at it; nothing is read from mail servers meanwhile',
  })
}

async function adopt(db: Knex, raw: RawStore, known: string | undefined): Promise<void> {
  const id = known ?? (await raw.writeId(randomBytes(16).toString('hex')))
  await db('settings')
    .insert({ name: setting, value: id })
    .onConflict()
    .merge({ name: db.raw('settings.name') })
  const stored = await db('settings').where({ name: setting }).first('value')
  if (stored?.value === id) return
  throw refused('another host began to keep mail for this database at the same moment', 'start this host again')
}

function refused(message: string, hint: string): ServiceError {
  return new ServiceError('config.invalid', message, { temporary: false, hint })
}
