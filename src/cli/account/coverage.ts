// `letterlock account coverage` and `letterlock account backfill`: what the server holds and what became of it, and reading what was passed over.
import { backfillAccount } from '../../operations/backfill.ts'
import { coverAccounts, type MailboxCoverage } from '../../operations/coverage.ts'
import { askFor } from '../ask.ts'
import type { GlobalOptions } from '../connect.ts'
import { print, printJson, printTable, remark, reportError } from '../terminal.ts'

/** Resolves to 1 if an account could not be looked into. */
export async function printCoverage(
  account: string | undefined,
  options: GlobalOptions & { json?: boolean },
): Promise<0 | 1> {
  const input = account === undefined ? {} : { account }
  const { mailboxes, failures } = await askFor(coverAccounts, options, { input, names: { account: 'the account' } })
  if (options.json) await printJson(mailboxes)
  else await printMailboxes(mailboxes)
  for (const { error } of failures) reportError(error)
  return failures.length > 0 ? 1 : 0
}

const numbers = [
  'onServer',
  'created',
  'appended',
  'ignored',
  'duplicate',
  'quarantined',
  'beforeStart',
  'waiting',
] as const

async function printMailboxes(mailboxes: readonly MailboxCoverage[]): Promise<void> {
  if (mailboxes.length === 0) return await print('no mailboxes')
  await printTable(
    [
      'ACCOUNT',
      'MAILBOX',
      'ON SERVER',
      'CREATED',
      'APPENDED',
      'IGNORED',
      'DUPLICATE',
      'QUARANTINED',
      'BEFORE START',
      'WAITING',
      'UNCOVERED',
    ],
    mailboxes.map(mailbox => [
      mailbox.address,
      mailbox.mailbox,
      ...numbers.map(name => String(mailbox[name])),
      String(mailbox.uncovered.length),
    ]),
    (cell, column) => (column === 10 && cell !== '0' ? 'red' : undefined),
  )
  for (const { address, mailbox, uncovered } of mailboxes)
    if (uncovered.length > 0)
      remark(`${address} ${mailbox}: ${named(uncovered)} without a row; the next poll reads them`)
}

const maxNamed = 20

function named(uids: readonly number[]): string {
  const more = uids.length - maxNamed
  return `UIDs ${uids.slice(0, maxNamed).join(', ')}${more > 0 ? ` and ${more} more` : ''} are`
}

/** Asks for the mails; the worker that owns the account reads them. */
export async function backfill(
  account: string,
  options: GlobalOptions & { since: string; json?: boolean },
): Promise<void> {
  const given = { input: { account, since: options.since }, names: { account: 'the account', since: '--since' } }
  const { failure, ...asked } = await askFor(backfillAccount, options, given)
  if (failure !== null) throw failure
  if (options.json) return await printJson([asked])
  await print(
    asked.mails === 0
      ? `no mail since ${options.since} was passed over`
      : `${asked.mails} mails since ${options.since} are read by the next polls; \`letterlock account coverage ${asked.id}\` shows how far it is`,
  )
}
