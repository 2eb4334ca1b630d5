// What the rows say of the raw store: which batches they count on, day by day, so that however large the store is, it can be
// compared with what is there in small steps.

import type { Knex } from 'knex'
import type { RawLocation } from '../../model/mail.ts'

/** The days of the batches that rows count on, oldest first: one step in the index a day. */
export async function* findBatchDays(db: Knex): AsyncIterable<string> {
  for (let after = ''; ; ) {
    const row = await db('sources').where('batch', '>', after).min({ batch: 'batch' }).first()
    if (!row?.batch) return
    const day = String(row.batch).slice(0, 10)
    yield day
    after = endOf(day)
  }
}

/** After every name of the day: 0 comes after the slash. */
function endOf(day: string): string {
  return `${day}0`
}

export interface UsedBatch {
  batch: string
  mails: number
  firstSource: number
  lastSource: number
  /** A batch holds mail of one account. */
  accountId: number
}

/** The batches of a day that rows count on. */
export async function findBatchesOfDay(db: Knex, day: string): Promise<UsedBatch[]> {
  const rows: { batch: string; mails: number; first: number; last: number; account: number }[] = await db('sources')
    .whereBetween('batch', [`${day}/`, endOf(day)])
    .groupBy('batch')
    .orderBy('batch')
    .select('batch')
    .count({ mails: '*' })
    .min({ first: 'id', account: 'account_id' })
    .max({ last: 'id' })
  return rows.map(row => ({
    batch: row.batch,
    mails: Number(row.mails),
    firstSource: Number(row.first),
    lastSource: Number(row.last),
    accountId: Number(row.account),
  }))
}

/** Of these batches, the ones that have at least one row. */
export async function findUsedBatches(db: Knex, batches: readonly string[]): Promise<Set<string>> {
  if (batches.length === 0) return new Set()
  return new Set(await db('sources').whereIn('batch', batches).distinct().pluck('batch'))
}

export interface SampledMail {
  id: number
  accountId: number
  place: RawLocation
}

/** About `count` mails from all over, the newest among them. */
export async function findSample(db: Knex, count: number, random = Math.random): Promise<SampledMail[]> {
  const newest = await db('sources').max({ id: 'id' }).first()
  const last = Number(newest?.id ?? 0)
  const found = new Map<number, SampledMail>()
  for (let i = 0; i < count; i++) {
    const upTo = i === 0 ? last : Math.ceil(random() * last)
    const row = await db('sources')
      .where('id', '<=', upTo)
      .whereNotNull('batch')
      .whereNotNull('sha256')
      .orderBy('id', 'desc')
      .first('id', 'account_id', 'batch', 'batch_offset', 'stored_size', 'sha256')
    if (row !== undefined) found.set(row.id, toSampled(row))
  }
  return [...found.values()]
}

const mailsAtOnce = 1_000

/** All mails whose bytes are kept, page by page. */
export async function* findAllMails(db: Knex): AsyncIterable<SampledMail[]> {
  for (let after = 0; ; ) {
    const rows = await db('sources')
      .where('id', '>', after)
      .whereNotNull('batch')
      .whereNotNull('sha256')
      .orderBy('id')
      .limit(mailsAtOnce)
      .select('id', 'account_id', 'batch', 'batch_offset', 'stored_size', 'sha256')
    if (rows.length === 0) return
    yield rows.map(toSampled)
    after = Number(rows.at(-1)?.id)
  }
}

function toSampled(row: Record<string, string | number>): SampledMail {
  return {
    id: Number(row.id),
    accountId: Number(row.account_id),
    place: {
      batch: String(row.batch),
      offset: Number(row.batch_offset),
      size: Number(row.stored_size),
      sha256: String(row.sha256),
    },
  }
}

/** Mailboxes whose cursor stands before mails that have rows: those were recovered, or the dump is not of one moment. */
export async function countCursorsBehind(db: Knex): Promise<number> {
  const highest = db('sources')
    .max('uid')
    .whereRaw('sources.mailbox_id = mailboxes.id AND sources.uid_validity = mailboxes.uid_validity')
  const row = await db('mailboxes').where('enabled', true).where('last_uid', '<', highest).count({ n: '*' }).first()
  return Number(row?.n ?? 0)
}

const newest = 10_000

/** Of the newest mails, those whose ticket is there and whose message is not: no transaction leaves that behind. */
export async function countTornMails(db: Knex): Promise<number> {
  const [[row]] = (await db.raw(
    `SELECT COUNT(*) AS n FROM (
       SELECT id FROM sources WHERE result IN ('created', 'appended') AND ticket_id IS NOT NULL ORDER BY id DESC LIMIT :newest
     ) AS latest LEFT JOIN messages ON messages.source_id = latest.id WHERE messages.id IS NULL`,
    { newest },
  )) as [[{ n: number | string }]]
  return Number(row.n)
}
