// The raw store in a local directory: `<day>/<id>`, one file a batch (raw-batch.ts).
// One write, one sync, one rename, one sync of the directory: a file under its final name is whole.

import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { access, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { ServiceError } from '../../errors/errors.ts'
import type { RawLocation } from '../../model/mail.ts'
import {
  checkedMail,
  checkedName,
  checkPlace,
  damaged,
  footerBytes,
  indexRange,
  isBatchName,
  isDay,
  parseIndex,
  toBatch,
} from './raw-batch.ts'
import { missingStore } from './raw-identity.ts'
import type { RawIndexEntry, RawMail, RawStore } from './raw-store.ts'

const temporary = '.writing-'
const idFile = 'store-id'

/** Opens the store; the directory is made with mode 0700 when the first batch is kept. */
export function openRawDirectory(directory: string): RawStore {
  const state: State = { seen: false, unwrittenBytes: 0 }
  return {
    where: directory,
    archive: mails => archive(directory, mails, new Date(), state),
    read: place => read(directory, place),
    days: () => days(directory),
    batches: day => batches(directory, day),
    sizes: day => sizes(directory, day),
    index: batch => readIndex(directory, batch),
    readBatch: async batch => await readBytes(directory, batch, 0, await sizeOf(directory, batch)),
    writeBatch: (batch, bytes) => writeBatch(directory, batch, bytes),
    remove: batch => rm(fileOf(directory, batch), { force: true }),
    readId: () => seeing(state, readId(directory)),
    writeId: id => seeing(state, writeId(directory, id)),
    checkWritable: () => checkWritable(directory, state),
    async [Symbol.asyncDispose]() {},
  }
}

interface State {
  /** The store's id was read or written: from then on an empty directory is a mount that went away. */
  seen: boolean
  /** Size of what could not be written last: until there is room for it, the store is not writable. */
  unwrittenBytes: number
}

async function seeing<T extends string | undefined>(state: State, read: Promise<T>): Promise<T> {
  const id = await read
  if (id !== undefined) state.seen = true
  return id
}

async function archive(directory: string, mails: readonly RawMail[], now: Date, state: State): Promise<RawLocation[]> {
  const batch = toBatch(mails, now, randomBytes(9).toString('base64url'))
  if (state.seen) await checkMounted(directory)
  try {
    await writeDurably(fileOf(directory, batch.name), batch.parts)
  } catch (cause) {
    state.unwrittenBytes = batch.parts.reduce((sum, part) => sum + part.length, 0)
    throw unwritable(directory, cause)
  }
  return batch.places
}

/** Else a batch would be written below the place where the disk is mounted again later, and be hidden by it. */
async function checkMounted(directory: string): Promise<void> {
  if ((await readId(directory)) === undefined) throw missingStore(directory)
}

function unwritable(directory: string, cause: unknown): ServiceError {
  const why = (cause as NodeJS.ErrnoException).code ?? 'unknown'
  return new ServiceError('raw.unwritable', { reason: 'disk', where: directory, why }, { temporary: true, cause })
}

async function writeBatch(directory: string, batch: string, bytes: Buffer): Promise<void> {
  try {
    await writeDurably(fileOf(directory, batch), [bytes])
  } catch (cause) {
    throw unwritable(directory, cause)
  }
}

async function writeDurably(file: string, parts: readonly Buffer[]): Promise<void> {
  const folder = path.dirname(file)
  const created = await mkdir(folder, { recursive: true, mode: 0o700 })
  const draft = path.join(folder, temporary + path.basename(file))
  try {
    await using handle = await open(draft, 'wx', 0o600)
    await writeAll(handle, parts)
    await handle.sync()
    await rename(draft, file)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
  await syncDirectory(folder)
  if (created !== undefined) await syncDirectory(path.dirname(folder))
}

/** `writev` may write less than it was given (a signal, 2 GiB). */
async function writeAll(handle: Awaited<ReturnType<typeof open>>, parts: readonly Buffer[]): Promise<void> {
  const maxParts = 512
  for (let i = 0; i < parts.length; i += maxParts) {
    const group = parts.slice(i, i + maxParts)
    const wanted = group.reduce((sum, part) => sum + part.length, 0)
    const { bytesWritten } = await handle.writev(group)
    if (bytesWritten < wanted) await handle.writeFile(Buffer.concat(group).subarray(bytesWritten))
  }
}

async function syncDirectory(folder: string): Promise<void> {
  await using handle = await open(folder, 'r')
  await handle.sync()
}

async function read(directory: string, place: RawLocation): Promise<Buffer> {
  checkPlace(directory, place)
  return checkedMail(directory, place, await readBytes(directory, place.batch, place.offset, place.size))
}

async function readBytes(directory: string, batch: string, offset: number, size: number): Promise<Buffer> {
  try {
    await using handle = await open(fileOf(directory, batch), 'r')
    if (offset + size > (await handle.stat()).size) throw damaged(directory, batch, 'it is shorter than recorded')
    const bytes = Buffer.allocUnsafe(size)
    const { bytesRead } = await handle.read(bytes, 0, size, offset)
    if (bytesRead < size) throw damaged(directory, batch, 'it is shorter than recorded')
    return bytes
  } catch (error) {
    if (error instanceof ServiceError) throw error
    throw damaged(
      directory,
      batch,
      (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'it is missing' : 'it cannot be read',
      error,
    )
  }
}

async function* days(directory: string): AsyncIterable<string> {
  yield* (await listFolder(directory)).filter(isDay)
}

async function* batches(directory: string, only?: string): AsyncIterable<string> {
  for await (const day of only === undefined ? days(directory) : [only]) {
    for (const name of await listFolder(path.join(directory, day))) {
      if (isBatchName(`${day}/${name}`)) yield `${day}/${name}`
    }
  }
}

/** A batch that is removed meanwhile has no size any more. */
async function* sizes(directory: string, day: string): AsyncIterable<[batch: string, bytes: number]> {
  for await (const batch of batches(directory, day)) {
    const found = await stat(path.join(directory, batch)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
    if (found !== undefined) yield [batch, found.size]
  }
}

async function listFolder(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

async function readIndex(directory: string, batch: string): Promise<RawIndexEntry[]> {
  const size = await sizeOf(directory, batch)
  const footer = await readBytes(directory, batch, Math.max(0, size - footerBytes), Math.min(size, footerBytes))
  const { start, end } = indexRange(directory, batch, size, footer)
  return parseIndex(directory, batch, await readBytes(directory, batch, start, end - start))
}

async function sizeOf(directory: string, batch: string): Promise<number> {
  try {
    await using handle = await open(fileOf(directory, batch), 'r')
    return (await handle.stat()).size
  } catch (cause) {
    throw damaged(directory, batch, 'it is missing', cause)
  }
}

function fileOf(directory: string, batch: string): string {
  return path.join(directory, checkedName(directory, batch))
}

async function readId(directory: string): Promise<string | undefined> {
  try {
    return (await readFile(path.join(directory, idFile), 'utf8')).trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw unusable(directory, error)
  }
}

async function writeId(directory: string, id: string): Promise<string> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    await using file = await open(path.join(directory, idFile), 'wx', 0o600)
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
  return new ServiceError('raw.unwritable', { reason: 'directory', where: directory, why }, { temporary: true, cause })
}

/** Writes as much as failed last, and removes it. */
async function checkWritable(directory: string, state: State): Promise<void> {
  if (state.seen) await checkMounted(directory)
  const probe = path.join(directory, `${temporary}probe-${randomBytes(6).toString('hex')}`)
  try {
    await access(directory, constants.W_OK)
    if (state.unwrittenBytes > 0) await writeZeros(probe, state.unwrittenBytes)
    state.unwrittenBytes = 0
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw unwritable(directory, error)
  } finally {
    await rm(probe, { force: true })
  }
}

const zeros = Buffer.alloc(1_048_576)

async function writeZeros(file: string, bytes: number): Promise<void> {
  await using handle = await open(file, 'wx', 0o600)
  for (let left = bytes; left > 0; left -= zeros.length)
    await handle.writeFile(zeros.subarray(0, Math.min(left, zeros.length)))
  await handle.sync()
}
