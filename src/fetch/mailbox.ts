// PORT: what the daemon needs of an IMAP account, in the words of RFC 9051. One adapter talks to servers (imap-session.ts);
// whatever a library or a server answers with `false` or silence is an AccountError here.
import type { AfterIngest, FetchedMessage, MessageMeta } from '../model/mail.ts'

/** What proves who we are: a password, or an access token of OAuth 2. The lender wipes it. */
export interface Login {
  kind: 'password' | 'token'
  value: Buffer
}

/** What STATUS or SELECT says of a mailbox. */
export interface MailboxState {
  uidValidity: number
  /** 1 + the highest UID ever given, or null where the server omits it (some do). */
  uidNext: number | null
  /** EXISTS. */
  messages: number
}

/** A selected mailbox. While `fetch` is being read, no other command runs on its session. */
export interface Mailbox {
  readonly name: string
  readonly state: MailboxState
  /** False where `state.uidNext` is what follows the last mail, because the server gave none. */
  readonly statesUidNext: boolean
  /** True for a server that states the room a mail takes in its store in place of its size (Exchange). */
  readonly estimatesSizes: boolean
  /**
   * UIDs >= `firstUid` that the server holds, ascending: the union of UID SEARCH and UID FETCH over the range, because a UID
   * that one answer omits is no proof that it is gone. A UID that SEARCH shows but FETCH gives no metadata for has size 0 and
   * the epoch as receivedAt. At most `limit` (the lowest ones). From UIDNEXT on, where one line may name any UID, only what both answers show.
   */
  list(firstUid: number, limit: number): Promise<MessageMeta[]>
  /** UIDs that arrived at or after `since` (SEARCH SINCE, whole days) — for `--start DATE`. */
  listSince(since: Date): Promise<number[]>
  /**
   * The messages with these UIDs in the order of the server's answer. A mail of more than `maxBytes` comes as its header
   * alone. UIDs that the server does not answer are simply absent: the caller asks again with `stillThere`.
   */
  fetch(uids: readonly number[], maxBytes: number): AsyncIterable<FetchedMessage>
  /** Which of these UIDs the server still holds (exact UID SEARCH). */
  stillThere(uids: readonly number[]): Promise<Set<number>>
  /** Asks the server from time to time while this is waited for (NOOP): a connection that says nothing is taken for dead. */
  keepAwake<T>(wait: Promise<T>): Promise<T>
  /** RFC822.SIZE of those of these UIDs that the server tells it of. */
  sizes(uids: readonly number[]): Promise<Map<number, number>>
  /**
   * Flags, moves or deletes. Without UIDPLUS nothing is expunged: the mail stays, marked \Deleted. Throws if the server refused.
   * Without MOVE a mail is copied, and what is still to be done is answered: noted before it is tried, it is not copied again.
   */
  settle(uids: readonly number[], action: AfterIngest): Promise<AfterIngest | null>
}

/** A connection that is logged in. */
export interface ImapSession extends AsyncDisposable {
  /** False once the connection is closed, by whomever. */
  readonly usable: boolean
  /** Asks the server (NOOP): false if the connection turns out to be dead. */
  isAlive(): Promise<boolean>
  /** When the server's certificate expires; null without TLS. */
  readonly certificateUntil: Date | null
  /** Upper-case capabilities after login. */
  readonly capabilities: ReadonlySet<string>
  /** STATUS without selecting. Throws `imap.mailbox_missing` if there is no such mailbox. */
  status(mailbox: string): Promise<MailboxState>
  /** SELECT (or EXAMINE if nothing will be changed). `name` is UTF-8; the wire form is the adapter's business. */
  select(mailbox: string, access: 'read-only' | 'read-write'): Promise<Mailbox>
  /** APPEND, marked as read. Throws `imap.mailbox_missing` if there is no such mailbox. */
  append(mailbox: string, mail: Buffer): Promise<void>
  /** Names of all mailboxes (LIST), UTF-8. */
  mailboxes(): Promise<string[]>
  /**
   * Waits for mail in these mailboxes until the next command of the session: in INBOX or the first of them with IDLE (RFC 2177), in the
   * others where the server has NOTIFY (RFC 5465). `news` is called at most once, also for what came since they were last listed.
   * False where the server cannot.
   */
  watch(mailboxes: readonly string[], news: () => void): Promise<boolean>
  /** Resolves once the connection is gone, by whomever. */
  readonly closed: Promise<void>
  /** Closes at once, without LOGOUT: for aborts. */
  close(): void
}
