// The embedded MariaDB and Redis: started, kept running, stopped, and cleared away after every kind of end.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isAlive, type Trace, traceOf } from '../../src/embedded/claim.ts'
import { type EmbeddedUrls, findEmbedded, startEmbedded } from '../../src/embedded/servers.ts'
import { openRedis } from '../../src/schedule/redis.ts'
import { openDatabase } from '../../src/store/db/database.ts'
import { until } from '../support/daemon.ts'
import { defaults } from '../support/servers.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'letterlock-embedded-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const start = (change: Partial<Parameters<typeof startEmbedded>[0]> = {}) =>
  startEmbedded({
    directory,
    mariadb: true,
    redis: true,
    durable: false,
    progress: () => {},
    signal: new AbortController().signal,
    ...change,
  })

interface State {
  folder: string
  servers: Trace[]
}

function stateOf(): State {
  return JSON.parse(readFileSync(path.join(directory, 'running.json'), 'utf8'))
}

function expectNothingLeft({ folder, servers }: State): void {
  expect(servers.filter(isAlive)).toEqual([])
  expect(existsSync(folder)).toBe(false)
  expect(existsSync(path.join(directory, 'running.json'))).toBe(false)
}

async function ask(urls: EmbeddedUrls, sql: string): Promise<unknown> {
  const db = openDatabase(urls.databaseUrl, defaults.database)
  try {
    const [rows] = await db.raw(sql)
    return rows
  } finally {
    await db.destroy()
  }
}

async function redisOf(urls: EmbeddedUrls, ...command: [string, ...string[]]): Promise<unknown> {
  const redis = openRedis(urls.redisUrl, defaults.redis, 'commands')
  await redis.connect()
  const answer = await redis.call(...command)
  redis.disconnect()
  return answer
}

test('both listen on sockets alone, in a folder that nobody else may enter, and keep their data for the next start', async () => {
  const first = await start()
  const state = stateOf()
  expect(first.databaseUrl).toBe(`mysql://root@localhost/letterlock?socket=${state.folder}/mariadb.sock`)
  expect(first.redisUrl).toBe(`unix://${state.folder}/redis.sock`)
  expect(statSync(state.folder).mode & 0o777).toBe(0o700)
  expect(await ask(first, 'SELECT @@skip_networking AS skipped, @@character_set_database AS characters')).toEqual([
    { skipped: 1, characters: 'utf8mb4' },
  ])
  expect(await redisOf(first, 'CONFIG', 'GET', 'port')).toEqual(['port', '0'])
  expect(await redisOf(first, 'CONFIG', 'GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction'])
  await ask(first, 'CREATE TABLE kept AS SELECT 42 AS answer')
  await redisOf(first, 'SET', 'kept', 'yes')
  await first[Symbol.asyncDispose]()
  expectNothingLeft(state)

  await using second = await start()
  expect(await ask(second, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }])
  expect(await redisOf(second, 'GET', 'kept')).toBe('yes')
})

test('what commits is on the disk, unless a test asked for less', { tags: ['scene'] }, async () => {
  await using servers = await start({ durable: undefined, redis: false } as object)
  expect(servers.redisUrl).toBe('')
  expect(await ask(servers, 'SELECT @@innodb_flush_log_at_trx_commit AS flush')).toEqual([{ flush: 1 }])
})

test('a second starter on the directory is refused in a sentence, and others learn where the servers are', async () => {
  expect(findEmbedded(directory)).toBeUndefined()
  await using starter = await runStarter()
  expect(findEmbedded(directory)).toEqual(starter.urls)
  await expect(start()).rejects.toMatchObject({
    code: 'embedded.failed',
    message: `process ${starter.child.pid} already runs servers on ${directory}`,
    hint: expect.stringContaining('Stop it first'),
  })
  expect(await ask(starter.urls, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
})

test('two that start at the same moment: one runs, the other is refused', { tags: ['scene'] }, async () => {
  const ends = await Promise.allSettled([start(), start()])
  await using stack = new AsyncDisposableStack()
  for (const end of ends) if (end.status === 'fulfilled') stack.use(end.value)
  expect(ends.map(end => end.status).sort()).toEqual(['fulfilled', 'rejected'])
})

test('when the parent is killed its servers end, and the next start finds the data and no lock', {
  tags: ['scene'],
}, async () => {
  await using starter = await runStarter()
  await ask(starter.urls, 'CREATE TABLE kept AS SELECT 42 AS answer')
  const state = stateOf()
  expect(state.servers.filter(isAlive)).toHaveLength(2)
  starter.child.kill('SIGKILL')
  await once(starter.child, 'exit')
  expect(findEmbedded(directory)).toBeUndefined()
  await until(async () => !state.servers.some(isAlive))

  await using next = await start()
  expect(existsSync(state.folder)).toBe(false)
  expect(await ask(next, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }])
})

test('the next start does not wait until the servers of a killed parent have ended by themselves', {
  tags: ['scene'],
}, async () => {
  const starter = await runStarter()
  starter.child.kill('SIGKILL')
  await once(starter.child, 'exit')
  await using next = await start()
  expect(await ask(next, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
})

test('what a killed run left is ended by the next start; a process that only has the same id is not touched', async () => {
  const sleep = () => spawn('sleep', ['600'], { detached: true })
  const [left, foreign] = [sleep(), sleep()] as const
  await Promise.all([once(left, 'spawn'), once(foreign, 'spawn')])
  const folder = mkdtempSync(path.join(tmpdir(), 'letterlock-'))
  const servers = [traceOf(left.pid as number), { ...traceOf(process.pid), pid: foreign.pid as number }]
  writeFileSync(
    path.join(directory, 'running.json'),
    JSON.stringify({ holder: { pid: 1, began: 'long ago' }, folder, servers }),
  )
  const ended = once(left, 'exit')
  await using _servers = await start({ mariadb: false })
  expect(await ended).toEqual([null, 'SIGTERM'])
  expect(existsSync(folder)).toBe(false)
  expect(isAlive(traceOf(foreign.pid as number))).toBe(true)
  foreign.kill()
})

test('a start that fails half-way leaves nothing and says what the server complained about', async () => {
  const broken = path.join(directory, 'redis', 'appendonlydir')
  mkdirSync(broken, { recursive: true })
  writeFileSync(path.join(broken, 'appendonly.aof.manifest'), 'no manifest\n')
  await expect(start()).rejects.toMatchObject({
    code: 'embedded.failed',
    message: expect.stringMatching(/^the embedded Redis did not start: .*manifest/i),
    hint: `See ${path.join(directory, 'redis.log')}.`,
  })
  expect(readFileSync(path.join(directory, 'mariadb.log'), 'utf8')).toContain('Shutdown complete')
  expect(existsSync(path.join(directory, 'running.json'))).toBe(false)

  rmSync(broken, { recursive: true })
  await using servers = await start()
  expect(await redisOf(servers, 'PING')).toBe('PONG')
})

test('a start that is interrupted leaves nothing, whenever it is', { tags: ['scene'] }, async () => {
  const seen: string[] = []
  const stop = new AbortController()
  const progress = (line: string): void => {
    seen.push(line)
    stop.abort(new Error('interrupted'))
  }
  await expect(start({ progress, signal: stop.signal })).rejects.toThrow('interrupted')
  expect(seen).toEqual(['preparing a private MariaDB …'])
  expect(existsSync(path.join(directory, 'running.json'))).toBe(false)
  await using servers = await start()
  expect(await ask(servers, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
})

test('Ctrl-C reaches the parent alone, which stops the servers in order', { tags: ['scene'] }, async () => {
  await using starter = await runStarter()
  const state = stateOf()
  process.kill(-(starter.child.pid as number), 'SIGINT')
  expect(await once(starter.child, 'exit')).toEqual([0, null])
  expectNothingLeft(state)
  expect(readFileSync(path.join(directory, 'mariadb.log'), 'utf8')).toContain('Shutdown complete')
  expect(readFileSync(path.join(directory, 'redis.log'), 'utf8')).toMatch(/Received SIGTERM[\s\S]*ready to exit/)
})

test('a server that is killed while we run is started again, with its data', { tags: ['scene'] }, async () => {
  const told: string[] = []
  await using servers = await start({ progress: line => told.push(line) })
  await ask(servers, 'CREATE TABLE kept (answer INT) ENGINE=InnoDB AS SELECT 42 AS answer')
  const [mariadb] = stateOf().servers
  process.kill((mariadb as Trace).pid, 'SIGKILL')
  await until(async () => told.at(-1)?.startsWith('MariaDB has ended unexpectedly and is started again'))
  const rows = await until(() => ask(servers, 'SELECT answer FROM kept').catch(() => undefined))
  expect(rows).toEqual([{ answer: 42 }])
})

interface Starter extends AsyncDisposable {
  child: ChildProcess
  urls: EmbeddedUrls
}

/** Servers of another process, which leads a process group as a command at a terminal does. */
async function runStarter(): Promise<Starter> {
  const program = path.join(import.meta.dirname, 'starter.ts')
  const child = spawn(process.execPath, [program, 'servers', directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  const [line] = await once(createInterface(child.stdout), 'line')
  return {
    child,
    urls: JSON.parse(line),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGINT')
      await once(child, 'exit')
    },
  }
}
