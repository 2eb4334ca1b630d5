// Where the original mails lie, as configured: a bucket if one is named, else `raw/` in the data directory. What a bucket takes is
// loaded only where there is one.
import path from 'node:path'
import type { Config } from '../../config/config.ts'
import { openRawDirectory } from './raw-directory.ts'
import type { RawStore } from './raw-store.ts'

export type RawConfig = Pick<Config, 'data' | 'raw'>

export async function openRawStore(config: RawConfig): Promise<RawStore> {
  const directory = rawDirectoryOf(config)
  if (directory !== undefined) return openRawDirectory(directory)
  const { openRawS3 } = await import('./raw-s3.ts')
  return openRawS3(config.raw)
}

/** The directory of this host; undefined where mail lies in a bucket. */
export function rawDirectoryOf({ data, raw }: RawConfig): string | undefined {
  return raw.s3Bucket === '' ? path.join(data.directory, 'raw') : undefined
}

/** True if several hosts may keep their mail there. */
export function isShared({ raw }: RawConfig): boolean {
  return raw.shared || raw.s3Bucket !== ''
}
