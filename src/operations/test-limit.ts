// How often and how many at once mail servers may be tried out from here. All hosts count together, in Redis; without it nothing is tried.
import type { Redis } from 'ioredis'
import { ServiceError } from '../errors/errors.ts'

const windowSeconds = 600
const maxInWindow = 40
const maxAtOnce = 4
const running = new Set<object>()

/** A place for one test, until it is disposed; undefined where there were too many. */
export async function countTest(
  redis: Redis | undefined,
  prefix: string,
  userId: number,
): Promise<Disposable | undefined> {
  if (running.size >= maxAtOnce) return undefined
  const place = { [Symbol.dispose]: () => void running.delete(place) }
  running.add(place)
  try {
    if ((await countOne(redis, `${prefix}:account-test:${userId}`)) <= maxInWindow) return place
    place[Symbol.dispose]()
    return undefined
  } catch (error) {
    place[Symbol.dispose]()
    throw error
  }
}

async function countOne(redis: Redis | undefined, key: string): Promise<number> {
  const answers = await redis
    ?.multi()
    .set(key, 0, 'EX', windowSeconds, 'NX')
    .incr(key)
    .exec()
    .catch(() => null)
  const [error, count] = answers?.[1] ?? [new Error('no answer')]
  if (error === null) return Number(count)
  throw new ServiceError('redis.unreachable', { reason: 'tests' }, { temporary: true })
}
