// What systemd is told while the daemon runs: that it is ready, what it does, and that it gets on with its work. While it starts and waits
// for a server, the time that systemd allows for a start is extended; a start that neither waits nor ends is not.
import { arrivedMailBytes } from './fetch/answer-bounds.ts'
import type { Health } from './observe/health.ts'
import type { Log } from './observe/log.ts'
import type { Progress } from './observe/progress.ts'
import { statusLine, stuckWork } from './observe/service-state.ts'
import type { Systemd } from './observe/systemd.ts'

export interface SuperviseDeps {
  systemd: Systemd
  health: Health
  progress: Progress
  log: Log
  /** No poll may stand still for longer. */
  patienceMs: number
}

export interface Supervision extends Disposable {
  /** Accounts are polled from now on. */
  ready(): void
}

const tickMs = 2_000
const extension = `EXTEND_TIMEOUT_USEC=${30 * 1_000_000}`

/** Begins to tell systemd; nothing happens where it does not listen. */
export function superviseService({ systemd, health, progress, log, patienceMs }: SuperviseDeps): Supervision {
  let isReady = false
  let told = ''
  let wasStuck = false
  let bytes = 0
  const tellStatus = (line: string): void => {
    if (line !== told) systemd.notify(`STATUS=${line}`)
    told = line
  }
  const tick = (): void => {
    const problems = health.problems()
    if (!isReady) {
      const waiting = problems.filter(({ part }) => part !== 'start')
      if (waiting.length > 0) systemd.notify(extension)
      const what = waiting.map(({ message }) => message).join('; ')
      tellStatus(what === '' ? 'starting' : `waiting: ${what}`)
      return
    }
    if (arrivedMailBytes() !== bytes) progress.advanced()
    bytes = arrivedMailBytes()
    const stuck = stuckWork(progress.work(), performance.now(), patienceMs)
    if (stuck === undefined) systemd.notify('WATCHDOG=1')
    else if (!wasStuck) log.error({ event: 'daemon', reason: stuck }, `stuck: ${stuck}`)
    wasStuck = stuck !== undefined
    tellStatus(
      stuck ??
        statusLine(
          progress.work(),
          problems.map(({ part }) => part),
        ),
    )
  }
  tick()
  const timer = setInterval(tick, Math.min(tickMs, (systemd.watchdogMs ?? tickMs) / 4))
  return {
    ready() {
      progress.beatFailed()
      isReady = true
      tick()
      systemd.notify('READY=1')
    },
    [Symbol.dispose]: () => clearInterval(timer),
  }
}
