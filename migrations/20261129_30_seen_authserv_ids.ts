// Which mail servers were seen to write Authentication-Results into the mails of an account, until somebody says which of them to believe.
import type { Knex } from 'knex'
import { addColumn } from './change-table.ts'

export async function up(db: Knex): Promise<void> {
  await db.raw(`
    CREATE TABLE IF NOT EXISTS seen_authserv_ids (
      account_id BIGINT UNSIGNED NOT NULL,
      authserv_id VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
      mails INT UNSIGNED NOT NULL DEFAULT 0,
      PRIMARY KEY (account_id, authserv_id),
      CONSTRAINT seen_authserv_ids_account FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='names in Authentication-Results that may be confirmed'`)
  await addColumn(
    db,
    'accounts',
    'authserv_mails',
    "INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'mails that were looked at for names of mail servers'",
  )
}
