// Proves that a backup is whole: every hash, the dump from its first to its last line, and every mail that the dump names, in the batches beside
// it. Reads only the backup: no database, no raw store, no key.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { ServiceError } from '../../errors/errors.ts'
import { openRawDirectory } from '../raw/raw-directory.ts'
import type { RawIndexEntry } from '../raw/raw-store.ts'
import {
  findCopied,
  findCopiedDays,
  type Manifest,
  rawFolder,
  readCopied,
  readHashes,
  sha256Of,
} from './backup-directory.ts'
import type { DumpedRow } from './dump-rows.ts'
import { readDump } from './read-dump.ts'

export interface Verified {
  /** Its id. */
  backup: string
  createdAt: string
  ok: boolean
  /** Raw batches whose hash is right. */
  batches: number
  /** Mails of the dump that were found in them. */
  mails: number
  /** What is wrong, a sentence each. */
  problems: string[]
}

export async function verifyBackup(directory: string, manifest: Manifest): Promise<Verified> {
  const verified: Verified = {
    ...{ backup: manifest.id, createdAt: manifest.createdAt, ok: true, batches: 0, mails: 0 },
    problems: manifest.raw.lost.map(batch => `batch ${batch} was missing or damaged already when the backup was made`),
  }
  await verifyBatches(directory, verified)
  await verifyDump(directory, manifest, verified)
  return { ...verified, ok: verified.problems.length === 0 }
}

async function verifyBatches(directory: string, verified: Verified): Promise<void> {
  for (const day of await findCopiedDays(directory)) {
    const hashes = await readHashes(directory, day)
    const there = new Set(await findCopied(directory, day))
    for (const [batch, sha256] of hashes) {
      if (!there.has(batch)) verified.problems.push(`batch ${batch} is missing`)
      else if (sha256Of(await readCopied(directory, batch)) === sha256) verified.batches += 1
      else verified.problems.push(`batch ${batch} is not what was copied`)
    }
  }
}

async function verifyDump(directory: string, manifest: Manifest, verified: Verified): Promise<void> {
  const { problems } = verified
  const file = path.join(directory, manifest.id, manifest.dump.file)
  try {
    if ((await hashOf(file)) !== manifest.dump.sha256) problems.push(`${manifest.dump.file} is not what was written`)
    const findMail = createMailFinder(directory)
    const facts = await readDump(file, {
      async sources(rows) {
        for (const row of rows) {
          const problem = await findMail(row, manifest)
          if (problem === undefined) verified.mails += row.batch === null ? 0 : 1
          else problems.push(problem)
        }
      },
    })
    if (!facts.isComplete) problems.push('the dump does not come to its end')
    for (const [table, count] of Object.entries(manifest.rows))
      if (facts.rows[table] !== count)
        problems.push(`the dump has ${facts.rows[table] ?? 0} rows of ${table} instead of ${count}`)
  } catch (error) {
    problems.push(`the dump cannot be read (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`)
  }
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

/** Batches whose indexes are remembered: rows come in the order in which their batches were written. */
const maxIndexes = 64

/** Says what is wrong with the place that a row of `sources` names. */
function createMailFinder(directory: string): (row: DumpedRow, manifest: Manifest) => Promise<string | undefined> {
  const raw = openRawDirectory(path.join(directory, rawFolder))
  const indexes = new Map<string, Map<string, RawIndexEntry> | string>()
  const indexOf = async (batch: string): Promise<Map<string, RawIndexEntry> | string> => {
    const known = indexes.get(batch)
    if (known !== undefined) return known
    const read = await raw.index(batch).then(
      entries => new Map(entries.map(entry => [String(entry.offset) + entry.sha256, entry])),
      error => {
        if (error instanceof ServiceError) return error.message
        throw error
      },
    )
    for (const oldest of indexes.keys()) if (indexes.size >= maxIndexes) indexes.delete(oldest)
    indexes.set(batch, read)
    return read
  }
  return async ({ id, batch, batch_offset: offset, stored_size: size, sha256 }, { raw: { lost } }) => {
    if (batch === null || batch === undefined || lost.includes(batch)) return undefined
    const index = await indexOf(batch)
    if (typeof index === 'string') return `source ${id}: ${index}`
    const entry = index.get(`${offset}${sha256}`)
    return entry?.size === Number(size) ? undefined : `source ${id} is not in batch ${batch}`
  }
}
