// The HTML of messages for somebody who reads: it is not stored, but derived from the raw mail, in a parsing thread with its deadline, and
// sanitised there. So a better sanitiser protects old mail, and nobody can put HTML into the database. What fails leaves the text: a reader is
// told why. Whoever asks for a message that another is reading gets the same answer.
import pLimit from 'p-limit'
import type { Code, Failure } from '../errors/catalogue.ts'
import { IngestError, MessageError, OperationError } from '../errors/errors.ts'
import type { RawLocation } from '../model/mail.ts'
import type { SafeHtml } from '../model/parsed-message.ts'
import type { RawStore } from '../store/raw/raw-store.ts'

/** Where a message's HTML comes from. */
export interface HtmlSource {
  /** The message's. */
  id: number
  accountId: number
  /** null: nobody knows before its raw mail is read. */
  hasHtml: boolean | null
  /** null: its raw mail is not kept. */
  raw: RawLocation | null
}

export type HtmlReading =
  | { state: 'none' }
  | ({ state: 'shown' } & SafeHtml)
  | { state: 'failed'; failure: Failure<Code> }
  /** It takes longer than the reader waits, and comes later. */
  | { state: 'late' }

export interface HtmlReader {
  read(source: HtmlSource): Promise<HtmlReading>
  /** By the ids of the messages. `withinMs`: how long the reader waits for all of them; default: as long as it takes. */
  readAll(sources: readonly HtmlSource[], withinMs?: number): Promise<Map<number, HtmlReading>>
}

export interface HtmlReaderDeps {
  raw(): Promise<RawStore>
  /** In a thread, with a deadline. Throws MessageError. */
  parseHtml(source: Uint8Array, account: number): Promise<SafeHtml | null>
  /** Hears of what cannot be shown. */
  onFailure?(messageId: number, failure: IngestError): void
  /** Of HTML that is kept for the next reader, as JavaScript holds it. Default: 16 MiB. */
  maxKeptBytes?: number
}

/** Mails that are read at once; of large ones, a single one. */
const readAtOnce = 8
const largeBytes = 2_097_152
/** The same bytes may well fail again; the machine may have been busy, too. */
const keepFailuresMs = 600_000

export function createHtmlReader(deps: HtmlReaderDeps): HtmlReader {
  const { raw, parseHtml, onFailure, maxKeptBytes = 16_777_216 } = deps
  const kept = createReadings(maxKeptBytes)
  const running = new Map<string, Promise<HtmlReading>>()
  const [ordinary, large] = [pLimit(readAtOnce), pLimit(1)]

  async function derive(id: number, accountId: number, location: RawLocation): Promise<HtmlReading> {
    try {
      const safe = await parseHtml(await (await raw()).read(location), accountId)
      return safe === null ? { state: 'none' } : { state: 'shown', ...safe }
    } catch (error) {
      if (!(error instanceof IngestError)) throw error
      const failure = error instanceof MessageError ? ofHtml(error) : error
      onFailure?.(id, failure)
      return { state: 'failed', failure }
    }
  }

  async function read({ id, accountId, hasHtml, raw: location }: HtmlSource): Promise<HtmlReading> {
    if (hasHtml === false) return { state: 'none' }
    if (location === null) return { state: 'failed', failure: new OperationError('message.not_kept', { message: id }) }
    // The bytes say which mail it is, whatever becomes of its row. One process has one sanitiser.
    const key = location.sha256
    const known = kept.find(key)
    if (known !== undefined) return known
    const shared = running.get(key)
    if (shared !== undefined) return await shared
    const limit = location.size < largeBytes ? ordinary : large
    const reading = limit(() => derive(id, accountId, location))
    running.set(key, reading)
    try {
      const found = await reading
      kept.keep(key, found)
      return found
    } finally {
      running.delete(key)
    }
  }

  return {
    read,
    async readAll(sources, withinMs) {
      const timer = withinMs === undefined ? undefined : createPatience(withinMs)
      try {
        const readings = sources.map(async source => {
          const reading = read(source)
          return [source.id, await (timer === undefined ? reading : Promise.race([reading, timer.over]))] as const
        })
        return new Map(await Promise.all(readings))
      } finally {
        timer?.clear()
      }
    },
  }
}

function createPatience(ms: number): { over: Promise<HtmlReading>; clear(): void } {
  const { promise, resolve } = Promise.withResolvers<HtmlReading>()
  const timer = setTimeout(() => resolve({ state: 'late' }), ms)
  return { over: promise, clear: () => clearTimeout(timer) }
}

function ofHtml(error: MessageError): MessageError {
  const { withinMs } = error.params
  return error.code === 'message.parse_timeout'
    ? new MessageError('message.parse_timeout', { reason: 'html', withinMs: Number(withinMs) }, { cause: error })
    : new MessageError('message.unparseable', { reason: 'html' }, { cause: error })
}

interface Readings {
  find(key: string): HtmlReading | undefined
  keep(key: string, reading: HtmlReading): void
}

/** The readings that were asked for last. */
function createReadings(maxBytes: number): Readings {
  const kept = new Map<string, { reading: HtmlReading; bytes: number; until: number }>()
  let bytes = 0
  const drop = (key: string): void => {
    bytes -= kept.get(key)?.bytes ?? 0
    kept.delete(key)
  }
  return {
    find(key) {
      const found = kept.get(key)
      if (found === undefined || performance.now() > found.until) return undefined
      kept.delete(key)
      kept.set(key, found)
      return found.reading
    },
    keep(key, reading) {
      drop(key)
      const until = keptUntil(reading)
      if (until === undefined) return
      const entry = { reading, bytes: bytesOf(reading), until }
      kept.set(key, entry)
      bytes += entry.bytes
      for (const oldest of kept.keys()) {
        if (bytes <= maxBytes) break
        drop(oldest)
      }
    },
  }
}

/** Raw mail that is away may be back at any moment. */
function keptUntil(reading: HtmlReading): number | undefined {
  if (reading.state !== 'failed') return Number.POSITIVE_INFINITY
  return reading.failure instanceof MessageError ? performance.now() + keepFailuresMs : undefined
}

const entryBytes = 500

function bytesOf(reading: HtmlReading): number {
  return entryBytes + (reading.state === 'shown' ? 2 * reading.html.length : 0)
}
