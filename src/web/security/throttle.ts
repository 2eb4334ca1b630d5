// Guessing of passwords: how often one may be tried for one user from one network, from one network for anybody, and for one user from
// anywhere. All hosts count together, in Redis. Counted before the password is looked at, so that tries at the same time count too; a
// right password is taken off again. Without Redis nobody signs in.
//
// Nobody is locked out by a stranger's guesses: what is refused at one counter counts at none of the next, so that one network cannot use up
// a user's tries from anywhere; a network from which the user signed in before is not counted there at all; and a browser in which the user
// signed in before has a counter of its own.
import { createHash } from 'node:crypto'
import type { ChainableCommander, Redis } from 'ioredis'
import { ServiceError } from '../../errors/errors.ts'
import { networkOf } from './network.ts'

export interface Attempt {
  name: string
  address: string | undefined
  /** The secret of the browser, if it has one (device.ts). */
  device: string | undefined
}

export interface CountedAttempt {
  /** The password was right: what is counted is guesses. Whoever guesses at others' gains nothing by signing in between. */
  forget(): Promise<void>
  /** Somebody signed in: from here and with this browser they are known for a while. */
  remember(device: string): Promise<void>
}

interface Counter {
  what: string
  most: number
}

const windowSeconds = 900
/** So long is known from where and in which browser a user signed in. */
export const knownSeconds = 90 * 86_400

/** Counts the attempt; undefined where there were too many. */
export async function countAttempt(
  redis: Redis,
  prefix: string,
  attempt: Attempt,
): Promise<CountedAttempt | undefined> {
  const [device, network] = [deviceMark(attempt.name, attempt.device), networkMark(attempt)]
  try {
    const [isDevice, isNetwork] = await Promise.all([device, network].map(what => redis.exists(keyOf(prefix, what))))
    const counters = countersOf(attempt, { device: isDevice === 1, network: isNetwork === 1 })
    for (const { what, most } of counters) if ((await countOne(redis, keyOf(prefix, what))) > most) return undefined
    return {
      forget: () => forget(redis, prefix, counters),
      remember: secret => remember(redis, prefix, [deviceMark(attempt.name, secret), network]),
    }
  } catch (cause) {
    throw new ServiceError('redis.unreachable', { reason: 'sign_ins' }, { temporary: true, cause })
  }
}

/** In the order in which they are asked; the first is the user's own. */
function countersOf(attempt: Attempt, known: { device: boolean; network: boolean }): [Counter, ...Counter[]] {
  const { name, address, device } = attempt
  if (known.device) return [{ what: `device ${name} ${device}`, most: 8 }]
  const network = networkOf(address)
  return [
    { what: `both ${name} ${network}`, most: 8 },
    { what: `address ${network}`, most: 60 },
    ...(known.network ? [] : [{ what: `name ${name}`, most: 100 }]),
  ]
}

async function countOne(redis: Redis, key: string): Promise<number> {
  const [begun, counted] = (await beginWindow(redis.multi(), key).incr(key).exec()) ?? []
  if (!begun || begun[0] !== null || !counted || counted[0] !== null) throw new Error('an attempt was not counted')
  return Number(counted[1])
}

/** No count is ever without an end. (EXPIRE has had its conditions since Redis 7 only.) */
function beginWindow(command: ChainableCommander, key: string): ChainableCommander {
  return command.set(key, 0, 'EX', windowSeconds, 'NX')
}

async function forget(redis: Redis, prefix: string, [own, ...others]: [Counter, ...Counter[]]): Promise<void> {
  const command = redis.multi().del(keyOf(prefix, own.what))
  for (const { what } of others) beginWindow(command, keyOf(prefix, what)).decr(keyOf(prefix, what))
  await command.exec().catch(() => null)
}

async function remember(redis: Redis, prefix: string, marks: readonly string[]): Promise<void> {
  const command = redis.multi()
  for (const mark of marks) command.set(keyOf(prefix, mark), '1', 'EX', knownSeconds)
  await command.exec().catch(() => null)
}

function deviceMark(name: string, device: string | undefined): string {
  return `known device ${name} ${device ?? ''}`
}

function networkMark({ name, address }: Attempt): string {
  return `known network ${name} ${networkOf(address)}`
}

/** Hashed: what was typed as a name may be a password, and a browser's secret is one. */
function keyOf(prefix: string, what: string): string {
  return `${prefix}:sign-in:${createHash('sha256').update(what).digest('base64url')}`
}
