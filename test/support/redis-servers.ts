// Redis' relatives and versions, each in a system of its own. Root only (chroot.ts).
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { makeChroot, startInChroot, type Tree } from './chroot.ts'

export interface RedisKind extends Tree {
  /** As people say it, and as the manual does. */
  title: string
  program: string
}

export const redisServers: readonly RedisKind[] = [
  { title: 'Redis 8.0', name: 'redis-8.0', suite: 'trixie', packages: ['redis-server'], program: 'redis-server' },
  { title: 'Valkey 8.1', name: 'valkey-8.1', suite: 'trixie', packages: ['valkey-server'], program: 'valkey-server' },
  { title: 'Valkey 9.1', name: 'valkey-9.1', suite: 'sid', packages: ['valkey-server'], program: 'valkey-server' },
]

export interface RedisServer extends AsyncDisposable {
  /** As `redis.url`. */
  url: string
  /** Kills it and starts it anew, with nothing in it. */
  loseEverything(): Promise<void>
}

export async function startRedisServer({ program, ...tree }: RedisKind): Promise<RedisServer> {
  await using stack = new AsyncDisposableStack()
  const root = await makeChroot(tree)
  const state = mkdtempSync(path.join(tmpdir(), `ll-${tree.name}-`))
  stack.defer(() => rmSync(state, { recursive: true, force: true }))
  chmodSync(state, 0o755)
  const socket = path.join(state, 's')
  const script = `rm -f /letterlock/s; exec ${program} --port 0 --unixsocket /letterlock/s --dir /letterlock --save '' --appendonly no`
  const start = () => startInChroot({ root, state, script, isReady: () => answers(socket) })
  let server = await start()
  stack.defer(() => server[Symbol.asyncDispose]())
  const opened = stack.move()
  return {
    url: `unix://${socket}`,
    async loseEverything() {
      await server[Symbol.asyncDispose]()
      server = await start()
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

async function answers(socket: string): Promise<boolean> {
  return await new Promise(resolve => {
    const connection = connect(socket, () => connection.write('PING\r\n'))
    connection.once('data', data => resolve(data.includes('PONG')) ?? connection.destroy())
    connection.once('error', () => resolve(false))
  })
}
