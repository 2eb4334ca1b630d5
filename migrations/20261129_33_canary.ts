// The canary of an account: a marked mail that the daemon appends to a mailbox, and that has to come back as any mail does. An account says how often
// and when one last came; a canary that is under way is known by the hash of its token.
import type { Knex } from 'knex'
import { addColumn } from './change-table.ts'

export async function up(db: Knex): Promise<void> {
  await addColumn(
    db,
    'accounts',
    'canary_every_s',
    `INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'from canary to canary; 0: none',
      ADD COLUMN canary_from DATETIME(3) NULL COMMENT 'since when canaries are expected',
      ADD COLUMN canary_sent_at DATETIME(3) NULL COMMENT 'when the last one was appended',
      ADD COLUMN canary_seen_at DATETIME(3) NULL COMMENT 'when the last one was received',
      ADD COLUMN canary_ms INT UNSIGNED NULL COMMENT 'how long it took'`,
  )
  await db.raw(`
    CREATE TABLE IF NOT EXISTS canaries (
      token_hash BINARY(32) NOT NULL COMMENT 'SHA-256 of the token in its Message-ID',
      account_id BIGINT UNSIGNED NOT NULL,
      sent_at DATETIME(3) NOT NULL DEFAULT (UTC_TIMESTAMP(3)),
      PRIMARY KEY (token_hash),
      KEY canaries_account (account_id),
      CONSTRAINT canaries_account FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='canaries that were sent and not yet received'`)
}
