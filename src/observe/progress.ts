// Whether the work gets on: what events tell is kept here for service-state.ts to judge.
import type { Work } from './service-state.ts'

export interface Progress {
  beat(accounts: number, failing: number): void
  /** A beat that could not reach the database is one, too. */
  beatFailed(): void
  pollStarted(account: number): void
  pollEnded(account: number): void
  /** Mail came, or a batch was stored. */
  advanced(): void
  work(): Work
}

export function createProgress(): Progress {
  const running = new Map<number, number>()
  let counts = { accounts: 0, failing: 0 }
  let beatAt = performance.now()
  let progressAt = beatAt
  const advanced = (): void => {
    progressAt = performance.now()
  }
  return {
    beat(accounts, failing) {
      counts = { accounts, failing }
      beatAt = performance.now()
    },
    beatFailed() {
      beatAt = performance.now()
    },
    pollStarted: account => void running.set(account, performance.now()),
    pollEnded(account) {
      running.delete(account)
      advanced()
    },
    advanced,
    work: () => ({ ...counts, beatAt, progressAt, running }),
  }
}
