// Goes through all rows of secrets, batch by batch (seal-batch.ts): seals plaintexts, reseals what is under another key, unseals. A few
// batches are on their way at a time. It can be cut short anywhere and run again, and several hosts may do it at once. A row that
// cannot be done is named and left as it is.
import { ServiceError } from '../../errors/errors.ts'
import { NotAsWritten, type Pass, type PassReport, runBatch, type SealDeps } from './seal-batch.ts'

/** Rows of one transaction: few enough that nobody who writes one of them waits longer than a moment; fewer cost a third more time. */
export const batchRows = 1000

/** While the database selects, writes or syncs for some, another is sealed or opened; each needs a connection of the sealing pool. */
const batchesAtOnce = 3

/**
 * One pass over all rows that it is about. A few batches are on their way at a time. Throws PassStopped, or the signal's reason.
 */
export async function runPass(
  deps: SealDeps,
  pass: Pass,
  signal: AbortSignal,
  progress: (changed: number) => void = () => {},
): Promise<PassReport> {
  const report: PassReport = { changed: 0, faults: [], plaintextOf: undefined }
  const take = (part: PassReport): void => {
    report.changed += part.changed
    report.faults.push(...part.faults)
    report.plaintextOf ??= part.plaintextOf
    progress(report.changed)
  }
  const inFlight: Promise<void>[] = []
  try {
    for (let afterId: number | undefined = 0; afterId !== undefined; ) {
      signal.throwIfAborted()
      const selected = Promise.withResolvers<number | undefined>()
      const batch = runBatchOrRows(deps, pass, afterId, selected.resolve).then(take)
      // A failure is thrown below, when it is this batch's turn.
      batch.catch(() => selected.resolve(undefined))
      inFlight.push(batch)
      if (inFlight.length >= batchesAtOnce) await inFlight.shift()
      afterId = await selected.promise
    }
    for (const batch of inFlight) await batch
  } finally {
    await Promise.allSettled(inFlight)
  }
  return report
}

/** A batch that fails is gone through row by row, so that the row at fault is found and named. */
async function runBatchOrRows(
  deps: SealDeps,
  pass: Pass,
  afterId: number,
  onSelected: (lastId: number | undefined) => void,
): Promise<PassReport> {
  const batch: { lastId?: number } = {}
  try {
    return await runBatch(deps, pass, { afterId, limit: batchRows }, lastId => {
      if (lastId !== undefined) batch.lastId = lastId
      onSelected(lastId)
    })
  } catch (error) {
    if (batch.lastId === undefined || !isOfRows(error)) throw error
    return await runRows(deps, pass, afterId, batch.lastId)
  }
}

/** True for a failure that one row may have caused: a trigger, a check, a value that came back changed. */
function isOfRows(error: unknown): boolean {
  return (
    error instanceof NotAsWritten || (error instanceof ServiceError && /^db\.(failed|constraint)$/.test(error.code))
  )
}

async function runRows(deps: SealDeps, pass: Pass, afterId: number, untilId: number): Promise<PassReport> {
  const report: PassReport = { changed: 0, faults: [], plaintextOf: undefined }
  for (let at = afterId; at < untilId; ) {
    const row: { id?: number; accountId?: number } = {}
    try {
      const part = await runBatch(deps, pass, { afterId: at, limit: 1 }, (lastId, accountId) => {
        Object.assign(row, { id: lastId, accountId })
      })
      report.changed += part.changed
      report.faults.push(...part.faults)
      report.plaintextOf ??= part.plaintextOf
    } catch (error) {
      if (row.id === undefined || !isOfRows(error)) throw error
      report.faults.push({ credentialId: row.id, accountId: row.accountId ?? 0, code: 'vault.refused' })
    }
    if (row.id === undefined) break
    at = row.id
  }
  return report
}
