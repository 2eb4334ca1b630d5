// PURE. A mailbox that the server does not have, told by its name. Which one it is the server's answer does not say.
import { AccountError } from '../errors/errors.ts'

/** `role`: a mailbox that is read, or the one that mail is moved to. What is no such failure is returned as it is. */
export function nameMissing(error: unknown, accountId: number, name: string, role: 'read' | 'target'): unknown {
  if (!(error instanceof AccountError) || error.code !== 'imap.mailbox_missing') return error
  // Quoted, so that a name cannot look like anything else.
  return new AccountError(error.code, `account ${accountId}: the server has no mailbox ${JSON.stringify(name)}`, {
    temporary: false,
    hint:
      role === 'read'
        ? 'create it on the server, or correct the mailboxes of the account; the others are read meanwhile'
        : 'create it on the server, or correct --after move:MAILBOX; mail comes in meanwhile',
    cause: error.cause,
  })
}
