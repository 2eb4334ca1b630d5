// What became of the mail: every mail ever taken in (sources), and the tickets, messages and attachments made of it.
import type { Knex } from 'knex'

export async function up(db: Knex): Promise<void> {
  await db.raw(`
    CREATE TABLE IF NOT EXISTS tickets (
      id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
      ref VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'what people call it, as LL-7K3F-Q2MD',
      account_id BIGINT UNSIGNED NOT NULL,
      subject VARCHAR(1000) NOT NULL,
      requester_name VARCHAR(500) NOT NULL,
      requester_address VARCHAR(500) COLLATE utf8mb4_bin NOT NULL,
      status VARCHAR(10) NOT NULL DEFAULT 'open',
      messages INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'how many messages it has',
      linked_ticket_id BIGINT UNSIGNED NULL COMMENT 'the ticket that its first mail referred to without taking part in it',
      created_at DATETIME(3) NOT NULL DEFAULT (UTC_TIMESTAMP(3)),
      updated_at DATETIME(3) NOT NULL DEFAULT (UTC_TIMESTAMP(3)) COMMENT 'the last message or change of status',
      PRIMARY KEY (id),
      UNIQUE KEY tickets_ref (ref),
      KEY tickets_account (account_id, status, updated_at),
      KEY tickets_status (status, updated_at),
      CONSTRAINT tickets_of_account FOREIGN KEY (account_id) REFERENCES accounts (id),
      CONSTRAINT tickets_linked FOREIGN KEY (linked_ticket_id) REFERENCES tickets (id) ON DELETE SET NULL,
      CONSTRAINT tickets_status CHECK (status IN ('open', 'closed'))
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci`)
  await db.raw(`
    CREATE TABLE IF NOT EXISTS sources (
      id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
      account_id BIGINT UNSIGNED NOT NULL,
      mailbox_id BIGINT UNSIGNED NOT NULL,
      uid_validity INT UNSIGNED NOT NULL,
      uid INT UNSIGNED NOT NULL,
      sha256 CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'of the raw bytes, hex; NULL: none could be fetched',
      size INT UNSIGNED NOT NULL COMMENT 'bytes kept, or what the server says where complete = 0',
      complete BOOLEAN NOT NULL DEFAULT 1 COMMENT '0: only the header, or nothing, was fetched',
      message_id VARCHAR(1000) COLLATE utf8mb4_bin NOT NULL DEFAULT '' COMMENT 'Message-ID without angle brackets',
      fingerprint BINARY(32) NULL COMMENT 'SHA-256 of Message-ID, Date and From: knows a mail whose header a server rewrote',
      result VARCHAR(12) NOT NULL COMMENT 'the end of the mail',
      reason VARCHAR(64) NOT NULL DEFAULT '' COMMENT 'why it ended so',
      ticket_id BIGINT UNSIGNED NULL,
      duplicate_of BIGINT UNSIGNED NULL,
      batch VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'raw batch that holds it',
      batch_offset BIGINT UNSIGNED NULL COMMENT 'bytes from the start of the batch',
      stored_size INT UNSIGNED NULL COMMENT 'bytes in the batch',
      received_at DATETIME(3) NULL COMMENT 'INTERNALDATE',
      created_at DATETIME(3) NOT NULL DEFAULT (UTC_TIMESTAMP(3)),
      after_ingest VARCHAR(300) COLLATE utf8mb4_bin NOT NULL DEFAULT 'keep' COMMENT 'what is to be done on the server',
      settled_at DATETIME(3) NULL COMMENT 'when it was done; NULL: pending',
      retry_at DATETIME(3) NULL COMMENT 'asked for again by an operator',
      PRIMARY KEY (id),
      UNIQUE KEY sources_uid (mailbox_id, uid_validity, uid),
      KEY sources_content (account_id, sha256),
      KEY sources_fingerprint (mailbox_id, fingerprint),
      KEY sources_result (result, id),
      KEY sources_ticket (ticket_id),
      KEY sources_batch (batch),
      KEY sources_unsettled (mailbox_id, settled_at, uid),
      KEY sources_retry (mailbox_id, retry_at),
      CONSTRAINT sources_account FOREIGN KEY (account_id) REFERENCES accounts (id),
      CONSTRAINT sources_mailbox FOREIGN KEY (mailbox_id) REFERENCES mailboxes (id),
      CONSTRAINT sources_of_ticket FOREIGN KEY (ticket_id) REFERENCES tickets (id) ON DELETE SET NULL,
      CONSTRAINT sources_result CHECK (result IN ('created', 'appended', 'ignored', 'duplicate', 'quarantined'))
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='every mail ever taken in, and its end'`)
  await db.raw(`
    CREATE TABLE IF NOT EXISTS messages (
      id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
      ticket_id BIGINT UNSIGNED NOT NULL,
      source_id BIGINT UNSIGNED NOT NULL,
      message_id VARCHAR(1000) COLLATE utf8mb4_bin NOT NULL DEFAULT '',
      kind VARCHAR(20) NOT NULL,
      reasons_json TEXT NOT NULL,
      thread_reason VARCHAR(64) NOT NULL COMMENT 'why it is in this ticket',
      from_address VARCHAR(500) COLLATE utf8mb4_bin NOT NULL,
      from_name VARCHAR(500) NOT NULL,
      to_json MEDIUMTEXT NOT NULL,
      cc_json MEDIUMTEXT NOT NULL,
      reply_to_json MEDIUMTEXT NOT NULL,
      subject VARCHAR(1000) NOT NULL,
      date DATETIME(3) NULL COMMENT 'the Date header; NULL: absent or unreadable',
      text MEDIUMTEXT NOT NULL,
      html MEDIUMTEXT NULL COMMENT 'sanitised',
      reply MEDIUMTEXT NULL COMMENT 'the new words; NULL: all of text',
      bounce_json TEXT NULL,
      created_at DATETIME(3) NOT NULL DEFAULT (UTC_TIMESTAMP(3)),
      PRIMARY KEY (id),
      UNIQUE KEY messages_source (source_id),
      KEY messages_ticket (ticket_id, id),
      CONSTRAINT messages_of_ticket FOREIGN KEY (ticket_id) REFERENCES tickets (id) ON DELETE CASCADE,
      CONSTRAINT messages_of_source FOREIGN KEY (source_id) REFERENCES sources (id),
      CONSTRAINT messages_kind CHECK (kind IN ('human', 'auto-generated', 'auto-reply', 'bounce', 'feedback-report', 'list', 'loop'))
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci`)
  await db.raw(`
    CREATE TABLE IF NOT EXISTS attachments (
      id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
      of_message BIGINT UNSIGNED NOT NULL COMMENT 'messages.id',
      position SMALLINT UNSIGNED NOT NULL COMMENT 'from 1, in the order of the mail',
      filename VARCHAR(500) NULL COMMENT 'as the sender gave it: to show, never a path',
      content_type VARCHAR(255) NOT NULL,
      size INT UNSIGNED NOT NULL COMMENT 'decoded bytes',
      sha256 CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'of the decoded bytes, hex',
      content_id VARCHAR(500) COLLATE utf8mb4_bin NULL,
      inline BOOLEAN NOT NULL DEFAULT 0,
      part_offset INT UNSIGNED NULL COMMENT 'where its encoded bytes begin in the raw mail; NULL: parse it out again',
      part_length INT UNSIGNED NULL,
      part_encoding VARCHAR(20) NULL,
      PRIMARY KEY (id),
      UNIQUE KEY attachments_position (of_message, position),
      CONSTRAINT attachments_of_message FOREIGN KEY (of_message) REFERENCES messages (id) ON DELETE CASCADE
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='cut out of the raw mail when somebody asks'`)
  await db.raw(`
    CREATE TABLE IF NOT EXISTS message_ids (
      id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
      account_id BIGINT UNSIGNED NOT NULL,
      ticket_id BIGINT UNSIGNED NOT NULL,
      message_id_sha256 BINARY(32) NOT NULL COMMENT 'UNHEX(SHA2(Message-ID without angle brackets, 256))',
      created_at DATETIME(3) NOT NULL DEFAULT (UTC_TIMESTAMP(3)),
      PRIMARY KEY (id),
      UNIQUE KEY message_ids_hash (account_id, message_id_sha256, ticket_id),
      KEY message_ids_ticket (ticket_id),
      CONSTRAINT message_ids_account FOREIGN KEY (account_id) REFERENCES accounts (id),
      CONSTRAINT message_ids_of_ticket FOREIGN KEY (ticket_id) REFERENCES tickets (id) ON DELETE CASCADE
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='which ticket a Message-ID belongs to; a helpdesk adds those of its answers'`)
  await db.raw(`
    CREATE TABLE IF NOT EXISTS participants (
      ticket_id BIGINT UNSIGNED NOT NULL,
      address VARCHAR(500) COLLATE utf8mb4_bin NOT NULL COMMENT 'lower case',
      PRIMARY KEY (ticket_id, address),
      CONSTRAINT participants_of_ticket FOREIGN KEY (ticket_id) REFERENCES tickets (id) ON DELETE CASCADE
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='who takes part in a ticket: From, Reply-To, To, Cc'`)
}
