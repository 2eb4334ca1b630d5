// A mail on its way: as the server lists it, as it was fetched, and where its bytes are archived.

/** What is known of a message before its bytes are asked for. */
export interface MessageMeta {
  uid: number
  /** RFC822.SIZE in bytes, as the server says; the larger number where it says two. Servers lie: `poll/batch/stated-size.ts`. */
  size: number
  /** INTERNALDATE. */
  receivedAt: Date
}

/** One message as the server gave it. `complete` is false for an oversize mail, of which only the header was fetched. */
export interface FetchedMessage extends MessageMeta {
  source: Buffer
  complete: boolean
}

/** What to do on the server with a mail that is ours. */
export type AfterIngest = { kind: 'keep' } | { kind: 'seen' } | { kind: 'delete' } | { kind: 'move'; mailbox: string }

/** Of the mail that was there at the first poll: all of it, none, or what came since that day. */
export type StartFrom = 'all' | 'new' | Date

/** Where a mail lies. */
export interface RawLocation {
  /** `2026-11-23/<id>`. */
  batch: string
  /** Bytes from the start of the batch. */
  offset: number
  size: number
  /** Hex SHA-256 of the bytes. */
  sha256: string
}

export interface IngestTarget {
  accountId: number
  mailboxId: number
  uidValidity: number
  afterIngest: AfterIngest
}
