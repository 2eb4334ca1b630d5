// What the nightly job removed and what it left, as its log line, its audit row and doctor tell it.

export interface NightlyReport {
  /** Raw batches whose mails are all kept elsewhere, and their bytes. */
  batches: number
  bytes: number
  /** Raw batches that no row has named for `retention.raw_days`, and their bytes. */
  expiredBatches: number
  expiredBytes: number
  /** Raw batches without rows that are not due yet. */
  waitingBatches: number
  /** Sessions that had ended. */
  sessions: number
  /** Rows of the audit log from before `retention.audit_days`. */
  auditRows: number
  /** Retired key files of this host that open nothing any more. They are never removed. */
  idleKeyFiles: number
}
