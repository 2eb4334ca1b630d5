// What is known of whether a mail comes from the domain that its From names (RFC 7489 §3): plain data, stored with the message.

export interface SenderVerdict {
  /**
   * `pass`: the receiving server, or our own check, authenticated From's domain. `fail`: it looked, and the mail is not from there. `none`: it
   * says nothing that decides. `unknown`: nobody was asked.
   */
  verdict: 'pass' | 'fail' | 'none' | 'unknown'
  /** What decided, or came closest to it; null if nothing did. `arc`: what a forwarder saw when the mail reached it (RFC 8617). */
  method: 'dmarc' | 'dkim' | 'arc' | null
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
  /** The domains that signed the mail (DKIM), as they stand. */
  signers: readonly string[]
  /** The domain that sealed it last (ARC), as it stands; null: nobody did. */
  sealer: string | null
  /** How many Received fields at the top were certainly written on the receiving side. */
  ownHops: number
}

/** What our own check of a mail found: nobody's word is believed but that of sealers who are trusted. */
export interface SignatureCheck {
  /** Of the mail's DKIM signatures. */
  signatures: readonly AuthenticationResult[]
  /** What trusted sealers saw when the mail reached them; only of a chain that holds. */
  sealed: readonly AuthenticationField[]
  /** As SenderVerdict has it; looked up where a signature of From's organisation fails. */
  policy: SenderVerdict['policy']
}
