import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { parseAccountsCsv } from '../../src/cli/account/csv.ts'
import { newAccount, toNewAccount } from '../../src/operations/account-input.ts'
import { checkInput } from '../../src/operations/operation.ts'

function accountsOf(text: string, file = 'accounts.csv') {
  return parseAccountsCsv(text, file).map(({ account }) => toNewAccount(checkInput(newAccount, account)))
}

test('a password is taken as it stands: spaces, quotation marks, commas and line ends', () => {
  const csv =
    'address,host,password\r\na@x.example,h,"  two ""words"", spaced  "\r\nb@x.example,h, bare \r\nc@x.example,h,"1\n2"\r\nd@x.example,h,pa"ss\r\n'
  const passwords = accountsOf(csv).map(account => account.password)
  expect(passwords).toEqual(['  two "words", spaced  ', ' bare ', '1\n2', 'pa"ss'])
})

test('a mark of byte order, blank lines, spaces about names and columns in any order are no faults', () => {
  const csv = '\ufeff Password , HOST,address\n\nsecret, imap.example.com , a@x.example \n\n'
  expect(accountsOf(csv)).toMatchObject([{ address: 'a@x.example', host: 'imap.example.com', password: 'secret' }])
})

test('what is blank has its default, and the port goes with the security', () => {
  const csv =
    'address,host,password,security,port,every,username\na@x.example,h,p,,,,\nb@x.example,h,p,starttls,,,\nc@x.example,h,p,starttls,1143,,\n'
  expect(accountsOf(csv)).toMatchObject([
    {
      security: 'tls',
      port: 993,
      everySeconds: 60,
      username: '',
      mailboxes: ['INBOX'],
      startFrom: 'all',
      afterIngest: 'keep',
    },
    { security: 'starttls', port: 143 },
    { security: 'starttls', port: 1143 },
  ])
})

test('files are looked for beside the CSV file', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-csv-'))
  writeFileSync(path.join(directory, 'p'), 'from a file\r\nsecond line\n')
  const csv = 'address,host,password_file\na@x.example,h,p\n'
  expect(accountsOf(csv, path.join(directory, 'accounts.csv'))).toMatchObject([{ password: 'from a file' }])
  rmSync(directory, { recursive: true })
})

test('the line of an account is where it begins, however many lines its password has', () => {
  const csv = 'address,host,password\na@x.example,h,"1\n2\n3"\n\nb@x.example,h,p\n'
  for (const text of [csv, csv.replaceAll('\n', '\r\n')])
    expect(parseAccountsCsv(text, 'f').map(({ line }) => line)).toEqual([2, 6])
})

test('a quotation mark that is never closed is told with the line where its account begins', () => {
  const csv = 'address,host,password\na@x.example,h,p\nb@x.example,h,"hunter2\nc@x.example,h,p\n'
  expect(() => parseAccountsCsv(csv, 'f')).toThrow(/line 3: a quotation mark is never closed$/)
})

test('nothing of a password appears in a refusal', () => {
  const csv = 'address,host,password,port\nnobody,h,hunter2,0\na@x.example,h,hunter2\n,h,"hunter2",\n'
  expect(() => parseAccountsCsv(csv, 'f')).toThrow(/line 2: .*line 2: .*line 3: .*line 4: /s)
  expect(() => parseAccountsCsv(csv, 'f')).not.toThrow(/hunter2/)
})
