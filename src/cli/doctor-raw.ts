// What `letterlock doctor` says of the originals: whether the store is the database's and can be written, which batches are missing
// and whose mails were in them, which have no rows, and whether a few mails are byte for byte what they were. After a restore this
// is what tells how the parts fit together. A huge store is looked at for half a minute: the newest days, then days from all over.
import { hostname } from 'node:os'
import type { Knex } from 'knex'
import type { Config } from '../config.ts'
import { ServiceError } from '../errors.ts'
import { isShared } from '../store/open-raw-store.ts'
import { checkRawStore } from '../store/raw-identity.ts'
import {
  countCursorsBehind,
  countTornMails,
  findBatchDays,
  findBatchesOfDay,
  findSample,
  findUsedBatches,
  type UsedBatch,
} from '../store/raw-rows.ts'
import type { RawStore } from '../store/raw-store.ts'
import { findSources } from '../store/sources.ts'
import { openRaw } from './connect.ts'
import { type Finding, fault, note, ok, toFault } from './finding.ts'

const check = 'raw mail'
const budgetMs = 30_000

export async function checkRaw(db: Knex, config: Config, { all }: { all: boolean }): Promise<Finding[]> {
  await using raw = await openRaw(config)
  // Before the first mail nothing binds the database to a store, and the check would do so.
  const [anySource] = await findSources(db, { limit: 1 })
  if (anySource !== undefined) await checkRawStore(db, raw, { host: hostname(), shared: isShared(config) })
  await raw.checkWritable()
  const compared = await compare(db, raw, all ? Number.POSITIVE_INFINITY : Date.now() + budgetMs)
  return [...describe(raw, compared), ...(await checkSample(db, raw, compared))]
}

interface Compared {
  days: number
  /** Of them, those that were looked at. */
  looked: number
  batches: number
  unused: string[]
  missing: UsedBatch[]
}

async function compare(db: Knex, raw: RawStore, deadline: number): Promise<Compared> {
  const found = new Set([...(await Array.fromAsync(findBatchDays(db))), ...(await Array.fromAsync(raw.days()))])
  const days = [...found].sort().reverse()
  const compared: Compared = { days: days.length, looked: 0, batches: 0, unused: [], missing: [] }
  const startedAt = Date.now()
  let sampling = false
  for (let rest = days; rest.length > 0 && Date.now() < deadline; rest = rest.slice(1)) {
    if (!sampling && Date.now() - startedAt > (deadline - startedAt) / 2) {
      sampling = true
      rest = shuffled(rest)
    }
    await compareDay(db, raw, rest[0] as string, compared)
  }
  return compared
}

/** The rows first: a batch whose rows come meanwhile is not missed. */
async function compareDay(db: Knex, raw: RawStore, day: string, compared: Compared): Promise<void> {
  const used = await findBatchesOfDay(db, day)
  const there = new Set(await Array.fromAsync(raw.batches(day)))
  compared.looked += 1
  compared.batches += there.size
  compared.missing.push(...used.filter(({ batch }) => !there.has(batch)))
  for (const { batch } of used) there.delete(batch)
  compared.unused.push(...(await withoutRows(db, [...there])))
}

const batchesAtOnce = 1_000

async function withoutRows(db: Knex, batches: readonly string[]): Promise<string[]> {
  const found: string[] = []
  for (let at = 0; at < batches.length; at += batchesAtOnce) {
    const part = batches.slice(at, at + batchesAtOnce)
    const used = await findUsedBatches(db, part)
    found.push(...part.filter(batch => !used.has(batch)))
  }
  return found
}

function shuffled(days: readonly string[]): string[] {
  return days
    .map(day => ({ day, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ day }) => day)
}

const examples = 5

function describe(raw: RawStore, { days, looked, batches, unused, missing }: Compared): Finding[] {
  const found: Finding[] = []
  if (missing.length > 0) {
    const mails = missing.reduce((sum, { mails }) => sum + mails, 0)
    found.push(
      fault(
        check,
        `${missing.length} batches with ${mails} mails are missing in ${raw.where}: ${missing.slice(0, examples).map(toWords).join('; ')}${missing.length > examples ? '; …' : ''}`,
        'put them back from a backup of the raw store that is not older than the database; the tickets’ texts are in the database, originals and attachments are not (docs/restore.md)',
      ),
    )
  }
  if (unused.length > 0) {
    found.push(
      note(
        check,
        `${unused.length} of ${batches} batches have no rows (left by a crash, or newer than a restored database), as ${unused.slice(0, examples).join(', ')}`,
        '`letterlock source recover` takes their mails in; known ones are not doubled',
      ),
    )
  }
  if (found.length === 0) found.push(ok(check, `${batches} batches in ${raw.where}, all with rows`))
  if (looked === days) return found
  return [
    ...found,
    note(check, `${looked} of ${days} days were looked at`, '`letterlock doctor --all` looks at all of them'),
  ]
}

function toWords({ batch, mails, firstSource, lastSource, accountId }: UsedBatch): string {
  const which = firstSource === lastSource ? `source ${firstSource}` : `sources ${firstSource} to ${lastSource}`
  return `${batch} (${which}, ${mails} of account ${accountId})`
}

const sampleSize = 20

/** A batch that is there may be cut or changed: a few mails are read, and their hashes compared. */
async function checkSample(db: Knex, raw: RawStore, { missing }: Compared): Promise<Finding[]> {
  const gone = new Set(missing.map(({ batch }) => batch))
  const sample = (await findSample(db, sampleSize)).filter(({ place }) => !gone.has(place.batch))
  const found: Finding[] = []
  for (const { id, place } of sample) {
    try {
      await raw.read(place)
    } catch (error) {
      if (!(error instanceof ServiceError) || error.code !== 'raw.damaged') throw error
      const { message, hint } = toFault(check, error)
      found.push(fault(check, `source ${id}: ${message}`, hint ?? ''))
    }
  }
  if (found.length > 0 || sample.length === 0) return found
  return [ok(check, `${sample.length} mails from all over were read and are what they were`)]
}

/** Whether the tables are of one moment. */
export async function checkRestored(db: Knex): Promise<Finding[]> {
  const torn = await countTornMails(db)
  const behind = await countCursorsBehind(db)
  return [
    ...(torn === 0
      ? []
      : [
          fault(
            'restored',
            `${torn} mails have a ticket and no message: the tables are not of one moment`,
            'restore a dump that was made with --single-transaction (docs/restore.md)',
          ),
        ]),
    ...(behind === 0
      ? []
      : [
          note(
            'restored',
            `${behind} mailboxes are read again from before mails that have rows`,
            'nothing is doubled by that; it is so after a recovery, until the next poll',
          ),
        ]),
  ]
}
