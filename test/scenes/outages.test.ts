// The database or Redis goes away and comes back: nobody hammers at it meanwhile, and everything goes on by itself.
import { expect, test } from 'vitest'
import { accounts, isReady, outliveDatabase, startOutages } from '../support/outages.ts'
import { until } from '../support/until.ts'

/** `npm run test:long` has the whole minute. */
const outageSeconds = process.env.TEST_LONG ? 60 : 12

test.concurrent(`without its database for ${outageSeconds} s the daemon waits, does not hammer, and goes on`, async () => {
  await outliveDatabase(outageSeconds)
})

test.concurrent('mail that a server told of while the database was away is fetched once it is back, long before its slot', async () => {
  await using world = await startOutages(1, 3_600, true)
  const { servers, daemon } = world
  const metric = async (name: string): Promise<number> => {
    const metrics = await (await fetch(`${daemon.url}/metrics`)).text()
    return Number(
      metrics
        .split('\n')
        .find(line => line.startsWith(`letterlock_${name} `))
        ?.split(' ')[1],
    )
  }
  const waiting = () => metric('imap_connections{state="waiting"}')
  const news = () => metric('push_total{what="news"}')
  world.deliver(0, 'before')
  await world.ticket('before')
  await until(async () => (await waiting()) === 1)
  const before = await news()
  servers.links.mariadb.cut(90_000)
  await until(async () => !(await isReady(daemon.url)))
  world.deliver(0, 'meanwhile')
  await until(async () => (await news()) > before)
  servers.links.mariadb.mend()
  // Its slot is an hour away.
  await world.ticket('meanwhile')
})

test.concurrent('after Redis lost everything the schedules are back within thirty seconds', async () => {
  await using world = await startOutages(accounts, 20)
  const { servers } = world
  world.deliver(0, 'before')
  await world.ticket('before')
  await servers.kill('redis', { emptied: true })
  const startedAt = performance.now()
  for (let i = 0; i < accounts; i++) world.deliver(i, `after-${i}`)
  // Their own slots, twenty seconds apart, find them all.
  for (let i = 0; i < accounts; i++) await world.ticket(`after-${i}`)
  expect((performance.now() - startedAt) / 1000).toBeLessThan(30 + 20)
})

test.runIf(process.env.TEST_LONG)('while Redis cannot be reached mail comes in all the same, if later', async () => {
  await using world = await startOutages(accounts, 1)
  const { servers, daemon } = world
  world.deliver(0, 'before')
  await world.ticket('before')
  servers.links.redis.cut(90_000)
  await until(async () => !(await isReady(daemon.url)))
  world.deliver(1, 'meanwhile')
  await world.ticket('meanwhile')
  expect(await isReady(daemon.url)).toBe(false)
  servers.links.redis.mend()
  await until(() => isReady(daemon.url))
})
