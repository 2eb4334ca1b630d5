// `letterlock source …` and `letterlock quarantine …`: what became of every mail.
import type { Knex } from 'knex'
import type { Config } from '../../config/config.ts'
import { CommandError, ServiceError } from '../../errors/errors.ts'
import { visible } from '../../foreign-text.ts'
import type { TriagePolicy } from '../../poll/ingest/ingest-batch.ts'
import { findQuarantinedIds } from '../../store/ingest/quarantine.ts'
import { findSources, getSource, type SourceFilter, type SourceView } from '../../store/ingest/sources.ts'
import { keysOf } from '../../vault/keys/keyring.ts'
import { type GlobalOptions, openRaw, withDatabase } from '../connect.ts'
import { paint, print, printBytes, printJson, printTable, remark, reportError, time } from '../terminal.ts'
import { toLimit } from '../ticket/ticket.ts'

export interface SourceOptions extends GlobalOptions {
  json?: boolean
  account?: string
  result?: string
  since?: string
  until?: string
  limit: string
}

const results = ['created', 'appended', 'ignored', 'duplicate', 'quarantined'] as const

export function toFilter(options: Omit<SourceOptions, 'limit'>, limit: number): SourceFilter {
  const { account, result } = options
  const known = results.find(name => name === result)
  if (result !== undefined && known === undefined)
    throw new CommandError(`--result ${result}: must be ${results.join(', ')}`, undefined, 2)
  return {
    limit,
    ...(account === undefined ? {} : { account }),
    ...(known === undefined ? {} : { result: known }),
    ...(options.since === undefined ? {} : { since: toTime(options.since, '--since') }),
    ...(options.until === undefined ? {} : { until: toTime(options.until, '--until') }),
  }
}

const dayOrTime = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)?(Z|[+-]\d\d:\d\d)?$/

/** Without a zone it is UTC, as everything that is printed. */
function toTime(text: string, name: string): Date {
  const [, zone] = dayOrTime.exec(text) ?? [undefined, '']
  const iso = text.replace(' ', 'T')
  const time = new Date(zone === undefined ? (iso.length === 10 ? iso : `${iso}Z`) : iso)
  if (dayOrTime.test(text) && !Number.isNaN(time.getTime())) return time
  throw new CommandError(`${name} ${text}: must be a day as 2026-11-24 or a time as 2026-11-24T10:00:00Z`, undefined, 2)
}

export async function listSources(options: SourceOptions): Promise<void> {
  const filter = toFilter(options, toLimit(options.limit))
  await withDatabase(options, async db => {
    const sources = await findSources(db, filter)
    if (options.json) return await printJson(sources)
    if (sources.length === 0) return await print('no mails')
    await printTable(
      ['ID', 'ACCOUNT', 'MAILBOX', 'UID', 'SIZE', 'RECEIVED', 'RESULT', 'REASON', 'TICKET'],
      sources.map(toRow),
      (cell, column) => (column === 6 && cell === 'quarantined' ? 'yellow' : undefined),
    )
    if (sources.length === filter.limit) remark(`the newest ${filter.limit}; --limit N shows more`)
  })
}

function toRow(source: SourceView): string[] {
  return [
    String(source.id),
    source.account,
    source.mailbox,
    String(source.uid),
    String(source.size),
    time(source.receivedAt),
    source.result,
    source.reason,
    source.ticket === null ? '-' : String(source.ticket),
  ]
}

/** `kind` limits it to what the command is about. */
export async function showSource(
  which: string,
  options: GlobalOptions & { json?: boolean },
  kind?: 'quarantined',
): Promise<void> {
  const id = toId(which)
  await withDatabase(options, async db => {
    const source = await getSource(db, id)
    if (kind !== undefined && source.result !== kind) throw notQuarantined(source.id)
    const { place, ...facts } = source
    if (options.json) return await printJson([facts])
    for (const [name, value] of Object.entries(facts)) {
      await print(`${paint('bold', name.padEnd(12))} ${shown(value)}`)
    }
    await print(
      `${paint('bold', 'kept'.padEnd(12))} ${place === null ? 'nothing' : `in ${place.batch} at byte ${place.offset}`}`,
    )
  })
}

function shown(value: unknown): string {
  return value instanceof Date ? value.toISOString() : visible(String(value ?? '-'))
}

function toId(text: string): number {
  const id = /^\d+$/.test(text) ? Number(text) : 0
  if (Number.isSafeInteger(id) && id > 0) return id
  throw new CommandError(
    `${text} is not the id of a mail`,
    'ids are numbers, as `letterlock source list` shows them',
    2,
  )
}

function notQuarantined(id: number): CommandError {
  return new CommandError(`mail ${id} is not in quarantine`, '`letterlock quarantine list` shows what is')
}

/** One quarantined mail to standard output. */
export async function exportQuarantined(which: string, options: GlobalOptions): Promise<void> {
  const id = toId(which)
  await withDatabase(options, async (db, config) => {
    const source = await getSource(db, id)
    if (source.result !== 'quarantined') throw notQuarantined(source.id)
    if (source.place === null)
      throw new CommandError(
        `no bytes of mail ${source.id} are kept`,
        'it is still on the server: `letterlock quarantine retry` fetches it again',
      )
    await printBytes(await (await openRaw(config)).read(source.place))
  })
}

export interface RetryOptions extends GlobalOptions {
  all?: boolean
  reason?: string
}

/** Tries these mails again, or all, or all of a reason. One that fails does not keep the others from it; resolves to 1 then. */
export async function retryMails(which: readonly string[], options: RetryOptions): Promise<0 | 1> {
  const chosen = [which.length > 0, options.all === true, options.reason !== undefined].filter(Boolean).length
  if (chosen !== 1) throw new CommandError('name mails by their ids, or give --all or --reason', undefined, 2)
  const ids = [...new Set(which.map(toId))]
  let failed = false
  await withDatabase(options, async (db, config) => {
    const { retryQuarantined } = await import('../../poll/ingest/retry-quarantined.ts')
    const { parseMessage } = await import('../../parse/parse-message.ts')
    const triage = await openTriagePolicy(db, config)
    await using raw = await openRaw(config)
    let none = true
    for await (const id of ids.length > 0 ? ids : quarantinedIds(db, options.reason)) {
      none = false
      try {
        const end = await retryQuarantined(db, raw, source => parseMessage(source), triage, id)
        const ticket = end.ticket === null ? '' : `, ticket ${end.ticket}`
        await print(`mail ${id}: ${end.result} (${end.reason})${ticket}`)
      } catch (error) {
        if (!isOfThisMail(error)) throw error
        failed = true
        reportError(error)
      }
    }
    if (none) await print('no mails')
  })
  return failed ? 1 : 0
}

/** A failure that says nothing about the next mail. */
function isOfThisMail(error: unknown): boolean {
  return error instanceof CommandError || (error instanceof ServiceError && error.code === 'raw.damaged')
}

const retriesAtOnce = 100

/** Each once, though one that stays in quarantine keeps its id. */
async function* quarantinedIds(db: Knex, reason: string | undefined): AsyncIterable<number> {
  for (let after = 0; ; ) {
    const ids = await findQuarantinedIds(db, {
      after,
      limit: retriesAtOnce,
      ...(reason === undefined ? {} : { reason }),
    })
    yield* ids
    const last = ids.at(-1)
    if (last === undefined) return
    after = last
  }
}

export async function recoverMails(options: GlobalOptions): Promise<void> {
  await withDatabase(options, async (db, config) => {
    const { recoverSources } = await import('../../poll/ingest/recover-sources.ts')
    const { parseMessage } = await import('../../parse/parse-message.ts')
    const triage = await openTriagePolicy(db, config)
    let day = ''
    const progress = (batch: string): void => {
      if (!batch.startsWith(day) || day === '') remark(`reading the mail of ${batch.slice(0, 10)} …`)
      day = batch.slice(0, 10)
    }
    const done = await recoverSources(db, await openRaw(config), source => parseMessage(source), triage, progress)
    await print(`${done.mails} mails of ${done.batches} batches had no row and were taken in`)
    if (done.strangers > 0)
      await print(
        `${done.strangers} mails belong to accounts that this database does not know; they stay in their batches`,
      )
  })
}

/** What is removed is there a second time, so nothing is asked. */
export async function pruneRaw(options: GlobalOptions): Promise<void> {
  await withDatabase(options, async (db, config) => {
    const { pruneLeftovers } = await import('../../store/raw/raw-leftovers.ts')
    await using raw = await openRaw(config)
    const { batches, bytes } = await pruneLeftovers(db, raw)
    await print(`${batches} batches with ${bytes} bytes of mail that is kept elsewhere were removed`)
  })
}

async function openTriagePolicy(db: Knex, config: Config): Promise<TriagePolicy> {
  const { createTriagePolicy } = await import('../../poll/ingest/triage-policy.ts')
  const { openThreadSecret } = await import('../../vault/secrets/thread-secret.ts')
  return createTriagePolicy(config, () => openThreadSecret(db, keysOf(config)))
}
