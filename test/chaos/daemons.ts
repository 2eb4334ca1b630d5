// The daemon as a process of its own that is killed, stopped and started again, and whose clock can be set. What ends by itself is started
// again, as systemd does, and remembered: only an absent database or Redis at the start (75) is a reason to end.
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, globSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Config } from '../../src/config/config.ts'
import { spawnDaemon } from '../support/daemon-process.ts'
import type { DaemonName } from './plan.ts'

export interface ChaosDaemon extends AsyncDisposable {
  name: DaemonName
  /** SIGKILL, and a new one after so long; resolves when that was started. */
  kill(downMs: number): Promise<void>
  /** SIGSTOP; call what is returned for SIGCONT. */
  stop(): () => void
  /** Its clock goes wrong by so much; false where its clock cannot be set. */
  setClock(bySeconds: number): boolean
  /** The process at the moment; its worker's id has it. */
  readonly pid: number | undefined
}

export interface DaemonOptions {
  name: DaemonName
  config: Config
  /** Its data directory. */
  directory: string
  /** Where its log goes. */
  logFile: string
  env: Record<string, string>
  /** Told when it ended by itself. */
  onEnd(why: string): void
}

const absentServer = 75
const restartAfterMs = 1_000

export function startDaemonProcess(options: DaemonOptions): ChaosDaemon {
  const { name, logFile } = options
  const clock = findClock(`${logFile}.clock`)
  const life: { child: ChildProcess | undefined; killed: boolean; ended: boolean } = {
    child: undefined,
    killed: false,
    ended: false,
  }
  const start = (): void => {
    const log = openSync(logFile, 'a', 0o600)
    const child = spawnDaemon(options, ['ignore', log, log], { ...options.env, ...clock?.env })
    closeSync(log)
    life.child = child
    life.killed = false
    child.once('exit', async code => {
      if (life.killed || life.ended || life.child !== child) return
      if (code !== absentServer) options.onEnd(`${name} ended by itself (${code}): ${lastWords(logFile)}`)
      await wait(restartAfterMs)
      if (!life.ended && life.child === child) start()
    })
  }
  const end = async (): Promise<void> => {
    const { child } = life
    life.killed = true
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }
  start()
  return {
    name,
    get pid() {
      return life.child?.pid
    },
    async kill(downMs) {
      await end()
      await wait(downMs)
      if (!life.ended) start()
    },
    stop() {
      const { child } = life
      child?.kill('SIGSTOP')
      return () => void child?.kill('SIGCONT')
    },
    setClock(bySeconds) {
      clock?.set(bySeconds)
      return clock !== undefined
    },
    async [Symbol.asyncDispose]() {
      life.ended = true
      await end()
    },
  }
}

/** The end of what it wrote that is no event, for a person to look at: what Node says of an error that nobody caught. */
function lastWords(logFile: string): string {
  const lines = readFileSync(logFile, 'utf8').trim().split('\n').slice(-40)
  return lines
    .filter(line => !line.startsWith('{') && line.trim() !== '')
    .join(' | ')
    .slice(0, 1_500)
}

/** libfaketime, which reads the difference from a file each time it is asked. Timers go on as they should, as with a clock that is set. */
function findClock(file: string): { env: Record<string, string>; set(bySeconds: number): void } | undefined {
  const [library] = globSync('/usr/lib/*/faketime/libfaketime.so.1')
  if (library === undefined) return undefined
  const set = (bySeconds: number): void => {
    writeFileSync(`${file}.new`, `${bySeconds < 0 ? '' : '+'}${bySeconds}s\n`)
    renameSync(`${file}.new`, file)
  }
  set(0)
  return {
    env: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: path.resolve(file),
      FAKETIME_NO_CACHE: '1',
      DONT_FAKE_MONOTONIC: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
    set,
  }
}
