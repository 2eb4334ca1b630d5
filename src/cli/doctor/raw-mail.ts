// What `letterlock doctor` says of the originals: whether the store is the database's and can be written, which batches are missing
// and whose mails were in them, which have no rows and whether that matters, and whether a few mails, or all, are byte for byte what they
// were. After a restore this is what tells how the parts fit together. A huge store is looked at for half a minute: the newest days, then days from all over.
import { hostname } from 'node:os'
import type { Knex } from 'knex'
import type { Config } from '../../config/config.ts'
import { ServiceError } from '../../errors/errors.ts'
import { findSources } from '../../store/ingest/source-rows.ts'
import { isShared, rawDirectoryOf } from '../../store/raw/open-raw-store.ts'
import { checkRawStore } from '../../store/raw/raw-identity.ts'
import { examineUnused, isLeftover, type UnusedBatch, withoutRows } from '../../store/raw/raw-leftovers.ts'
import { findFirstUnused } from '../../store/raw/raw-retention.ts'
import {
  countCursorsBehind,
  countTornMails,
  findAllMails,
  findBatchDays,
  findBatchesOfDay,
  findSample,
  type SampledMail,
  type UsedBatch,
} from '../../store/raw/raw-rows.ts'
import type { RawStore } from '../../store/raw/raw-store.ts'
import { openRaw } from '../connect.ts'
import { type Finding, fault, note, ok, toFault } from './finding.ts'

const check = 'raw mail'
const budgetMs = 30_000

export async function checkRaw(db: Knex, config: Config, { all }: { all: boolean }): Promise<Finding[]> {
  const { rawDays } = config.retention
  await using raw = await openRaw(config)
  // Before the first mail nothing binds the database to a store, and the check would do so.
  const [anySource] = await findSources(db, { limit: 1 })
  if (anySource !== undefined)
    await checkRawStore(db, raw, {
      host: hostname(),
      shared: isShared(config),
      isDirectory: rawDirectoryOf(config) !== undefined,
    })
  await raw.checkWritable()
  const deadline = all ? Number.POSITIVE_INFINITY : Date.now() + budgetMs
  const compared = await compare(db, raw, deadline)
  const unused = await examineAll(db, raw, compared.unused, deadline)
  const read = all ? checkAll(db, raw, compared) : checkSample(db, raw, compared)
  const removed = removalOf(rawDays, await findFirstUnused(db))
  return [...describe(raw, compared, unused, removed), ...(await read)]
}

/** When batches without rows go, as the end of a hint. */
function removalOf(days: number, since: Date | undefined): string {
  if (days === 0) return 'they stay, because retention.raw_days is 0'
  const first = since === undefined ? '' : `, the first of them on ${dayOf(new Date(since.getTime() + days * dayMs))}`
  return `the nightly job removes them ${days} days after it first found them (retention.raw_days)${first}`
}

const dayMs = 86_400_000

function dayOf(date: Date): string {
  return date.toISOString().slice(0, '2026-11-24'.length)
}

interface Compared {
  days: number
  /** Of them, those that were looked at. */
  looked: number
  /** How many are there. */
  batches: number
  used: string[]
  unused: string[]
  missing: UsedBatch[]
}

async function compare(db: Knex, raw: RawStore, deadline: number): Promise<Compared> {
  const found = new Set([...(await Array.fromAsync(findBatchDays(db))), ...(await Array.fromAsync(raw.days()))])
  const days = [...found].sort().reverse()
  const compared: Compared = { days: days.length, looked: 0, batches: 0, used: [], unused: [], missing: [] }
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
  for (const { batch } of used) if (there.delete(batch)) compared.used.push(batch)
  compared.unused.push(...(await withoutRows(db, [...there])))
}

function shuffled(days: readonly string[]): string[] {
  return days
    .map(day => ({ day, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ day }) => day)
}

/** Batches without rows, told apart. */
interface Unused {
  leftovers: UnusedBatch[]
  gaps: UnusedBatch[]
  /** Nobody can take their mails in: their accounts are unknown, or their UIDs belong to other mails. */
  foreign: UnusedBatch[]
  damaged: ServiceError[]
}

/** What cannot be looked at in time counts as a gap. */
async function examineAll(db: Knex, raw: RawStore, batches: readonly string[], deadline: number): Promise<Unused> {
  const found: Unused = { leftovers: [], gaps: [], foreign: [], damaged: [] }
  for (const batch of batches) {
    if (Date.now() > deadline) {
      found.gaps.push({ batch, accounts: [], bytes: 0, copies: [], gaps: 1, strangers: 0, others: 0 })
      continue
    }
    try {
      const unused = await examineUnused(db, raw, batch)
      const kind = isLeftover(unused) ? 'leftovers' : unused.gaps > 0 ? 'gaps' : 'foreign'
      found[kind].push(unused)
    } catch (error) {
      if (!(error instanceof ServiceError) || error.code !== 'raw.damaged') throw error
      found.damaged.push(error)
    }
  }
  return found
}

const examples = 5

function namesOf(batches: readonly UnusedBatch[]): string {
  return batches
    .slice(0, examples)
    .map(({ batch }) => batch)
    .join(', ')
}

function describeUnused(batches: number, { leftovers, gaps, foreign, damaged }: Unused, removed: string): Finding[] {
  const found = damaged.slice(0, examples).map(error => toFault(check, error))
  if (gaps.length > 0) {
    found.push(
      note(
        check,
        `${gaps.length} of ${batches} batches have no rows (left by a crash, or newer than a restored database), as ${namesOf(gaps)}`,
        `\`letterlock source recover\` takes their mails in; known ones are not doubled; otherwise ${removed}`,
      ),
    )
  }
  if (leftovers.length > 0) {
    const bytes = leftovers.reduce((sum, batch) => sum + batch.bytes, 0)
    found.push(
      note(
        check,
        `${leftovers.length} of ${batches} batches are leftovers of ${bytes} bytes: every mail in them is kept elsewhere, as ${namesOf(leftovers)}`,
        'the daemon removes them at night, `letterlock source prune` at once',
      ),
    )
  }
  if (foreign.length > 0) {
    found.push(
      note(
        check,
        `${foreign.length} of ${batches} batches hold mails of accounts that this database does not know, or whose UIDs other mails have now, as ${namesOf(foreign)}`,
        `no command takes them in; ${removed}`,
      ),
    )
  }
  return found
}

function describe(
  raw: RawStore,
  { days, looked, batches, missing }: Compared,
  unused: Unused,
  removed: string,
): Finding[] {
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
  found.push(...describeUnused(batches, unused, removed))
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
async function checkSample(db: Knex, raw: RawStore, compared: Compared): Promise<Finding[]> {
  const sample = await findSample(db, sampleSize)
  const faults: Finding[] = []
  const read = await checkMails(raw, sample, compared, faults)
  if (faults.length > 0 || read === 0) return faults
  return [ok(check, `${read} mails from all over were read and are what they were`)]
}

/** Every mail that has a row, and the index of every batch. */
async function checkAll(db: Knex, raw: RawStore, compared: Compared): Promise<Finding[]> {
  const faults: Finding[] = []
  let read = 0
  for await (const mails of findAllMails(db)) read += await checkMails(raw, mails, compared, faults)
  for (const batch of compared.used) await noteDamage(faults, '', raw.index(batch))
  const more = faults.length - maxListed
  if (more > 0) return [...faults.slice(0, maxListed), fault(check, `${more} more are damaged`, restoreHint)]
  if (faults.length > 0 || read === 0) return faults
  return [ok(check, `all ${read} mails were read and are what they were`)]
}

const maxListed = 100
const restoreHint = 'restore the raw store from its backup (docs/restore.md)'

/** Reads the mails whose batches are there; returns how many. */
async function checkMails(
  raw: RawStore,
  mails: readonly SampledMail[],
  { missing }: Compared,
  faults: Finding[],
): Promise<number> {
  const gone = new Set(missing.map(({ batch }) => batch))
  const there = mails.filter(({ place }) => !gone.has(place.batch))
  for (const { id, place } of there) await noteDamage(faults, `source ${id}: `, raw.read(place))
  return there.length
}

async function noteDamage(faults: Finding[], what: string, reading: Promise<unknown>): Promise<void> {
  try {
    await reading
  } catch (error) {
    if (!(error instanceof ServiceError) || error.code !== 'raw.damaged') throw error
    faults.push(fault(check, `${what}${error.message}`, error.hint ?? restoreHint))
  }
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
