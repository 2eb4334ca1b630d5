// Sources: every mail that was ever received, and its outcome.
import { z } from 'zod'
import { OperationError, ServiceError } from '../errors/errors.ts'
import { type Recovered, recoverSources as recover } from '../poll/ingest/recover-sources.ts'
import { inTransaction } from '../store/db/database.ts'
import {
  findSourceDetails,
  findSources,
  getSource,
  type SourceDetail,
  type SourceFilter,
  type SourceView,
} from '../store/ingest/source-rows.ts'
import { type Pruned, pruneLeftovers } from '../store/raw/raw-leftovers.ts'
import { withRemovalLock } from '../store/raw/raw-removal-lock.ts'
import type { RawStore } from '../store/raw/raw-store.ts'
import type { Deps } from './deps.ts'
import { defineOperation, id, listLimit } from './operation.ts'

const dayOrTime = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)?(Z|[+-]\d\d:\d\d)?$/

/** A day or a time. Without a zone it is UTC, as everything that is printed. */
const time = z.string().transform((text, context): Date => {
  const [, zone] = dayOrTime.exec(text) ?? [undefined, '']
  const iso = text.replace(' ', 'T')
  const date = new Date(zone === undefined && iso.length > 10 ? `${iso}Z` : iso)
  if (dayOrTime.test(text) && !Number.isNaN(date.getTime())) return date
  context.addIssue('must be a day as 2026-11-24 or a time as 2026-11-24T10:00:00Z')
  return z.NEVER
})

const choice = z.strictObject({
  account: z.string().max(320).optional().describe('only of accounts with this address'),
  since: time.optional().describe('received at or after this time, for example 2026-11-24 or 2026-11-24T10:00:00Z'),
  until: time.optional().describe('received before this time'),
})

/** Of a list that is read page by page. */
export const sourceFilter = choice.extend({
  beforeId: id.optional().describe('only mails with a smaller id'),
  limit: listLimit,
})

const results = ['created', 'appended', 'ignored', 'duplicate', 'quarantined'] as const

export const listSources = defineOperation({
  name: 'source.list',
  who: 'admin',
  summary: 'list the newest messages',
  input: sourceFilter.extend({
    result: z
      .enum(results, { error: `must be ${results.join(', ')}` })
      .optional()
      .describe('created, appended, ignored, duplicate or quarantined'),
  }),
  async work({ db }: Pick<Deps, 'db'>, { input }): Promise<SourceView[]> {
    return await findSources(db, input)
  },
})

export const showSource = defineOperation({
  name: 'source.show',
  who: 'admin',
  summary: 'show one message: where it came from, its outcome, where it is stored',
  input: z.strictObject({ mail: id.describe('the id of the message, as `source list` shows it') }),
  async work({ db }: Pick<Deps, 'db'>, { input }): Promise<SourceDetail> {
    return await getSource(db, input.mail)
  },
})

/** A mail as it was received; `absent`: none of its bytes are kept; `damaged`: they cannot be read. */
export type ExportedMail =
  | { id: number; sha256: string; bytes: Buffer }
  | { id: number; absent: true }
  | { id: number; damaged: ServiceError }

export const exportSources = defineOperation({
  name: 'source.export',
  who: 'admin',
  summary: 'write the originals of all messages, or of those of an account and a time, one after the other',
  input: choice,
  /** It is audited when it begins: what somebody took who stopped half-way counts, too. */
  async work({ db, raw }: Pick<Deps, 'db' | 'raw'>, { input, audit }): Promise<AsyncIterable<ExportedMail>> {
    const store = await raw()
    const { since = null, until = null } = input
    const detail = { since: since?.toISOString() ?? null, until: until?.toISOString() ?? null }
    await inTransaction(db, trx => audit(trx, { detail }))
    return readAll(db, store, input)
  },
})

const pageSize = 1_000

async function* readAll(
  db: Deps['db'],
  raw: RawStore,
  filter: Omit<SourceFilter, 'limit'>,
): AsyncGenerator<ExportedMail> {
  for (let beforeId: number | undefined; ; ) {
    const sources = await findSourceDetails(db, { ...filter, beforeId, limit: pageSize })
    for (const source of sources) yield await read(raw, source)
    beforeId = sources.at(-1)?.id
    if (sources.length < pageSize) return
  }
}

/** A damaged mail does not keep the others from being exported. */
async function read(raw: RawStore, { id, place }: SourceDetail): Promise<ExportedMail> {
  if (place === null) return { id, absent: true }
  try {
    return { id, sha256: place.sha256, bytes: await raw.read(place) }
  } catch (error) {
    if (error instanceof ServiceError && error.code === 'raw.damaged') return { id, damaged: error }
    throw error
  }
}

export const recoverSources = defineOperation({
  name: 'source.recover',
  who: 'admin',
  summary: 'ingest stored messages that have no row, after a crash or a restored database',
  input: z.strictObject({}),
  /** Each mail is a transaction of its own; the audit row tells how many there were. */
  async work(
    { db, raw, parse, triage, say }: Pick<Deps, 'db' | 'raw' | 'parse' | 'triage' | 'say'>,
    { audit },
  ): Promise<Recovered> {
    let day = ''
    const recovered = await recover({ db, raw: await raw(), parse, triage: await triage() }, batch => {
      const next = batch.slice(0, '2026-11-24'.length)
      if (next !== day) say(`reading the mail of ${next} …`)
      day = next
    })
    await inTransaction(db, trx => audit(trx, { detail: { ...recovered } }))
    return recovered
  },
})

export const pruneSources = defineOperation({
  name: 'source.prune',
  who: 'admin',
  summary: 'remove raw batches whose messages are all stored elsewhere',
  input: z.strictObject({}),
  async work({ db, raw }: Pick<Deps, 'db' | 'raw'>, { audit }): Promise<Pruned> {
    const store = await raw()
    const pruned = await withRemovalLock(db, 10, () => pruneLeftovers(db, store))
    if (pruned === undefined) throw new OperationError('raw.in_use', {})
    await inTransaction(db, trx => audit(trx, { detail: { ...pruned } }))
    return pruned
  },
})
