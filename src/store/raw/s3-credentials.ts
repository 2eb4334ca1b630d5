// The file with the S3 keys, in the form of AWS's own credentials file, so that one can be taken as it is: lines of `name = value`,
// a section's name above them if you like. It is read again from time to time: new keys need no restart.
import { readFileSync } from 'node:fs'
import { findCredential } from '../../config/systemd-credentials.ts'
import { ServiceError } from '../../errors/errors.ts'
import type { ConfigFault } from '../../errors/service.ts'

export interface S3Credentials {
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string
  /** Asked for again before then. */
  expiration: Date
}

const validMs = 10 * 60_000

/** The file that applies: systemd's credential `s3-credentials`, or as configured; undefined where there is neither. */
export function findCredentialsFile(configured: string, directory?: string): string | undefined {
  return findCredential('s3-credentials', directory) ?? (configured === '' ? undefined : configured)
}

/** Throws ServiceError `config.invalid`, or `config.unreadable`; nothing of the file is in its words. */
export function readCredentials(file: string, now = new Date()): S3Credentials {
  const values = toValues(readText(file), file)
  const [accessKeyId, secretAccessKey] = [values.get('aws_access_key_id'), values.get('aws_secret_access_key')]
  const sessionToken = values.get('aws_session_token')
  if (!accessKeyId || !secretAccessKey) throw refused(file, 'credentials_incomplete')
  return {
    accessKeyId,
    secretAccessKey,
    ...(sessionToken ? { sessionToken } : {}),
    expiration: new Date(now.getTime() + validMs),
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new ServiceError('config.unreadable', { file, kind: 'credentials' }, { temporary: true, cause })
  }
}

function toValues(text: string, file: string): Map<string, string> {
  const lines = text.split(/\r?\n/).map(line => line.trim())
  if (lines.filter(line => line.startsWith('[')).length > 1) throw refused(file, 'credentials_sections')
  return new Map(
    lines
      .filter(line => line !== '' && !/^[[#;]/.test(line))
      .map(line => {
        const at = line.indexOf('=')
        return [line.slice(0, Math.max(0, at)).trim().toLowerCase(), line.slice(at + 1).trim()] as const
      }),
  )
}

function refused(file: string, reason: ConfigFault): ServiceError {
  return new ServiceError('config.invalid', { reason, file }, { temporary: false })
}
