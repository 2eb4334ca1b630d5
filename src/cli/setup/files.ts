// The files that setup writes. The group of the service reads the password; nobody else does.
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { CommandError } from '../../errors/errors.ts'
import { firstLine } from '../terminal.ts'

/** Throws CommandError before anything is asked or made, where the file could not be written in the end. */
export function checkAccessToFiles(file: string): void {
  try {
    mkdirSync(path.dirname(file), { recursive: true })
    accessSync(existsSync(file) ? file : path.dirname(file), constants.W_OK)
    accessSync(path.dirname(file), constants.W_OK)
  } catch {
    throw new CommandError(`${file} cannot be written`, 'run setup as root: sudo letterlock setup', 2)
  }
}

/** The password in the file; where there is no file, it is made with what `make` gives. */
export async function keepPassword(file: string, make: () => Promise<string>): Promise<string> {
  if (existsSync(file)) return firstLine(readFileSync(file), file)
  const password = await make()
  replaceFile(file, `${password}\n`, 0o640)
  return password
}

export function writeSettings(file: string, text: string): void {
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return
  replaceFile(file, text, existsSync(file) ? statSync(file).mode & 0o777 : 0o644)
}

/** Whole or not at all, and never readable by others in between. */
function replaceFile(file: string, text: string, mode: number): void {
  const draft = `${file}.new`
  writeFileSync(draft, text, { mode: mode & 0o700, flag: 'w' })
  const group = serviceGroup()
  if (group !== undefined && process.getuid?.() === 0) chownSync(draft, 0, group)
  chmodSync(draft, mode)
  renameSync(draft, file)
}

/** Its number, or undefined where there is no such group: in a clone, for example. */
function serviceGroup(): number | undefined {
  const line = readFileSync('/etc/group', 'utf8').match(/^letterlock:[^:]*:(\d+):/m)
  return line?.[1] === undefined ? undefined : Number(line[1])
}
