// PURE. What the S3 client throws → ServiceError. The client's own errors carry key ids, headers and the service's words: of them
// only the name, the status and the request id travel on, which is what the service's support asks for.
import { ServiceError, type ServiceErrorCode } from '../../errors/errors.ts'

/** The parts that we read of whatever was thrown. */
export interface S3Failure {
  name?: string
  message?: string
  code?: string
  $metadata?: { httpStatusCode?: number; requestId?: string }
  $response?: { headers?: Record<string, string> }
}

/** True if the service says that there is no such object (a bucket that is missing is another thing). */
export function isMissing(error: unknown): boolean {
  const { name, $metadata } = error as S3Failure
  return name === 'NoSuchKey' || (name === 'NotFound' && $metadata?.httpStatusCode === 404)
}

/** True if an object of the name is there already, or somebody writes it at this moment. */
export function isTaken(error: unknown): boolean {
  return statusOf(error) === 412
}

/** True if the object ends before the range begins. */
export function isBeyondEnd(error: unknown): boolean {
  return statusOf(error) === 416
}

/** True if the service knows no conditional writes. */
export function isUnknownCondition(error: unknown): boolean {
  return statusOf(error) === 501
}

function statusOf(error: unknown): number | undefined {
  return (error as S3Failure).$metadata?.httpStatusCode
}

/** `code`: what could not be done because of it. Everything is presumed temporary: a bucket or a right may be given at any moment. */
export function toS3Error(
  error: unknown,
  code: Extract<ServiceErrorCode, 'raw.unwritable' | 'raw.unreadable'>,
  where: string,
): ServiceError {
  if (error instanceof ServiceError) return error
  const failure = error as S3Failure
  const { why, hint } = explain(failure)
  const what = code === 'raw.unwritable' ? 'written' : 'read'
  const retryAfterMs = retryAfterOf(failure)
  return new ServiceError(code, `raw mail cannot be ${what} in ${where}: ${why}`, {
    temporary: true,
    hint,
    cause: new Error(briefly(failure)),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}

function briefly({ name, code, $metadata }: S3Failure): string {
  const parts = [name, code, $metadata?.httpStatusCode && `HTTP ${$metadata.httpStatusCode}`, $metadata?.requestId]
  return parts.filter(Boolean).join(', ')
}

interface Explanation {
  why: string
  hint: string
}

const credentials = 'check raw.s3_credentials_file, or what the instance’s own role may do'

const known: ReadonlyMap<string, Explanation> = new Map(
  Object.entries({
    NoSuchBucket: {
      why: 'there is no such bucket',
      hint: 'create it, or correct raw.s3_bucket, raw.s3_region and raw.s3_endpoint',
    },
    AccessDenied: {
      why: 'access is denied',
      hint: 'the credentials need s3:PutObject, s3:GetObject and s3:DeleteObject on the prefix, and s3:ListBucket on the bucket',
    },
    InvalidAccessKeyId: { why: 'the access key is not known', hint: credentials },
    SignatureDoesNotMatch: { why: 'the secret key is wrong', hint: credentials },
    ExpiredToken: { why: 'the session token has expired', hint: credentials },
    CredentialsProviderError: {
      why: 'there are no credentials',
      hint: 'name a file in raw.s3_credentials_file, or give the instance a role',
    },
    RequestTimeTooSkewed: {
      why: 'the clocks differ too much',
      hint: 'let this host take its time from NTP',
    },
    PermanentRedirect: { why: 'the bucket is in another region', hint: 'correct raw.s3_region or raw.s3_endpoint' },
    AuthorizationHeaderMalformed: {
      why: 'the bucket is in another region',
      hint: 'correct raw.s3_region or raw.s3_endpoint',
    },
    EntityTooLarge: {
      why: 'the object is too large for the service',
      hint: 'lower mail.max_bytes and poll.batch_bytes',
    },
  }),
)

const slow: Explanation = {
  why: 'the service asks to come slower',
  hint: 'mail waits on its servers and comes in later',
}
const silent: Explanation = {
  why: 'no answer in time',
  hint: 'check raw.s3_endpoint, the network and the firewall; mail waits on its servers',
}
const tls: Explanation = {
  why: 'its certificate is not trusted',
  hint: 'renew it, use the right name in raw.s3_endpoint, or give its CA in raw.s3_ca_file',
}

function explain({ name = '', message = '', code = '', $metadata }: S3Failure): Explanation {
  const status = $metadata?.httpStatusCode
  const found = known.get(name)
  if (found !== undefined) return found
  if (message === 'Region is missing') return { why: 'no region is known', hint: 'set raw.s3_region' }
  if (status === 503 || status === 429 || name === 'SlowDown' || name.startsWith('Throttl')) return slow
  if (status === 403) return known.get('AccessDenied') as Explanation
  if (status === 301 || status === 307) return known.get('PermanentRedirect') as Explanation
  if (status === 404) return known.get('NoSuchBucket') as Explanation
  if (/^(TimeoutError|AbortError|RequestTimeout)$/.test(name) || code === 'ETIMEDOUT') return silent
  if (/CERT|TLS|SSL|ALTNAME|SIGNATURE/.test(code)) return tls
  if (status === undefined && code !== '') {
    return { why: `it cannot be reached (${code})`, hint: silent.hint }
  }
  return {
    why: `the service answered ${name || 'something unknown'}${status === undefined ? '' : ` (${status})`}`,
    hint: 'the log of the service says more; mail waits on its servers',
  }
}

/** Seconds, as all of these services give it. */
function retryAfterOf({ $response }: S3Failure): number | undefined {
  const seconds = Number($response?.headers?.['retry-after'] ?? Number.NaN)
  return seconds > 0 && seconds <= 3_600 ? seconds * 1000 : undefined
}
