// An operator asks for a quarantined mail again. Where its bytes are kept it is parsed and ended anew at once; where they are not,
// the worker that owns the account fetches it from the server at its next poll.

import type { Knex } from 'knex'
import { OperationError } from '../../errors/errors.ts'
import type { MailOutcome } from '../../model/mail-outcome.ts'
import { inTransaction } from '../../store/db/database.ts'
import { findQuarantined, isFetchable, type QuarantinedMail, requestRetry } from '../../store/ingest/quarantine-rows.ts'
import {
  type IngestDeps,
  parseMail,
  type TriagedMails,
  type TriagePolicy,
  triageMails,
  verifyTokens,
} from './ingest-batch.ts'

export interface RetryOutcome {
  /** The mail's new end; `pending` where it must be fetched first. */
  result: MailOutcome['result'] | 'pending'
  reason: string
  /** tickets.id */
  ticket: number | null
}

/** Runs in the transaction that gives the mail its new outcome. */
export type WithRetry = (trx: Knex.Transaction, accountId: number, outcome: RetryOutcome) => Promise<void>

/** Throws OperationError where there is no such quarantined mail, or where it cannot be had again. */
export async function retryQuarantined(
  { db, raw, parse, triage }: IngestDeps,
  sourceId: number,
  withRetry: WithRetry = async () => {},
): Promise<RetryOutcome> {
  const mail = await findQuarantined(db, sourceId)
  if (mail === undefined) throw new OperationError('source.not_quarantined', { source: sourceId })
  if (mail.location === null) return await fetchAgain(db, mail, withRetry)
  const source = await raw.read(mail.location)
  const archived = {
    mail: { ...mail, source, complete: true },
    location: mail.location,
    ...(await parseMail({ parse }, source)),
  }
  const triaged = await verifyTokens([archived], triage)
  return await inTransaction(db, async trx => {
    const [decided] = await triageAgain(trx, mail, triaged, triage)
    if (decided === undefined) throw new OperationError('source.retried_meanwhile', { source: sourceId })
    const outcome = { result: decided.result, reason: decided.reason, ticket: decided.ticket?.id ?? null }
    await withRetry(trx, mail.accountId, outcome)
    return outcome
  })
}

/** Only the worker that owns the account asks its server. */
async function fetchAgain(db: Knex, mail: QuarantinedMail, withRetry: WithRetry): Promise<RetryOutcome> {
  if (!(await isFetchable(db, mail))) throw new OperationError('source.renumbered', { source: mail.id })
  const outcome = { result: 'pending', reason: 'fetched at the next poll', ticket: null } as const
  await inTransaction(db, async trx => {
    await requestRetry(trx, mail.id)
    await withRetry(trx, mail.accountId, outcome)
  })
  return outcome
}

/** Whoever retries does not own the account: the account's row is locked all the same, so that no poll threads beside it. */
async function triageAgain(
  trx: Knex.Transaction,
  mail: QuarantinedMail,
  triaged: TriagedMails,
  triage: TriagePolicy,
): Promise<MailOutcome[]> {
  await trx('accounts').where({ id: mail.accountId }).forUpdate().first('id')
  return await triageMails(trx, { ...mail, rereadBeforeUid: 0, startBeforeUid: 0, released: true }, triaged, triage)
}
