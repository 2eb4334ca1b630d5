// Settings of an account that commands take from files.
import { readFileSync } from 'node:fs'
import { CommandError } from '../../errors/errors.ts'
import { isCertificate } from '../../store/accounts/account-settings.ts'
import { firstLine } from '../terminal.ts'

/** The certificates in the file; undefined, and a fault, where there are none. */
export function readCa(file: string, refuse: (text: string) => void): string | undefined {
  let pem: string
  try {
    pem = readFileSync(file, 'utf8')
  } catch (error) {
    refuse((error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : notPem)
    return undefined
  }
  if (isCertificate(pem)) return pem
  refuse(notPem)
  return undefined
}

const notPem = 'must be a file with a certificate in PEM form'

/** The first line of the file. Throws CommandError. */
export function readPasswordFile(file: string): string {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch {
    throw new CommandError(`the password file ${file} cannot be read`, 'check the path and its permissions', 2)
  }
  return firstLine(bytes, `the password file ${file}`)
}
