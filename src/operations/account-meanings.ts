// PURE. What the fields of an account mean, in a clause each. They stand apart from their schema (account-input.ts), so that a command shows its help
// without loading what checks input: that takes longer than a short command itself.
export const meanings = {
  account: 'id or address',
  address: 'the address that customers write to',
  host: 'the IMAP server',
  port: 'the port (default: 993 with tls, else 143)',
  security: 'how the connection is protected: tls, starttls or cleartext (default: tls)',
  username: 'the user name (default: the address)',
  mailboxes: 'a mailbox to read; repeatable (default: INBOX)',
  every: 'the time between polls, for example 60s or 5m (default: 60s)',
  push: 'wait for new mail between polls if the server supports IDLE: on or off (default: on)',
  canary:
    'how often a marked message is put into the mailbox to prove that it is received, for example 10m, or off (default: off)',
  start:
    'which existing mail becomes tickets: all, new (none of it) or mail since a day, for example 2026-11-24 (default: all; asks above 500 messages)',
  after: 'what happens on the server after a message is stored: keep, seen, move:MAILBOX or delete (default: keep)',
  ca: 'CA certificates of your own mail server (PEM)',
  authservIds: "a mail server whose Authentication-Results you trust; repeatable; '' for a field without a name",
} as const
