// Mails that are to be read although the cursor has passed them: those that a comparison with the server found without a row, and those that
// somebody asked for. Each mailbox says when it was last compared, and how many mails were missing then.
import type { Knex } from 'knex'
import { addColumn } from './change-table.ts'

export async function up(db: Knex): Promise<void> {
  await db.raw(`
    CREATE TABLE IF NOT EXISTS uids_to_read (
      mailbox_id BIGINT UNSIGNED NOT NULL,
      uid_validity INT UNSIGNED NOT NULL,
      uid INT UNSIGNED NOT NULL,
      asked_at DATETIME(3) NOT NULL DEFAULT (UTC_TIMESTAMP(3)),
      PRIMARY KEY (mailbox_id, uid_validity, uid),
      CONSTRAINT uids_to_read_mailbox FOREIGN KEY (mailbox_id) REFERENCES mailboxes (id) ON DELETE CASCADE
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='mails to read beside the cursor'`)
  await addColumn(
    db,
    'mailboxes',
    'covered_at',
    "DATETIME(3) NULL COMMENT 'when all of it was last compared with sources', ADD COLUMN uncovered INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'mails of the server without a row then'",
  )
}
