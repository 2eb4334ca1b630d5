// PURE. What the daemon says of itself to systemd: one line for `systemctl status`, and whether it gets on with its work. The watchdog is
// fed only while it does: a loop that turns while no poll ever ends is as dead as one that stands.

export interface Work {
  /** Accounts that this worker polls, and how many of them fail. */
  accounts: number
  failing: number
  /** When the last beat ended, when the last poll ended or mail came, and when each poll began that runs now (ms, one clock). */
  beatAt: number
  progressAt: number
  running: ReadonlyMap<number, number>
}

/** `50 accounts, 2 failing; database is down`. */
export function statusLine(work: Pick<Work, 'accounts' | 'failing'>, parts: readonly string[]): string {
  const accounts = `${work.accounts} ${work.accounts === 1 ? 'account' : 'accounts'}`
  const failing = work.failing === 0 ? '' : `, ${work.failing} failing`
  const down = parts.map(part => (part === 'start' ? 'starting' : `${part} is down`))
  return [`${accounts}${failing}`, ...down].join('; ')
}

/** What stands still for longer than `patienceMs`, in words; undefined while work gets on. */
export function stuckWork(work: Work, now: number, patienceMs: number): string | undefined {
  const secondsSince = (at: number): number => Math.round((now - at) / 1000)
  if (now - work.beatAt > patienceMs) return `no check of accounts has ended for ${secondsSince(work.beatAt)} s`
  const oldest = Math.min(...work.running.values())
  if (now - Math.max(work.progressAt, oldest) <= patienceMs) return undefined
  return `${work.running.size} ${work.running.size === 1 ? 'poll runs' : 'polls run'}, and none has got on for ${secondsSince(Math.max(work.progressAt, oldest))} s`
}
