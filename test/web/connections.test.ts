// Strangers who connect and say nothing, and what a process without file descriptors makes of its keys.
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, get, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { limitConnections } from '../../src/web/security/connection-limit.ts'
import { spawnDaemon } from '../support/daemon-process.ts'
import { freePorts } from '../support/flow-server.ts'
import { createTestDatabase, defaults, testRedis } from '../support/servers.ts'
import { until } from '../support/until.ts'

/** Connections that say nothing. */
function beSilent(port: number, count: number): Socket[] {
  return Array.from({ length: count }, () =>
    connect(port, '127.0.0.1')
      .on('error', () => {})
      .resume(),
  )
}

async function statusOf(port: number): Promise<number | undefined> {
  const asked = get({ port, host: '127.0.0.1', path: '/live', agent: false })
  const [answer] = await once(asked, 'response')
  answer.resume()
  return answer.statusCode
}

test('250 silent connections leave a process of 256 files most of them, and are closed; whoever asks is answered', async () => {
  await using database = await createTestDatabase()
  const redis = testRedis()
  const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-silent-'))
  const config = {
    ...defaults,
    database: { ...defaults.database, url: database.url },
    redis: { ...defaults.redis, ...redis },
  }
  const [port = 0] = await freePorts(1)
  const env = { LETTERLOCK_LOG_FORMAT: 'json', LETTERLOCK_WEB_LISTEN: `127.0.0.1:${port}` }
  const through = ['prlimit', '--nofile=256:256']
  const daemon = spawnDaemon({ config, directory }, ['ignore', 'pipe', 'inherit'], env, through)
  const filesOf = () => readdirSync(`/proc/${daemon.pid}/fd`).length
  try {
    let log = ''
    daemon.stdout?.on('data', data => {
      log += data
    })
    await until(async () => log.includes('"started"'))
    const before = filesOf()
    const strangers = beSilent(port, 250)
    const countOpen = () => strangers.filter(({ destroyed }) => !destroyed).length
    await until(async () => countOpen() <= 64)
    expect(await statusOf(port)).toBe(200)
    expect(filesOf() - before).toBeLessThanOrEqual(66)
    // None stays for longer than it takes to say what for.
    await until(async () => countOpen() === 0)
    expect(await statusOf(port)).toBe(200)
  } finally {
    daemon.kill('SIGKILL')
    await once(daemon, 'close')
    rmSync(directory, { recursive: true, force: true })
  }
})

test('a connection that is being answered keeps its place, and one without a request gives its own', async () => {
  const answers: (() => void)[] = []
  const server: Server = createServer((_request, response) => void answers.push(() => response.end('answer')))
  limitConnections(server, 4)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const ask = () => {
    const asked = get({ port, host: '127.0.0.1', agent: false })
    return new Promise<number | undefined>(resolve => {
      asked.on('response', answer => void answer.resume().on('end', () => resolve(answer.statusCode)))
      asked.on('error', () => resolve(undefined))
    })
  }
  try {
    const first = ask()
    await until(async () => answers.length === 1)
    const silent = beSilent(port, 3)
    await Promise.all(silent.map(socket => once(socket, 'connect')))
    const others = [ask(), ask(), ask()]
    await until(async () => answers.length === 4)
    await until(async () => silent.every(({ destroyed }) => destroyed))
    // All places are taken by those who are being answered.
    expect(await ask()).toBeUndefined()
    for (const answer of answers) answer()
    expect(await Promise.all([first, ...others])).toEqual([200, 200, 200, 200])
  } finally {
    server.close()
  }
})

test('a process without file descriptors does not take a key for missing', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-descriptors-'))
  const file = path.join(directory, 'encryption-key.bin')
  writeFileSync(file, randomBytes(32), { mode: 0o600 })
  const program = `
    import { openSync } from 'node:fs'
    import { keyPathsOf, readKeyring } from './src/vault/keys/keyring.ts'
    import { openVault } from './src/vault/vault.ts'
    const keyPaths = keyPathsOf(${JSON.stringify(file)}, {})
    const lost = []
    const vault = openVault({ keyPaths, tokensAtOnce: 1, onKeys: () => lost.push('keys'), onWork: () => {} })
    const before = vault.keyIds().join()
    try { for (;;) openSync('/dev/null') } catch {}
    const ring = readKeyring(keyPaths)
    vault.look()
    const { code, params } = ring.current
    console.log(JSON.stringify({ code, params, isWhole: ring.isWhole, lost, same: before !== '' && before === vault.keyIds().join() }))
    process.exit(0)`
  const { stdout, stderr } = spawnSync(
    'prlimit',
    ['--nofile=128:128', process.execPath, '--input-type=module', '--eval', program],
    { encoding: 'utf8', cwd: path.resolve(import.meta.dirname, '../..') },
  )
  rmSync(directory, { recursive: true })
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toEqual({
    code: 'key_file.shortage',
    params: { file, why: 'EMFILE' },
    isWhole: false,
    lost: [],
    same: true,
  })
})
