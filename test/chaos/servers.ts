// The three servers and what can be done to them as processes. They are embedded ones, which start again half a second after they were
// killed; only the daemons go through the links, the harness itself goes to the servers' own sockets.
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { type Dovecot, dovecotPrograms, startDovecot } from '../../src/embedded/dovecot.ts'
import { startEmbedded } from '../../src/embedded/servers.ts'
import { until } from '../support/until.ts'
import type { ServerName } from './plan.ts'
import { type Link, openLink } from './proxy.ts'

export interface Servers extends AsyncDisposable {
  /** Past the link. */
  databaseUrl: string
  redisSocket: string
  dovecot: Dovecot
  links: Record<ServerName, Link>
  /** SIGKILL to all its processes; resolves when another is there. `emptied`: what Redis keeps on disk goes too. */
  kill(name: ServerName, options?: { emptied: boolean }): Promise<void>
  /** SIGSTOP; call what is returned for SIGCONT. */
  stop(name: ServerName): () => void
}

export interface ServersOptions {
  directory: string
  users: readonly { name: string; password: string }[]
  /** Dovecot writes down what clients say and hear, under `dovecot/talk`. */
  talk: boolean
  progress(line: string): void
}

/** A restart takes a second or two; a machine that does much else may need more. */
const backWithinMs = 60_000

export async function startServers({ directory, users, talk, progress }: ServersOptions): Promise<Servers> {
  const { signal } = new AbortController()
  await using stack = new AsyncDisposableStack()
  const options = { directory: path.join(directory, 'servers'), mariadb: true, redis: true, progress, signal }
  const embedded = stack.use(await startEmbedded({ ...options, programs: dovecotPrograms }))
  const claims = { servers: options.directory, dovecot: path.join(directory, 'dovecot') }
  const settings = talk ? recordTalk(claims.dovecot, users) : ''
  const dovecot = stack.use(await startDovecot({ directory: claims.dovecot, users, settings, progress, signal }))
  const databaseSocket = new URL(embedded.databaseUrl).searchParams.get('socket') ?? ''
  const redisSocket = embedded.redisUrl.slice('unix://'.length)
  const { tls, starttls, cleartext } = dovecot.ports
  const links = {
    mariadb: stack.use(await openLink([{ path: databaseSocket }])),
    redis: stack.use(await openLink([{ path: redisSocket }])),
    dovecot: stack.use(await openLink([tls, starttls, cleartext].map(port => ({ port, host: '127.0.0.1' })))),
  }
  const leaderOf = (name: ServerName) => findLeader(name === 'dovecot' ? claims.dovecot : claims.servers, name)
  const opened = stack.move()
  return {
    databaseUrl: embedded.databaseUrl,
    redisSocket,
    dovecot,
    links,
    async kill(name, { emptied } = { emptied: false }) {
      const leader = leaderOf(name)
      if (leader === undefined) return
      signalSession(leader, 'SIGKILL')
      if (emptied) rmSync(path.join(options.directory, 'redis', 'appendonlydir'), { recursive: true, force: true })
      await until(async () => {
        const next = leaderOf(name)
        return next !== undefined && next !== leader
      }, backWithinMs)
    },
    stop(name) {
      const leader = leaderOf(name)
      if (leader !== undefined) signalSession(leader, 'SIGSTOP')
      return () => leader !== undefined && signalSession(leader, 'SIGCONT')
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

/** Lines of dovecot.conf for it; the directories are made. */
function recordTalk(directory: string, users: ServersOptions['users']): string {
  const folder = path.join(directory, 'talk')
  for (const { name } of users) {
    mkdirSync(path.join(folder, name), { recursive: true, mode: 0o777 })
    chmodSync(path.join(folder, name), 0o777)
  }
  return `protocol imap {\n  rawlog_dir = ${folder}/%u\n}\n`
}

/** The first process of the server, by what its claim has written down, or undefined while it is down. */
function findLeader(claim: string, name: ServerName): number | undefined {
  try {
    const state = JSON.parse(readFileSync(path.join(claim, 'running.json'), 'utf8')) as { servers: { pid: number }[] }
    return state.servers.map(server => server.pid).find(pid => isProgram(pid, name))
  } catch {
    return undefined
  }
}

function isProgram(pid: number, name: ServerName): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0', 1)[0]?.includes(name) ?? false
  } catch {
    return false
  }
}

/** Each server leads a session, which those that it starts belong to. */
function signalSession(leader: number, signal: NodeJS.Signals): void {
  const members = readdirSync('/proc').filter(entry => /^\d+$/.test(entry) && sessionOf(entry) === leader)
  for (const pid of members) {
    try {
      process.kill(Number(pid), signal)
    } catch {
      // It has ended by itself.
    }
  }
}

function sessionOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3])
  } catch {
    return undefined
  }
}
