// `letterlock source …` and `letterlock quarantine …`: what became of every mail.
import type { Knex } from 'knex'
import { CommandError, Refusal, ServiceError } from '../../errors/errors.ts'
import { visible } from '../../foreign-text.ts'
import {
  exportQuarantined as exportOne,
  listQuarantine,
  retryQuarantined,
  showQuarantined,
} from '../../operations/quarantine.ts'
import { listSources as list, pruneSources, recoverSources, showSource as show } from '../../operations/sources.ts'
import { findQuarantinedIds } from '../../store/ingest/quarantine-rows.ts'
import type { SourceDetail, SourceView } from '../../store/ingest/source-rows.ts'
import { commandActor } from '../actor.ts'
import { askFor, checkGiven, type Given, toNumber } from '../ask.ts'
import { type GlobalOptions, withDeps } from '../connect.ts'
import { paint, print, printBytes, printJson, printTable, remark, reportError, time } from '../terminal.ts'

/** `--account`, `--since`, `--until`. */
export interface ChoiceOptions extends GlobalOptions {
  account?: string
  since?: string
  until?: string
}

export interface ListOptions extends ChoiceOptions {
  json?: boolean
  limit: string
}

export const choiceNames = { account: '--account', since: '--since', until: '--until' }

function toListed({ account, since, until, limit }: ListOptions): Given {
  return {
    input: { account, since, until, limit: toNumber(limit) },
    names: { ...choiceNames, limit: '--limit', result: '--result' },
    typed: { limit },
  }
}

export async function listSources(options: ListOptions & { result?: string }): Promise<void> {
  const { input, ...given } = toListed(options)
  await printList(await askFor(list, options, { ...given, input: { ...input, result: options.result } }), options)
}

export async function listQuarantined(options: ListOptions): Promise<void> {
  await printList(await askFor(listQuarantine, options, toListed(options)), options)
}

async function printList(sources: readonly SourceView[], { json, limit }: ListOptions): Promise<void> {
  if (json) return await printJson(sources)
  if (sources.length === 0) return await print('no mails')
  await printTable(
    ['ID', 'ACCOUNT', 'MAILBOX', 'UID', 'SIZE', 'RECEIVED', 'RESULT', 'REASON', 'TICKET'],
    sources.map(toRow),
    (cell, column) => (column === 6 && cell === 'quarantined' ? 'yellow' : undefined),
  )
  if (sources.length === Number(limit)) remark(`the newest ${limit}; --limit N shows more`)
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

export interface OneOptions extends GlobalOptions {
  json?: boolean
}

export async function showSource(which: string, options: OneOptions): Promise<void> {
  await printOne(await askFor(show, options, oneMail(which)), options)
}

export async function showOneQuarantined(which: string, options: OneOptions): Promise<void> {
  await printOne(await askFor(showQuarantined, options, oneMail(which)), options)
}

function oneMail(which: string): Given {
  return { input: { mail: toNumber(which) }, names: { mail: 'the id of a mail' }, typed: { mail: which } }
}

async function printOne({ place, accountId: _, ...facts }: SourceDetail, { json }: OneOptions): Promise<void> {
  if (json) return await printJson([facts])
  for (const [name, value] of Object.entries(facts)) await print(`${paint('bold', name.padEnd(12))} ${shown(value)}`)
  await print(
    `${paint('bold', 'kept'.padEnd(12))} ${place === null ? 'nothing' : `in ${place.batch} at byte ${place.offset}`}`,
  )
}

function shown(value: unknown): string {
  return value instanceof Date ? value.toISOString() : visible(String(value ?? '-'))
}

/** One quarantined mail to standard output. */
export async function exportQuarantined(which: string, options: GlobalOptions): Promise<void> {
  await printBytes(await askFor(exportOne, options, oneMail(which)))
}

export interface RetryOptions extends GlobalOptions {
  all?: boolean
  reason?: string
}

/** Tries these mails again, or all, or all of a reason. One that fails does not keep the others from it; resolves to 1 then. */
export async function retryMails(which: readonly string[], options: RetryOptions): Promise<0 | 1> {
  const chosen = [which.length > 0, options.all === true, options.reason !== undefined].filter(Boolean).length
  if (chosen !== 1) throw new CommandError('name mails by their ids, or give --all or --reason', undefined, 2)
  const ids = [...new Set(which.map(text => checkGiven(retryQuarantined.input, oneMail(text)).mail))]
  let failed = false
  await withDeps(options, async deps => {
    let none = true
    for await (const mail of ids.length > 0 ? ids : quarantinedIds(deps.db, options.reason)) {
      none = false
      try {
        const { result, reason, ticket } = await retryQuarantined.run(deps, commandActor(), { mail })
        await print(`mail ${mail}: ${result} (${reason})${ticket === null ? '' : `, ticket ${ticket}`}`)
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
  return error instanceof Refusal || (error instanceof ServiceError && error.code === 'raw.damaged')
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
  const done = await askFor(recoverSources, options, { input: {}, names: {} })
  await print(`${done.mails} mails of ${done.batches} batches had no row and were taken in`)
  if (done.strangers > 0)
    await print(
      `${done.strangers} mails belong to accounts that this database does not know; they stay in their batches`,
    )
}

/** What is removed is there a second time, so nothing is asked. */
export async function pruneRaw(options: GlobalOptions): Promise<void> {
  const { batches, bytes } = await askFor(pruneSources, options, { input: {}, names: {} })
  await print(`${batches} batches with ${bytes} bytes of mail that is kept elsewhere were removed`)
}
