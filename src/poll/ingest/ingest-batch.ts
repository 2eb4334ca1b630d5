// A batch of mail becomes ours: its bytes are durable before anything else is said about it (`keepBatch`), then every mail gets
// its end, and the rows and the cursor move in one transaction (`commitBatch`). A crash between the two leaves a raw batch
// without rows, and the mail is fetched again.
import type { Knex } from 'knex'
import { MessageError } from '../../errors/errors.ts'
import type { FetchedMessage } from '../../fetch/mailbox.ts'
import type { ParsedMessage } from '../../model/parsed-message.ts'
import { personKey, spellingsOf } from '../../model/person-key.ts'
import { decodeText, type Headers, parseHeaders } from '../../parse/mime/headers.ts'
import { lockLease } from '../../store/accounts/leases.ts'
import { type MailboxChange, updateMailbox } from '../../store/accounts/mailboxes.ts'
import type { PolledAccount } from '../../store/accounts/polled-account.ts'
import { inTransaction } from '../../store/db/database.ts'
import {
  type FoundTicket,
  findByRefs,
  findContents,
  findFingerprints,
  findThreads,
  findUids,
  releaseUids,
  type UidRow,
} from '../../store/ingest/find-duplicates.ts'
import { type BatchPlace, insertMails } from '../../store/ingest/ingest-messages.ts'
import { findHistories, findOwnAddresses, findRules } from '../../store/ingest/triage-data.ts'
import type { RawStore } from '../../store/raw/raw-store.ts'
import { type HoldLimits, hourMs } from '../../thread/hold.ts'
import { toConditions } from '../../thread/rules.ts'
import { baseSubject } from '../../thread/subject.ts'
import { personOf, type ThreadPolicy, threadIds } from '../../thread/thread-message.ts'
import { type Tokens, tokensIn, tokensOf } from '../../thread/token.ts'
import type { Cursor } from '../cursor.ts'
import { type BatchTicket, untouchedTicket } from './batch-ticket.ts'
import {
  decideEnds,
  type EndingCursor,
  fingerprintOf,
  type KeptMail,
  type Known,
  type MailEnd,
} from './decide-outcomes.ts'
import { relationOf } from './known-uid.ts'

export interface IngestDeps {
  db: Knex
  raw: RawStore
  /** Throws MessageError for a mail that cannot be parsed. */
  parse(source: Buffer, account?: number): Promise<ParsedMessage>
  judging: Judging
}

/** How mails are judged, but for the rules, which are read with every batch. */
export interface Judging {
  thread: ThreadPolicy
  hold: HoldLimits
  /** What checks ticket tokens; undefined where the secret for it cannot be opened now. */
  openTokens(): Promise<Tokens | undefined>
}

export interface BatchContext {
  account: PolledAccount
  mailbox: { id: number; name: string }
  cursor: Cursor
  /** An operator asked for these mails again: they are let in, in place of their rows in quarantine. */
  released?: true
  /** The try before died or failed: the mails may be kept already. */
  again?: boolean
}

/** Writes the raw batch and parses the mails meanwhile. Resolves once the bytes are durable. */
export async function keepBatch(
  deps: IngestDeps,
  context: BatchContext,
  mails: readonly FetchedMessage[],
): Promise<KeptMail[]> {
  const { account, mailbox, cursor } = context
  const parsing = Promise.all(mails.map(mail => parseMail(deps, mail.source, account.id)))
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
    { again: context.again === true },
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
  account = 0,
): Promise<{ parsed: ParsedMessage | null; fault: string | null }> {
  try {
    return { parsed: await deps.parse(source, account), fault: null }
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
  const { account, mailbox, cursor, released = false } = context
  const place = { accountId: account.id, mailboxId: mailbox.id, afterIngest: account.afterIngest, ...cursor }
  const judged = await judgeTokens(kept, deps.judging)
  return await inTransaction(deps.db, async trx => {
    await lockLease(trx, account.lease)
    const ends = await endMails(trx, { ...place, released }, judged, deps.judging)
    await updateMailbox(trx, mailbox.id, account.lease, change)
    return ends
  })
}

export type EndingPlace = BatchPlace & EndingCursor

/** Mails, and the references that the tokens in them prove. */
export interface JudgedMails {
  kept: readonly KeptMail[]
  refs: ReadonlyMap<string, string | undefined>
}

/** Checks what looks like a token. Before the transaction: the secret may have to be opened. */
export async function judgeTokens(kept: readonly KeptMail[], judging: Judging): Promise<JudgedMails> {
  const found = messagesOf(kept).flatMap(message => [...tokensIn(message), ...tokensOf(message.messageId)])
  const tokens = found.length === 0 ? undefined : await judging.openTokens()
  const refs = tokens === undefined ? [] : unique(found).map(token => [token, tokens.verify(token)] as const)
  return { kept, refs: new Map(refs) }
}

function messagesOf(kept: readonly KeptMail[]): ParsedMessage[] {
  return kept.flatMap(({ parsed }) => parsed ?? [])
}

/** The part inside the transaction: what is known, the ends, the rows. A mail that already has its row is passed over, unless a retry was asked for, by `released` or in the row. */
export async function endMails(
  trx: Knex.Transaction,
  place: EndingPlace,
  { kept, refs }: JudgedMails,
  judging: Judging,
): Promise<MailEnd[]> {
  const rows = await findUids(
    trx,
    place,
    kept.map(({ mail }) => mail.uid),
  )
  const relation = (mail: KeptMail) => toRow(mail, rows.get(mail.mail.uid), place)
  const fresh = kept.filter(mail => relation(mail) !== 'same')
  if (fresh.length === 0) return []
  const rowsOf = (wanted: 'replaces' | 'reuses') =>
    fresh.flatMap(mail => (relation(mail) === wanted ? (rows.get(mail.mail.uid) ?? []) : []))
  await releaseUids(
    trx,
    place.mailboxId,
    rowsOf('reuses').map(row => row.id),
  )
  const replaced = new Map(rowsOf('replaces').map(row => [row.uid, row.id]))
  const known = await findKnown(trx, place, { kept: fresh, refs }, new Set(replaced.values()))
  const rules = await findRules(trx, place.accountId, toConditions)
  const ends = decideEnds(fresh, known, place, { ...judging, rules, header: createHeaderReader() })
  await insertMails(trx, place, ends, replaced)
  return ends
}

function toRow(kept: KeptMail, row: UidRow | undefined, { released }: EndingPlace): ReturnType<typeof relationOf> {
  if (row === undefined) return 'new'
  const fingerprint = kept.parsed === null ? null : fingerprintOf(kept.parsed)
  const retry = row.retry || (released && row.quarantined)
  return relationOf({ ...kept.place, ...kept.mail, fingerprint }, { ...row, retry })
}

const maxHeaderBytes = 262_144

/** Values of a header field, decoded. Rules ask for several fields of one mail after another: its header is read once. */
export function createHeaderReader(): (source: Buffer, name: string) => readonly string[] {
  let last: { source: Buffer; headers: Headers } | undefined
  return (source, name) => {
    if (last?.source !== source) last = { source, headers: parseHeaders(headerOf(source)) }
    return last.headers.all(name.toLowerCase()).map(value => decodeText(value))
  }
}

/** Up to the empty line: what stands in the text is no field. */
function headerOf(source: Buffer): Buffer {
  const head = source.subarray(0, maxHeaderBytes)
  const end = /\S[^\S\r\n]*(?:\r{0,9}\n\r{0,9}\n|\r\r(?!\r{0,9}\n))/.exec(head.toString('latin1'))?.index
  return end === undefined ? head : head.subarray(0, end + 1)
}

async function findKnown(
  trx: Knex,
  place: EndingPlace,
  { kept: mails, refs }: JudgedMails,
  replaced: ReadonlySet<number>,
): Promise<Known> {
  const messages = messagesOf(mails)
  const reread = mails.filter(({ mail }) => mail.uid < place.rereadBeforeUid)
  const prints = reread.flatMap(({ parsed }) => (parsed === null ? [] : (fingerprintOf(parsed) ?? [])))
  const hashes = mails.filter(({ mail }) => mail.complete).map(({ place: { sha256 } }) => sha256)
  const live = mails.filter(mail => isLive(mail, place))
  const ownIds = messages.map(message => message.messageId).filter(id => id !== '')
  const named = await findByRefs(
    trx,
    [...new Set(refs.values())].filter(ref => ref !== undefined),
  )
  const tickets = createTickets()
  const threads = tickets.all(
    await findThreads(trx, place.accountId, unique([...messages.flatMap(threadIds), ...ownIds])),
  )
  const awaited = tickets.all(await findThreads(trx, place.accountId, unique(ownIds), 'awaited_ids'))
  return {
    contents: await findContents(trx, place.accountId, hashes, replaced),
    fingerprints: await findFingerprints(trx, place.mailboxId, prints, replaced),
    threads,
    awaited,
    tokens: new Map(
      [...refs].map(([token, ref]): [string, BatchTicket | 'forged' | 'elsewhere'] => {
        const found = ref === undefined ? undefined : named.get(ref)
        if (found === undefined) return [token, 'forged']
        return [token, found.accountId === place.accountId ? tickets.one(found.ticket) : 'elsewhere']
      }),
    ),
    own: await findOwn(trx, unique([...sendersOf(messages), ...tickets.requesters()])),
    histories: await findLately(trx, place.accountId, live),
  }
}

/** Which of these people are accounts of ours. */
async function findOwn(trx: Knex, keys: readonly string[]): Promise<Set<string>> {
  const own = await findOwnAddresses(trx, keys.flatMap(spellingsOf))
  return new Set([...own].map(personKey))
}

/** What the senders of these mails did around the times at which they came. */
async function findLately(trx: Knex, accountId: number, live: readonly KeptMail[]): Promise<Known['histories']> {
  const times = live.map(({ mail }) => mail.receivedAt.getTime())
  if (times.length === 0) return new Map()
  const senders = unique(messagesOf(live).map(message => personOf(message)?.address ?? ''))
  const from = new Date(times.reduce((a, b) => Math.min(a, b)) - hourMs)
  const until = new Date(times.reduce((a, b) => Math.max(a, b)) + hourMs)
  return await findHistories(trx, accountId, senders, { from, until }, baseSubject)
}

function unique(ids: readonly string[]): string[] {
  return [...new Set(ids)]
}

/** A backlog needs no history: it is not held. */
function isLive({ mail }: KeptMail, place: EndingPlace): boolean {
  return mail.uid >= Math.max(place.startBeforeUid, place.rereadBeforeUid) && !place.released
}

function sendersOf(messages: readonly ParsedMessage[]): string[] {
  return messages.map(message => personKey(message.from?.address ?? '')).filter(address => address !== '')
}

/** One BatchTicket a ticket, however many ids lead to it: what one mail adds, the next one finds. */
function createTickets() {
  const tickets = new Map<number, BatchTicket>()
  const one = (found: FoundTicket): BatchTicket => {
    const ticket = tickets.get(found.id) ?? untouchedTicket(found)
    tickets.set(found.id, ticket)
    return ticket
  }
  const all = (found: ReadonlyMap<string, readonly FoundTicket[]>): Map<string, BatchTicket[]> =>
    new Map([...found].map(([id, list]) => [id, list.map(one)]))
  const requesters = (): string[] => [...tickets.values()].map(ticket => ticket.requester)
  return { one, all, requesters }
}
