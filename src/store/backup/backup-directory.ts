// A backup directory, as people find it:
//
//   2026-11-29T021500Z/manifest.json       what the backup is: written last, so a directory with one is complete
//   2026-11-29T021500Z/database.sql.gz     the dump
//   2026-11-30T021500Z.incomplete/         one that broke off; the next one removes it
//   raw/2026-11-29/…, raw/store-id         raw batches, shared by all backups: they never change
//   hashes/2026-11-29.sha256               what `sha256sum -c` reads: the batches of a day
//
// Everything is written under another name, synced and renamed. No key is ever in it.
import { createHash } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { z } from 'zod'
import { OperationError } from '../../errors/errors.ts'
import { isBatchName, isDay } from '../raw/raw-batch.ts'

const manifestSchema = z.object({
  format: z.literal(1),
  id: z.string(),
  createdAt: z.string(),
  /** Of Letterlock. */
  version: z.string(),
  schema: z.object({ version: z.number(), compatibleFrom: z.number() }),
  server: z.string(),
  tool: z.string(),
  dump: z.object({ file: z.string(), bytes: z.number(), sha256: z.string() }),
  /** Rows of the dump, by table. */
  rows: z.record(z.string(), z.number()),
  /** Ids of the keys that its sealed secrets need, in hex. */
  keyIds: z.array(z.string()),
  raw: z.object({
    /** Where it was copied from. */
    where: z.string(),
    storeId: z.string(),
    /** All that were there, and those of them that this backup copied. */
    batches: z.number(),
    copied: z.number(),
    copiedBytes: z.number(),
    /** Batches that the dump names and that were missing or damaged already when the backup was made. */
    lost: z.array(z.string()),
  }),
})

export type Manifest = z.output<typeof manifestSchema>

export const manifestName = 'manifest.json'
export const dumpName = 'database.sql.gz'
export const rawFolder = 'raw'
const hashFolder = 'hashes'
const incomplete = '.incomplete'
const draft = '.writing-'

const idForm = /^\d{4}-\d\d-\d\dT\d{6}Z$/

/** `2026-11-29T021500Z`: in the order of time, and a name on every file system. */
export function backupId(now: Date): string {
  return `${now.toISOString().slice(0, 19).replaceAll(':', '')}Z`
}

/** Ids of the complete backups, the oldest first. */
export async function findBackups(directory: string): Promise<string[]> {
  const names = (await namesIn(directory)).filter(name => idForm.test(name))
  const found = await Promise.all(
    names.map(async name => (await namesIn(path.join(directory, name))).includes(manifestName)),
  )
  return names.filter((_, i) => found[i])
}

/** The backup with this id, or the newest. Throws OperationError `backup.not_found`. */
export async function readManifest(directory: string, id?: string): Promise<Manifest> {
  const ids = await findBackups(directory)
  const chosen = id === undefined ? ids.at(-1) : ids.find(known => known === id)
  if (chosen === undefined)
    throw new OperationError('backup.not_found', { directory, ...(id === undefined ? {} : { id }) })
  try {
    return manifestSchema.parse(JSON.parse(await readFile(path.join(directory, chosen, manifestName), 'utf8')))
  } catch (cause) {
    throw new OperationError('backup.not_found', { directory, id: chosen, reason: 'unreadable' }, { cause })
  }
}

/** Begins a backup: what broke off before is removed. Returns the directory that it is written in. */
export async function beginBackup(directory: string, id: string): Promise<string> {
  await mkdir(path.join(directory, rawFolder), { recursive: true, mode: 0o700 })
  await mkdir(path.join(directory, hashFolder), { recursive: true, mode: 0o700 })
  for (const name of await namesIn(directory))
    if (name.endsWith(incomplete)) await rm(path.join(directory, name), { recursive: true })
  const place = path.join(directory, id + incomplete)
  await mkdir(place, { mode: 0o700 })
  return place
}

/** Makes the backup complete. */
export async function completeBackup(directory: string, manifest: Manifest): Promise<void> {
  const place = path.join(directory, manifest.id + incomplete)
  await writeDurably(path.join(place, manifestName), Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`))
  await rename(place, path.join(directory, manifest.id))
  await syncDirectory(directory)
}

/** Hashes of the batches of a day that were copied, by the batch's name. */
export async function readHashes(directory: string, day: string): Promise<Map<string, string>> {
  const text = await readFile(hashFile(directory, day), 'utf8').catch(() => '')
  const lines = text.matchAll(/^([0-9a-f]{64}) {2}raw\/(\S+)$/gm)
  return new Map([...lines].map(([, sha256 = '', batch = '']) => [batch, sha256]))
}

export async function writeHashes(directory: string, day: string, hashes: ReadonlyMap<string, string>): Promise<void> {
  const lines = [...hashes].map(([batch, sha256]) => `${sha256}  ${rawFolder}/${batch}\n`).sort()
  await writeDurably(hashFile(directory, day), Buffer.from(lines.join('')))
}

function hashFile(directory: string, day: string): string {
  return path.join(directory, hashFolder, `${day}.sha256`)
}

/** Days of which batches were copied. */
export async function findCopiedDays(directory: string): Promise<string[]> {
  return (await namesIn(path.join(directory, rawFolder))).filter(isDay)
}

/** Batches of a day that are in the copy, with a hash or without. */
export async function findCopied(directory: string, day: string): Promise<string[]> {
  return (await namesIn(path.join(directory, rawFolder, day))).map(name => `${day}/${name}`).filter(isBatchName)
}

export async function readCopied(directory: string, batch: string): Promise<Buffer> {
  return await readFile(path.join(directory, rawFolder, batch))
}

export async function writeCopied(directory: string, batch: string, bytes: Buffer): Promise<void> {
  await writeDurably(path.join(directory, rawFolder, batch), bytes)
}

/** The id of the raw store whose mail this is; undefined before the first backup. */
export async function readStoreId(directory: string): Promise<string | undefined> {
  try {
    return (await readFile(storeIdFile(directory), 'utf8')).trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** What the copy needs to be the raw store of a restored installation. */
export async function writeStoreId(directory: string, id: string): Promise<void> {
  await writeDurably(storeIdFile(directory), Buffer.from(`${id}\n`))
}

function storeIdFile(directory: string): string {
  return path.join(directory, rawFolder, 'store-id')
}

export function sha256Of(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

async function writeDurably(file: string, bytes: Buffer): Promise<void> {
  const folder = path.dirname(file)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const written = path.join(folder, draft + path.basename(file))
  await rm(written, { force: true })
  {
    await using handle = await open(written, 'wx', 0o600)
    await handle.writeFile(bytes)
    await handle.sync()
  }
  await rename(written, file)
  await syncDirectory(folder)
}

async function syncDirectory(folder: string): Promise<void> {
  await using handle = await open(folder, 'r')
  await handle.sync()
}
