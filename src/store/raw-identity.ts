// The rows say in which batch a mail lies, so the database and the raw store belong together. A random id, in the settings and
// in a file beside the batches, keeps a host from working on a database whose mail lies elsewhere: an empty mount, the wrong
// directory, or a second host with a directory of its own.
import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile } from 'node:fs/promises'
import path from 'node:path'
import type { Knex } from 'knex'
import { ServiceError } from '../errors.ts'
import { findLiveWorkers } from './workers.ts'

const setting = 'raw_store_id'
const fileName = 'store-id'

/** Throws `config.invalid` unless the directory is the one of this database and nobody else keeps mail elsewhere. */
export async function checkRawDirectory(
  db: Knex,
  directory: string,
  here: { host: string; shared: boolean },
): Promise<void> {
  const inDatabase: string | undefined = (await db('settings').where({ name: setting }).first('value'))?.value
  const inDirectory = await readId(directory)
  if (inDatabase === undefined) return await adopt(db, directory, inDirectory)
  if (inDirectory !== inDatabase) {
    throw refused(
      `the mail of this database does not lie in ${directory}`,
      'mount or restore the directory that does, or point data.directory at it; several hosts need one shared directory and raw.shared = true',
    )
  }
  if (here.shared) return
  const other = (await findLiveWorkers(db)).find(worker => worker.host !== here.host)
  if (other === undefined) return
  throw refused(
    `host ${other.host} works on this database too, and raw mail is kept in a local directory`,
    'stop letterlock there, or share the directory among the hosts and set raw.shared = true on each',
  )
}

async function adopt(db: Knex, directory: string, known: string | undefined): Promise<void> {
  const id = known ?? (await writeId(directory))
  await db('settings')
    .insert({ name: setting, value: id })
    .onConflict()
    .merge({ name: db.raw('settings.name') })
  const stored = await db('settings').where({ name: setting }).first('value')
  if (stored?.value === id) return
  throw refused('another host began to keep mail for this database at the same moment', 'start this host again')
}

async function readId(directory: string): Promise<string | undefined> {
  try {
    return (await readFile(path.join(directory, fileName), 'utf8')).trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw unusable(directory, error)
  }
}

async function writeId(directory: string): Promise<string> {
  const id = randomBytes(16).toString('hex')
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    await using file = await open(path.join(directory, fileName), 'wx', 0o600)
    await file.writeFile(`${id}\n`)
    await file.sync()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return (await readId(directory)) ?? ''
    throw unusable(directory, error)
  }
  return id
}

function unusable(directory: string, cause: unknown): ServiceError {
  const why = (cause as NodeJS.ErrnoException).code ?? 'unknown'
  return new ServiceError('config.invalid', `raw mail cannot be kept in ${directory} (${why})`, {
    temporary: false,
    hint: 'check that the directory exists and belongs to the service user (data.directory)',
    cause,
  })
}

function refused(message: string, hint: string): ServiceError {
  return new ServiceError('config.invalid', message, { temporary: false, hint })
}
