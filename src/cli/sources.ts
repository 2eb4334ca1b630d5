// `letterlock source …` and `letterlock quarantine …`: what became of every mail.
import type { Knex } from 'knex'
import type { Config } from '../config.ts'
import { CommandError } from '../errors.ts'
import { visible } from '../foreign-text.ts'
import type { Judging } from '../poll/ingest-batch.ts'
import { findSources, getSource, type SourceFilter, type SourceView } from '../store/sources.ts'
import { keysOf } from '../vault/keyring.ts'
import { type GlobalOptions, openRaw, withDatabase } from './connect.ts'
import { paint, print, printBytes, printJson, printTable, remark, time } from './terminal.ts'
import { toLimit } from './tickets.ts'

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

export async function retryMail(which: string, options: GlobalOptions): Promise<void> {
  const id = toId(which)
  await withDatabase(options, async (db, config) => {
    const { retryQuarantined } = await import('../poll/retry-quarantined.ts')
    const { parseMessage } = await import('../parse/parse-message.ts')
    const judging = await openJudging(db, config)
    const end = await retryQuarantined(db, await openRaw(config), source => parseMessage(source), judging, id)
    const ticket = end.ticket === null ? '' : `, ticket ${end.ticket}`
    await print(`mail ${id}: ${end.result} (${end.reason})${ticket}`)
  })
}

export async function recoverMails(options: GlobalOptions): Promise<void> {
  await withDatabase(options, async (db, config) => {
    const { recoverSources } = await import('../poll/recover-sources.ts')
    const { parseMessage } = await import('../parse/parse-message.ts')
    const judging = await openJudging(db, config)
    let day = ''
    const progress = (batch: string): void => {
      if (!batch.startsWith(day) || day === '') remark(`reading the mail of ${batch.slice(0, 10)} …`)
      day = batch.slice(0, 10)
    }
    const done = await recoverSources(db, await openRaw(config), source => parseMessage(source), judging, progress)
    await print(`${done.mails} mails of ${done.batches} batches had no row and were taken in`)
    if (done.strangers > 0)
      await print(
        `${done.strangers} mails belong to accounts that this database does not know; they stay in their batches`,
      )
  })
}

async function openJudging(db: Knex, config: Config): Promise<Judging> {
  const { createJudging } = await import('../poll/judging.ts')
  const { openThreadSecret } = await import('../vault/thread-secret.ts')
  return createJudging(config, () => openThreadSecret(db, keysOf(config)))
}
