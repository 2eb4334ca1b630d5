// Who signs in to the web interface, and where they are signed in. The tables were made ahead and nothing has ever written to them:
// people sign in with a name, sessions get a number by which they can be ended, and a message for the next page.
import type { Knex } from 'knex'
import { addColumn, addIndex } from './change-table.ts'

export async function up(db: Knex): Promise<void> {
  await db.raw(
    "ALTER TABLE users MODIFY COLUMN email VARCHAR(320) COLLATE utf8mb4_bin NULL DEFAULT NULL COMMENT 'not used yet'",
  )
  await db.raw(
    "ALTER TABLE users MODIFY COLUMN name VARCHAR(64) COLLATE utf8mb4_bin NOT NULL COMMENT 'to sign in with, in lower case'",
  )
  if (!(await hasKey(db, 'users_name'))) await db.raw('ALTER TABLE users ADD UNIQUE KEY users_name (name)')
  await addColumn(
    db,
    'users',
    'signed_in_at',
    "DATETIME(3) NULL COMMENT 'for the last time', ADD COLUMN password_set_at DATETIME(3) NOT NULL DEFAULT (UTC_TIMESTAMP(3))",
  )
  await addColumn(
    db,
    'sessions',
    'id',
    "BIGINT UNSIGNED NOT NULL AUTO_INCREMENT UNIQUE COMMENT 'to name it by; the token is known to the browser alone', ADD COLUMN flash_json VARCHAR(2000) NULL COMMENT 'what the next page says first'",
  )
  await addIndex(db, 'audit_log', 'audit_log_actor', '(actor, id)')
}

async function hasKey(db: Knex, name: string): Promise<boolean> {
  const [found] = (await db.raw(
    'SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = ? AND index_name = ? LIMIT 1',
    ['users', name],
  )) as [unknown[]]
  return found.length > 0
}
