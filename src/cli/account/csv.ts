// Accounts from a CSV file (RFC 4180): a header line with the names of columns, then an account a line. All faults are told at once,
// with their lines; passwords are taken as they stand, spaces included, and never shown.
import path from 'node:path'
import { CsvError, parse } from 'csv-parse/sync'
import type { z } from 'zod'
import { CommandError, Refusal } from '../../errors/errors.ts'
import { newAccount } from '../../operations/account-input.ts'
import { checkInput, type Fault, InputError } from '../../operations/operation.ts'
import { inWords } from '../faults.ts'
import { readCa, readPasswordFile } from './files.ts'

const columns = [
  'address',
  'host',
  'password',
  'password_file',
  'port',
  'security',
  'username',
  'mailboxes',
  'every',
  'push',
  'start',
  'after',
  'ca',
] as const
type Column = (typeof columns)[number]

export interface AccountLine {
  line: number
  /** For the operation that adds it. */
  account: z.input<typeof newAccount>
}

/** Throws CommandError that lists every fault. Relative paths in it are meant from the file's folder. */
export function parseAccountsCsv(text: string, file: string): AccountLine[] {
  const [header, ...lines] = parseCsv(text, file)
  const names = header?.fields.map(name => name.trim().toLowerCase()) ?? []
  const faults = faultsOfHeader(names).map(fault => `line 1: ${fault}`)
  if (faults.length > 0) throw refused(file, faults)
  const seen = new Map<string, number>()
  const accounts = lines.map(({ line, fields }) => {
    const found: string[] = []
    const account = toAccount(toRow(names, fields, found), path.dirname(file), found)
    const before = seen.get(account.address)
    if (before !== undefined) found.push(`the address stands in line ${before} already`)
    if (account.address !== '' && before === undefined) seen.set(account.address, line)
    faults.push(...found.map(fault => `line ${line}: ${fault}`))
    return { line, account }
  })
  if (faults.length === 0 && accounts.length === 0) faults.push('it has no account')
  if (faults.length > 0) throw refused(file, faults)
  return accounts
}

/** The refusal of a whole file. */
export function refused(file: string, faults: readonly string[], exitCode: 1 | 2 = 2): CommandError {
  return new CommandError(
    `nothing of ${file} was imported:\n  ${faults.join('\n  ')}`,
    exitCode === 1 ? undefined : '`letterlock account import --help` explains the columns',
    exitCode,
  )
}

function faultsOfHeader(names: readonly string[]): string[] {
  const missing = ['address', 'host'].filter(name => !names.includes(name))
  return [
    ...names.filter(name => !(columns as readonly string[]).includes(name)).map(name => `there is no column "${name}"`),
    ...names.filter((name, i) => names.indexOf(name) < i).map(name => `the column ${name} stands there twice`),
    ...missing.map(name => `the column ${name} is missing`),
    ...(names.includes('password') || names.includes('password_file')
      ? []
      : ['the column password or password_file is missing']),
  ]
}

type Row = Partial<Record<Column, string>>

/** What is blank was not given. Everything but a password is trimmed. */
function toRow(names: readonly string[], fields: readonly string[], faults: string[]): Row {
  if (fields.length !== names.length) faults.push(`${fields.length} fields instead of ${names.length}`)
  const cells = names.map((name, i) => [name, name === 'password' ? fields[i] : fields[i]?.trim()])
  return Object.fromEntries(cells.filter(([, text]) => text !== undefined && text !== ''))
}

function toAccount(row: Row, folder: string, said: string[]): AccountLine['account'] {
  const { address = '', password, password_file, mailboxes, ca, ...rest } = row
  const faults: Fault[] = []
  const pem =
    ca === undefined ? undefined : readCa(path.resolve(folder, ca), text => faults.push({ path: ['ca'], text }))
  const secret = toPassword(password, password_file, folder, said)
  const account = {
    ...{ address, ...rest },
    ...(mailboxes === undefined ? {} : { mailboxes: mailboxes.split('|').map(name => name.trim()) }),
    ...(pem === undefined ? {} : { ca: pem }),
    // A file that cannot be read is told already.
    password: secret ?? 'unknown',
  } as AccountLine['account']
  try {
    checkInput(newAccount, account)
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    faults.unshift(...error.faults)
  }
  said.push(...faults.map(fault => inWords(fault, names, { ...account, ca })))
  return account
}

/** What a column is called where its name alone would not read well. */
const names: Readonly<Record<string, string>> = { address: 'the address', host: 'the host', password: 'the password' }

/** The password of a line; undefined, and a fault, where it cannot be told. */
function toPassword(
  password: string | undefined,
  file: string | undefined,
  folder: string,
  faults: string[],
): string | undefined {
  if (password !== undefined && file !== undefined) {
    faults.push('both a password and a password_file are given')
    return undefined
  }
  try {
    return file === undefined ? (password ?? '') : readPasswordFile(path.resolve(folder, file))
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    faults.push(error.message)
    return undefined
  }
}

interface Line {
  /** Where it begins. */
  line: number
  fields: string[]
}

/** Without blank lines. Throws CommandError where a quotation mark is never closed. */
function parseCsv(text: string, file: string): Line[] {
  const lines: Line[] = []
  let line = 1
  try {
    parse(text, {
      bom: true,
      record_delimiter: ['\r\n', '\n'],
      relax_column_count: true,
      // A quotation mark within a password that is not quoted is part of it.
      relax_quotes: true,
      on_record(fields: string[]) {
        if (fields.length > 1 || fields[0] !== '') lines.push({ line, fields })
        line += fields.join('').split('\n').length
        return null
      },
    })
  } catch (error) {
    if (!(error instanceof CsvError) || error.code !== 'CSV_QUOTE_NOT_CLOSED') throw error
    throw refused(file, [`line ${line}: a quotation mark is never closed`])
  }
  return lines
}
