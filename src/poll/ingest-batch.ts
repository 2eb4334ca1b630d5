// A batch of mail becomes ours: its bytes are durable before anything else is said about it (`keepBatch`), then every mail gets
// its end, and the rows and the cursor move in one transaction (`commitBatch`). A crash between the two leaves a raw batch
// without rows, and the mail is fetched again.
import type { Knex } from 'knex'
import { MessageError } from '../errors.ts'
import type { FetchedMessage } from '../fetch/mailbox.ts'
import type { ParsedMessage } from '../parse/parsed-message.ts'
import { inTransaction } from '../store/database.ts'
import {
  type BatchPlace,
  type FoundTicket,
  findContents,
  findFingerprints,
  findThreads,
  findUids,
  insertMails,
} from '../store/ingest.ts'
import { type MailboxChange, updateMailbox } from '../store/mailboxes.ts'
import type { PolledAccount } from '../store/polled-account.ts'
import type { RawStore } from '../store/raw-store.ts'
import { lockLease } from '../store/workers.ts'
import { threadIds } from '../thread/thread-message.ts'
import type { Cursor } from './cursor.ts'
import { decideEnds, fingerprintOf, type KeptMail, type Known, type MailEnd, untouchedTicket } from './decide-ends.ts'

export interface IngestDeps {
  db: Knex
  raw: RawStore
  /** Throws MessageError for a mail that cannot be parsed. */
  parse(source: Buffer): Promise<ParsedMessage>
}

export interface BatchContext {
  account: PolledAccount
  mailbox: { id: number; name: string }
  cursor: Cursor
}

/** Writes the raw batch and parses the mails meanwhile. Resolves once the bytes are durable. */
export async function keepBatch(
  deps: IngestDeps,
  context: BatchContext,
  mails: readonly FetchedMessage[],
): Promise<KeptMail[]> {
  const { account, mailbox, cursor } = context
  const parsing = Promise.all(mails.map(mail => parseMail(deps, mail.source)))
  parsing.catch(() => {})
  const { uidValidity } = cursor
  const places = await deps.raw.keep(
    mails.map(({ uid, receivedAt, complete, source }) => ({
      accountId: account.id,
      mailbox: mailbox.name,
      uidValidity,
      uid,
      receivedAt,
      complete,
      source,
    })),
  )
  const results = await parsing
  return mails.map((mail, i) => ({ mail, place: placeAt(places, i), ...placeAt(results, i) }))
}

function placeAt<T>(list: readonly T[], i: number): T {
  const item = list[i]
  if (item === undefined) throw new Error('a batch came back shorter than it went in')
  return item
}

/** What a mail says, or the reason why that cannot be known. */
export async function parseMail(
  deps: Pick<IngestDeps, 'parse'>,
  source: Buffer,
): Promise<{ parsed: ParsedMessage | null; fault: string | null }> {
  try {
    return { parsed: await deps.parse(source), fault: null }
  } catch (error) {
    if (!(error instanceof MessageError)) throw error
    return { parsed: null, fault: error.code.replace('message.', '') }
  }
}

/** Gives every mail its end and writes it all down, with `change` of the mailbox's row. Throws `lease.lost`. */
export async function commitBatch(
  deps: IngestDeps,
  context: BatchContext,
  kept: readonly KeptMail[],
  change: MailboxChange,
): Promise<MailEnd[]> {
  const { account, mailbox, cursor } = context
  const place = { accountId: account.id, mailboxId: mailbox.id, afterIngest: account.afterIngest, ...cursor }
  return await inTransaction(deps.db, async trx => {
    await lockLease(trx, account.lease)
    const ends = await endMails(trx, place, kept)
    await updateMailbox(trx, mailbox.id, account.lease, change)
    return ends
  })
}

export type EndingPlace = BatchPlace & Pick<Cursor, 'rereadBeforeUid'>

/** The part inside the transaction: what is known, the ends, the rows. A mail that already has a row is passed over, unless a retry was asked for. */
export async function endMails(
  trx: Knex.Transaction,
  place: EndingPlace,
  kept: readonly KeptMail[],
): Promise<MailEnd[]> {
  const rows = await findUids(
    trx,
    place,
    kept.map(({ mail }) => mail.uid),
  )
  const fresh = kept.filter(({ mail }) => rows.get(mail.uid)?.retry ?? true)
  if (fresh.length === 0) return []
  const replaced = new Map([...rows].filter(([, row]) => row.retry).map(([uid, row]) => [uid, row.id]))
  const known = await findKnown(trx, place, fresh, new Set(replaced.values()))
  const ends = decideEnds(fresh, known, place.rereadBeforeUid)
  await insertMails(trx, place, ends, replaced)
  return ends
}

async function findKnown(
  trx: Knex,
  place: EndingPlace,
  mails: readonly KeptMail[],
  replaced: ReadonlySet<number>,
): Promise<Known> {
  const messages = mails.flatMap(({ parsed }) => (parsed === null ? [] : [parsed]))
  const reread = mails.filter(({ mail }) => mail.uid < place.rereadBeforeUid)
  const prints = reread.flatMap(({ parsed }) => (parsed === null ? [] : (fingerprintOf(parsed) ?? [])))
  const hashes = mails.filter(({ mail }) => mail.complete).map(({ place: { sha256 } }) => sha256)
  return {
    contents: await findContents(trx, place.accountId, hashes, replaced),
    fingerprints: await findFingerprints(trx, place.mailboxId, prints, replaced),
    threads: toBatchTickets(await findThreads(trx, place.accountId, [...new Set(messages.flatMap(threadIds))])),
  }
}

/** One BatchTicket a ticket, however many ids lead to it: what one mail adds, the next one finds. */
function toBatchTickets(threads: ReadonlyMap<string, readonly FoundTicket[]>): Known['threads'] {
  const tickets = new Map(
    [...threads.values()].flat().map(({ id, participants }) => [id, untouchedTicket(id, participants)]),
  )
  return new Map(
    [...threads].map(([id, found]) => [id, found.flatMap(ticket => tickets.get(ticket.id) ?? [])] as const),
  )
}
