// What operations work with. Each takes the few that it needs (`Pick<Deps, 'db'>`); a command and the daemon build the record by hand.
import type { Redis } from 'ioredis'
import type { Knex } from 'knex'
import type { Config } from '../config/config.ts'
import type { openSession } from '../fetch/imap-session.ts'
import type { ParsedMessage } from '../model/parsed-message.ts'
import type { TriagePolicy } from '../poll/ingest/ingest-batch.ts'
import type { RawStore } from '../store/raw/raw-store.ts'
import type { KeyPaths } from '../vault/keys/keyring.ts'
import type { OpenSecret } from '../vault/secrets/open-secret.ts'
import type { Passwords } from '../vault/secrets/password-hash.ts'
import type { HtmlReader } from './read-html.ts'

export interface Deps {
  db: Knex
  config: Config
  keys: KeyPaths
  /** Lends a connection to Redis; undefined where it cannot be reached. */
  withRedis<T>(use: (redis: Redis | undefined) => Promise<T>): Promise<T>
  /** Lends an account's stored password or token. */
  openSecret: OpenSecret
  /** Those of people. */
  passwords: Passwords
  /** What a person who waits may read: how far it is. */
  say(line: string): void
  /** The raw mail of this installation. */
  raw(): Promise<RawStore>
  /** Parses a mail in a thread, with a deadline. Throws MessageError. */
  parse(source: Uint8Array, account?: number): Promise<ParsedMessage>
  /** The HTML of messages, from their raw mail. */
  html: HtmlReader
  /** How mails become tickets. */
  triage(): Promise<TriagePolicy>
  /** To try a mail server out. */
  openSession: typeof openSession
}
