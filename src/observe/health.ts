// What is wrong at the moment: the reasons that /ready gives. A far side that stays down is logged once, and once when it
// returns, with the time that it was away.
import { IngestError } from '../errors/errors.ts'
import type { Log } from './log.ts'

export const parts = ['start', 'database', 'redis', 'raw', 'ingest', 'host', 'key', 'key states', 'web'] as const
export type Part = (typeof parts)[number]

export interface Problem {
  part: Part
  code: string
  message: string
  hint: string
}

export interface Health {
  /** The part failed. */
  fail(part: Part, error: unknown): void
  /** The part works. */
  mend(part: Part): void
  isDown(part: Part): boolean
  problems(): Problem[]
}

export function createHealth(log: Log): Health {
  const down = new Map<Part, Problem & { since: number }>()
  return {
    fail(part, error) {
      const problem = toProblem(part, error)
      const known = down.get(part)
      down.set(part, { ...problem, since: known?.since ?? Date.now() })
      if (part !== 'start' && known?.code !== problem.code)
        log.error({ event: 'service down', ...problem, error }, `${part} is down`)
    },
    mend(part) {
      const known = down.get(part)
      if (known === undefined) return
      down.delete(part)
      if (part !== 'start') log.info({ event: 'service up', part, ms: Date.now() - known.since }, `${part} works again`)
    },
    isDown: part => down.has(part),
    problems: () => [...down.values()].map(({ since: _, ...problem }) => problem),
  }
}

function toProblem(part: Part, error: unknown): Problem {
  if (!(error instanceof IngestError)) return { part, code: 'internal', message: 'failed', hint: 'See the log.' }
  return { part, code: error.code, message: error.message, hint: error.hint ?? '' }
}
