// Who is polled, where it stopped, and the secrets to log in with. A helpdesk writes these tables with plain SQL, so every
// column but address and host has a default, and the defaults make an account that polls.
import type { Knex } from 'knex'

export async function up(db: Knex): Promise<void> {
  await db.raw(`
    CREATE TABLE IF NOT EXISTS accounts (
      id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
      address VARCHAR(320) COLLATE utf8mb4_bin NOT NULL COMMENT 'the address that customers write to',
      host VARCHAR(255) COLLATE utf8mb4_bin NOT NULL COMMENT 'IMAP server',
      port SMALLINT UNSIGNED NOT NULL DEFAULT 993,
      security VARCHAR(10) NOT NULL DEFAULT 'tls' COMMENT 'tls, starttls or cleartext',
      username VARCHAR(320) COLLATE utf8mb4_bin NOT NULL DEFAULT '' COMMENT 'login name; empty: the address',
      ca_pem MEDIUMTEXT NULL COMMENT 'CA certificates that replace the system ones for this account',
      enabled BOOLEAN NOT NULL DEFAULT 1 COMMENT '0: paused',
      poll_every_s INT UNSIGNED NOT NULL DEFAULT 60 COMMENT 'seconds from poll to poll',
      after_ingest VARCHAR(300) COLLATE utf8mb4_bin NOT NULL DEFAULT 'keep' COMMENT 'keep, seen, delete or move:MAILBOX',
      start_from VARCHAR(10) NOT NULL DEFAULT 'all' COMMENT 'of the mail there at the first poll: all, new (none) or since YYYY-MM-DD',
      state VARCHAR(10) NOT NULL DEFAULT 'active' COMMENT 'active, failing or waiting, as the last poll ended',
      code VARCHAR(64) NULL COMMENT 'why it is failing or waiting',
      hint VARCHAR(1000) NULL COMMENT 'what to do about it',
      failures INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'polls that failed since the last one that worked',
      last_attempt_at DATETIME(3) NULL,
      last_success_at DATETIME(3) NULL,
      next_attempt_at DATETIME(3) NULL COMMENT 'not before; NULL: due',
      lease_owner VARCHAR(64) NULL COMMENT 'the worker that may poll it, workers.id; holds while workers.lease_until does',
      fence BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'fencing number: grows with every change of owner',
      created_at DATETIME(3) NOT NULL DEFAULT (UTC_TIMESTAMP(3)),
      removed_at DATETIME(3) NULL COMMENT 'taken out of service; its tickets and sources stay',
      PRIMARY KEY (id),
      KEY accounts_address (address),
      KEY accounts_lease (lease_owner),
      CONSTRAINT accounts_security CHECK (security IN ('tls', 'starttls', 'cleartext')),
      CONSTRAINT accounts_state CHECK (state IN ('active', 'failing', 'waiting')),
      CONSTRAINT accounts_poll_every_s CHECK (poll_every_s BETWEEN 1 AND 86400)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='IMAP accounts that tickets come from'`)
  await db.raw(`
    CREATE TABLE IF NOT EXISTS credentials (
      id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
      account_id BIGINT UNSIGNED NOT NULL,
      kind VARCHAR(32) NOT NULL DEFAULT 'password' COMMENT 'password, oauth-refresh-token or oauth-client-secret',
      plaintext VARCHAR(995) COLLATE utf8mb4_bin NULL COMMENT 'the secret in the clear; newer than sealed where both are set',
      sealed VARBINARY(4096) NULL COMMENT 'envelope, format in the manual',
      has_plaintext TINYINT GENERATED ALWAYS AS (plaintext IS NOT NULL) STORED COMMENT 'serves the search for what is not sealed',
      created_at DATETIME(3) NOT NULL DEFAULT (UTC_TIMESTAMP(3)),
      PRIMARY KEY (id),
      UNIQUE KEY credentials_account_kind (account_id, kind),
      KEY credentials_plaintext (has_plaintext, id),
      CONSTRAINT credentials_account FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE,
      CONSTRAINT credentials_kind CHECK (kind IN ('password', 'oauth-refresh-token', 'oauth-client-secret')),
      CONSTRAINT credentials_some CHECK (plaintext IS NOT NULL OR sealed IS NOT NULL)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='secrets to log in with'`)
  await db.raw(`
    CREATE TABLE IF NOT EXISTS mailboxes (
      id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
      account_id BIGINT UNSIGNED NOT NULL,
      name VARCHAR(500) COLLATE utf8mb4_bin NOT NULL COMMENT 'UTF-8, as INBOX or Support/日本語',
      enabled BOOLEAN NOT NULL DEFAULT 1,
      uid_validity INT UNSIGNED NULL COMMENT 'UIDVALIDITY under which last_uid holds; NULL: never opened',
      last_uid INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'the cursor: every UID up to here was asked for and has an end',
      start_before_uid INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'mail below it was there at the first poll: accounts.start_from decides',
      reread_before_uid INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'mail below it is read again after UIDVALIDITY changed',
      seen_uid_next INT UNSIGNED NULL COMMENT 'UIDNEXT when nothing was left to fetch',
      seen_messages INT UNSIGNED NULL COMMENT 'EXISTS when nothing was left to fetch',
      listed_at DATETIME(3) NULL COMMENT 'last time the server was asked for its UIDs',
      trying_uid INT UNSIGNED NULL COMMENT 'first UID of the batch that is being tried; set: the last try died',
      trying_size INT UNSIGNED NULL COMMENT 'messages in that batch',
      trying_failures INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'tries of it that died',
      PRIMARY KEY (id),
      UNIQUE KEY mailboxes_name (account_id, name),
      CONSTRAINT mailboxes_account FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='mailboxes of an account and where reading stopped; none: INBOX'`)
}
