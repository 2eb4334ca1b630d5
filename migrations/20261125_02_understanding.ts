// What telling mails apart needs: answers that came before what they answer, rules of an admin, tags, whom mail could not be delivered
// to, and the installation's secret for ticket tokens.
import type { Knex } from 'knex'
import { addColumn, addIndex } from './change-table.ts'

export async function up(db: Knex): Promise<void> {
  await db.raw(`
    CREATE TABLE IF NOT EXISTS awaited_ids (
      id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
      account_id BIGINT UNSIGNED NOT NULL,
      ticket_id BIGINT UNSIGNED NOT NULL COMMENT 'opened by a mail that refers to this id',
      message_id_sha256 BINARY(32) NOT NULL COMMENT 'as in message_ids, of a mail that has not come yet',
      created_at DATETIME(3) NOT NULL DEFAULT (UTC_TIMESTAMP(3)),
      PRIMARY KEY (id),
      UNIQUE KEY awaited_ids_hash (account_id, message_id_sha256, ticket_id),
      KEY awaited_ids_ticket (ticket_id),
      CONSTRAINT awaited_ids_account FOREIGN KEY (account_id) REFERENCES accounts (id),
      CONSTRAINT awaited_ids_of_ticket FOREIGN KEY (ticket_id) REFERENCES tickets (id) ON DELETE CASCADE
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='mails that answers refer to and that may come late'`)
  await db.raw(`
    CREATE TABLE IF NOT EXISTS rules (
      id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
      name VARCHAR(50) COLLATE utf8mb4_bin NOT NULL COMMENT 'what sources.reason says of a mail that it decided',
      account_id BIGINT UNSIGNED NULL COMMENT 'NULL: every account',
      position INT NOT NULL DEFAULT 100 COMMENT 'in this order; the first that drops or holds decides',
      enabled BOOLEAN NOT NULL DEFAULT 1,
      conditions_json TEXT NOT NULL COMMENT 'all of them must hold',
      action VARCHAR(10) NOT NULL COMMENT 'drop, hold or tag',
      tag VARCHAR(50) COLLATE utf8mb4_bin NULL,
      created_at DATETIME(3) NOT NULL DEFAULT (UTC_TIMESTAMP(3)),
      PRIMARY KEY (id),
      UNIQUE KEY rules_name (name),
      KEY rules_account (account_id, position),
      CONSTRAINT rules_of_account FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE,
      CONSTRAINT rules_action CHECK (action IN ('drop', 'hold', 'tag')),
      CONSTRAINT rules_tag CHECK (action <> 'tag' OR tag IS NOT NULL)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='what an admin decides of mails before they become tickets'`)
  await db.raw(`
    CREATE TABLE IF NOT EXISTS secrets (
      name VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      plaintext VARBINARY(64) NULL,
      sealed VARBINARY(4096) NULL COMMENT 'envelope, format in the manual',
      PRIMARY KEY (name),
      CONSTRAINT secrets_some CHECK (plaintext IS NOT NULL OR sealed IS NOT NULL)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='random secrets of this installation'`)
  await addColumn(db, 'tickets', 'tags_json', "TEXT NULL COMMENT 'tags that rules gave it, a list'")
  await addColumn(
    db,
    'participants',
    'bounced_at',
    "DATETIME(3) NULL COMMENT 'mail to this address came back', ADD COLUMN bounce_status VARCHAR(20) NULL COMMENT 'as 5.1.1 (RFC 3463)'",
  )
  await addIndex(db, 'tickets', 'tickets_requester', '(requester_address, created_at)')
  await addIndex(db, 'messages', 'messages_from', '(from_address, created_at)')
}
