// Settings of an account that commands take from files.
import { readFileSync } from 'node:fs'
import { CommandError } from '../../errors/errors.ts'
import { isCertificate } from '../../store/accounts/account-settings.ts'
import { firstLine } from '../terminal.ts'

/** For `toSettings`: the certificates in the file. */
export function readCa(file: string, faults: string[], name: string): string | undefined {
  const refuse = (why: string): undefined => void faults.push(`${name} ${JSON.stringify(file)}: ${why}`)
  let pem: string
  try {
    pem = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return refuse('there is no such file')
    return refuse(notPem)
  }
  return isCertificate(pem) ? pem : refuse(notPem)
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
