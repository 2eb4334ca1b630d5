// Guessing of passwords: how often one may be tried for one user from one address, for one user from anywhere, and from one address for
// anybody. All hosts count together, in Redis. Counted before the password is looked at, so that tries at the same time count too; a right
// password is taken off again. Without Redis nobody signs in.
import { createHash } from 'node:crypto'
import { isIPv6 } from 'node:net'
import type { Redis } from 'ioredis'
import { ServiceError } from '../errors.ts'

export interface Attempt {
  name: string
  address: string
}

interface Counter {
  of(attempt: Attempt): string
  most: number
}

const windowSeconds = 900

/** An outsider who guesses at somebody's name keeps that person out only if he has many addresses. */
const counters: readonly Counter[] = [
  { of: ({ name, address }) => `both ${name} ${networkOf(address)}`, most: 8 },
  { of: ({ name }) => `name ${name}`, most: 100 },
  { of: ({ address }) => `address ${networkOf(address)}`, most: 60 },
]

/** Counts the attempt; false where there were too many. */
export async function countAttempt(redis: Redis, prefix: string, attempt: Attempt): Promise<boolean> {
  const command = redis.multi()
  for (const counter of counters) {
    const key = keyOf(prefix, counter, attempt)
    command.incr(key).expire(key, windowSeconds, 'NX')
  }
  const answers = await command.exec().catch(() => null)
  if (answers === null || answers.some(([error]) => error !== null)) {
    throw new ServiceError('redis.unreachable', 'attempts to sign in cannot be counted', { temporary: true })
  }
  return counters.every(({ most }, i) => Number(answers[2 * i]?.[1]) <= most)
}

/** The password was right: what is counted is guesses. Whoever guesses at others’ gains nothing by signing in as himself between. */
export async function forgetAttempt(redis: Redis, prefix: string, attempt: Attempt): Promise<void> {
  const [both, ...others] = counters.map(counter => keyOf(prefix, counter, attempt))
  const command = redis.multi().del(both ?? '')
  for (const key of others) command.decr(key).expire(key, windowSeconds, 'LT')
  await command.exec().catch(() => null)
}

/** Hashed: what was typed as a name may be a password. */
function keyOf(prefix: string, { of }: Counter, attempt: Attempt): string {
  return `${prefix}:sign-in:${createHash('sha256').update(of(attempt)).digest('base64url')}`
}

/** One customer of a provider has a whole IPv6 network. */
function networkOf(address: string): string {
  return isIPv6(address) && !address.includes('.') ? address.split(':').slice(0, 4).join(':') : address
}
