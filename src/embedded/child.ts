// A server process of ours. It has a session of its own, so that a Ctrl-C at the terminal reaches only us and we stop the servers
// in order; and the kernel stops it when we die (setpriv --pdeathsig), so that not even kill -9 leaves one behind. One that ends
// while we run, killed by the kernel for want of memory for example, is started again, for as long as it takes.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readFileSync, renameSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { ServiceError } from '../errors/errors.ts'
import { endTraces, type Trace, traceOf } from './claim.ts'

export interface ServerStart {
  /** What people call it. */
  name: string
  setpriv: string
  command: string
  args: readonly string[]
  /** Standard output and error go here; what the start before wrote lies beside it as `.old`. */
  logFile: string
  /** Answers true once the server takes connections. */
  isReady(): Promise<boolean>
  /** Called as soon as there is a process, long before it is ready. */
  note(trace: Trace): void
  progress(line: string): void
  signal: AbortSignal
}

interface Process extends AsyncDisposable {
  /** Resolves when it has ended, by whomever. */
  readonly ended: Promise<void>
}

const readyWithinMs = 60_000
const restartAfterMs = 500
const longestRestartMs = 30_000

/** Starts the server, waits until it is ready and keeps it running. Throws `embedded.failed` with the last line of its log. */
export async function startServer(start: ServerStart): Promise<AsyncDisposable> {
  const stop = new AbortController()
  const kept = keep(await startProcess(start), { ...start, signal: AbortSignal.any([start.signal, stop.signal]) }, stop)
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await kept
    },
  }
}

/** Resolves when the server is stopped for good. */
async function keep(first: Process, start: ServerStart, stop: AbortController): Promise<void> {
  const stopped = once(stop.signal, 'abort')
  for (let process: Process | undefined = first; process !== undefined; ) {
    await Promise.race([process.ended, stopped])
    // What it had started may live on and hold its ports and its locks.
    await process[Symbol.asyncDispose]()
    if (stop.signal.aborted) return
    start.progress(`${start.name} has ended unexpectedly and is started again (see ${start.logFile})`)
    process = await restart(start)
  }
}

/** Tries until it runs; undefined when it is not wanted any more. */
async function restart(start: ServerStart): Promise<Process | undefined> {
  for (let waitMs = restartAfterMs; ; waitMs = Math.min(longestRestartMs, waitMs * 2)) {
    try {
      await wait(waitMs, undefined, { signal: start.signal })
      return await startProcess(start)
    } catch (error) {
      if (start.signal.aborted) return undefined
      start.progress((error as Error).message)
    }
  }
}

async function startProcess(start: ServerStart): Promise<Process> {
  start.signal.throwIfAborted()
  if (existsSync(start.logFile)) renameSync(start.logFile, `${start.logFile}.old`)
  const log = openSync(start.logFile, 'a', 0o600)
  const child = spawn(start.setpriv, ['--pdeathsig', 'TERM', start.command, ...start.args], {
    stdio: ['ignore', log, log],
    detached: true,
  })
  closeSync(log)
  const ended = new Promise<void>(resolve => child.once('exit', () => resolve()).once('error', () => resolve()))
  const { pid } = child
  if (pid === undefined) throw failed(start, 'it could not be started')
  const trace = traceOf(pid)
  start.note(trace)
  // The event loop does not stay alive for it; whoever stops it waits for it.
  child.unref()
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null
  const process = {
    ended,
    [Symbol.asyncDispose]: async () => {
      child.ref()
      await endTraces([trace])
      await ended
    },
  }
  try {
    await untilReady(start, hasEnded)
  } catch (error) {
    await process[Symbol.asyncDispose]()
    throw error
  }
  return process
}

/** Servers do not say when they are ready, so they are asked. */
async function untilReady(start: ServerStart, hasEnded: () => boolean): Promise<void> {
  const deadline = Date.now() + readyWithinMs
  for (;;) {
    start.signal.throwIfAborted()
    if (hasEnded()) throw failed(start, `it ended while it started: ${complaint(start.logFile)}`)
    if (await start.isReady()) return
    if (Date.now() > deadline)
      throw failed(start, `it was not ready within ${readyWithinMs / 1000} s: ${complaint(start.logFile)}`)
    await wait(25)
  }
}

function failed(start: ServerStart, why: string): ServiceError {
  const params = { reason: 'not_started', server: start.name, why, logFile: start.logFile } as const
  return new ServiceError('embedded.failed', params, { temporary: false })
}

/** The last line of the log that complains, or the last one. */
function complaint(file: string): string {
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  return lines.findLast(line => /error|fatal/i.test(line)) ?? lines.at(-1) ?? ''
}
