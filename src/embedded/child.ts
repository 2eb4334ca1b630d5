// A server process of ours. It has a session of its own, so that a Ctrl-C at the terminal reaches only us and we stop the servers
// in order; and it is told by the kernel when we die (setpriv --pdeathsig), so that not even kill -9 leaves one behind. What
// was started is also written down with the time at which the process began: a process id alone may be somebody else's by then.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { ServiceError } from '../errors.ts'

export interface ServerProcess extends AsyncDisposable {
  readonly pid: number
  /** Resolves when the process has ended, by whomever. */
  readonly ended: Promise<void>
}

export interface ServerStart {
  /** What people call it. */
  name: string
  setpriv: string
  command: string
  args: readonly string[]
  /** Standard output and error go here. */
  logFile: string
  env?: NodeJS.ProcessEnv
  /** Answers true once the server takes connections. */
  isReady(): Promise<boolean>
  /** How it is asked to stop; default SIGTERM. */
  stopSignal?: NodeJS.Signals
  signal: AbortSignal
}

const readyWithinMs = 60_000
const stopWithinMs = 20_000

/** Starts the server and waits until it is ready. Throws `embedded.failed` with the last line of its log. */
export async function startServer(start: ServerStart): Promise<ServerProcess> {
  const log = openSync(start.logFile, 'a', 0o600)
  const child = spawn(start.setpriv, ['--pdeathsig', 'TERM', start.command, ...start.args], {
    stdio: ['ignore', log, log],
    detached: true,
    env: start.env ?? process.env,
  })
  closeSync(log)
  const ended = once(child, 'exit').then(
    () => {},
    () => {},
  )
  const { pid } = child
  if (pid === undefined) throw failed(start, 'it could not be started')
  child.unref()
  const stop = (): Promise<void> => {
    child.ref()
    return stopProcess(pid, ended, start.stopSignal ?? 'SIGTERM')
  }
  const server = { pid, ended, [Symbol.asyncDispose]: () => stop() }
  try {
    await untilReady(start, () => child.exitCode !== null || child.signalCode !== null)
  } catch (error) {
    await server[Symbol.asyncDispose]()
    throw error
  }
  return server
}

async function untilReady(start: ServerStart, hasEnded: () => boolean): Promise<void> {
  const deadline = Date.now() + readyWithinMs
  for (;;) {
    start.signal.throwIfAborted()
    if (await start.isReady()) return
    if (hasEnded()) throw failed(start, `it ended while it started: ${lastLine(start.logFile)}`)
    if (Date.now() > deadline)
      throw failed(start, `it was not ready within ${readyWithinMs / 1000} s: ${lastLine(start.logFile)}`)
    await wait(25)
  }
}

async function stopProcess(pid: number, ended: Promise<void>, signal: NodeJS.Signals): Promise<void> {
  sendSignal(pid, signal)
  const late = new AbortController()
  const kill = wait(stopWithinMs, undefined, { signal: late.signal, ref: false }).then(
    () => sendSignal(pid, 'SIGKILL'),
    () => {},
  )
  await ended
  late.abort()
  await kill
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended already.
  }
}

function failed(start: ServerStart, why: string): ServiceError {
  return new ServiceError('embedded.failed', `the embedded ${start.name} did not start: ${why}`, {
    temporary: false,
    hint: `see ${start.logFile}`,
  })
}

function lastLine(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim().split('\n').at(-1) ?? ''
  } catch {
    return 'it wrote no log'
  }
}

/** When a process began, in the kernel's ticks since boot (proc(5), field 22), or undefined if there is none. */
export function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch {
    return undefined
  }
}

/** A process that can be found again: its id and when it began. */
export interface Trace {
  pid: number
  startTime: string
}

export function traceOf(pid: number): Trace {
  return { pid, startTime: startTimeOf(pid) ?? '' }
}

export function isAlive(trace: Trace): boolean {
  return startTimeOf(trace.pid) === trace.startTime
}

/** Ends what is still there of a run that was killed; a process that only has the same id is left alone. */
export async function endTraces(traces: readonly Trace[]): Promise<void> {
  const left = traces.filter(isAlive)
  for (const { pid } of left) sendSignal(pid, 'SIGTERM')
  const deadline = Date.now() + stopWithinMs
  while (left.some(isAlive)) {
    if (Date.now() > deadline) for (const trace of left.filter(isAlive)) sendSignal(trace.pid, 'SIGKILL')
    await wait(20)
  }
}

/** A JSON file of ours, or undefined where there is none or it is half written. */
export function readState<T>(file: string): T | undefined {
  try {
    if (statSync(file).size > 65_536) return undefined
    return JSON.parse(readFileSync(file, 'utf8')) as T
  } catch {
    return undefined
  }
}

/** With `first`, a file that is there already is not overwritten: EEXIST. */
export function writeState(file: string, state: object, first = false): void {
  writeFileSync(file, JSON.stringify(state), { mode: 0o600, flag: first ? 'wx' : 'w' })
}

export function removeState(file: string): void {
  rmSync(file, { force: true })
}
