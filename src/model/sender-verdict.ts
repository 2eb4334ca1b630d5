// What is known of whether a mail comes from the domain that its From names (RFC 7489 §3): plain data, stored with the message.

export interface SenderVerdict {
  /**
   * `pass`: the receiving server authenticated From's domain. `fail`: it looked, and the mail is not from there. `none`: it says nothing that
   * decides. `unknown`: nobody was asked.
   */
  verdict: 'pass' | 'fail' | 'none' | 'unknown'
  /** What decided, or came closest to it; null if nothing did. */
  method: 'dmarc' | 'dkim' | null
  /** The domain that the method speaks of, as an A-label in lower case. */
  domain: string | null
  /** True if that domain and From's have the same organisational domain. */
  aligned: boolean
  /** The address in From; null where there is none, or more than one. */
  from: string | null
  /** What the owner of From's domain asks receivers to do with mail that fails, as far as the server says. */
  policy: 'none' | 'quarantine' | 'reject' | null
}

/** A field that a mail server wrote about a mail (RFC 8601). */
export interface AuthenticationField {
  /** Who wrote it, in lower case; '' where the field names nobody. */
  authservId: string
  results: readonly AuthenticationResult[]
}

export interface AuthenticationResult {
  /** Lower case, for example `dkim`. */
  method: string
  /** Lower case, for example `pass`. */
  result: string
  /** The domain that it is about (`header.d`, `header.i`, `header.from`), as it stands; '' where none is named. */
  domain: string
  /** What the domain's owner asks for, as far as the server says. */
  policy: SenderVerdict['policy']
}

/** What a mail holds about its sender, before anybody decides which server to believe. */
export interface SenderEvidence {
  /** The fields in the order of the mail; `hop` counts the Received fields above. */
  fields: readonly (AuthenticationField & { hop: number })[]
  /** The address in From; null where there is none, or more than one. */
  from: string | null
}
