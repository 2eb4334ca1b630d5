// The two sockets of systemd that a service writes to: what it does ($NOTIFY_SOCKET), and the journal. Both take datagrams of the unix
// domain, which Node cannot send: one small helper process does (datagrams.pl, docs/decisions/11-datagrams-by-perl.md). It is started
// with the first datagram and again if it ends; without one `send` says so, and the log goes to standard output instead.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, fstatSync } from 'node:fs'
import path from 'node:path'

const journalSocket = '/run/systemd/journal/socket'

export interface Systemd extends AsyncDisposable {
  /** Standard output goes to the journal. */
  readonly hasJournal: boolean
  /** systemd wants to hear of this process within so many milliseconds, each time; undefined: it does not watch. */
  readonly watchdogMs: number | undefined
  /** Assignments as `READY=1`, one a line (sd_notify(3)). Nothing happens where systemd does not listen. */
  notify(assignments: string): void
  /** An entry as journal-entry.ts encodes it. False if it could not be sent. */
  journal(entry: Buffer): boolean
}

/** What systemd told this process of itself. */
export function openSystemd(env: NodeJS.ProcessEnv = process.env): Systemd {
  const { NOTIFY_SOCKET: notifySocket = '' } = env
  const hasJournal = isJournal(env.JOURNAL_STREAM) && existsSync(journalSocket)
  // Servers that this process starts must not speak for it.
  delete env.NOTIFY_SOCKET
  const helper = createHelper([notifySocket, journalSocket])
  return {
    hasJournal,
    watchdogMs: notifySocket === '' ? undefined : watchdogOf(env),
    notify(assignments) {
      if (notifySocket !== '') helper.send(0, Buffer.from(assignments))
    },
    journal: entry => helper.send(1, entry),
    [Symbol.asyncDispose]: () => helper.end(),
  }
}

/** systemd says which device and inode its journal is, for standard output may be redirected. */
function isJournal(stream: string | undefined): boolean {
  if (stream === undefined) return false
  try {
    const { dev, ino } = fstatSync(1)
    return stream === `${dev}:${ino}`
  } catch {
    return false
  }
}

function watchdogOf({ WATCHDOG_USEC: microseconds, WATCHDOG_PID: pid }: NodeJS.ProcessEnv): number | undefined {
  if (pid !== undefined && Number(pid) !== process.pid) return undefined
  const ms = Number(microseconds) / 1000
  return ms > 0 ? ms : undefined
}

/** A helper that cannot live is not started over and over. */
const restartMs = 1_000

function createHelper(sockets: readonly string[]): {
  send(socket: number, body: Buffer): boolean
  end(): Promise<void>
} {
  let child: ChildProcess | undefined
  let startedAt = Number.NEGATIVE_INFINITY
  const start = (): ChildProcess | undefined => {
    if (performance.now() - startedAt < restartMs) return undefined
    startedAt = performance.now()
    const started = spawn('perl', [path.join(import.meta.dirname, 'datagrams.pl'), ...sockets], {
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    const forget = (): void => {
      if (child === started) child = undefined
    }
    started.on('error', forget).on('exit', forget)
    started.stdin?.on('error', forget)
    return started
  }
  return {
    send(socket, body) {
      child ??= start()
      if (child?.stdin == null || !child.stdin.writable) return false
      const head = Buffer.alloc(5)
      head.write(String(socket))
      head.writeUInt32BE(body.length, 1)
      child.stdin.write(Buffer.concat([head, body]))
      return true
    },
    /** What was sent is with systemd once this resolves. */
    async end() {
      if (child === undefined) return
      const ended = once(child, 'exit')
      child.stdin?.end()
      await ended.catch(() => {})
    },
  }
}
