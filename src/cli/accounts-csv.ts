// Accounts from a CSV file (RFC 4180): a header line with the names of columns, then an account a line. All faults are told at once,
// with their lines; nothing is added unless everything is right.
import { CommandError } from '../errors.ts'
import type { NewAccount } from '../store/accounts.ts'
import { accountDefaults, toSettings } from './accounts.ts'

const columns = [
  'address',
  'password',
  'host',
  'port',
  'security',
  'username',
  'mailboxes',
  'every',
  'start',
  'after',
  'ca',
] as const
type Column = (typeof columns)[number]

/** Throws CommandError that lists every fault. */
export function parseAccountsCsv(text: string, file: string): { line: number; account: NewAccount }[] {
  const [header, ...rows] = parseCsv(text.replace(/^\ufeff/, ''))
  const names = header?.fields.map(name => name.trim().toLowerCase()) ?? []
  const unknown = names.filter(name => !(columns as readonly string[]).includes(name))
  const missing = ['address', 'host', 'password'].filter(name => !names.includes(name))
  if (unknown.length > 0 || missing.length > 0) {
    const faults = [
      ...unknown.map(name => `there is no column ${name || '(empty)'}`),
      ...missing.map(name => `the column ${name} is missing`),
    ]
    throw refused(
      file,
      faults.map(fault => `line 1: ${fault}`),
    )
  }
  const faults: string[] = []
  const seen = new Map<string, number>()
  const accounts = rows.flatMap(({ line, fields }) => {
    const row = Object.fromEntries(names.map((name, i) => [name, fields[i]?.trim() ?? ''])) as Partial<
      Record<Column, string>
    >
    try {
      return [{ line, account: toAccount(row, fields.length, names.length, line, seen) }]
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      faults.push(`line ${line}: ${error.message.replace(/\n\s+/g, '; ').replace(/--/g, '')}`)
      return []
    }
  })
  if (faults.length > 0) throw refused(file, faults)
  if (accounts.length === 0) throw refused(file, ['it has no account'])
  return accounts
}

function toAccount(
  row: Partial<Record<Column, string>>,
  fields: number,
  expected: number,
  line: number,
  seen: Map<string, number>,
): NewAccount {
  const { address = '', password = '' } = row
  if (fields !== expected) throw new CommandError(`${fields} fields instead of ${expected}`)
  if (!/^[^\s@]+@[^\s@]+$/.test(address)) throw new CommandError('the address is none')
  if (password === '') throw new CommandError('the password is missing')
  if (seen.has(address)) throw new CommandError(`the address stands in line ${seen.get(address)} already`)
  seen.set(address, line)
  const given = (name: Column) => (row[name] === undefined || row[name] === '' ? {} : { [name]: row[name] })
  const settings = toSettings({
    ...given('host'),
    ...given('port'),
    ...given('security'),
    ...given('username'),
    ...given('every'),
    ...given('start'),
    ...given('after'),
    ...given('ca'),
  })
  if (settings.host === undefined) throw new CommandError('the host is missing')
  const mailboxes = row.mailboxes ? row.mailboxes.split('|').map(name => name.trim()) : accountDefaults.mailboxes
  return { ...accountDefaults, ...settings, host: settings.host, address, password, mailboxes }
}

function refused(file: string, faults: readonly string[]): CommandError {
  return new CommandError(
    `${file} was not imported:\n  ${faults.join('\n  ')}`,
    `columns are ${columns.join(', ')}; address, host and password must be there; several mailboxes are separated by |`,
    2,
  )
}

function parseCsv(text: string): { line: number; fields: string[] }[] {
  const rows: { line: number; fields: string[] }[] = []
  let [field, quoted, line, start] = ['', false, 1, 1]
  let fields: string[] = []
  const endRow = (): void => {
    fields.push(field)
    if (fields.length > 1 || fields[0] !== '') rows.push({ line: start, fields })
    fields = []
    field = ''
    start = line + 1
  }
  for (let i = 0; i < text.length; i++) {
    const char = text[i] as string
    if (quoted && char === '"' && text[i + 1] === '"') {
      field += '"'
      i++
    } else if (char === '"' && (quoted || field === '')) quoted = !quoted
    else if (char === ',' && !quoted) {
      fields.push(field)
      field = ''
    } else if (char === '\n' && !quoted) {
      endRow()
    } else if (char !== '\r' || quoted) field += char
    if (char === '\n') line++
  }
  endRow()
  return rows
}
