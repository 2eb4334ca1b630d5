// A batch of mail becomes ours: its bytes are durable before anything else is said about it (`keepBatch`), then every mail gets
// its end, and the rows and the cursor move in one transaction (`commitBatch`). A crash between the two leaves a raw batch
// without rows, and the mail is fetched again.
import type { Knex } from 'knex'
import { MessageError } from '../errors.ts'
import type { FetchedMessage } from '../fetch/mailbox.ts'
import { parseHeaders } from '../parse/headers.ts'
import type { ParsedMessage } from '../parse/parsed-message.ts'
import { inTransaction } from '../store/database.ts'
import {
  type BatchPlace,
  type FoundTicket,
  findByRefs,
  findContents,
  findFingerprints,
  findThreads,
  findUids,
  insertMails,
} from '../store/ingest.ts'
import { findHistories, findOwnAddresses, findRules } from '../store/judging.ts'
import { type MailboxChange, updateMailbox } from '../store/mailboxes.ts'
import type { PolledAccount } from '../store/polled-account.ts'
import type { RawStore } from '../store/raw-store.ts'
import { lockLease } from '../store/workers.ts'
import type { HoldLimits } from '../thread/hold.ts'
import { baseSubject } from '../thread/subject.ts'
import { type ThreadPolicy, threadIds } from '../thread/thread-message.ts'
import { tokensIn } from '../thread/token.ts'
import type { Cursor } from './cursor.ts'
import {
  type BatchTicket,
  decideEnds,
  type EndingCursor,
  fingerprintOf,
  type KeptMail,
  type Known,
  type MailEnd,
  untouchedTicket,
} from './decide-ends.ts'

export interface IngestDeps {
  db: Knex
  raw: RawStore
  /** Throws MessageError for a mail that cannot be parsed. */
  parse(source: Buffer): Promise<ParsedMessage>
  judging: Judging
}

/** How mails are judged, but for the rules, which are read with every batch. */
export interface Judging {
  thread: ThreadPolicy
  hold: HoldLimits
  /** The reference that a ticket token proves; undefined where there is no secret to check it by. */
  verifyToken(token: string): string | undefined
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
    const ends = await endMails(trx, { ...place, released: false }, kept, deps.judging)
    await updateMailbox(trx, mailbox.id, account.lease, change)
    return ends
  })
}

export type EndingPlace = BatchPlace & EndingCursor

/** The part inside the transaction: what is known, the ends, the rows. A mail that already has a row is passed over, unless a retry was asked for. */
export async function endMails(
  trx: Knex.Transaction,
  place: EndingPlace,
  kept: readonly KeptMail[],
  judging: Judging,
): Promise<MailEnd[]> {
  const rows = await findUids(
    trx,
    place,
    kept.map(({ mail }) => mail.uid),
  )
  const fresh = kept.filter(({ mail }) => rows.get(mail.uid)?.retry ?? true)
  if (fresh.length === 0) return []
  const replaced = new Map([...rows].filter(([, row]) => row.retry).map(([uid, row]) => [uid, row.id]))
  const known = await findKnown(trx, place, fresh, new Set(replaced.values()), judging)
  const rules = await findRules(trx, place.accountId)
  const ends = decideEnds(fresh, known, place, { ...judging, rules, header: headerValues })
  await insertMails(trx, place, ends, replaced)
  return ends
}

const maxHeaderBytes = 262_144

function headerValues(source: Buffer, name: string): readonly string[] {
  return parseHeaders(source.subarray(0, maxHeaderBytes)).all(name)
}

async function findKnown(
  trx: Knex,
  place: EndingPlace,
  mails: readonly KeptMail[],
  replaced: ReadonlySet<number>,
  judging: Judging,
): Promise<Known> {
  const messages = mails.flatMap(({ parsed }) => (parsed === null ? [] : [parsed]))
  const reread = mails.filter(({ mail }) => mail.uid < place.rereadBeforeUid)
  const prints = reread.flatMap(({ parsed }) => (parsed === null ? [] : (fingerprintOf(parsed) ?? [])))
  const hashes = mails.filter(({ mail }) => mail.complete).map(({ place: { sha256 } }) => sha256)
  const live = mails.filter(mail => isLive(mail, place)).flatMap(({ parsed }) => parsed ?? [])
  const ownIds = messages.map(message => message.messageId).filter(id => id !== '')
  const tokens = tokensOf(messages, judging)
  const named = await findByRefs(
    trx,
    [...new Set(tokens.values())].filter(ref => ref !== undefined),
  )
  const tickets = createTickets()
  return {
    contents: await findContents(trx, place.accountId, hashes, replaced),
    fingerprints: await findFingerprints(trx, place.mailboxId, prints, replaced),
    threads: tickets.all(await findThreads(trx, place.accountId, unique([...messages.flatMap(threadIds), ...ownIds]))),
    awaited: tickets.all(await findThreads(trx, place.accountId, unique(ownIds), 'awaited_ids')),
    tokens: new Map(
      [...tokens].map(([token, ref]): [string, BatchTicket | 'forged' | 'elsewhere'] => {
        const found = ref === undefined ? undefined : named.get(ref)
        if (found === undefined) return [token, 'forged']
        return [token, found.accountId === place.accountId ? tickets.one(found.ticket) : 'elsewhere']
      }),
    ),
    own: await findOwnAddresses(trx, sendersOf(messages, 'lower case')),
    histories: await findHistories(trx, sendersOf(live, 'as stored'), baseSubject),
  }
}

function unique(ids: readonly string[]): string[] {
  return [...new Set(ids)]
}

/** What looks like a token, and the reference that it proves. */
function tokensOf(messages: readonly ParsedMessage[], { verifyToken }: Judging): Map<string, string | undefined> {
  return new Map(messages.flatMap(tokensIn).map(token => [token, verifyToken(token)]))
}

/** A backlog needs no history: it is not held. */
function isLive({ mail }: KeptMail, place: EndingPlace): boolean {
  return mail.uid >= Math.max(place.startBeforeUid, place.rereadBeforeUid) && !place.released
}

function sendersOf(messages: readonly ParsedMessage[], form: 'lower case' | 'as stored'): string[] {
  const senders = messages.map(message => message.from?.address ?? '').filter(address => address !== '')
  return unique(form === 'as stored' ? senders : senders.map(address => address.toLowerCase()))
}

/** One BatchTicket a ticket, however many ids lead to it: what one mail adds, the next one finds. */
function createTickets() {
  const tickets = new Map<number, BatchTicket>()
  const one = ({ id, participants, closed }: FoundTicket): BatchTicket => {
    const ticket = tickets.get(id) ?? untouchedTicket(id, participants, closed)
    tickets.set(id, ticket)
    return ticket
  }
  const all = (found: ReadonlyMap<string, readonly FoundTicket[]>): Map<string, BatchTicket[]> =>
    new Map([...found].map(([id, list]) => [id, list.map(one)]))
  return { one, all }
}
