// `letterlock account import FILE`: many accounts at once.
import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { CommandError } from '../../errors/errors.ts'
import { importAccounts as importAll } from '../../operations/add-account.ts'
import { InputError } from '../../operations/operation.ts'
import { commandActor } from '../actor.ts'
import { type GlobalOptions, withDeps } from '../connect.ts'
import { print, remark } from '../terminal.ts'
import { type AccountLine, parseAccountsCsv, refused } from './csv.ts'

/** All lines of the file, or none. */
export async function importAccounts(file: string, options: GlobalOptions): Promise<void> {
  const lines = parseAccountsCsv(readText(file), file)
  await withDeps(options, async deps => {
    try {
      await importAll.run(deps, commandActor(), { accounts: lines.map(({ account }) => account) })
    } catch (error) {
      throw error instanceof InputError ? refused(file, inLines(error, lines), error.exitCode) : error
    }
  })
  await print(`${lines.length} ${lines.length === 1 ? 'account' : 'accounts'} added`)
  remark(`${file} holds passwords: remove it when you are done`)
}

/** What the accounts that are there already have against it: `line 3: a@example.com is account 4 already`. */
function inLines({ faults }: InputError, lines: readonly AccountLine[]): string[] {
  return faults.map(({ path: [, i], text }) => {
    const found = lines[Number(i)]
    return found === undefined ? text : `line ${found.line}: ${found.account.address} ${text}`
  })
}

/** Throws CommandError for what is not UTF-8: replaced letters in a password would be found out by the mail server alone. */
function readText(file: string): string {
  const bytes = readBytes(file)
  if (isUtf8(bytes)) return bytes.toString('utf8')
  throw refused(file, [
    `line ${lineWithoutUtf8(bytes)}: it is not UTF-8: save the file as UTF-8 (in Excel: “CSV UTF-8”), and import it again`,
  ])
}

/** The first line, from 1, that is none. */
function lineWithoutUtf8(bytes: Buffer): number {
  for (let line = 1, from = 0; ; line++) {
    const end = bytes.indexOf('\n', from)
    if (end < 0 || !isUtf8(bytes.subarray(from, end))) return line
    from = end + 1
  }
}

function readBytes(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : 'cannot be read'
    throw new CommandError(`the file ${file} ${why}`, 'check the path', 2)
  }
}
