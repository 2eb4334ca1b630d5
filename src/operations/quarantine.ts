// Quarantine: mails that could not become tickets. Agents read them and save their originals, admins have them tried again.
import { z } from 'zod'
import { OperationError } from '../errors/errors.ts'
import { type RetryOutcome, retryQuarantined as retry } from '../poll/ingest/retry-quarantined.ts'
import { inTransaction } from '../store/db/database.ts'
import { findSources, getSource, type SourceDetail, type SourceView } from '../store/ingest/source-rows.ts'
import type { Deps } from './deps.ts'
import { defineOperation, id } from './operation.ts'
import { sourceFilter } from './sources.ts'

export const listQuarantine = defineOperation({
  name: 'quarantine.list',
  who: 'agent',
  summary: 'list messages in quarantine, the latest first',
  input: sourceFilter,
  async work({ db }: Pick<Deps, 'db'>, { input }): Promise<SourceView[]> {
    return await findSources(db, { ...input, result: 'quarantined' })
  },
})

const oneMail = z.strictObject({ mail: id.describe('the id of the message, as `source list` shows it') })

export const showQuarantined = defineOperation({
  name: 'quarantine.show',
  who: 'agent',
  summary: 'show one message in quarantine: where it came from, why it is here, what is stored',
  input: oneMail,
  async work({ db }: Pick<Deps, 'db'>, { input }): Promise<SourceDetail> {
    return await getQuarantined(db, input.mail)
  },
})

async function getQuarantined(db: Deps['db'], mail: number): Promise<SourceDetail> {
  const source = await getSource(db, mail)
  if (source.result === 'quarantined') return source
  throw new OperationError('source.not_quarantined', { source: mail })
}

export const retryQuarantined = defineOperation({
  name: 'quarantine.retry',
  who: 'admin',
  summary: 'try again to make a ticket of a message; parsing has the same deadline as in the daemon',
  input: oneMail,
  async work({ db, raw, parse, triage }: Pick<Deps, 'db' | 'raw' | 'parse' | 'triage'>, call): Promise<RetryOutcome> {
    const { mail } = call.input
    const deps = { db, raw: await raw(), parse, triage: await triage() }
    return await retry(deps, mail, (trx, accountId, { result, reason }) =>
      call.audit(trx, { accountId, detail: { mail, result, reason } }),
    )
  },
})

export const exportQuarantined = defineOperation({
  name: 'quarantine.export',
  who: 'agent',
  summary: 'write the stored bytes of a message in quarantine',
  input: oneMail,
  async work({ db, raw }: Pick<Deps, 'db' | 'raw'>, { input, audit }): Promise<Buffer> {
    const { id, accountId, place } = await getQuarantined(db, input.mail)
    if (place === null) throw new OperationError('source.bytes_not_kept', { source: id })
    const bytes = await (await raw()).read(place)
    await inTransaction(db, trx => audit(trx, { accountId, detail: { mail: id } }))
    return bytes
  },
})
