// The rows say in which batch a mail lies, so the database and the raw store belong together. A random id, in the settings and
// beside the batches, keeps a host from working on a database whose mail lies elsewhere: an empty mount, the wrong directory or
// bucket, or a second host with a directory of its own.
import { randomBytes } from 'node:crypto'
import type { Knex } from 'knex'
import type { ParamsOf } from '../../errors/catalogue.ts'
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
  throw refused({ reason: 'other_raw_store', where: raw.where })
}

async function refuseOtherHosts(db: Knex, host: string): Promise<void> {
  const other = (await findLiveWorkers(db)).find(worker => worker.host !== host)
  if (other === undefined) return
  throw refused({ reason: 'several_directories', host: other.host })
}

/** The database has mail, and where its raw mail should be there is none. */
export function missingStore(where: string): ServiceError {
  return new ServiceError('raw.missing', { where }, { temporary: true })
}

async function adopt(db: Knex, raw: RawStore, known: string | undefined): Promise<void> {
  const id = known ?? (await raw.writeId(randomBytes(16).toString('hex')))
  await db('settings')
    .insert({ name: setting, value: id })
    .onConflict()
    .merge({ name: db.raw('settings.name') })
  const stored = await db('settings').where({ name: setting }).first('value')
  if (stored?.value === id) return
  throw refused({ reason: 'raw_store_race' })
}

function refused(params: ParamsOf<'config.invalid'>): ServiceError {
  return new ServiceError('config.invalid', params, { temporary: false })
}
