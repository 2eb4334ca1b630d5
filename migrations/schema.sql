-- The schema after all migrations, to read: the migrations beside this file make it, and `npm run generate` writes this picture of it.
-- The types are spelled as MariaDB spells them; on MySQL the tables are the same.

-- IMAP accounts that tickets come from
CREATE TABLE accounts (
  id bigint unsigned NOT NULL AUTO_INCREMENT,
  address varchar(320) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'the address that customers write to',
  host varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'IMAP server',
  port smallint unsigned NOT NULL DEFAULT 993,
  security varchar(10) NOT NULL DEFAULT 'tls' COMMENT 'tls, starttls or cleartext',
  username varchar(320) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '' COMMENT 'login name; empty: the address',
  ca_pem mediumtext DEFAULT NULL COMMENT 'CA certificates that replace the system ones for this account',
  enabled tinyint(1) NOT NULL DEFAULT 1 COMMENT '0: paused',
  poll_every_s int unsigned NOT NULL DEFAULT 60 COMMENT 'seconds from poll to poll',
  after_ingest varchar(300) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT 'keep' COMMENT 'keep, seen, delete or move:MAILBOX',
  start_from varchar(10) NOT NULL DEFAULT 'all' COMMENT 'of the mail there at the first poll: all, new (none) or since YYYY-MM-DD',
  state varchar(10) NOT NULL DEFAULT 'active' COMMENT 'active, failing or waiting, as the last poll ended',
  code varchar(64) DEFAULT NULL COMMENT 'why it is failing or waiting',
  hint varchar(1000) DEFAULT NULL COMMENT 'what to do about it',
  failures int unsigned NOT NULL DEFAULT 0 COMMENT 'polls that failed since the last one that worked',
  last_attempt_at datetime(3) DEFAULT NULL,
  last_success_at datetime(3) DEFAULT NULL,
  next_attempt_at datetime(3) DEFAULT NULL COMMENT 'not before; NULL: due',
  lease_owner varchar(64) DEFAULT NULL COMMENT 'the worker that may poll it, workers.id; holds while workers.lease_until does',
  fence bigint unsigned NOT NULL DEFAULT 0 COMMENT 'fencing number: grows with every change of owner',
  created_at datetime(3) NOT NULL DEFAULT utc_timestamp(3),
  removed_at datetime(3) DEFAULT NULL COMMENT 'taken out of service; its tickets and sources stay',
  push tinyint(1) NOT NULL DEFAULT 1 COMMENT '1: IDLE between polls',
  oauth_token_endpoint varchar(500) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '' COMMENT 'where access tokens come from; empty: a password is used',
  oauth_issuer varchar(500) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
  oauth_client_id varchar(500) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
  oauth_client_auth varchar(10) NOT NULL DEFAULT 'post' COMMENT 'how its secret is sent: post or basic (RFC 6749 §2.3.1)',
  oauth_scope varchar(1000) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
  cause_json text DEFAULT NULL COMMENT 'code, its values and what the mail server said, as JSON; of another code than the row has, or null: an older version wrote the row',
  authserv_ids varchar(2000) DEFAULT NULL COMMENT 'names in Authentication-Results to believe, as a JSON list; NULL: nobody said',
  authserv_mails int unsigned NOT NULL DEFAULT 0 COMMENT 'mails that were looked at for names of mail servers',
  canary_every_s int unsigned NOT NULL DEFAULT 0 COMMENT 'from canary to canary; 0: none',
  canary_from datetime(3) DEFAULT NULL COMMENT 'since when canaries are expected',
  canary_sent_at datetime(3) DEFAULT NULL COMMENT 'when the last one was appended',
  canary_seen_at datetime(3) DEFAULT NULL COMMENT 'when the last one was received',
  canary_ms int unsigned DEFAULT NULL COMMENT 'how long it took',
  PRIMARY KEY (id),
  KEY accounts_address (address),
  KEY accounts_lease (lease_owner),
  CONSTRAINT accounts_security CHECK (security in ('tls','starttls','cleartext')),
  CONSTRAINT accounts_state CHECK (state in ('active','failing','waiting')),
  CONSTRAINT accounts_poll_every_s CHECK (poll_every_s between 1 and 86400)
);

-- cut out of the raw mail when somebody asks
CREATE TABLE attachments (
  id bigint unsigned NOT NULL AUTO_INCREMENT,
  of_message bigint unsigned NOT NULL COMMENT 'messages.id',
  position smallint unsigned NOT NULL COMMENT 'from 1, in the order of the mail',
  filename varchar(500) DEFAULT NULL COMMENT 'as the sender gave it: to show, never a path',
  content_type varchar(255) NOT NULL,
  size int unsigned NOT NULL COMMENT 'decoded bytes',
  sha256 char(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'of the decoded bytes, hex',
  content_id varchar(500) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL,
  inline tinyint(1) NOT NULL DEFAULT 0,
  part_offset int unsigned DEFAULT NULL COMMENT 'where its encoded bytes begin in the raw mail; NULL: parse it out again',
  part_length int unsigned DEFAULT NULL,
  part_encoding varchar(20) DEFAULT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY attachments_position (of_message,position),
  CONSTRAINT attachments_of_message FOREIGN KEY (of_message) REFERENCES messages (id) ON DELETE CASCADE
);

CREATE TABLE audit_log (
  id bigint unsigned NOT NULL AUTO_INCREMENT,
  at datetime(3) NOT NULL DEFAULT utc_timestamp(3),
  actor varchar(255) NOT NULL COMMENT 'a user, a command on a host, or a worker',
  action varchar(64) NOT NULL,
  account_id bigint unsigned DEFAULT NULL,
  detail_json text NOT NULL COMMENT 'counts and ids, never secrets',
  PRIMARY KEY (id),
  KEY audit_log_at (at),
  KEY audit_log_account (account_id,id),
  KEY audit_log_actor (actor,id),
  KEY audit_log_action (action,id)
);

-- mails that answers refer to and that may come late
CREATE TABLE awaited_ids (
  id bigint unsigned NOT NULL AUTO_INCREMENT,
  account_id bigint unsigned NOT NULL,
  ticket_id bigint unsigned NOT NULL COMMENT 'opened by a mail that refers to this id',
  message_id_sha256 binary(32) NOT NULL COMMENT 'as in message_ids, of a mail that has not come yet',
  created_at datetime(3) NOT NULL DEFAULT utc_timestamp(3),
  PRIMARY KEY (id),
  UNIQUE KEY awaited_ids_hash (account_id,message_id_sha256,ticket_id),
  KEY awaited_ids_ticket (ticket_id),
  CONSTRAINT awaited_ids_account FOREIGN KEY (account_id) REFERENCES accounts (id),
  CONSTRAINT awaited_ids_of_ticket FOREIGN KEY (ticket_id) REFERENCES tickets (id) ON DELETE CASCADE
);

-- canaries that were sent and not yet received
CREATE TABLE canaries (
  token_hash binary(32) NOT NULL COMMENT 'SHA-256 of the token in its Message-ID',
  account_id bigint unsigned NOT NULL,
  sent_at datetime(3) NOT NULL DEFAULT utc_timestamp(3),
  PRIMARY KEY (token_hash),
  KEY canaries_account (account_id),
  CONSTRAINT canaries_account FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE
);

-- secrets to log in with
CREATE TABLE credentials (
  id bigint unsigned NOT NULL AUTO_INCREMENT,
  account_id bigint unsigned NOT NULL,
  kind varchar(32) NOT NULL DEFAULT 'password' COMMENT 'password, oauth-refresh-token or oauth-client-secret',
  plaintext varchar(3980) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL COMMENT 'the secret in the clear; newer than sealed where both are set',
  sealed varbinary(4096) DEFAULT NULL COMMENT 'envelope, format in the manual',
  has_plaintext tinyint(4) GENERATED ALWAYS AS (plaintext is not null) STORED COMMENT 'serves the search for what is not sealed',
  created_at datetime(3) NOT NULL DEFAULT utc_timestamp(3),
  sealed_key_id varbinary(8) GENERATED ALWAYS AS (substr(sealed,2,8)) STORED COMMENT 'encryption_keys.key_id of the envelope',
  PRIMARY KEY (id),
  UNIQUE KEY credentials_account_kind (account_id,kind),
  KEY credentials_plaintext (has_plaintext,id),
  KEY credentials_sealed_key (sealed_key_id,id),
  CONSTRAINT credentials_account FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE,
  CONSTRAINT credentials_kind CHECK (kind in ('password','oauth-refresh-token','oauth-client-secret')),
  CONSTRAINT credentials_some CHECK (plaintext is not null or sealed is not null),
  CONSTRAINT credentials_plaintext_bytes CHECK (plaintext is null or octet_length(plaintext) <= 3980)
);

CREATE TABLE encryption_keys (
  key_id binary(8) NOT NULL COMMENT 'derived from the key; no key material is stored',
  state varchar(10) NOT NULL COMMENT 'active, next, retired or lost',
  active_slot tinyint(4) GENERATED ALWAYS AS (if(state = 'active',1,NULL)) STORED COMMENT 'at most one key is active',
  canary varbinary(4096) NOT NULL COMMENT 'an envelope that the right key opens',
  adopted_at datetime(3) NOT NULL DEFAULT utc_timestamp(3),
  retired_at datetime(3) DEFAULT NULL,
  backup_proven_at datetime(3) DEFAULT NULL,
  completed_at datetime(3) DEFAULT NULL COMMENT 'when nothing was left in plaintext or under another key',
  epoch bigint unsigned NOT NULL DEFAULT 0 COMMENT 'grows with every change of the row; 0: never signed',
  unsealing_at datetime(3) DEFAULT NULL COMMENT 'when encryption disable was asked for',
  state_mac varbinary(32) DEFAULT NULL COMMENT 'HMAC-SHA-256 of the row under a sub-key of its key',
  PRIMARY KEY (key_id),
  UNIQUE KEY encryption_keys_active (active_slot),
  CONSTRAINT encryption_keys_state CHECK (state in ('active','next','retired','lost'))
);

-- mailboxes of an account and where reading stopped; none: INBOX
CREATE TABLE mailboxes (
  id bigint unsigned NOT NULL AUTO_INCREMENT,
  account_id bigint unsigned NOT NULL,
  name varchar(500) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'UTF-8, as INBOX or Support/日本語',
  enabled tinyint(1) NOT NULL DEFAULT 1,
  uid_validity int unsigned DEFAULT NULL COMMENT 'UIDVALIDITY under which last_uid holds; NULL: never opened',
  last_uid int unsigned NOT NULL DEFAULT 0 COMMENT 'the cursor: every UID up to here was asked for and has an end',
  start_before_uid int unsigned NOT NULL DEFAULT 0 COMMENT 'mail below it was there at the first poll: accounts.start_from decides',
  reread_before_uid int unsigned NOT NULL DEFAULT 0 COMMENT 'mail below it is read again after UIDVALIDITY changed',
  seen_uid_next int unsigned DEFAULT NULL COMMENT 'UIDNEXT when nothing was left to fetch',
  seen_messages int unsigned DEFAULT NULL COMMENT 'EXISTS when nothing was left to fetch',
  listed_at datetime(3) DEFAULT NULL COMMENT 'last time the server was asked for its UIDs',
  trying_uid int unsigned DEFAULT NULL COMMENT 'first UID of the batch that is being tried; set: the last try died',
  trying_size int unsigned DEFAULT NULL COMMENT 'messages in that batch',
  trying_failures int unsigned NOT NULL DEFAULT 0 COMMENT 'tries of it that died',
  covered_at datetime(3) DEFAULT NULL COMMENT 'when all of it was last compared with sources',
  uncovered int unsigned NOT NULL DEFAULT 0 COMMENT 'mails of the server without a row then',
  PRIMARY KEY (id),
  UNIQUE KEY mailboxes_name (account_id,name),
  CONSTRAINT mailboxes_account FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE
);

-- which ticket a Message-ID belongs to; a helpdesk adds those of its answers
CREATE TABLE message_ids (
  id bigint unsigned NOT NULL AUTO_INCREMENT,
  account_id bigint unsigned NOT NULL,
  ticket_id bigint unsigned NOT NULL,
  message_id_sha256 binary(32) NOT NULL COMMENT 'UNHEX(SHA2(Message-ID without angle brackets, 256))',
  created_at datetime(3) NOT NULL DEFAULT utc_timestamp(3),
  PRIMARY KEY (id),
  UNIQUE KEY message_ids_hash (account_id,message_id_sha256,ticket_id),
  KEY message_ids_ticket (ticket_id),
  CONSTRAINT message_ids_account FOREIGN KEY (account_id) REFERENCES accounts (id),
  CONSTRAINT message_ids_of_ticket FOREIGN KEY (ticket_id) REFERENCES tickets (id) ON DELETE CASCADE
);

CREATE TABLE messages (
  id bigint unsigned NOT NULL AUTO_INCREMENT,
  ticket_id bigint unsigned NOT NULL,
  source_id bigint unsigned NOT NULL,
  message_id varchar(1000) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
  kind varchar(20) NOT NULL,
  reasons_json text NOT NULL,
  thread_reason varchar(64) NOT NULL COMMENT 'why it is in this ticket',
  from_address varchar(500) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  from_name varchar(500) NOT NULL,
  to_json mediumtext NOT NULL,
  cc_json mediumtext NOT NULL,
  reply_to_json mediumtext NOT NULL,
  subject varchar(1000) NOT NULL,
  date datetime(3) DEFAULT NULL COMMENT 'the Date header; NULL: absent or unreadable',
  text mediumtext NOT NULL,
  reply mediumtext DEFAULT NULL COMMENT 'the new words; NULL: all of text',
  bounce_json text DEFAULT NULL,
  created_at datetime(3) NOT NULL DEFAULT utc_timestamp(3),
  has_html tinyint(1) DEFAULT NULL COMMENT 'there is HTML in its raw mail; NULL: look there',
  auth_json varchar(1000) DEFAULT NULL COMMENT 'verdict on the sender; NULL: ingested before there was one',
  PRIMARY KEY (id),
  UNIQUE KEY messages_source (source_id),
  KEY messages_ticket (ticket_id,id),
  KEY messages_from (from_address,created_at),
  CONSTRAINT messages_of_source FOREIGN KEY (source_id) REFERENCES sources (id),
  CONSTRAINT messages_of_ticket FOREIGN KEY (ticket_id) REFERENCES tickets (id) ON DELETE CASCADE,
  CONSTRAINT messages_kind CHECK (kind in ('human','auto-generated','auto-reply','bounce','feedback-report','list','loop'))
);

-- who takes part in a ticket: From, Reply-To, To, Cc
CREATE TABLE participants (
  ticket_id bigint unsigned NOT NULL,
  address varchar(500) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'lower case',
  bounced_at datetime(3) DEFAULT NULL COMMENT 'mail to this address came back',
  bounce_status varchar(20) DEFAULT NULL COMMENT 'as 5.1.1 (RFC 3463)',
  PRIMARY KEY (ticket_id,address),
  CONSTRAINT participants_of_ticket FOREIGN KEY (ticket_id) REFERENCES tickets (id) ON DELETE CASCADE
);

-- since when raw batches have had no rows
CREATE TABLE raw_without_rows (
  batch varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'raw batch that no row of sources names',
  first_seen_at datetime(3) NOT NULL COMMENT 'the first of the nights, without a gap, that found it so',
  last_seen_at datetime(3) NOT NULL,
  PRIMARY KEY (batch)
);

-- what an admin decides of mails before they become tickets
CREATE TABLE rules (
  id bigint unsigned NOT NULL AUTO_INCREMENT,
  name varchar(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'what sources.reason says of a mail that it decided',
  account_id bigint unsigned DEFAULT NULL COMMENT 'NULL: every account',
  position int NOT NULL DEFAULT 100 COMMENT 'in this order; the first that drops or holds decides',
  enabled tinyint(1) NOT NULL DEFAULT 1,
  conditions_json text NOT NULL COMMENT 'all of them must hold',
  action varchar(10) NOT NULL COMMENT 'drop, hold or tag',
  tag varchar(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL,
  created_at datetime(3) NOT NULL DEFAULT utc_timestamp(3),
  PRIMARY KEY (id),
  UNIQUE KEY rules_name (name),
  KEY rules_account (account_id,position),
  CONSTRAINT rules_of_account FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE,
  CONSTRAINT rules_action CHECK (action in ('drop','hold','tag')),
  CONSTRAINT rules_tag CHECK (action <> 'tag' or tag is not null)
);

-- what of migrations/ was applied
CREATE TABLE schema_migrations (
  name varchar(100) NOT NULL,
  applied_at datetime(3) NOT NULL DEFAULT utc_timestamp(3),
  PRIMARY KEY (name)
);

CREATE TABLE schema_version (
  id tinyint(4) NOT NULL,
  version int NOT NULL,
  compatible_from int NOT NULL COMMENT 'the oldest program that works on this schema',
  PRIMARY KEY (id)
);

-- random secrets of this installation
CREATE TABLE secrets (
  name varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  plaintext varbinary(64) DEFAULT NULL,
  sealed varbinary(4096) DEFAULT NULL COMMENT 'envelope, format in the manual',
  PRIMARY KEY (name),
  CONSTRAINT secrets_some CHECK (plaintext is not null or sealed is not null)
);

-- names in Authentication-Results that may be confirmed
CREATE TABLE seen_authserv_ids (
  account_id bigint unsigned NOT NULL,
  authserv_id varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  mails int unsigned NOT NULL DEFAULT 0,
  PRIMARY KEY (account_id,authserv_id),
  CONSTRAINT seen_authserv_ids_account FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE
);

CREATE TABLE sessions (
  token_sha256 binary(32) NOT NULL COMMENT 'of the token in the cookie',
  user_id bigint unsigned NOT NULL,
  created_at datetime(3) NOT NULL DEFAULT utc_timestamp(3),
  last_seen_at datetime(3) NOT NULL DEFAULT utc_timestamp(3),
  expires_at datetime(3) NOT NULL,
  address varchar(64) NOT NULL DEFAULT '',
  agent varchar(255) NOT NULL DEFAULT '',
  id bigint unsigned NOT NULL AUTO_INCREMENT COMMENT 'to name it by; the token is known to the browser alone',
  flash_json varchar(2000) DEFAULT NULL COMMENT 'what the next page says first',
  picture_key binary(32) DEFAULT NULL COMMENT 'Ed25519 public key: checks the addresses of pictures; null until a mail was looked at',
  PRIMARY KEY (token_sha256),
  UNIQUE KEY id (id),
  KEY sessions_user (user_id),
  KEY sessions_expires_at (expires_at),
  CONSTRAINT sessions_of_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);

-- facts about this installation
CREATE TABLE settings (
  name varchar(64) NOT NULL,
  value text NOT NULL,
  PRIMARY KEY (name)
);

-- every mail ever taken in, and its end
CREATE TABLE sources (
  id bigint unsigned NOT NULL AUTO_INCREMENT,
  account_id bigint unsigned NOT NULL,
  mailbox_id bigint unsigned NOT NULL,
  uid_validity int unsigned NOT NULL,
  uid int unsigned NOT NULL,
  sha256 char(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL COMMENT 'of the raw bytes, hex; NULL: none could be fetched',
  size int unsigned NOT NULL COMMENT 'bytes kept, or what the server says where complete = 0',
  complete tinyint(1) NOT NULL DEFAULT 1 COMMENT '0: only the header, or nothing, was fetched',
  message_id varchar(1000) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '' COMMENT 'Message-ID without angle brackets',
  fingerprint binary(32) DEFAULT NULL COMMENT 'SHA-256 of Message-ID, Date and From: knows a mail whose header a server rewrote',
  result varchar(12) NOT NULL COMMENT 'the end of the mail',
  reason varchar(64) NOT NULL DEFAULT '' COMMENT 'why it ended so',
  ticket_id bigint unsigned DEFAULT NULL,
  duplicate_of bigint unsigned DEFAULT NULL,
  batch varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL COMMENT 'raw batch that holds it',
  batch_offset bigint unsigned DEFAULT NULL COMMENT 'bytes from the start of the batch',
  stored_size int unsigned DEFAULT NULL COMMENT 'bytes in the batch',
  received_at datetime(3) DEFAULT NULL COMMENT 'INTERNALDATE',
  created_at datetime(3) NOT NULL DEFAULT utc_timestamp(3),
  after_ingest varchar(300) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT 'keep' COMMENT 'what is to be done on the server',
  settled_at datetime(3) DEFAULT NULL COMMENT 'when it was done; NULL: pending',
  retry_at datetime(3) DEFAULT NULL COMMENT 'asked for again by an operator',
  PRIMARY KEY (id),
  UNIQUE KEY sources_uid (mailbox_id,uid_validity,uid),
  KEY sources_content (account_id,sha256),
  KEY sources_fingerprint (mailbox_id,fingerprint),
  KEY sources_result (result,id),
  KEY sources_ticket (ticket_id),
  KEY sources_batch (batch),
  KEY sources_unsettled (mailbox_id,settled_at,uid),
  KEY sources_retry (mailbox_id,retry_at),
  CONSTRAINT sources_account FOREIGN KEY (account_id) REFERENCES accounts (id),
  CONSTRAINT sources_mailbox FOREIGN KEY (mailbox_id) REFERENCES mailboxes (id),
  CONSTRAINT sources_of_ticket FOREIGN KEY (ticket_id) REFERENCES tickets (id) ON DELETE SET NULL,
  CONSTRAINT sources_result CHECK (result in ('created','appended','ignored','duplicate','quarantined'))
);

CREATE TABLE tickets (
  id bigint unsigned NOT NULL AUTO_INCREMENT,
  ref varchar(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'what people call it, as LL-7K3F-Q2MD',
  account_id bigint unsigned NOT NULL,
  subject varchar(1000) NOT NULL,
  requester_name varchar(500) NOT NULL,
  requester_address varchar(500) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  status varchar(10) NOT NULL DEFAULT 'open',
  messages int unsigned NOT NULL DEFAULT 0 COMMENT 'how many messages it has',
  linked_ticket_id bigint unsigned DEFAULT NULL COMMENT 'the ticket that its first mail referred to without taking part in it',
  created_at datetime(3) NOT NULL DEFAULT utc_timestamp(3),
  updated_at datetime(3) NOT NULL DEFAULT utc_timestamp(3) COMMENT 'the last message or change of status',
  tags_json text DEFAULT NULL COMMENT 'tags that rules gave it, a list',
  kind varchar(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'human' COMMENT 'of the mail that opened it, as messages.kind',
  PRIMARY KEY (id),
  UNIQUE KEY tickets_ref (ref),
  KEY tickets_account (account_id,status,updated_at),
  KEY tickets_status (status,updated_at),
  KEY tickets_linked (linked_ticket_id),
  KEY tickets_requester (requester_address,created_at),
  KEY tickets_kind (kind,status,updated_at),
  KEY tickets_account_kind (account_id,kind,status,updated_at),
  CONSTRAINT tickets_linked FOREIGN KEY (linked_ticket_id) REFERENCES tickets (id) ON DELETE SET NULL,
  CONSTRAINT tickets_of_account FOREIGN KEY (account_id) REFERENCES accounts (id),
  CONSTRAINT tickets_status CHECK (status in ('open','closed'))
);

-- mails to read beside the cursor
CREATE TABLE uids_to_read (
  mailbox_id bigint unsigned NOT NULL,
  uid_validity int unsigned NOT NULL,
  uid int unsigned NOT NULL,
  asked_at datetime(3) NOT NULL DEFAULT utc_timestamp(3),
  PRIMARY KEY (mailbox_id,uid_validity,uid),
  CONSTRAINT uids_to_read_mailbox FOREIGN KEY (mailbox_id) REFERENCES mailboxes (id) ON DELETE CASCADE
);

-- who signs in to the web interface
CREATE TABLE users (
  id bigint unsigned NOT NULL AUTO_INCREMENT,
  email varchar(320) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL COMMENT 'not used yet',
  name varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'to sign in with, in lower case',
  role varchar(10) NOT NULL DEFAULT 'agent',
  password_hash varchar(255) NOT NULL COMMENT 'argon2id, one-way',
  enabled tinyint(1) NOT NULL DEFAULT 1,
  created_at datetime(3) NOT NULL DEFAULT utc_timestamp(3),
  signed_in_at datetime(3) DEFAULT NULL COMMENT 'for the last time',
  password_set_at datetime(3) NOT NULL DEFAULT utc_timestamp(3),
  PRIMARY KEY (id),
  UNIQUE KEY users_name (name),
  UNIQUE KEY users_email (email),
  CONSTRAINT users_role CHECK (role in ('admin','agent'))
);

-- heartbeats
CREATE TABLE workers (
  id varchar(64) NOT NULL COMMENT 'host, process and a random part',
  host varchar(255) NOT NULL,
  version varchar(32) NOT NULL,
  key_ids_json text NOT NULL COMMENT 'ids of the keys it holds, hex',
  started_at datetime(3) NOT NULL DEFAULT utc_timestamp(3),
  last_seen_at datetime(3) NOT NULL DEFAULT utc_timestamp(3),
  lease_until datetime(3) NOT NULL COMMENT 'until when the accounts that it owns are its own',
  schema_version int DEFAULT NULL COMMENT 'that its program knows; NULL: older than version 10',
  PRIMARY KEY (id),
  KEY workers_last_seen_at (last_seen_at)
);
