// The daemon does the work; a command that asked for it waits, shows how far it is, and says so where nobody goes on.

import { setTimeout as wait } from 'node:timers/promises'
import type { Knex } from 'knex'
import { CommandError } from '../../errors/errors.ts'
import { sentencesForCommand } from '../../errors/hints.ts'
import type { KeyPaths } from '../../vault/keys/keyring.ts'
import { type EncryptionStatus, readStatus } from '../../vault/sealing/status.ts'
import { type ProgressBar, progressBar, remark } from '../terminal.ts'

const lookEveryMs = 400
const patienceMs = 60_000
/** A worker that was just started or has just died is not one yet, or is one still, for a moment. */
const withoutWorkerMs = 3_000
/** A problem that lasts longer than it usually takes until a file is noticed, taken for whole, known to all hosts and moved, is told. */
const lastingMs = 8_000

/**
 * Waits until `isDone`. Resolves to the last status; undefined where no daemon runs, which is said. Throws CommandError if nothing
 * moves for a minute.
 */
export async function waitForDaemon(
  db: Knex,
  place: KeyPaths,
  label: string,
  isDone: (status: EncryptionStatus) => boolean,
): Promise<EncryptionStatus | undefined> {
  using bar = progressBar(label)
  const seen = new Map<string, number>()
  let [movedAt, before] = [Date.now(), '']
  for (const startedAt = Date.now(); ; await wait(lookEveryMs)) {
    const status = await readStatus(db, place, new Date(), 'counts')
    if (isDone(status)) return finish(bar, status)
    if (status.workers.length === 0 && Date.now() - startedAt > withoutWorkerMs) return undefined
    if (status.progress !== null) bar.set(status.progress.done, status.progress.total)
    tellProblems(status, seen)
    const now = JSON.stringify([status.state, status.progress, status.keyId])
    if (now !== before) [movedAt, before] = [Date.now(), now]
    if (Date.now() - movedAt > patienceMs) {
      const { problems } = await readStatus(db, place, new Date())
      const problem = problems.find(({ code }) => !isBeside(code))
      throw new CommandError(
        `the daemon does not go on: encryption is ${status.state}`,
        problem === undefined
          ? 'its log says more; what was begun goes on automatically'
          : sentencesForCommand(problem),
      )
    }
  }
}

/** Nothing waits for these. */
function isBeside(code: string): boolean {
  return code === 'backup.unproven' || code === 'daemon.not_running'
}

function finish(bar: ProgressBar, status: EncryptionStatus): EncryptionStatus {
  const total = status.sealed + status.plaintext
  bar.set(total, total)
  return status
}

/** What keeps it waiting: each once, and not what the daemon is about to mend. */
function tellProblems({ problems }: EncryptionStatus, seen: Map<string, number>): void {
  for (const problem of problems) {
    const { code } = problem
    if (isBeside(code)) continue
    const since = seen.get(code) ?? Date.now()
    if (Date.now() - since >= lastingMs) remark(sentencesForCommand(problem))
    seen.set(code, Date.now() - since >= lastingMs ? Number.POSITIVE_INFINITY : since)
  }
}
