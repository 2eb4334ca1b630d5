// What `account coverage` says when all is over, against the files of the mail server: every mail that is there is counted once, and none is missing.
import { openSession } from '../../src/fetch/imap-session.ts'
import { coverMailbox } from '../../src/poll/coverage/cover-mailbox.ts'
import { getAccount } from '../../src/store/accounts/accounts.ts'
import { getDestination } from '../../src/store/accounts/destinations.ts'
import { findMailboxes, type StoredMailbox } from '../../src/store/accounts/mailboxes.ts'
import type { ChaosAccount, Scene } from './scene.ts'

const timeoutMs = 20_000

/** A sentence for each mailbox whose numbers are wrong. */
export async function checkCoverage(scene: Scene): Promise<string[]> {
  const wrong: string[] = []
  for (const account of scene.accounts) {
    const { oauth: _, ...destination } = await getDestination(scene.db, account.id)
    await using session = await openSession(account, destination, Buffer.from(account.password), { timeoutMs })
    for (const stored of await findMailboxes(scene.db, account.id)) {
      const mailbox = await session.select(stored.name, 'read-only')
      const found = await compare(scene, account, stored, mailbox)
      if (found !== undefined) wrong.push(`account ${account.id} ${stored.name}: ${found}`)
    }
  }
  return wrong
}

async function compare(
  { db, servers }: Scene,
  { id, user }: ChaosAccount,
  stored: StoredMailbox,
  mailbox: Parameters<typeof coverMailbox>[1],
): Promise<string | undefined> {
  const { createdAt } = await getAccount(db, String(id))
  const signal = AbortSignal.timeout(2 * timeoutMs)
  const coverage = await coverMailbox(db, mailbox, stored, { startFrom: 'all', createdAt, signal })
  const { onServer, uncovered, waiting, beforeStart, ...outcomes } = coverage
  const files = servers.dovecot.files(user, stored.name).length
  const counted = Object.values(outcomes).reduce((sum, count) => sum + count, 0)
  if (uncovered.length > 0) return `UIDs ${uncovered.join(', ')} have no row`
  if (onServer !== files) return `${onServer} mails are counted, and ${files} are there`
  if (waiting + beforeStart > 0)
    return `${waiting} mails wait, and ${beforeStart} are said to be older than the account`
  return counted === onServer ? undefined : `outcomes add up to ${counted} of ${onServer}`
}
