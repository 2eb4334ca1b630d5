// A backup while the daemon works: first the dump, which is of one moment, then the raw batches. A mail's bytes are durable before its row is,
// and batches never change, so the copy has every batch that the dump names. The removal lock keeps any from going meanwhile.
import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { open } from 'node:fs/promises'
import path from 'node:path'
import { PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { Knex } from 'knex'
import type { Config } from '../../config/config.ts'
import { OperationError, ServiceError } from '../../errors/errors.ts'
import { readSchemaVersion } from '../db/check-database.ts'
import type { RawStore } from '../raw/raw-store.ts'
import {
  backupId,
  beginBackup,
  completeBackup,
  dumpName,
  findBackups,
  findCopied,
  findCopiedDays,
  type Manifest,
  readHashes,
  readStoreId,
  sha256Of,
  writeCopied,
  writeHashes,
  writeStoreId,
} from './backup-directory.ts'
import type { DumpedRow } from './dump-rows.ts'
import { dumpAccessOf, findTool, withDump } from './dump-tool.ts'
import { readDump } from './read-dump.ts'

export interface BackupDeps {
  db: Knex
  raw: RawStore
  config: Pick<Config, 'database'>
  /** Of Letterlock. */
  version: string
  say(line: string): void
}

/** Writes a backup into the directory, or leaves one that is visibly incomplete. */
export async function createBackup(deps: BackupDeps, directory: string, now: Date): Promise<Manifest> {
  try {
    return await writeBackup(deps, directory, now)
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException
    if (error instanceof OperationError || error instanceof ServiceError || syscall === undefined) throw error
    throw new OperationError('backup.unwritable', { directory, why: code ?? '' }, { cause: error })
  }
}

async function writeBackup(deps: BackupDeps, directory: string, now: Date): Promise<Manifest> {
  const { db, raw, config, version, say } = deps
  const storeId = await raw.readId()
  if (storeId === undefined) throw new OperationError('backup.no_mail', { where: raw.where })
  await claimDirectory(directory, storeId)
  const id = await newId(directory, now)
  const place = await beginBackup(directory, id)
  const schema = await readSchemaVersion(db)
  if (schema === undefined) throw new Error('the database lost its schema')

  say('dumping the database …')
  const tool = await findTool(db, 'dump')
  const dump = await writeDump(path.join(place, dumpName), sql =>
    withDump(tool, dumpAccessOf(db, config.database), sql),
  )
  const named = new Set<string>()
  const keyIds = new Set<string>()
  const noteKeys = (rows: readonly DumpedRow[]): void => {
    for (const { sealed } of rows) noteKey(sealed, keyIds)
  }
  const facts = await readDump(path.join(place, dumpName), {
    sources(rows) {
      for (const { batch } of rows) if (batch) named.add(batch)
    },
    credentials: noteKeys,
    secrets: noteKeys,
  })
  if (!facts.isComplete)
    throw new OperationError('backup.tool_failed', { tool: path.basename(tool.file), why: 'it stopped early' })

  const copied = await copyRaw(raw, directory, say)
  const there = await copiedOf(directory, named)
  const manifest: Manifest = {
    ...{ format: 1, id, createdAt: now.toISOString(), version, schema },
    ...{ server: await serverOf(db), tool: tool.version, dump: { file: dumpName, ...dump }, rows: facts.rows },
    keyIds: [...keyIds].sort(),
    raw: { where: raw.where, storeId, ...copied, lost: [...named].filter(batch => !there.has(batch)).sort() },
  }
  await completeBackup(directory, manifest)
  return manifest
}

/** A directory holds the backups of one installation: raw batches of two would mix, and a restore would take both. */
async function claimDirectory(directory: string, storeId: string): Promise<void> {
  const owner = await readStoreId(directory)
  if (owner === undefined) return await writeStoreId(directory, storeId)
  if (owner !== storeId) throw new OperationError('backup.other_installation', { directory, storeId, owner })
}

/** No two backups have one: one that is begun in the same second is given the next. */
async function newId(directory: string, now: Date): Promise<string> {
  const taken = await findBackups(directory)
  for (let at = now; ; at = new Date(at.getTime() + 1_000)) if (!taken.includes(backupId(at))) return backupId(at)
}

/** `0x01` and the key's id begin an envelope. */
function noteKey(sealed: string | null | undefined, keyIds: Set<string>): void {
  const id = /^0x..([0-9a-f]{16})/i.exec(sealed ?? '')?.[1]
  if (id !== undefined) keyIds.add(id.toLowerCase())
}

async function serverOf(db: Knex): Promise<string> {
  const [[row]] = (await db.raw('SELECT VERSION() AS version')) as [[{ version: string }]]
  return row.version
}

/** Gzipped and synced. */
async function writeDump(
  file: string,
  dump: (use: (sql: NodeJS.ReadableStream) => Promise<void>) => Promise<void>,
): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256')
  let bytes = 0
  const counted = new PassThrough().on('data', chunk => {
    hash.update(chunk)
    bytes += chunk.length
  })
  const target = createWriteStream(file, { flags: 'wx', mode: 0o600 })
  await dump(async sql => await pipeline(sql, createGzip(), counted, target))
  await using handle = await open(file, 'r')
  await handle.sync()
  return { bytes, sha256: hash.digest('hex') }
}

/** Copies the batches that are not in the copy yet; a damaged one is passed over, and missed if the dump names it. */
async function copyRaw(
  raw: RawStore,
  directory: string,
  say: BackupDeps['say'],
): Promise<{ batches: number; copied: number; copiedBytes: number }> {
  const sum = { batches: 0, copied: 0, copiedBytes: 0 }
  for await (const day of raw.days()) {
    const hashes = await readHashes(directory, day)
    const there = new Set(await findCopied(directory, day))
    const before = sum.copied
    for await (const batch of raw.batches(day)) {
      sum.batches += 1
      if (hashes.has(batch) && there.has(batch)) continue
      const bytes = await readSound(raw, batch)
      if (bytes === undefined) continue
      await writeCopied(directory, batch, bytes)
      hashes.set(batch, sha256Of(bytes))
      sum.copied += 1
      sum.copiedBytes += bytes.length
    }
    if (sum.copied === before) continue
    await writeHashes(directory, day, hashes)
    say(`copied ${sum.copied - before} raw batches of ${day}`)
  }
  return sum
}

/** The batch's bytes, if every mail in it is what its index says; undefined for a damaged one. */
async function readSound(raw: RawStore, batch: string): Promise<Buffer | undefined> {
  try {
    const bytes = await raw.readBatch(batch)
    const entries = await raw.index(batch)
    const isSound = entries.every(
      ({ offset, size, sha256 }) => sha256Of(bytes.subarray(offset, offset + size)) === sha256,
    )
    return isSound ? bytes : undefined
  } catch (error) {
    if (error instanceof ServiceError && error.code === 'raw.damaged') return undefined
    throw error
  }
}

/** Of these batches, those that are in the copy with their hash. */
async function copiedOf(directory: string, named: ReadonlySet<string>): Promise<Set<string>> {
  const copied = new Set<string>()
  for (const day of await findCopiedDays(directory))
    for (const batch of (await readHashes(directory, day)).keys()) if (named.has(batch)) copied.add(batch)
  return copied
}
