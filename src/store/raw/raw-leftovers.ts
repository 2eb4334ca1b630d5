// Raw batches that no row counts on: what a crash or a refused transaction left, or what is newer than a restored database. Of each mail in one
// its own index tells whether it has its row elsewhere. A batch of which all mails do is a leftover, and may go; any other may hold the only copy.

import type { Knex } from 'knex'
import { ServiceError } from '../../errors/errors.ts'
import type { RawLocation } from '../../model/mail.ts'
import { inTransaction } from '../db/database.ts'
import { timeOfBatch } from './raw-batch.ts'
import { findUsedBatches } from './raw-rows.ts'
import type { RawIndexEntry, RawStore } from './raw-store.ts'

/** A batch without rows, by what its mails are. */
export interface UnusedBatch {
  batch: string
  /** Whose mails they are. */
  accounts: number[]
  /** Of all mails in it. */
  bytes: number
  /** Where the mails that have a row are kept by now. */
  copies: { id: number; place: RawLocation }[]
  /** Mails without a row: `source recover` takes them in. */
  gaps: number
  /** Mails of accounts that the database does not know. */
  strangers: number
  /** Mails whose UID has a row, with other bytes. */
  others: number
}

/** Names of the batches of a day that have no rows, oldest first. */
export async function findUnusedBatches(db: Knex, raw: RawStore, day: string): Promise<string[]> {
  return await withoutRows(db, await Array.fromAsync(raw.batches(day)))
}

const batchesAtOnce = 1_000

/** Of these batches, those that have no rows. */
export async function withoutRows(db: Knex, batches: readonly string[]): Promise<string[]> {
  const found: string[] = []
  for (let at = 0; at < batches.length; at += batchesAtOnce) {
    const part = batches.slice(at, at + batchesAtOnce)
    const used = await findUsedBatches(db, part)
    found.push(...part.filter(batch => !used.has(batch)))
  }
  return found
}

/** True if nothing is lost when the batch goes. */
export function isLeftover({ gaps, strangers, others }: UnusedBatch): boolean {
  return gaps + strangers + others === 0
}

/** What a batch without rows is made of. Throws `raw.damaged` where its index cannot be read. */
export async function examineUnused(db: Knex, raw: RawStore, batch: string): Promise<UnusedBatch> {
  const entries = await raw.index(batch)
  const bytes = entries.reduce((sum, entry) => sum + entry.size, 0)
  const byAccount = Map.groupBy(entries, entry => entry.accountId)
  const unused: UnusedBatch = {
    batch,
    accounts: [...byAccount.keys()],
    bytes,
    copies: [],
    gaps: 0,
    strangers: 0,
    others: 0,
  }
  for (const [accountId, mails] of byAccount) {
    const account = await db('accounts').where({ id: accountId }).first('id')
    if (account === undefined) unused.strangers += mails.length
    else await examineMails(db, accountId, mails, unused)
  }
  return unused
}

interface Row {
  id: number
  mailbox: string
  uid_validity: number
  uid: number
  sha256: string | null
  complete: number
  batch: string | null
  batch_offset: number | null
  stored_size: number | null
}

async function examineMails(
  db: Knex,
  accountId: number,
  mails: readonly RawIndexEntry[],
  unused: UnusedBatch,
): Promise<void> {
  const rows = await findRows(db, accountId, mails)
  const byUid = Map.groupBy(rows, row => uidKey(row.mailbox, row.uid_validity, row.uid))
  const byContent = Map.groupBy(rows, row => row.sha256)
  for (const mail of mails) {
    const ofUid = byUid.get(uidKey(mail.mailbox, mail.uidValidity, mail.uid)) ?? []
    // A header that was kept alone is of no use beside the whole mail.
    const candidates = [...(byContent.get(mail.sha256) ?? []), ...(mail.complete ? [] : ofUid.filter(isComplete))]
    const copy = candidates.map(toCopy).find(found => found !== undefined)
    if (copy !== undefined) unused.copies.push(copy)
    else if (ofUid.length === 0) unused.gaps += 1
    else unused.others += 1
  }
}

function uidKey(mailbox: string, uidValidity: number, uid: number): string {
  return `${uidValidity} ${uid} ${mailbox}`
}

function isComplete(row: Row): boolean {
  return row.complete === 1
}

function toCopy({
  id,
  batch,
  batch_offset: offset,
  stored_size: size,
  sha256,
}: Row): UnusedBatch['copies'][number] | undefined {
  if (batch === null || offset === null || size === null || sha256 === null) return undefined
  return { id, place: { batch, offset, size, sha256 } }
}

/** The rows with these UIDs or these bytes. */
async function findRows(db: Knex, accountId: number, mails: readonly RawIndexEntry[]): Promise<Row[]> {
  const query = () =>
    db('sources')
      .join('mailboxes', 'mailboxes.id', 'sources.mailbox_id')
      .where('sources.account_id', accountId)
      .select<Row[]>(
        'sources.id',
        'mailboxes.name as mailbox',
        'sources.uid_validity',
        'sources.uid',
        'sources.sha256',
        'sources.complete',
        'sources.batch',
        'sources.batch_offset',
        'sources.stored_size',
      )
  const unique = <T>(values: readonly T[]): T[] => [...new Set(values)]
  const mailboxes: number[] = await db('mailboxes')
    .where({ account_id: accountId })
    .whereIn('name', unique(mails.map(mail => mail.mailbox)))
    .pluck('id')
  const ofUids = await query()
    .whereIn('sources.mailbox_id', mailboxes)
    .whereIn('sources.uid_validity', unique(mails.map(mail => mail.uidValidity)))
    .whereIn('sources.uid', unique(mails.map(mail => mail.uid)))
  const ofContents = await query().whereIn('sources.sha256', unique(mails.map(mail => mail.sha256)))
  return [...ofUids, ...ofContents]
}

export interface Pruned {
  batches: number
  bytes: number
}

export interface PruneOptions {
  /** Batches that were begun later stay: their rows may be on the way. */
  before?: Date
  signal?: AbortSignal
}

/** Removes leftovers, oldest first, each once the other copies of its mails were read and are what they were. */
export async function pruneLeftovers(db: Knex, raw: RawStore, { before, signal }: PruneOptions = {}): Promise<Pruned> {
  const pruned: Pruned = { batches: 0, bytes: 0 }
  for await (const day of raw.days()) {
    for (const batch of await findUnusedBatches(db, raw, day)) {
      signal?.throwIfAborted()
      if (before !== undefined && timeOfBatch(batch) >= before) continue
      const bytes = await pruneBatch(db, raw, batch)
      if (bytes === undefined) continue
      pruned.batches += 1
      pruned.bytes += bytes
    }
  }
  return pruned
}

/** The bytes of a leftover that was removed; undefined for a batch that stays. */
async function pruneBatch(db: Knex, raw: RawStore, batch: string): Promise<number | undefined> {
  try {
    const found = await examineUnused(db, raw, batch)
    if (!isLeftover(found)) return undefined
    for (const { place } of found.copies) await raw.read(place)
    const ids = found.copies.map(copy => copy.id)
    const areStillThere = async (trx: Knex): Promise<boolean> =>
      (await trx('sources').whereIn('id', ids).forUpdate().pluck('id')).length === new Set(ids).size
    return (await removeUnused(db, raw, found, areStillThere)) ? found.bytes : undefined
  } catch (error) {
    // It stays, as long as anything about it is in doubt; doctor says what.
    if (error instanceof ServiceError && error.code === 'raw.damaged') return undefined
    throw error
  }
}

/**
 * Removes the batch unless a row counts on it by now, or `mayGo` says no. Whoever ingests or recovers mail locks its account first, and then
 * looks whether the batch is still there: so no row comes to count on a batch that goes at this moment.
 */
export async function removeUnused(
  db: Knex,
  raw: RawStore,
  { batch, accounts }: UnusedBatch,
  mayGo: (trx: Knex) => Promise<boolean>,
): Promise<boolean> {
  return await inTransaction(db, async trx => {
    await trx('accounts').whereIn('id', accounts).orderBy('id').forUpdate().pluck('id')
    if (!(await mayGo(trx)) || (await findUsedBatches(trx, [batch])).size > 0) return false
    await raw.remove(batch)
    return true
  })
}
