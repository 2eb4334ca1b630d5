// `letterlock source export`: originals as files in a directory.
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { CommandError, ServiceError } from '../../errors/errors.ts'
import { findSourceDetails, type SourceDetail } from '../../store/ingest/sources.ts'
import type { RawStore } from '../../store/raw/raw-store.ts'
import { type GlobalOptions, openRaw, withDatabase } from '../connect.ts'
import { print, remark } from '../terminal.ts'
import { toFilter } from './source.ts'

export interface ExportOptions extends GlobalOptions {
  account?: string
  since?: string
  until?: string
  result?: string
}

const page = 1_000

/** Writes each original as `DIR/<sha256>.eml`; one that is there already is left alone. Resolves to 1 if one could not be read. */
export async function exportSources(directory: string, options: ExportOptions): Promise<0 | 1> {
  const filter = toFilter(options, page)
  return await withDatabase(options, async (db, config) => {
    const raw = await openRaw(config)
    await makeDirectory(directory)
    const count = { written: 0, present: 0, absent: 0, damaged: 0 }
    for (let beforeId: number | undefined; ; ) {
      const sources = await findSourceDetails(db, { ...filter, ...(beforeId === undefined ? {} : { beforeId }) })
      for (const source of sources) count[await exportOne(source, directory, raw)] += 1
      beforeId = sources.at(-1)?.id
      if (sources.length < page) break
      remark(`${count.written} written …`)
    }
    await print(
      `${count.written} mails written to ${directory}, ${count.present} were there already, of ${count.absent} no bytes are kept`,
    )
    if (count.damaged > 0)
      remark(`${count.damaged} mails could not be read; \`letterlock doctor\` looks at the raw store`)
    return count.damaged > 0 ? 1 : 0
  })
}

async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw unwritable(directory, error)
  }
}

function unwritable(file: string, error: unknown): CommandError {
  return new CommandError(
    `${file} cannot be written (${(error as NodeJS.ErrnoException).code})`,
    'check the directory and free space',
  )
}

/** A damaged mail does not keep the others from being exported. */
async function exportOne(
  source: SourceDetail,
  directory: string,
  raw: RawStore,
): Promise<'written' | 'present' | 'absent' | 'damaged'> {
  const { place } = source
  if (place === null) return 'absent'
  const file = path.join(directory, `${place.sha256}.eml`)
  try {
    const bytes = await raw.read(place)
    if ((await stat(file).catch(() => undefined))?.size === bytes.length) return 'present'
    await writeWhole(file, bytes)
    return 'written'
  } catch (error) {
    if (!(error instanceof ServiceError) || error.code !== 'raw.damaged') throw error
    remark(`mail ${source.id}: ${error.message}`)
    return 'damaged'
  }
}

/** What bears the name is whole, whenever somebody interrupts. */
async function writeWhole(file: string, bytes: Buffer): Promise<void> {
  const draft = `${file}.${process.pid}.part`
  try {
    await writeFile(draft, bytes, { flag: 'wx', mode: 0o600 })
    await rename(draft, file)
  } catch (error) {
    await rm(draft, { force: true })
    throw unwritable(file, error)
  }
}
