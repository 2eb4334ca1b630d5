// Retired key files that no secret of the database needs any more. They are only reported: a backup of the database from before the rotation
// still needs its key, and only people know how long they keep such a backup.
import { readdirSync } from 'node:fs'
import path from 'node:path'
import type { Knex } from 'knex'
import { countSealed } from '../../store/secrets/credential-rows.ts'
import { findSecretKeys } from '../../store/secrets/installation-secrets.ts'
import type { KeyPaths } from './keyring.ts'
import { retiredName } from './place-key-file.ts'

/** Paths of this host's retired key files whose key seals nothing in the database. Systemd's credentials are not ours to judge. */
export async function findIdleKeyFiles(db: Knex, { file, origin }: KeyPaths): Promise<string[]> {
  if (origin === 'credential') return []
  const needed = new Set(
    [...(await countSealed(db)).keys(), ...(await findSecretKeys(db))].map(id => retiredName(file, id)),
  )
  return retiredFiles(file).filter(name => !needed.has(name))
}

function retiredFiles(file: string): string[] {
  const prefix = `${path.parse(file).name}.retired-`
  try {
    return readdirSync(path.dirname(file))
      .filter(entry => entry.startsWith(prefix))
      .map(entry => path.join(path.dirname(file), entry))
      .sort()
  } catch {
    return []
  }
}
