// PORT: the original mails, kept byte for byte in immutable batches. `keep` returns only after the batch is durable
// (written, synced, renamed, directory synced): the rows that point at it come after. Every reading checks the hash.

/** One mail as it goes into a batch. */
export interface RawMail {
  accountId: number
  mailbox: string
  uidValidity: number
  uid: number
  /** INTERNALDATE. */
  receivedAt: Date
  /** False if only the header was fetched. */
  complete: boolean
  source: Buffer
}

/** Where a mail lies. */
export interface RawPlace {
  /** `2026-11-23/<id>`. */
  batch: string
  /** Bytes from the start of the batch. */
  offset: number
  size: number
  /** Hex SHA-256 of the bytes. */
  sha256: string
}

/** A line of a batch's own index: enough to take the mail in again without any row. */
export interface RawIndexEntry {
  accountId: number
  mailbox: string
  uidValidity: number
  uid: number
  receivedAt: string
  complete: boolean
  offset: number
  size: number
  sha256: string
}

export interface RawStore {
  /** Keeps a batch; returns the places in the order given. Throws ServiceError `raw.unwritable` (temporary). */
  keep(mails: readonly RawMail[]): Promise<RawPlace[]>
  /** The bytes of one mail. Throws ServiceError `raw.damaged` if they are missing or their hash differs. */
  read(place: RawPlace): Promise<Buffer>
  /** Names of all batches, oldest first. */
  batches(): AsyncIterable<string>
  /** A batch's own index. Throws `raw.damaged`. */
  index(batch: string): Promise<RawIndexEntry[]>
  /** Removes a whole batch. */
  remove(batch: string): Promise<void>
}
