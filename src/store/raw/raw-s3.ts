// The raw store in a bucket of an S3-compatible service: one object a batch (raw-batch.ts), `<prefix>/<day>/<id>`, never overwritten.
//
// What the service refuses, however often it is asked, is temporary, and the mail waits on its server. Listings are relied on to be in the
// order of names, as all general-purpose buckets give them.

import { createHash, randomBytes } from 'node:crypto'
import type { Config } from '../../config/config.ts'
import type { RawLocation } from '../../model/mail.ts'
import {
  checkedMail,
  checkedName,
  checkPlace,
  damaged,
  footerBytes,
  indexRange,
  isBatchName,
  isDay,
  parseIndex,
  toBatch,
} from './raw-batch.ts'
import type { RawIndexEntry, RawMail, RawStore } from './raw-store.ts'
import {
  type Bucket,
  deleteObject,
  get,
  getObject,
  listObjects,
  put,
  putOnce,
  type Range,
  type S3Patience,
  toBucket,
} from './s3-bucket.ts'
import { isBeyondEnd, isMissing, isTaken, toS3Error } from './s3-errors.ts'

const idObject = 'store-id'
/** Most batches' indexes fit into their last bytes of this number: one request instead of two. */
const tailBytes = 65_536

/** Opens the store; nothing is connected yet. */
export function openRawS3(config: Config['raw'], limits: Partial<S3Patience> = {}): RawStore {
  const bucket = toBucket(config, limits)
  return {
    where: bucket.where,
    archive: mails => archive(bucket, mails, new Date()),
    read: place => readMail(bucket, place),
    days: () => days(bucket),
    batches: day => batches(bucket, day),
    sizes: day => sizes(bucket, day),
    index: batch => readIndex(bucket, batch),
    readBatch: batch => readBatch(bucket, batch),
    writeBatch: (batch, bytes) => writeBatch(bucket, batch, bytes),
    remove: batch => remove(bucket, batch),
    readId: () => readId(bucket),
    writeId: id => writeId(bucket, id),
    checkWritable: () => checkWritable(bucket),
    async [Symbol.asyncDispose]() {
      bucket.client.destroy()
    },
  }
}

function keyOf(bucket: Bucket, batch: string): string {
  return bucket.prefix + checkedName(bucket.where, batch)
}

async function archive(bucket: Bucket, mails: readonly RawMail[], now: Date): Promise<RawLocation[]> {
  const batch = toBatch(mails, now, randomBytes(9).toString('base64url'))
  try {
    await putOnce(bucket, keyOf(bucket, batch.name), Buffer.concat(batch.parts))
  } catch (error) {
    throw toS3Error(error, 'raw.unwritable', bucket.where)
  }
  return batch.places
}

async function readMail(bucket: Bucket, place: RawLocation): Promise<Buffer> {
  const { batch, offset, size } = place
  checkPlace(bucket.where, place)
  return checkedMail(bucket.where, place, size === 0 ? Buffer.alloc(0) : await readBytes(bucket, batch, offset, size))
}

async function readBytes(bucket: Bucket, batch: string, offset: number, size: number): Promise<Buffer> {
  const { bytes } = await readRange(bucket, batch, `bytes=${offset}-${offset + size - 1}`, size)
  if (bytes.length < size) throw damaged(bucket.where, batch, 'it is shorter than recorded')
  return bytes
}

async function readIndex(bucket: Bucket, batch: string): Promise<RawIndexEntry[]> {
  const { bytes: tail, size } = await readRange(bucket, batch, `bytes=-${tailBytes}`, tailBytes)
  const { start, end } = indexRange(bucket.where, batch, size, tail.subarray(-footerBytes))
  const tailStart = size - tail.length
  const index =
    start >= tailStart
      ? tail.subarray(start - tailStart, end - tailStart)
      : await readBytes(bucket, batch, start, end - start)
  return parseIndex(bucket.where, batch, index)
}

/** Throws `raw.damaged` where the object or the range is not there, `raw.unreadable` where nobody can tell. */
async function readRange(bucket: Bucket, batch: string, range: string, maxBytes: number): Promise<Range> {
  try {
    return await get(bucket, keyOf(bucket, batch), maxBytes, range)
  } catch (error) {
    if (isMissing(error)) throw damaged(bucket.where, batch, 'it is missing')
    if (isBeyondEnd(error)) throw damaged(bucket.where, batch, 'it is shorter than recorded')
    throw toS3Error(error, 'raw.unreadable', bucket.where)
  }
}

async function* days(bucket: Bucket): AsyncIterable<string> {
  for await (const page of listObjects(bucket, { Prefix: bucket.prefix, Delimiter: '/' })) {
    const names = (page.CommonPrefixes ?? []).map(({ Prefix = '' }) => Prefix.slice(bucket.prefix.length, -1))
    yield* names.filter(isDay)
  }
}

async function* batches(bucket: Bucket, day?: string): AsyncIterable<string> {
  for await (const [batch] of sizes(bucket, day)) yield batch
}

async function* sizes(bucket: Bucket, day?: string): AsyncIterable<[batch: string, bytes: number]> {
  for await (const page of listObjects(bucket, { Prefix: bucket.prefix + (day === undefined ? '' : `${day}/`) })) {
    const found = (page.Contents ?? []).map(
      ({ Key = '', Size = 0 }) => [Key.slice(bucket.prefix.length), Size] as const,
    )
    for (const [name, bytes] of found) if (isBatchName(name)) yield [name, bytes]
  }
}

/** More than any batch has: one mail may be as large as `mail.max_bytes`, and the index comes after it. */
const maxBatchBytes = 1_200_000_000

async function readBatch(bucket: Bucket, batch: string): Promise<Buffer> {
  try {
    return await getObject(bucket, keyOf(bucket, batch), maxBatchBytes)
  } catch (error) {
    if (isMissing(error)) throw damaged(bucket.where, batch, 'it is missing')
    throw toS3Error(error, 'raw.unreadable', bucket.where)
  }
}

async function writeBatch(bucket: Bucket, batch: string, bytes: Buffer): Promise<void> {
  try {
    await putOnce(bucket, keyOf(bucket, batch), bytes)
  } catch (error) {
    throw toS3Error(error, 'raw.unwritable', bucket.where)
  }
}

async function remove(bucket: Bucket, batch: string): Promise<void> {
  try {
    await deleteObject(bucket, keyOf(bucket, batch))
  } catch (error) {
    throw toS3Error(error, 'raw.unwritable', bucket.where)
  }
}

const idBytes = 1_000

async function readId(bucket: Bucket): Promise<string | undefined> {
  try {
    return (await getObject(bucket, bucket.prefix + idObject, idBytes)).toString('utf8').trim()
  } catch (error) {
    if (isMissing(error)) return undefined
    throw toS3Error(error, 'raw.unreadable', bucket.where)
  }
}

async function writeId(bucket: Bucket, id: string): Promise<string> {
  try {
    await putOnce(bucket, bucket.prefix + idObject, Buffer.from(`${id}\n`))
    return id
  } catch (error) {
    const there = await readId(bucket)
    if (there !== undefined) return there
    throw toS3Error(error, 'raw.unwritable', bucket.where)
  }
}

/** Writes the id that is there over itself, on condition that it is not there: the refusal shows that the right is given. */
async function checkWritable(bucket: Bucket): Promise<void> {
  const id = await readId(bucket)
  if (id === undefined) return
  try {
    const body = Buffer.from(`${id}\n`)
    await put(bucket, bucket.prefix + idObject, body, createHash('sha256').update(body).digest('base64'))
  } catch (error) {
    if (!isTaken(error)) throw toS3Error(error, 'raw.unwritable', bucket.where)
  }
}
