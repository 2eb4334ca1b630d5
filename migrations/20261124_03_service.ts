// The service's own tables: who works, which keys there are, what was done by whom, who signs in.
import type { Knex } from 'knex'

export async function up(db: Knex): Promise<void> {
  await db.raw(`
    CREATE TABLE IF NOT EXISTS workers (
      id VARCHAR(64) NOT NULL COMMENT 'host, process and a random part',
      host VARCHAR(255) NOT NULL,
      version VARCHAR(32) NOT NULL,
      key_ids_json TEXT NOT NULL COMMENT 'ids of the keys it holds, hex',
      started_at DATETIME(3) NOT NULL DEFAULT (UTC_TIMESTAMP(3)),
      last_seen_at DATETIME(3) NOT NULL DEFAULT (UTC_TIMESTAMP(3)),
      lease_until DATETIME(3) NOT NULL COMMENT 'until when the accounts that it owns are its own',
      PRIMARY KEY (id),
      KEY workers_last_seen_at (last_seen_at)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='heartbeats'`)
  await db.raw(`
    CREATE TABLE IF NOT EXISTS settings (
      name VARCHAR(64) NOT NULL,
      value TEXT NOT NULL,
      PRIMARY KEY (name)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='facts about this installation'`)
  await db.raw(`
    CREATE TABLE IF NOT EXISTS encryption_keys (
      key_id BINARY(8) NOT NULL COMMENT 'derived from the key; no key material is stored',
      state VARCHAR(10) NOT NULL COMMENT 'active, next, retired or lost',
      active_slot TINYINT GENERATED ALWAYS AS (IF(state = 'active', 1, NULL)) STORED COMMENT 'at most one key is active',
      canary VARBINARY(4096) NOT NULL COMMENT 'an envelope that the right key opens',
      adopted_at DATETIME(3) NOT NULL DEFAULT (UTC_TIMESTAMP(3)),
      retired_at DATETIME(3) NULL,
      backup_proven_at DATETIME(3) NULL,
      PRIMARY KEY (key_id),
      UNIQUE KEY encryption_keys_active (active_slot),
      CONSTRAINT encryption_keys_state CHECK (state IN ('active', 'next', 'retired', 'lost'))
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci`)
  await db.raw(`
    CREATE TABLE IF NOT EXISTS audit_log (
      id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
      at DATETIME(3) NOT NULL DEFAULT (UTC_TIMESTAMP(3)),
      actor VARCHAR(255) NOT NULL COMMENT 'a user, a command on a host, or a worker',
      action VARCHAR(64) NOT NULL,
      account_id BIGINT UNSIGNED NULL,
      detail_json TEXT NOT NULL COMMENT 'counts and ids, never secrets',
      PRIMARY KEY (id),
      KEY audit_log_at (at),
      KEY audit_log_account (account_id, id)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci`)
  await db.raw(`
    CREATE TABLE IF NOT EXISTS users (
      id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
      email VARCHAR(320) COLLATE utf8mb4_bin NOT NULL,
      name VARCHAR(255) NOT NULL DEFAULT '',
      role VARCHAR(10) NOT NULL DEFAULT 'agent',
      password_hash VARCHAR(255) NOT NULL COMMENT 'argon2id, one-way',
      enabled BOOLEAN NOT NULL DEFAULT 1,
      created_at DATETIME(3) NOT NULL DEFAULT (UTC_TIMESTAMP(3)),
      PRIMARY KEY (id),
      UNIQUE KEY users_email (email),
      CONSTRAINT users_role CHECK (role IN ('admin', 'agent'))
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='who signs in to the web interface'`)
  await db.raw(`
    CREATE TABLE IF NOT EXISTS sessions (
      token_sha256 BINARY(32) NOT NULL COMMENT 'of the token in the cookie',
      user_id BIGINT UNSIGNED NOT NULL,
      created_at DATETIME(3) NOT NULL DEFAULT (UTC_TIMESTAMP(3)),
      last_seen_at DATETIME(3) NOT NULL DEFAULT (UTC_TIMESTAMP(3)),
      expires_at DATETIME(3) NOT NULL,
      address VARCHAR(64) NOT NULL DEFAULT '',
      agent VARCHAR(255) NOT NULL DEFAULT '',
      PRIMARY KEY (token_sha256),
      KEY sessions_user (user_id),
      KEY sessions_expires_at (expires_at),
      CONSTRAINT sessions_of_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci`)
}
