// `letterlock backup`: one more backup in a directory, or the proof that one is whole.
import path from 'node:path'
import { CommandError } from '../../errors/errors.ts'
import { createBackup } from '../../operations/backup.ts'
import { readManifest } from '../../store/backup/backup-directory.ts'
import { verifyBackup } from '../../store/backup/verify-backup.ts'
import { askFor } from '../ask.ts'
import type { GlobalOptions } from '../connect.ts'
import { print, printJson, remark } from '../terminal.ts'

export interface BackupOptions extends GlobalOptions {
  verify?: boolean
  backup?: string
  json?: boolean
}

/** Resolves to 1 if raw batches that the dump names could not be copied. */
export async function backUp(directory: string, options: BackupOptions): Promise<0 | 1> {
  if (options.backup !== undefined) throw new CommandError('--backup goes with --verify', undefined, 2)
  const place = path.resolve(directory)
  const manifest = await askFor(createBackup, options, { input: { directory: place }, names: {} })
  const { id, dump, raw } = manifest
  if (options.json) await printJson([{ ...manifest, directory: path.join(place, id) }])
  else {
    await print(
      `backup ${id} is complete: a dump of ${dump.bytes} bytes, ${raw.copied} of ${raw.batches} raw batches copied (${raw.copiedBytes} bytes)`,
    )
    if (manifest.keyIds.length > 0)
      await print(`it holds passwords sealed under ${manifest.keyIds.join(', ')}: the key file is not part of it`)
  }
  for (const batch of raw.lost)
    remark(`batch ${batch} is missing or damaged and could not be copied: see letterlock doctor`)
  return raw.lost.length > 0 ? 1 : 0
}

/** Resolves to 1 if anything is wrong. */
export async function verify(directory: string, { backup, json }: BackupOptions): Promise<0 | 1> {
  const place = path.resolve(directory)
  const verified = await verifyBackup(place, await readManifest(place, backup))
  if (json) await printJson([verified])
  else {
    for (const problem of verified.problems) await print(`FAULT ${problem}`)
    const { batches, mails, problems } = verified
    await print(
      verified.ok
        ? `backup ${verified.backup} is whole: ${batches} raw batches, ${mails} mails of the dump, all of them in the batches`
        : `backup ${verified.backup} is not whole: ${problems.length} problems`,
    )
  }
  return verified.ok ? 0 : 1
}
