// PORT: the original mails, kept byte for byte in immutable batches. `archive` returns only after the batch is durable: the rows
// that point at it come after. Every reading checks the hash. Two implementations: a directory, and a bucket of an S3-compatible
// service (raw-s3.ts).
import type { RawLocation } from '../../model/mail.ts'

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

export interface RawStore extends AsyncDisposable {
  /** Where it is, for people: a directory, or `s3://bucket/prefix`. */
  readonly where: string
  /**
   * Keeps a batch; returns the places in the order given. `again`: it may have been kept before (archive-once.ts). Throws ServiceError
   * `raw.unwritable` or `raw.missing` (temporary).
   */
  archive(mails: readonly RawMail[], options?: { again?: boolean }): Promise<RawLocation[]>
  /** The bytes of one mail. Throws `raw.damaged` if they are missing or their hash differs, `raw.unreadable` (temporary) if nobody can tell now. */
  read(place: RawLocation): Promise<Buffer>
  /** The days that have batches, oldest first. */
  days(): AsyncIterable<string>
  /** Names of all batches, or of those of a day, oldest first. */
  batches(day?: string): AsyncIterable<string>
  /** The batches of a day with their sizes in bytes, oldest first. */
  sizes(day: string): AsyncIterable<[batch: string, bytes: number]>
  /** A batch's own index. Throws as `read`. */
  index(batch: string): Promise<RawIndexEntry[]>
  /** All bytes of a batch, as a backup copies them. Throws as `read`. */
  readBatch(batch: string): Promise<Buffer>
  /** Writes a batch back under its name. Throws as `archive`. */
  writeBatch(batch: string, bytes: Buffer): Promise<void>
  /** Removes a whole batch, if it is there. */
  remove(batch: string): Promise<void>
  /** The random id that says which installation's mail this is; undefined where nobody wrote one yet. */
  readId(): Promise<string | undefined>
  /** Writes the id where there is none. Returns the one that is there now. */
  writeId(id: string): Promise<string>
  /**
   * Throws `raw.unwritable` where nothing could be kept now, nor what failed last. Leaves nothing behind. `raw.missing`: it was there
   * and is gone, as a mount that went away.
   */
  checkWritable(): Promise<void>
}
