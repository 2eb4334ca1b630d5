// Signing in with OAuth 2 instead of a password: who gives the tokens, and room for refresh tokens, which are longer than passwords.
import type { Knex } from 'knex'
import { addColumn } from './change-table.ts'

export async function up(db: Knex): Promise<void> {
  await addColumn(
    db,
    'accounts',
    'oauth_token_endpoint',
    `VARCHAR(500) COLLATE utf8mb4_bin NOT NULL DEFAULT '' COMMENT 'where access tokens come from; empty: a password is used',
     ADD COLUMN oauth_issuer VARCHAR(500) COLLATE utf8mb4_bin NOT NULL DEFAULT '',
     ADD COLUMN oauth_client_id VARCHAR(500) COLLATE utf8mb4_bin NOT NULL DEFAULT '',
     ADD COLUMN oauth_client_auth VARCHAR(10) NOT NULL DEFAULT 'post' COMMENT 'how its secret is sent: post or basic (RFC 6749 §2.3.1)',
     ADD COLUMN oauth_scope VARCHAR(1000) COLLATE utf8mb4_bin NOT NULL DEFAULT ''`,
  )
  await widenPlaintext(db)
}

/** As many bytes as an envelope takes, counted by a check: what can be written can be sealed. */
async function widenPlaintext(db: Knex): Promise<void> {
  const name = 'credentials_plaintext_bytes'
  const [found] = (await db.raw(
    'SELECT 1 FROM information_schema.table_constraints WHERE constraint_schema = DATABASE() AND table_name = ? AND constraint_name = ?',
    ['credentials', name],
  )) as [unknown[]]
  if (found.length > 0) return
  await db.raw(
    `ALTER TABLE credentials
       MODIFY COLUMN plaintext VARCHAR(3980) COLLATE utf8mb4_bin NULL COMMENT 'the secret in the clear; newer than sealed where both are set',
       ADD CONSTRAINT ${name} CHECK (plaintext IS NULL OR LENGTH(plaintext) <= 3980)`,
  )
}
