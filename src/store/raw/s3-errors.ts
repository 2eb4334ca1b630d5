// PURE. What the S3 client throws → ServiceError. The client's own errors carry key ids, headers and the service's words: of them
// only the name, the status and the request id travel on, which is what the service's support asks for.
import { ServiceError, type ServiceErrorCode } from '../../errors/errors.ts'
import type { S3Fault } from '../../errors/service.ts'

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
  const retryAfterMs = retryAfterOf(failure)
  return new ServiceError(
    code,
    { where, ...faultOf(failure) },
    {
      temporary: true,
      cause: new Error(briefly(failure)),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
  )
}

function briefly({ name, code, $metadata }: S3Failure): string {
  const parts = [name, code, $metadata?.httpStatusCode && `HTTP ${$metadata.httpStatusCode}`, $metadata?.requestId]
  return parts.filter(Boolean).join(', ')
}

const known: ReadonlyMap<string, S3Fault> = new Map(
  Object.entries({
    NoSuchBucket: 'no_bucket',
    AccessDenied: 'access_denied',
    InvalidAccessKeyId: 'unknown_key',
    SignatureDoesNotMatch: 'wrong_secret',
    ExpiredToken: 'expired_token',
    CredentialsProviderError: 'no_credentials',
    RequestTimeTooSkewed: 'clock',
    PermanentRedirect: 'other_region',
    AuthorizationHeaderMalformed: 'other_region',
    EntityTooLarge: 'too_large',
  } satisfies Record<string, S3Fault>),
)

/** `why`: the code that the socket or the service gave. */
function faultOf(failure: S3Failure): { reason: S3Fault; why?: string } {
  const { name = '', message = '', code = '', $metadata } = failure
  const status = $metadata?.httpStatusCode
  const found = known.get(name)
  if (found !== undefined) return { reason: found }
  if (message === 'Region is missing') return { reason: 'no_region' }
  if (status === 503 || status === 429 || name === 'SlowDown' || name.startsWith('Throttl'))
    return { reason: 'slow_down' }
  if (status === 403) return { reason: 'access_denied' }
  if (status === 301 || status === 307) return { reason: 'other_region' }
  if (status === 404) return { reason: 'no_bucket' }
  if (/^(TimeoutError|AbortError|RequestTimeout)$/.test(name) || code === 'ETIMEDOUT') return { reason: 'no_answer' }
  if (/CERT|TLS|SSL|ALTNAME|SIGNATURE/.test(code)) return { reason: 'untrusted' }
  if (status === undefined && code !== '') return { reason: 'unreachable', why: code }
  return {
    reason: 'unknown_answer',
    why: `${name || 'something unknown'}${status === undefined ? '' : ` (${status})`}`,
  }
}

/** Seconds, as all of these services give it. */
function retryAfterOf({ $response }: S3Failure): number | undefined {
  const seconds = Number($response?.headers?.['retry-after'] ?? Number.NaN)
  return seconds > 0 && seconds <= 3_600 ? seconds * 1000 : undefined
}
