// Takes in the mails of raw batches that have no rows: what a crash left between the batch and its transaction, or what came
// after the backup from which the database was restored. A mail that has its row by now, or whose content is known, is not doubled.
import { inTransaction } from '../../store/db/database.ts'
import { findRecovered, type RecoveryTarget } from '../../store/ingest/recovery.ts'
import type { RawIndexEntry } from '../../store/raw/raw-store.ts'
import { type IngestDeps, parseMail, triageMails, verifyTokens } from './ingest-batch.ts'

export interface Recovered {
  /** Batches that had mails without rows. */
  batches: number
  /** Mails that got a row now. */
  mails: number
  /** Mails of accounts that the database does not know. */
  strangers: number
}

/** Goes through all batches, oldest first. Throws `raw.damaged` for a batch that cannot be read. */
export async function recoverSources(
  deps: IngestDeps,
  progress: (batch: string) => void = () => {},
): Promise<Recovered> {
  const recovered: Recovered = { batches: 0, mails: 0, strangers: 0 }
  for await (const batch of deps.raw.batches()) {
    progress(batch)
    const before = recovered.mails
    for (const entry of await deps.raw.index(batch)) await recoverMail(deps, batch, entry, recovered)
    if (recovered.mails > before) recovered.batches += 1
  }
  return recovered
}

async function recoverMail(deps: IngestDeps, batch: string, entry: RawIndexEntry, recovered: Recovered): Promise<void> {
  const target = await findRecovered(deps.db, entry)
  if (target === 'known') return
  if (target === 'no account') {
    recovered.strangers += 1
    return
  }
  if (await takeInAgain(deps, batch, entry, target)) recovered.mails += 1
}

async function takeInAgain(
  deps: IngestDeps,
  batch: string,
  entry: RawIndexEntry,
  target: RecoveryTarget,
): Promise<boolean> {
  const { uid, offset, size, sha256, complete } = entry
  const at = { batch, offset, size, sha256 }
  const source = await deps.raw.read(at)
  const mail = { uid, size, source, complete, receivedAt: new Date(entry.receivedAt) }
  const archived = { mail, location: at, ...(await parseMail(deps, source)) }
  const triaged = await verifyTokens([archived], deps.triage)
  const outcomes = await inTransaction(deps.db, async trx => {
    await trx('accounts').where({ id: entry.accountId }).forUpdate().first('id')
    // Nobody removes the batch from here on (removeUnused).
    await deps.raw.read(at)
    // What was let in once is not held now.
    const cursor = { rereadBeforeUid: 0, startBeforeUid: 0, released: true }
    return await triageMails(trx, { ...target, ...cursor }, triaged, deps.triage)
  })
  return outcomes.length > 0
}
