// Accounts whose mail cannot be stored now, because of the database: all polls wait, /ready says why, and the accounts that met the trouble try
// again, one at a time until one gets through. It is over once each of them did: that another one did proves nothing where a disk is nearly full.
import type { Health } from '../observe/health.ts'

export interface Stalls {
  /** The account's mail could not be stored. False if that was known. */
  add(accountId: number, error: unknown): boolean
  /** The account is not in the way any more. */
  clear(accountId: number): void
  /** True if the account may be polled now; `running`: those that are. */
  lets(accountId: number, running: ReadonlyMap<number, unknown>): boolean
}

export function createStalls(health: Pick<Health, 'fail' | 'mend'>): Stalls {
  const stalled = new Set<number>()
  let oneAtATime = true
  return {
    add(accountId, error) {
      const isNew = !stalled.has(accountId)
      stalled.add(accountId)
      oneAtATime = true
      health.fail('ingest', error)
      return isNew
    },
    clear(accountId) {
      if (!stalled.delete(accountId)) return
      oneAtATime = false
      if (stalled.size === 0) health.mend('ingest')
    },
    lets(accountId, running) {
      if (stalled.size === 0) return true
      return stalled.has(accountId) && !(oneAtATime && [...stalled].some(id => running.has(id)))
    },
  }
}
