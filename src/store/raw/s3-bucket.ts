// The requests to an S3-compatible service. Each has a limit in time and is tried a few times. What was put counts as kept when the service
// has answered with the SHA-256 that we calculated; one that answers without is not taken at its word: it is read back and compared.
import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3'
import type { Config } from '../../config/config.ts'
import { ServiceError } from '../../errors/errors.ts'
import { isLocal, readCa } from '../db/database.ts'
import { findCredentialsFile, readCredentials } from './s3-credentials.ts'
import { isTaken, isUnknownCondition, toS3Error } from './s3-errors.ts'

export interface S3Patience {
  connectMs: number
  /** For silence in the middle of a request or an answer. */
  silenceMs: number
  /** How often a request is tried in all. */
  attempts: number
}

const patience: S3Patience = { connectMs: 5_000, silenceMs: 20_000, attempts: 4 }

/** A request may take so long in all, and longer by its bytes. */
const wholeMs = 60_000
const slowestBytesPerMs = 100

/** One bucket, or the part of it below a prefix. */
export interface Bucket {
  client: S3Client
  name: string
  /** Empty, or with a slash at its end. */
  prefix: string
  where: string
  attempts: number
  /** Whether the service refuses conditional writes; random names protect by themselves. */
  unconditional: boolean
}

/** Nothing is connected yet. */
export function toBucket(config: Config['raw'], limits: Partial<S3Patience> = {}): Bucket {
  const kept = { ...patience, ...limits }
  const prefix = config.s3Prefix === '' ? '' : `${config.s3Prefix}/`
  return {
    client: new S3Client(clientConfig(config, kept)),
    name: config.s3Bucket,
    prefix,
    where: `s3://${config.s3Bucket}/${prefix}`,
    attempts: kept.attempts,
    unconditional: false,
  }
}

function clientConfig(config: Config['raw'], limits: S3Patience): S3ClientConfig {
  const file = findCredentialsFile(config.s3CredentialsFile)
  const ca = config.s3CaFile === '' ? {} : { ca: readCa(config.s3CaFile) }
  const region = config.s3Region || (config.s3Endpoint === '' ? '' : 'us-east-1')
  return {
    ...(config.s3Endpoint === '' ? {} : { endpoint: checkedEndpoint(config.s3Endpoint) }),
    ...(region === '' ? {} : { region }),
    // Without a file the instance's own: environment, profile, role.
    ...(file === undefined ? {} : { credentials: async () => readCredentials(file) }),
    forcePathStyle: config.s3PathStyle,
    maxAttempts: limits.attempts,
    // We calculate the checksums that we send, and check the hash of every mail that we read.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: limits.connectMs,
      socketTimeout: limits.silenceMs,
      httpsAgent: { ...ca, minVersion: 'TLSv1.2', keepAlive: true },
      httpAgent: { keepAlive: true },
    },
    logger: quietLogger,
  }
}

/** The client would write to the console. */
const quietLogger = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }

function checkedEndpoint(endpoint: string): string {
  const { protocol, hostname } = new URL(endpoint)
  if (protocol === 'https:' || isLocal(hostname)) return endpoint
  throw new ServiceError('config.invalid', { reason: 's3_without_tls' }, { temporary: false })
}

/** Until when a request must have ended, all its tries together. */
function deadline(bytes: number): AbortSignal {
  return AbortSignal.timeout(wholeMs + Math.ceil(bytes / slowestBytesPerMs))
}

/** Resolves once the service holds exactly these bytes under this key. */
export async function putOnce(bucket: Bucket, key: string, body: Buffer): Promise<void> {
  const sha256 = createHash('sha256').update(body).digest('base64')
  const answered = await put(bucket, key, body, sha256).catch(error => {
    // An earlier try of ours whose answer was lost: the name is random. It is read back like any other.
    if (isTaken(error)) return undefined
    throw error
  })
  if (answered === sha256) return
  const kept = answered === undefined ? await getObject(bucket, key, body.length) : undefined
  if (kept?.equals(body)) return
  throw new ServiceError('raw.unwritable', { reason: 'changed_on_the_way', where: bucket.where }, { temporary: true })
}

/** Returns the SHA-256 that the service answers with, if it does. */
export async function put(bucket: Bucket, key: string, body: Buffer, sha256: string): Promise<string | undefined> {
  const condition = bucket.unconditional ? {} : { IfNoneMatch: '*' }
  try {
    const answer = await bucket.client.send(
      new PutObjectCommand({ Bucket: bucket.name, Key: key, Body: body, ChecksumSHA256: sha256, ...condition }),
      { abortSignal: deadline(body.length) },
    )
    return answer.ChecksumSHA256
  } catch (error) {
    if (!isUnknownCondition(error) || bucket.unconditional) throw error
    bucket.unconditional = true
    return await put(bucket, key, body, sha256)
  }
}

export interface Range {
  bytes: Buffer
  /** Of the whole object. */
  size: number
}

export async function getObject(bucket: Bucket, key: string, maxBytes: number): Promise<Buffer> {
  return (await get(bucket, key, maxBytes)).bytes
}

/** The client does not try again what breaks off in the middle of an answer: we do. */
export async function get(bucket: Bucket, key: string, maxBytes: number, range?: string): Promise<Range> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await getOnce(bucket, key, maxBytes, range)
    } catch (error) {
      if (!(error instanceof BrokenAnswer)) throw error
      if (attempt >= bucket.attempts) throw error.cause
    }
  }
}

class BrokenAnswer extends Error {}

async function getOnce(bucket: Bucket, key: string, maxBytes: number, range: string | undefined): Promise<Range> {
  const signal = deadline(maxBytes)
  const answer = await bucket.client.send(
    new GetObjectCommand({ Bucket: bucket.name, Key: key, ...(range === undefined ? {} : { Range: range }) }),
    { abortSignal: signal },
  )
  const bytes = await collect(answer.Body as Readable, maxBytes, signal)
  const whole = /\/(\d+)$/.exec(answer.ContentRange ?? '')?.[1]
  return { bytes, size: whole === undefined ? bytes.length : Number(whole) }
}

async function collect(body: Readable, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
  const stop = (): void => void body.destroy(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  const parts: Buffer[] = []
  let size = 0
  try {
    for await (const part of body) {
      parts.push(part)
      size += part.length
      if (size > maxBytes) throw Object.assign(new Error(), { name: 'more than was asked for' })
    }
  } catch (cause) {
    throw new BrokenAnswer('an answer broke off', { cause })
  } finally {
    signal.removeEventListener('abort', stop)
  }
  return Buffer.concat(parts)
}

export async function* listObjects(
  bucket: Bucket,
  which: { Prefix: string; Delimiter?: string },
): AsyncIterable<ListObjectsV2CommandOutput> {
  for (let token: string | undefined; ; ) {
    const from = token === undefined ? {} : { ContinuationToken: token }
    const command = new ListObjectsV2Command({ Bucket: bucket.name, ...which, ...from })
    const page = await bucket.client.send(command, { abortSignal: deadline(0) }).catch(error => {
      throw toS3Error(error, 'raw.unreadable', bucket.where)
    })
    yield page
    if (page.IsTruncated !== true) return
    token = page.NextContinuationToken
    if (token === undefined) throw cutListing(bucket)
  }
}

/** A listing that says that it goes on, and not where, must not be taken for all there is. */
function cutListing(bucket: Bucket): ServiceError {
  return toS3Error({ name: 'an incomplete listing' }, 'raw.unreadable', bucket.where)
}

export async function deleteObject(bucket: Bucket, key: string): Promise<void> {
  await bucket.client.send(new DeleteObjectCommand({ Bucket: bucket.name, Key: key }), { abortSignal: deadline(0) })
}
