// Whoever reaches Redis can write jobs: what is not as we write it reaches no statement, and no poll fails for it.
import { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Daemon } from '../../src/daemon.ts'
import { addPoll, openQueue, type PollQueue, queueName, schedulerId } from '../../src/schedule/queue.ts'
import { openRedis } from '../../src/schedule/redis.ts'
import { repairSchedule } from '../../src/schedule/scheduler.ts'
import { createWorld, until, type World } from '../support/daemon.ts'

let world: World
let daemon: Daemon
let redis: Redis
let queue: PollQueue
let id: number

beforeAll(async () => {
  world = await createWorld()
  daemon = await world.start()
  id = await world.add({ host: '127.0.0.1', port: 9, security: 'tls', username: 'nobody', caPem: null }, 'a password')
  const { config } = world
  redis = openRedis(config.redis.url, config.redis, 'commands')
  await redis.connect()
  queue = openQueue(redis, config.redis.prefix, daemon.workerId)
  await until(async () => (await world.db('accounts').where({ id }).first()).code === 'imap.connection_refused')
})
afterAll(async () => {
  await queue.close()
  redis.disconnect()
  await world[Symbol.asyncDispose]()
})

const polls = (account: unknown) => world.log.filter(line => line.event === 'poll' && line.account === account)
const dropped = async () => {
  const metrics = await (await fetch(`${daemon.url}/metrics`)).text()
  return Number(/^letterlock_jobs_dropped_total (\d+)$/m.exec(metrics)?.[1])
}
const isReady = async () => (await fetch(`${daemon.url}/ready`)).status === 200

test('jobs with other data than an account’s number are dropped and counted, and the database is not taken for down', async () => {
  const foreign = [
    { accountId: 'xxxx' },
    { accountId: true },
    { accountId: `${id} or 1=1` },
    { accountId: String(id) },
    { accountId: id + 0.5 },
    { accountId: -id },
    { accountId: 1e300 },
    { accountId: { id } },
    { accountId: [id] },
    { accountId: id, also: 'this' },
    {},
    [],
    'text',
    0,
  ]
  await until(isReady)
  const before = [await dropped(), polls(id).length]
  const raw = new Queue(queueName(daemon.workerId), { connection: redis, prefix: world.config.redis.prefix })
  for (const data of foreign) await raw.add('poll', data, { removeOnComplete: true, removeOnFail: true })
  await raw.close()
  await until(async () => (await dropped()) === (before[0] ?? 0) + foreign.length)
  expect(polls(id).length).toBe(before[1])
  expect(world.log.filter(line => line.event === 'poll' && !Number.isInteger(line.account))).toEqual([])
  expect(await isReady()).toBe(true)
  // As we write it, it is a poll.
  await world.db('accounts').where({ id }).update({ next_attempt_at: null })
  await addPoll(queue, id)
  await until(async () => polls(id).length > (before[1] ?? 0))
})

test('a schedule whose data was changed in Redis is made again', async () => {
  await using schedules = openQueueOf('another-worker')
  const account = {
    id,
    pollEveryS: 60,
    failing: false,
    retryDue: false,
    neverPolled: false,
    awaitsKey: false,
    overdue: false,
  }
  const repair = () => repairSchedule(schedules, [account], { dueAt: 0, known: new Map() }, false)
  await repair()
  const key = schedules.queue.toKey(`repeat:${schedulerId(id)}`)
  const right = JSON.stringify({ accountId: id })
  expect(await redis.hget(key, 'data')).toBe(right)
  for (const data of ['{"accountId":"xxxx"}', JSON.stringify({ accountId: id + 1 }), '{"accountId":']) {
    await redis.hset(key, 'data', data)
    await repair()
    expect([data, await redis.hget(key, 'data')]).toEqual([data, right])
  }
  expect(await schedules.queue.isPaused()).toBe(false)
})

function openQueueOf(workerId: string): AsyncDisposable & { queue: PollQueue } {
  const opened = openQueue(redis, world.config.redis.prefix, workerId)
  return { queue: opened, [Symbol.asyncDispose]: () => opened.close() }
}
