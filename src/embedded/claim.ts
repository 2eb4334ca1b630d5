// A directory on which servers of ours run. One process at a time holds it, by a lock of the kernel (flock) on an open file: it goes
// with its holder, whatever ends it, and no process id has to be believed for it. What was started is written down with the
// time at which the process began, for a process id alone may be somebody else's by the next start, which ends what is left.
import { spawnSync } from 'node:child_process'
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { ServiceError } from '../errors/errors.ts'

/** A process that can be found again: its id and when it began. */
export interface Trace {
  pid: number
  began: string
}

export interface Claim<Facts extends object> extends AsyncDisposable {
  /** A directory of this run that nobody else may enter, with a name that is short enough for sockets. */
  readonly folder: string
  /** Writes down a process, so that the next start ends it if we cannot. */
  note(trace: Trace): void
  /** Tells other processes what runs here: what `readClaim` answers. */
  publish(facts: Facts): void
}

interface State {
  holder: Trace
  folder: string
  servers: Trace[]
  facts?: object
}

const stateFile = (directory: string) => path.join(directory, 'running.json')

/** Takes the directory, which is made if there is none. Throws `embedded.failed` if another process holds it. */
export async function claimDirectory<Facts extends object>(directory: string, flock: string): Promise<Claim<Facts>> {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  await using stack = new AsyncDisposableStack()
  const lock = openSync(path.join(directory, 'lock'), 'a', 0o600)
  stack.defer(() => closeSync(lock))
  takeLock(lock, flock, directory)
  await clearLast(directory)
  const folder = mkdtempSync(path.join(shortRoot(), 'letterlock-'))
  const state: State = { holder: traceOf(process.pid), folder, servers: [] }
  writeState(directory, state)
  stack.defer(() => removeState(directory, state))
  const held = stack.move()
  return {
    folder,
    note(trace) {
      state.servers = [...state.servers.filter(isAlive), trace]
      writeState(directory, state)
    },
    publish(facts) {
      state.facts = facts
      writeState(directory, state)
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

/** What the living holder of the directory published, or undefined. */
export function readClaim<Facts extends object>(directory: string): Facts | undefined {
  const state = readState(directory)
  return state !== undefined && isAlive(state.holder) ? (state.facts as Facts | undefined) : undefined
}

/** The lock belongs to the open file: it stays when the program that took it for us has ended. */
function takeLock(fd: number, flock: string, directory: string): void {
  const { status } = spawnSync(flock, ['--exclusive', '--nonblock', '3'], { stdio: ['ignore', 'ignore', 'ignore', fd] })
  if (status === 0) return
  const pid = readState(directory)?.holder.pid
  const pids = pid === undefined ? [] : [pid]
  throw new ServiceError('embedded.failed', { reason: 'directory_taken', directory, pids }, { temporary: false })
}

/** Ends and removes what a run that was killed left behind. */
async function clearLast(directory: string): Promise<void> {
  const state = readState(directory)
  if (state === undefined) return
  await endTraces(state.servers)
  removeState(directory, state)
}

function removeState(directory: string, state: State): void {
  rmSync(state.folder, { recursive: true, force: true })
  rmSync(stateFile(directory), { force: true })
}

function readState(directory: string): State | undefined {
  try {
    if (statSync(stateFile(directory)).size > 65_536) return undefined
    const state = JSON.parse(readFileSync(stateFile(directory), 'utf8')) as Partial<State>
    return typeof state.folder === 'string' && Array.isArray(state.servers) ? (state as State) : undefined
  } catch {
    return undefined
  }
}

/** Replaced in one step, so that nobody reads half of it. */
function writeState(directory: string, state: State): void {
  const file = stateFile(directory)
  writeFileSync(`${file}.new`, JSON.stringify(state), { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

/** A socket's path must stay under 107 bytes and goes into a URL as it is, whatever $TMPDIR is. */
function shortRoot(): string {
  return /^[\w/.-]{1,60}$/.test(tmpdir()) ? tmpdir() : '/tmp'
}

export function traceOf(pid: number): Trace {
  return { pid, began: readProcess(pid)?.began ?? '' }
}

/** False for another process that has the same id by now. */
export function isAlive(trace: Trace): boolean {
  return trace.began !== '' && readProcess(trace.pid)?.began === trace.began
}

/** The session that a process leads, and which boot and how many ticks of the kernel after it the process began (proc(5)). */
function readProcess(pid: number): { session: number; began: string } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
    return { session: Number(fields[3]), began: `${boot} ${fields[19]}` }
  } catch {
    return undefined
  }
}

/**
 * The server and those that it started: each server of ours leads a session. They are known by it when the server itself has ended,
 * because the kernel gives its id to nobody while the session lasts.
 */
function membersOf(trace: Trace): Trace[] {
  const leader = readProcess(trace.pid)
  if (trace.began === '' || (leader !== undefined && leader.began !== trace.began)) return []
  const pids = readdirSync('/proc').filter(name => /^\d+$/.test(name))
  return pids.map(Number).flatMap(pid => {
    const found = readProcess(pid)
    const isMember = pid === trace.pid || found?.session === trace.pid
    return found !== undefined && isMember ? [{ pid, began: found.began }] : []
  })
}

const endWithinMs = 20_000
const killWithinMs = 10_000

/** Ends the servers and what they started. Throws `embedded.failed` if one cannot be ended. */
export async function endTraces(traces: readonly Trace[]): Promise<void> {
  if (await allEnd(traces, 'SIGTERM', endWithinMs)) return
  if (await allEnd(traces, 'SIGKILL', killWithinMs)) return
  const left = traces.flatMap(membersOf).map(trace => trace.pid)
  throw new ServiceError('embedded.failed', { reason: 'does_not_end', pids: left }, { temporary: false })
}

/** Nobody tells us when a process ends that is not our child, so it is asked for. */
async function allEnd(traces: readonly Trace[], signal: NodeJS.Signals, withinMs: number): Promise<boolean> {
  for (const { pid } of traces.flatMap(membersOf)) sendSignal(pid, signal)
  const deadline = Date.now() + withinMs
  while (traces.some(trace => membersOf(trace).length > 0)) {
    if (Date.now() > deadline) return false
    await wait(20)
  }
  return true
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended by itself.
  }
}
