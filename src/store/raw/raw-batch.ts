// PURE. What a raw batch is made of, wherever it is kept: the mails' bytes one after another, then its own index as JSON lines,
// then a footer of 16 bytes: the index's length (8, big-endian) and the mark `LLRAW1\r\n`. Its name is `<day>/<time>-<random>`,
// so that names are in the order of time and nobody can overwrite another's.

import { hash } from 'node:crypto'
import { ServiceError } from '../../errors/errors.ts'
import type { RawLocation } from '../../model/mail.ts'
import type { RawIndexEntry, RawMail } from './raw-store.ts'

const mark = Buffer.from('LLRAW1\r\n', 'latin1')
export const footerBytes = 8 + mark.length
const maxIndexBytes = 64 * 1024 * 1024

export interface NewBatch {
  name: string
  /** In this order they are the batch. */
  parts: Buffer[]
  places: RawLocation[]
}

/** `suffix`: random, so that two batches of one millisecond have different names. */
export function toBatch(mails: readonly RawMail[], now: Date, suffix: string): NewBatch {
  const time = now.toISOString()
  const name = `${time.slice(0, 10)}/${time.slice(11, 23).replace(/\D/g, '')}-${suffix}`
  const entries = toIndex(mails)
  const index = Buffer.from(entries.map(entry => `${JSON.stringify(entry)}\n`).join(''))
  const footer = Buffer.concat([Buffer.alloc(8), mark])
  footer.writeBigUInt64BE(BigInt(index.length))
  return {
    name,
    parts: [...mails.map(mail => mail.source), index, footer],
    places: entries.map(({ offset, size, sha256 }) => ({ batch: name, offset, size, sha256 })),
  }
}

function toIndex(mails: readonly RawMail[]): RawIndexEntry[] {
  let offset = 0
  return mails.map(({ source, receivedAt, ...mail }) => {
    const entry = {
      ...mail,
      receivedAt: receivedAt.toISOString(),
      offset,
      size: source.length,
      sha256: sha256Of(source),
    }
    offset += source.length
    return entry
  })
}

function sha256Of(bytes: Buffer): string {
  return hash('sha256', bytes)
}

/** The bytes themselves if they are the mail's. Throws `raw.damaged`. */
export function checkedMail(store: string, place: RawLocation, bytes: Buffer): Buffer {
  if (sha256Of(bytes) === place.sha256) return bytes
  throw damaged(store, place.batch, 'a mail in it does not have the recorded hash')
}

/** Where the index begins and ends in a batch of `size` bytes that ends in these. Throws `raw.damaged`. */
export function indexRange(store: string, batch: string, size: number, end: Buffer): { start: number; end: number } {
  const footer = end.subarray(-footerBytes)
  if (footer.length < footerBytes || !footer.subarray(8).equals(mark)) throw damaged(store, batch, 'it has no footer')
  const indexBytes = Number(footer.readBigUInt64BE())
  if (indexBytes > Math.min(size - footerBytes, maxIndexBytes)) throw damaged(store, batch, 'it has no footer')
  return { start: size - footerBytes - indexBytes, end: size - footerBytes }
}

/** Throws `raw.damaged`. */
export function parseIndex(store: string, batch: string, index: Buffer): RawIndexEntry[] {
  try {
    return index
      .toString('utf8')
      .split('\n')
      .filter(line => line !== '')
      .map(line => JSON.parse(line) as RawIndexEntry)
  } catch (cause) {
    throw damaged(store, batch, 'its index cannot be read', cause)
  }
}

const day = /^\d{4}-\d\d-\d\d$/
const name = /^\d{4}-\d\d-\d\d\/[\w-]{1,50}$/

export function isDay(text: string): boolean {
  return day.test(text)
}

export function isBatchName(text: string): boolean {
  return name.test(text)
}

/** `2026-11-23/101112123-…` was begun at 10:11:12.123. */
export function timeOfBatch(batch: string): Date {
  const [, day, hour, minute, second, ms] = /^([\d-]{10})\/(\d\d)(\d\d)(\d\d)(\d{3})-/.exec(batch) ?? []
  const time = new Date(`${day}T${hour}:${minute}:${second}.${ms}Z`)
  return Number.isNaN(time.getTime()) ? new Date(0) : time
}

/** More than any `mail.max_bytes` lets in: nothing of ours is longer, whatever a row says. */
const maxMailBytes = 1_073_741_824

/**
 * The place comes from the database, which others can write: nothing is allocated or asked for by its numbers before they are known to be
 * those of a mail of ours. Whether the batch is so long is seen where it is opened. Throws `raw.damaged`.
 */
export function checkPlace(store: string, { batch, offset, size }: RawLocation): void {
  const isCount = [offset, size].every(number => Number.isSafeInteger(number) && number >= 0)
  if (!isCount || size > maxMailBytes) throw damaged(store, batch, 'the recorded place is none of a mail')
}

/** The name comes from the database, which others can write: it must not lead elsewhere. Throws `raw.damaged`. */
export function checkedName(store: string, batch: string): string {
  if (isBatchName(batch)) return batch
  throw damaged(store, '', 'its recorded name is none of ours')
}

export function damaged(store: string, batch: string, why: string, cause?: unknown): ServiceError {
  return new ServiceError('raw.damaged', { where: store, batch, why }, { temporary: false, cause })
}
