// Secrets that systemd gives to the service (LoadCredential=): files below $CREDENTIALS_DIRECTORY, by their names. One that is there is
// what the service uses, so it comes before any file that the configuration names.
import { existsSync } from 'node:fs'
import path from 'node:path'

export type CredentialName = 'encryption-key.bin' | 'database-password' | 'redis-password' | 's3-credentials'

/** Its path, or undefined where systemd gave none of this name. */
export function findCredential(
  name: CredentialName,
  directory: string | undefined = process.env.CREDENTIALS_DIRECTORY,
): string | undefined {
  if (directory === undefined || directory === '') return undefined
  const file = path.join(directory, name)
  return existsSync(file) ? file : undefined
}
