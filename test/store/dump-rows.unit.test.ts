// What mariadb-dump and mysqldump write, read without a server.
import { expect, test } from 'vitest'
import { toOptionFile } from '../../src/store/backup/dump-options.ts'
import { insertOf, isEndOfInsert, readRows } from '../../src/store/backup/dump-rows.ts'

const rowsOf = (line: string, columns?: string[]) => readRows(line, insertOf(line)?.end ?? 0, columns)

test('rows of both tools are read, with every escape and without falling for what strings hold', () => {
  const columns = ['id', 'text', 'sealed', 'none']
  const mysql = String.raw`INSERT INTO ${'`t`'} (${'`id`, `text`, `sealed`, `none`'}) VALUES (1,'a\'),(\\',0x0AFF,NULL),(-2.5,'','',NULL);`
  const insert = insertOf(mysql)
  expect(insert).toMatchObject({ table: 't', columns })
  expect(rowsOf(mysql, columns)).toEqual({
    count: 2,
    rows: [
      { id: '1', text: "a'),(\\", sealed: '0x0AFF', none: null },
      { id: '-2.5', text: '', sealed: '', none: null },
    ],
  })
  expect(isEndOfInsert(mysql)).toBe(true)
  const mariadb = String.raw`(3,'line\nbreak\r\0\Z; "quoted"',NULL,NULL),`
  expect(rowsOf(mariadb, columns).rows).toEqual([
    { id: '3', text: 'line\nbreak\r\0\x1a; "quoted"', sealed: null, none: null },
  ])
  expect(isEndOfInsert(mariadb)).toBe(false)
  expect(rowsOf(mysql).count).toBe(2)
})

test('a cut line ends the reading', () => {
  expect(rowsOf("(1,'abc", ['id', 'text']).count).toBe(1)
  expect(rowsOf('(1,', ['id', 'text']).count).toBe(1)
})

test('the password stands in the option file, in quotes that it cannot leave; off the host the certificate is checked', () => {
  const access = {
    user: 'letterlock',
    database: 'x',
    password: 'a"b\\c#d',
    ca: '/ca.pem',
    host: 'db.example.com',
    port: 3306,
  }
  expect(toOptionFile(access, 'mariadb').split('\n')).toEqual([
    '[client]',
    'user="letterlock"',
    String.raw`password="a\"b\\c#d"`,
    'protocol="tcp"',
    'host="db.example.com"',
    'port="3306"',
    'ssl',
    'ssl-ca="/ca.pem"',
    'ssl-verify-server-cert',
    '',
  ])
  expect(toOptionFile(access, 'mysql')).toContain('ssl-mode="VERIFY_IDENTITY"')
  expect(toOptionFile({ user: 'u', database: 'x', password: '', ca: null, socketPath: '/run/s' }, 'mariadb')).toBe(
    '[client]\nuser="u"\nsocket="/run/s"\n',
  )
})
