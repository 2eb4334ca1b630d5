// What a mail says, after parsing: plain data, safe to send between threads. Its HTML is no part of it: that is derived when somebody reads
// (`SafeHtml`). `letterlock parse --json` prints both.

import type { SenderEvidence } from './sender-verdict.ts'

export type Kind = 'human' | 'auto-generated' | 'auto-reply' | 'bounce' | 'feedback-report' | 'list' | 'loop'

export interface Address {
  /** Display name, '' if none. */
  name: string
  /** addr-spec; the domain in lower case. May lack a domain in malformed mail; '' if there is none at all. */
  address: string
}

export interface Attachment {
  /** Safe to show, not to use as a path; null if the part has none. */
  filename: string | null
  /** Lower case, without parameters. */
  contentType: string
  /** Decoded size in bytes. */
  size: number
  /** Hex SHA-256 of the decoded bytes. */
  sha256: string
  /** Without angle brackets. */
  contentId: string | null
  /** True if the HTML refers to it by `cid:` or it is disposed inline inside multipart/related. */
  inline: boolean
  /** Where the encoded body lies in the raw mail, so that the bytes can be cut out later; null if it must be parsed out again. */
  part: PartLocation | null
}

/** A body part inside the raw mail: bytes and how they are encoded. */
export interface PartLocation {
  offset: number
  length: number
  encoding: 'identity' | 'base64' | 'quoted-printable'
}

export interface Bounce {
  /** Failed recipients, or those that the words of a `delayed` report are about; lower case. */
  recipients: string[]
  /** Enhanced status codes (RFC 3463), as `5.1.1`. */
  statuses: string[]
  /** Nobody has failed: the server goes on trying. */
  delayed: boolean
}

/** What a reader should know of a mail's HTML before looking at it. */
export type HtmlFlag =
  /** Scripts, event handlers, frames, plug-ins or a refresh were taken out. */
  | 'active-content'
  /** A form was taken out. */
  | 'form'
  /** There are words that its look hides. */
  | 'hidden-text'
  | LinkOddity
  /** Only its beginning is kept. */
  | 'too-large'
  /** Its structure is kept only so far. */
  | 'too-deep'

/** The HTML of a mail as it may be shown, with what was found in it. */
export interface SafeHtml {
  /** Sanitised. */
  html: string
  notes: HtmlNotes
}

export interface HtmlNotes {
  /** Images elsewhere that a reader may ask for. */
  remoteImages: number
  /** Images that would report the opening of the mail; they were taken out. */
  trackingPixels: number
  flags: HtmlFlag[]
}

/** The mail that a report or an automatic answer is about, as far as it is attached or quoted. */
export interface OriginalMessage {
  messageId: string
  inReplyTo: string
  references: string[]
  subject: string
}

/** The mail that a mail passes on, as far as it names it. */
export interface ForwardedMessage {
  from: Address
  /** '' if it is not named. */
  subject: string
  /** ISO 8601 in UTC, or null if it is absent or unreadable; programs name no zone there, and it is read as UTC. */
  date: string | null
}

export interface ParsedMessage {
  kind: Kind
  /** Why `kind` is what it is, and what had to be repaired; short words, closed list in the code. */
  reasons: string[]
  /** As the mail says. */
  from: Address | null
  /** The person behind it, where a list or a forwarder put itself into From; else the same. */
  sender: Address | null
  /** What mail servers wrote of whether it is really from there. */
  senderEvidence: SenderEvidence
  to: Address[]
  cc: Address[]
  replyTo: Address[]
  subject: string
  /** Ids have no angle brackets. '' if the mail has none. */
  messageId: string
  inReplyTo: string
  references: string[]
  /** ISO 8601 in UTC, or null if the Date header is absent or unreadable. */
  date: string | null
  /** Whole plain text: the text parts, or the HTML as text. */
  text: string
  /** There is HTML that a reader may ask for. */
  hasHtml: boolean
  /** The new words, without quotation and signature. */
  reply: string
  attachments: Attachment[]
  bounce: Bounce | null
  /** null if it passes no mail on. */
  forwarded: ForwardedMessage | null
  /** For threading, only its id is printed; null for mail of people. */
  original: OriginalMessage | null
}

/** What a mail says, but for its words: what it comes to is decided by these. */
export type MessageFacts = Omit<ParsedMessage, 'text' | 'reply'>

/** A message for the database. Its words may be UTF-8 already. */
export interface StorableMessage extends MessageFacts {
  text: string | Uint8Array
  /** null: all of the text. */
  reply: string | Uint8Array | null
}

/** A message with the HTML that a reader would see; null: it has none. */
export interface WholeMessage extends ParsedMessage {
  safeHtml: SafeHtml | null
}

/** The name of the flag. */
export type LinkOddity =
  /** The words name another host than the one it leads to. */
  | 'link-text-differs'
  /** Letters of other alphabets that look like Latin ones stand in the host's name. */
  | 'link-lookalike'
  /** What looks like the host is only a user's name: `https://bank.example@elsewhere.example`. */
  | 'link-userinfo'
