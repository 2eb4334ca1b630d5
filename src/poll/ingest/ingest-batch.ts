// A batch of mail becomes ours: its bytes are durable before anything else is said about it (`archiveBatch`), then every mail gets
// its end, and the rows and the cursor move in one transaction (`commitBatch`). A crash between the two leaves a raw batch
// without rows, and the mail is fetched again.

import type { Knex } from 'knex'
import { MessageError, ServiceError } from '../../errors/errors.ts'
import type { FetchedMessage, IngestTarget } from '../../model/mail.ts'
import { type ArchivedMail, type BatchTicket, canaryReason, type MailOutcome } from '../../model/mail-outcome.ts'
import type { MessageFacts, StorableMessage } from '../../model/parsed-message.ts'
import { personKey, spellingsOf } from '../../model/person-key.ts'
import type { SignatureCheck } from '../../model/sender-verdict.ts'
import { needsCheck, ownServers } from '../../parse/authentication/judge-sender.ts'
import { decodeText, type Headers, parseHeaders } from '../../parse/mime/headers.ts'
import { findCanaries, takeCanaries } from '../../store/accounts/canaries.ts'
import { lockLease } from '../../store/accounts/leases.ts'
import { type MailboxChange, updateMailbox } from '../../store/accounts/mailboxes.ts'
import type { PolledAccount } from '../../store/accounts/polled-account.ts'
import { noteSeenServers } from '../../store/accounts/seen-servers.ts'
import { inTransaction } from '../../store/db/database.ts'
import {
  type FoundTicket,
  findByRefs,
  findContents,
  findFingerprints,
  findIdsOfAccounts,
  findThreads,
  findUids,
  releaseUids,
  type UidRow,
} from '../../store/ingest/find-duplicates.ts'
import { insertMails } from '../../store/ingest/ingest-messages.ts'
import { findHistories, findOwnAddresses, findRules, findServerTrust } from '../../store/ingest/triage-data.ts'
import { timeOfBatch } from '../../store/raw/raw-batch.ts'
import type { RawStore } from '../../store/raw/raw-store.ts'
import { type HoldLimits, hourMs } from '../../thread/hold.ts'
import { toConditions } from '../../thread/rules.ts'
import { baseSubject } from '../../thread/subject.ts'
import { personOf, type ThreadPolicy, threadIds } from '../../thread/thread-message.ts'
import { type Tokens, tokensIn, tokensOf } from '../../thread/token.ts'
import type { Cursor } from '../cursor.ts'
import type { SignatureChecker } from '../senders/signature-checker.ts'
import { untouchedTicket } from './batch-ticket.ts'
import { decideOutcomes, fingerprintOf, isSentByProgram, type Known, type OutcomeCursor } from './decide-outcomes.ts'
import { relationOf } from './known-uid.ts'

export interface IngestDeps {
  db: Knex
  raw: RawStore
  /** Throws MessageError for a mail that cannot be parsed. */
  parse(source: Buffer, account?: number): Promise<StorableMessage>
  triage: TriagePolicy
  /** Absent: signatures are not checked. */
  signatures?: SignatureChecker
}

/** How mails are triaged. Rules are not part of it: they are read with every batch. */
export interface TriagePolicy {
  thread: ThreadPolicy
  hold: HoldLimits
  /** What checks ticket tokens; undefined where the secret for it cannot be opened now. */
  openTokens(): Promise<Tokens | undefined>
}

export interface BatchContext {
  account: PolledAccount
  mailbox: { id: number; name: string }
  cursor: Cursor
  /** An operator released these mails: they replace their rows in quarantine, and no rule or hold applies. */
  released?: true
  /** The mails are read beside the cursor, which has passed them. */
  aside?: true
  /** The last attempt failed: the mails may be archived already. */
  again?: boolean
}

/** Writes the raw batch and parses the mails meanwhile. Resolves once the bytes are durable. */
export async function archiveBatch(
  deps: IngestDeps,
  context: BatchContext,
  mails: readonly FetchedMessage[],
): Promise<ArchivedMail[]> {
  const { account, mailbox, cursor } = context
  const parsing = Promise.all(mails.map(mail => parseMail(deps, mail.source, account.id))).then(parsed =>
    checkSignatures(deps, context, mails, parsed, new Date()),
  )
  parsing.catch(() => {})
  const { uidValidity } = cursor
  const locations = await deps.raw.archive(
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
  return mails.map((mail, i) => ({ mail, location: itemAt(locations, i), ...itemAt(results, i) }))
}

function itemAt<T>(list: readonly T[], i: number): T {
  const item = list[i]
  if (item === undefined) throw new Error('a batch came back shorter than it went in')
  return item
}

interface Parsed {
  parsed: StorableMessage | null
  fault: string | null
  signatures?: SignatureCheck
}

/**
 * Adds our own check where no trusted server says anything that decides. Only of mail that has just come: the keys of an old one may have been
 * replaced since.
 */
async function checkSignatures(
  { db, signatures: checker }: IngestDeps,
  { account, cursor, released, aside }: BatchContext,
  mails: readonly FetchedMessage[],
  parsed: readonly Parsed[],
  now: Date,
): Promise<Parsed[]> {
  const isFresh = ({ receivedAt, complete }: FetchedMessage): boolean =>
    complete && now.getTime() - receivedAt.getTime() < checkedForMs
  const passed = Math.max(cursor.startBeforeUid, cursor.rereadBeforeUid)
  const live = mails.some(mail => mail.uid >= passed && isFresh(mail))
  const signed = parsed.some(({ parsed }) => parsed !== null && isSigned(parsed))
  if (checker === undefined || released || aside || !live || !signed) return [...parsed]
  const { servers: trusted } = await findServerTrust(db, account.id)
  const check = async (mail: FetchedMessage, found: Parsed): Promise<Parsed> => {
    const evidence = found.parsed?.senderEvidence
    if (!isFresh(mail) || mail.uid < passed || evidence === undefined) return found
    if (evidence.from === null || !needsCheck(evidence, trusted, checker.sealers)) return found
    const signatures = await checker.check(mail.source, evidence.from)
    return signatures === null ? found : { ...found, signatures }
  }
  return await Promise.all(mails.map((mail, i) => check(mail, itemAt(parsed, i))))
}

const checkedForMs = 3 * 86_400_000

function isSigned({ senderEvidence: { signers, sealer } }: StorableMessage): boolean {
  return signers.length > 0 || sealer !== null
}

/** What a mail says, or the reason why that cannot be known. */
export async function parseMail(deps: Pick<IngestDeps, 'parse'>, source: Buffer, account = 0): Promise<Parsed> {
  try {
    return { parsed: await deps.parse(source, account), fault: null }
  } catch (error) {
    if (!(error instanceof MessageError)) throw error
    return { parsed: null, fault: error.code.replace('message.', '') }
  }
}

/** Decides the outcome of every mail and commits it together with `change` of the mailbox's row. Throws `lease.lost`. */
export async function commitBatch(
  deps: IngestDeps,
  context: BatchContext,
  archived: readonly ArchivedMail[],
  change: MailboxChange,
): Promise<MailOutcome[]> {
  const { account, mailbox, cursor, released = false } = context
  const target = { accountId: account.id, mailboxId: mailbox.id, afterIngest: account.afterIngest, ...cursor }
  const triaged = await verifyTokens(archived, deps.triage)
  return await inTransaction(deps.db, async trx => {
    await lockLease(trx, account.lease)
    await checkStillKept(deps.raw, archived, new Date())
    const outcomes = await triageMails(trx, { ...target, released }, triaged, deps.triage)
    await updateMailbox(trx, mailbox.id, account.lease, change)
    return outcomes
  })
}

/** A batch that was begun later is not removed, whatever its rows are. */
const removedAfterMs = 1_800_000

/**
 * A mail that is fetched again counts on the batch in which it was archived before, and that one may have been removed since, as one without
 * rows. To be asked once the account is locked (removeUnused). Throws `raw.unreadable`: the next poll archives the mail anew.
 */
async function checkStillKept(raw: RawStore, archived: readonly ArchivedMail[], now: Date): Promise<void> {
  const isOld = (batch: string): boolean => now.getTime() - timeOfBatch(batch).getTime() > removedAfterMs
  for (const { location } of archived.filter(mail => isOld(mail.location.batch))) {
    await raw.read(location).catch(cause => {
      const params = { where: raw.where, reason: 'removed_meanwhile' } as const
      throw new ServiceError('raw.unreadable', params, { temporary: true, cause })
    })
  }
}

export type OutcomeTarget = IngestTarget & OutcomeCursor

/** Mails, and the references that the tokens in them prove. */
export interface TriagedMails {
  archived: readonly ArchivedMail[]
  refs: ReadonlyMap<string, string | undefined>
}

/** Checks what looks like a token. Before the transaction: the secret may have to be opened. */
export async function verifyTokens(archived: readonly ArchivedMail[], triage: TriagePolicy): Promise<TriagedMails> {
  const found = messagesOf(archived).flatMap(message => [...tokensIn(message), ...tokensOf(message.messageId)])
  const tokens = found.length === 0 ? undefined : await triage.openTokens()
  const refs = tokens === undefined ? [] : unique(found).map(token => [token, tokens.verify(token)] as const)
  return { archived, refs: new Map(refs) }
}

function messagesOf(archived: readonly ArchivedMail[]): MessageFacts[] {
  return archived.flatMap(({ parsed }) => parsed ?? [])
}

function messageIdsOf(archived: readonly ArchivedMail[]): string[] {
  return messagesOf(archived)
    .map(message => message.messageId)
    .filter(id => id !== '')
}

/**
 * The part inside the transaction: looks up what is known, decides the outcomes, inserts the rows. A mail that already has its row is skipped,
 * unless a retry was asked for, by `released` or in the row.
 */
export async function triageMails(
  trx: Knex.Transaction,
  target: OutcomeTarget,
  { archived, refs }: TriagedMails,
  triage: TriagePolicy,
): Promise<MailOutcome[]> {
  const rows = await findUids(
    trx,
    target,
    archived.map(({ mail }) => mail.uid),
  )
  const relation = (mail: ArchivedMail) => toRow(mail, rows.get(mail.mail.uid), target)
  const fresh = archived.filter(mail => relation(mail) !== 'same')
  if (fresh.length === 0) return []
  const rowsOf = (wanted: 'replaces' | 'reuses') =>
    fresh.flatMap(mail => (relation(mail) === wanted ? (rows.get(mail.mail.uid) ?? []) : []))
  await releaseUids(
    trx,
    target.mailboxId,
    rowsOf('reuses').map(row => row.id),
  )
  const replaced = new Map(rowsOf('replaces').map(row => [row.uid, row.id]))
  const trust = await findServerTrust(trx, target.accountId)
  const known = await findKnown(trx, target, { archived: fresh, refs }, new Set(replaced.values()), trust.servers)
  const rules = await findRules(trx, target.accountId, toConditions)
  const outcomes = decideOutcomes(fresh, known, target, { ...triage, rules, header: createHeaderReader() })
  await insertMails(trx, target, outcomes, replaced)
  const canaries = outcomes.filter(({ reason }) => reason === canaryReason)
  await takeCanaries(trx, target.accountId, messageIdsOf(canaries.map(({ archived }) => archived)))
  if (trust.learns) await noteSeenServers(trx, target.accountId, seenServersIn(messagesOf(fresh)))
  return outcomes
}

/** Of each mail that a server of the receiving side took in: the names that stand where only that side writes. */
function seenServersIn(messages: readonly MessageFacts[]): string[][] {
  return messages
    .filter(({ senderEvidence: { ownHops } }) => ownHops > 0)
    .map(({ senderEvidence }) => ownServers(senderEvidence))
}

function toRow(
  archived: ArchivedMail,
  row: UidRow | undefined,
  { released }: OutcomeTarget,
): ReturnType<typeof relationOf> {
  if (row === undefined) return 'new'
  const fingerprint = archived.parsed === null ? null : fingerprintOf(archived.parsed)
  const retry = row.retry || (released && row.quarantined)
  return relationOf({ ...archived.location, ...archived.mail, fingerprint }, { ...row, retry })
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
  const outcome = /\S[^\S\r\n]*(?:\r{0,9}\n\r{0,9}\n|\r\r(?!\r{0,9}\n))/.exec(head.toString('latin1'))?.index
  return outcome === undefined ? head : head.subarray(0, outcome + 1)
}

async function findKnown(
  trx: Knex,
  target: OutcomeTarget,
  { archived: mails, refs }: TriagedMails,
  replaced: ReadonlySet<number>,
  trusted: Known['trusted'],
): Promise<Known> {
  const messages = messagesOf(mails)
  const reread = mails.filter(({ mail }) => mail.uid < target.rereadBeforeUid)
  const prints = reread.flatMap(({ parsed }) => (parsed === null ? [] : (fingerprintOf(parsed) ?? [])))
  const hashes = mails.filter(({ mail }) => mail.complete).map(({ location: { sha256 } }) => sha256)
  const live = mails.filter(mail => isLive(mail, target))
  const ownIds = messageIdsOf(mails)
  const named = await findByRefs(
    trx,
    [...new Set(refs.values())].filter(ref => ref !== undefined),
  )
  const tickets = createTickets()
  const threads = tickets.all(
    await findThreads(trx, target.accountId, unique([...messages.flatMap(threadIds), ...ownIds])),
  )
  const awaited = tickets.all(await findThreads(trx, target.accountId, unique(ownIds), 'awaited_ids'))
  return {
    contents: await findContents(trx, target.accountId, hashes, replaced),
    fingerprints: await findFingerprints(trx, target.mailboxId, prints, replaced),
    threads,
    awaited,
    tokens: new Map(
      [...refs].map(([token, ref]): [string, BatchTicket | 'forged' | 'elsewhere'] => {
        const found = ref === undefined ? undefined : named.get(ref)
        if (found === undefined) return [token, 'forged']
        return [token, found.accountId === target.accountId ? tickets.one(found.ticket) : 'elsewhere']
      }),
    ),
    canaries: await findCanaries(trx, target.accountId, ownIds),
    trusted,
    own: await findOwn(trx, unique([...sendersOf(messages), ...tickets.requesters()])),
    elsewhere: await findElsewhere(trx, target.accountId, messages),
    histories: await findLately(trx, target.accountId, live),
  }
}

/** Which of these people are accounts of ours. */
async function findOwn(trx: Knex, keys: readonly string[]): Promise<Set<string>> {
  const own = await findOwnAddresses(trx, keys.flatMap(spellingsOf))
  return new Set([...own].map(personKey))
}

/** What programs that write for our other accounts refer to, as far as those accounts hold it. */
async function findElsewhere(trx: Knex, accountId: number, messages: readonly MessageFacts[]): Promise<Set<string>> {
  const written = messages.filter(message => isSentByProgram(message.kind) && threadIds(message).length > 0)
  const senders = unique(sendersOf(written)).flatMap(spellingsOf)
  return await findIdsOfAccounts(trx, { not: accountId, addresses: senders }, unique(written.flatMap(threadIds)))
}

/** What the senders of these mails did around the times at which they came. */
async function findLately(trx: Knex, accountId: number, live: readonly ArchivedMail[]): Promise<Known['histories']> {
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
function isLive({ mail }: ArchivedMail, target: OutcomeTarget): boolean {
  return mail.uid >= Math.max(target.startBeforeUid, target.rereadBeforeUid) && !target.released
}

function sendersOf(messages: readonly MessageFacts[]): string[] {
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
