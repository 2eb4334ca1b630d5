// PURE. What a mail is to the row that its UID already has. A UID is no proof: a mail server that was restored from a backup gives those of the days
// that it lost to other mails, under the same UIDVALIDITY.

/** Of a mail or of a row: what tells whether they are the same. */
export interface MailIdentity {
  /** Hex SHA-256 of the bytes; null: nothing of it is kept. */
  sha256: string | null
  /** Of Message-ID, Date and From; null: it has no Message-ID, or cannot be parsed. */
  fingerprint: Buffer | null
  /** False if its header is kept alone, or nothing. */
  complete: boolean
}

/**
 * `same`: passed over. `replaces`: the row gets what came now, because a retry was asked for or there was less of it. `reuses`: another mail, that
 * gets a row of its own. Some servers write the bytes anew each time (Exchange): then the fingerprint decides.
 */
export function relationOf(
  mail: MailIdentity,
  row: MailIdentity & { retry: boolean },
): 'new' | 'same' | 'replaces' | 'reuses' {
  if (row.sha256 === null) return 'replaces'
  const comparable = mail.fingerprint !== null && row.fingerprint !== null
  const isSame = mail.sha256 === row.sha256 || (comparable && mail.fingerprint?.equals(row.fingerprint as Buffer))
  if (isSame) return row.retry || (mail.complete && !row.complete) ? 'replaces' : 'same'
  // Of a header that could not be parsed nobody can tell.
  return row.retry && !comparable ? 'replaces' : 'reuses'
}
