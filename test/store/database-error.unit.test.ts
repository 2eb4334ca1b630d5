// What the numbers of a server's errors mean, where its words must be asked too.
import { expect, test } from 'vitest'
import { toDatabaseError } from '../../src/store/db/database-error.ts'

test.each([
  [
    1290,
    'The MySQL server is running with the --super-read-only option so it cannot execute this statement',
    'db.read_only',
  ],
  [
    1290,
    'The MariaDB server is running with the --read-only option so it cannot execute this statement',
    'db.read_only',
  ],
  [
    1290,
    'The MySQL server is running with the --secure-file-priv option so it cannot execute this statement',
    'db.failed',
  ],
  [1036, 'Table x is read only', 'db.read_only'],
  [1792, 'Cannot execute statement in a READ ONLY transaction.', 'db.read_only'],
  [1836, 'Running in read-only mode', 'db.read_only'],
  [1874, 'InnoDB is in read only mode.', 'db.read_only'],
  [1047, 'WSREP has not yet prepared node for application use', 'db.unreachable'],
  [1047, 'Unknown command', 'db.failed'],
  [1021, 'Disk full', 'db.full'],
])('%d %s: %s', (errno, message, code) => {
  const error = toDatabaseError(Object.assign(new Error(message), { errno, code: 'ER_X' }), 'INSERT INTO `x`')
  expect(error).toMatchObject({ code, temporary: true })
})

test('files that this host lacks are no fault of the database', () => {
  expect(toDatabaseError({ code: 'EMFILE' }, 'connect', 'db:3306')).toMatchObject({
    code: 'db.unreachable',
    hint: expect.stringContaining('LimitNOFILE'),
  })
})
