// The raw store in a local directory: `<day>/<id>`, one file a batch. A batch is the mails' bytes one after another, then its
// own index as JSON lines, then a footer of 16 bytes: the index's length (8, big-endian) and the mark `LLRAW1\r\n`.
// One write, one sync, one rename, one sync of the directory: a file under its final name is whole.
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { ServiceError } from '../errors.ts'
import type { RawIndexEntry, RawMail, RawPlace, RawStore } from './raw-store.ts'

const mark = Buffer.from('LLRAW1\r\n', 'latin1')
const footerBytes = 8 + mark.length
const maxIndexBytes = 64 * 1024 * 1024
const temporary = '.writing-'

/** Opens the store; the directory is made with mode 0700 when the first batch is kept. */
export function openRawDirectory(directory: string): RawStore {
  return {
    keep: mails => keep(directory, mails, new Date()),
    read: place => read(directory, place),
    batches: () => batches(directory),
    index: batch => readIndex(directory, batch),
    remove: batch => rm(fileOf(directory, batch)),
  }
}

async function keep(directory: string, mails: readonly RawMail[], now: Date): Promise<RawPlace[]> {
  const batch = `${now.toISOString().slice(0, 10)}/${now.toISOString().slice(11, 23).replace(/\D/g, '')}-${randomBytes(9).toString('base64url')}`
  const entries = toIndex(mails)
  const index = Buffer.from(entries.map(entry => `${JSON.stringify(entry)}\n`).join(''))
  const footer = Buffer.concat([Buffer.alloc(8), mark])
  footer.writeBigUInt64BE(BigInt(index.length))
  try {
    await writeDurably(fileOf(directory, batch), [...mails.map(mail => mail.source), index, footer])
  } catch (cause) {
    throw new ServiceError(
      'raw.unwritable',
      `raw mail cannot be written (${(cause as NodeJS.ErrnoException).code ?? 'unknown'})`,
      {
        temporary: true,
        hint: `check free space and permissions of ${directory}`,
        cause,
      },
    )
  }
  return entries.map(({ offset, size, sha256 }) => ({ batch, offset, size, sha256 }))
}

function toIndex(mails: readonly RawMail[]): RawIndexEntry[] {
  let offset = 0
  return mails.map(({ source, receivedAt, ...mail }) => {
    const sha256 = createHash('sha256').update(source).digest('hex')
    const entry = { ...mail, receivedAt: receivedAt.toISOString(), offset, size: source.length, sha256 }
    offset += source.length
    return entry
  })
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

async function read(directory: string, place: RawPlace): Promise<Buffer> {
  const bytes = await readBytes(directory, place.batch, place.offset, place.size)
  if (createHash('sha256').update(bytes).digest('hex') === place.sha256) return bytes
  throw damaged(directory, place.batch, 'a mail in it does not have the recorded hash')
}

async function readBytes(directory: string, batch: string, offset: number, size: number): Promise<Buffer> {
  try {
    await using handle = await open(fileOf(directory, batch), 'r')
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

async function* batches(directory: string): AsyncIterable<string> {
  const days = (await listFolder(directory)).filter(name => /^\d{4}-\d\d-\d\d$/.test(name))
  for (const day of days) {
    for (const name of await listFolder(path.join(directory, day))) {
      if (!name.startsWith(temporary)) yield `${day}/${name}`
    }
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
  if (size < footerBytes) throw damaged(directory, batch, 'it has no footer')
  const footer = await readBytes(directory, batch, size - footerBytes, footerBytes)
  const indexBytes = Number(footer.readBigUInt64BE())
  if (!footer.subarray(8).equals(mark) || indexBytes > Math.min(size - footerBytes, maxIndexBytes))
    throw damaged(directory, batch, 'it has no footer')
  const index = await readBytes(directory, batch, size - footerBytes - indexBytes, indexBytes)
  try {
    return index
      .toString('utf8')
      .split('\n')
      .filter(line => line !== '')
      .map(line => JSON.parse(line) as RawIndexEntry)
  } catch (cause) {
    throw damaged(directory, batch, 'its index cannot be read', cause)
  }
}

async function sizeOf(directory: string, batch: string): Promise<number> {
  try {
    await using handle = await open(fileOf(directory, batch), 'r')
    return (await handle.stat()).size
  } catch (cause) {
    throw damaged(directory, batch, 'it is missing', cause)
  }
}

/** The name is checked: it comes from the database, which others can write. */
function fileOf(directory: string, batch: string): string {
  if (!/^\d{4}-\d\d-\d\d\/[\w-]{1,50}$/.test(batch)) throw damaged(directory, '', 'its recorded name is none of ours')
  return path.join(directory, batch)
}

const hint =
  'check that data.directory is the one that the daemon uses; if it is, restore the raw directory from its backup'

function damaged(directory: string, batch: string, why: string, cause?: unknown): ServiceError {
  return new ServiceError('raw.damaged', `raw batch ${batch} in ${directory}: ${why}`, {
    temporary: false,
    hint,
    cause,
  })
}
