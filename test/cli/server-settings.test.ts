// Settings of the database server that do not fit: migrate and doctor name them, with what to do.
import { expect, test } from 'vitest'
import { openDatabase } from '../../src/store/db/database.ts'
import { judgeServerSettings } from '../../src/store/db/server-settings.ts'
import { startLoggingMariadb } from '../support/forensics.ts'
import { defaults } from '../support/servers.ts'
import { letterlock } from './letterlock.ts'

test('a server that logs statements is refused with the right advice, and small packets and a lax sql_mode are named', async () => {
  const args = ['--binlog-format=STATEMENT', '--max-allowed-packet=1M', '--sql-mode=']
  await using mariadb = await startLoggingMariadb({ args })
  const env = { LETTERLOCK_DATABASE_URL: mariadb.adminUrl }
  for (const command of ['migrate', 'account list']) {
    const { code, stderr } = await letterlock(command.split(' '), { env })
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringMatching(
        /binlog_format = STATEMENT\nhint: Have it log rows.*`SET GLOBAL binlog_format = 'ROW'`/,
      ),
    })
  }
  expect((await letterlock(['doctor'], { env })).stdout).toMatch(
    /FAULT database .*STATEMENT\n.*SET GLOBAL binlog_format/,
  )
  const admin = openDatabase(mariadb.adminUrl, defaults.database)
  await admin.raw("SET GLOBAL binlog_format = 'ROW'")
  await admin.destroy()
  const migrated = await letterlock(['migrate'], { env })
  expect(migrated).toMatchObject({ code: 0, stderr: expect.stringContaining('max_allowed_packet is 1048576') })
  const { stdout } = await letterlock(['doctor'], { env })
  expect(stdout).toMatch(/FAULT settings +max_allowed_packet is 1048576, .*\n.*SET GLOBAL max_allowed_packet/)
  expect(stdout).toMatch(/note +settings +sql_mode of the server is ""/)
})

test.each([
  [{}, []],
  [{ readOnly: true }, ['fault read_only']],
  [{ maxAllowedPacket: 16_777_215 }, ['fault max_allowed_packet']],
  [{ sqlMode: 'ANSI' }, ['fault sql_mode']],
  [{ globalSqlMode: 'NO_ENGINE_SUBSTITUTION' }, ['note sql_mode']],
  [{ globalSqlMode: 'STRICT_ALL_TABLES' }, []],
  [{ isolation: 'REPEATABLE-READ' }, ['fault isolation']],
  [{ isolation: '' }, ['fault isolation']],
])('settings %j: %j', (change, found) => {
  const fitting = {
    readOnly: false,
    maxAllowedPacket: 16_777_216,
    sqlMode: 'STRICT_TRANS_TABLES,NO_ZERO_DATE',
    isolation: 'READ-COMMITTED',
    globalSqlMode: 'STRICT_TRANS_TABLES',
  }
  expect(judgeServerSettings({ ...fitting, ...change }).map(({ level, name }) => `${level} ${name}`)).toEqual(found)
})
