// `letterlock source …` and `letterlock quarantine …`: what became of every mail.
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { CommandError } from '../errors.ts'
import {
  findSourceDetails,
  findSources,
  getSource,
  type SourceDetail,
  type SourceFilter,
  type SourceView,
} from '../store/sources.ts'
import { type GlobalOptions, openRaw, withDatabase } from './connect.ts'
import { paint, print, printJson, printTable, remark, time } from './terminal.ts'
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

function toFilter(options: Omit<SourceOptions, 'limit'>, limit: number): SourceFilter {
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

function toTime(text: string, name: string): Date {
  const time = new Date(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text)
  if (!Number.isNaN(time.getTime())) return time
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
    )
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
  await withDatabase(options, async db => {
    const source = await getSource(db, toId(which))
    if (kind !== undefined && source.result !== kind) throw notQuarantined(source.id)
    const { place, ...facts } = source
    if (options.json) return await printJson([facts])
    for (const [name, value] of Object.entries(facts)) {
      await print(`${paint('bold', name.padEnd(12))} ${value instanceof Date ? value.toISOString() : (value ?? '-')}`)
    }
    await print(
      `${paint('bold', 'kept'.padEnd(12))} ${place === null ? 'nothing' : `in ${place.batch} at byte ${place.offset}`}`,
    )
  })
}

function toId(text: string): number {
  const id = Number(text)
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

export interface ExportOptions extends GlobalOptions {
  account?: string
  since?: string
  until?: string
  result?: string
}

const page = 1_000

/** Writes each original as `DIR/<sha256>.eml`; one that is there already is left alone. */
export async function exportSources(directory: string, options: ExportOptions): Promise<void> {
  const filter = toFilter(options, page)
  await withDatabase(options, async (db, config) => {
    const raw = await openRaw(config)
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const count = { written: 0, present: 0, absent: 0 }
    for (let beforeId: number | undefined; ; ) {
      const sources = await findSourceDetails(db, { ...filter, ...(beforeId === undefined ? {} : { beforeId }) })
      for (const source of sources) count[await exportOne(source, directory, place => raw.read(place))] += 1
      beforeId = sources.at(-1)?.id
      if (sources.length < page) break
      remark(`${count.written} written …`)
    }
    await print(
      `${count.written} mails written to ${directory}, ${count.present} were there already, of ${count.absent} no bytes are kept`,
    )
  })
}

async function exportOne(
  source: SourceDetail,
  directory: string,
  read: (place: NonNullable<SourceDetail['place']>) => Promise<Buffer>,
): Promise<'written' | 'present' | 'absent'> {
  if (source.place === null) return 'absent'
  const file = path.join(directory, `${source.place.sha256}.eml`)
  const bytes = await read(source.place)
  try {
    await writeFile(file, bytes, { flag: 'wx', mode: 0o600 })
    return 'written'
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return 'present'
    throw new CommandError(
      `${file} cannot be written (${(error as NodeJS.ErrnoException).code})`,
      'check the directory and free space',
    )
  }
}

/** One quarantined mail to standard output. */
export async function exportQuarantined(which: string, options: GlobalOptions): Promise<void> {
  await withDatabase(options, async (db, config) => {
    const source = await getSource(db, toId(which))
    if (source.result !== 'quarantined') throw notQuarantined(source.id)
    if (source.place === null)
      throw new CommandError(
        `no bytes of mail ${source.id} are kept`,
        'it is still on the server: `letterlock quarantine retry` fetches it again',
      )
    process.stdout.write(await (await openRaw(config)).read(source.place))
  })
}

export async function retryMail(which: string, options: GlobalOptions): Promise<void> {
  const id = toId(which)
  await withDatabase(options, async (db, config) => {
    const { retryQuarantined } = await import('../poll/retry-quarantined.ts')
    const { parseMessage } = await import('../parse/parse-message.ts')
    const end = await retryQuarantined(db, await openRaw(config), source => parseMessage(source), id)
    const ticket = end.ticket === null ? '' : `, ticket ${end.ticket}`
    await print(`mail ${id}: ${end.result} (${end.reason})${ticket}`)
  })
}

export async function recoverMails(options: GlobalOptions): Promise<void> {
  await withDatabase(options, async (db, config) => {
    const { recoverSources } = await import('../poll/recover-sources.ts')
    const { parseMessage } = await import('../parse/parse-message.ts')
    const done = await recoverSources(
      db,
      await openRaw(config),
      source => parseMessage(source),
      batch => process.stderr.isTTY && remark(`reading ${batch}`),
    )
    await print(`${done.mails} mails of ${done.batches} batches had no row and were taken in`)
    if (done.strangers > 0)
      await print(
        `${done.strangers} mails belong to accounts that this database does not know; they stay in their batches`,
      )
  })
}
