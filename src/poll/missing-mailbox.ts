// PURE. A mailbox that the server does not have, told by its name. Which one it is the server's answer does not say.
import { AccountError } from '../errors/errors.ts'

/** `role`: a mailbox that is read, or the one that mail is moved to. What is no such failure is returned as it is. */
export function nameMissing(error: unknown, accountId: number, mailbox: string, role: 'read' | 'move'): unknown {
  if (!(error instanceof AccountError) || error.code !== 'imap.mailbox_missing') return error
  const params = { account: accountId, mailbox, role }
  return new AccountError(error.code, params, { temporary: false, cause: error.cause })
}
