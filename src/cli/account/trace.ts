// `letterlock account trace`.
import type { TraceLine } from '../../fetch/trace-session.ts'
import { traceAccount } from '../../operations/trace-account.ts'
import { commandActor } from '../actor.ts'
import { type GlobalOptions, withDeps } from '../connect.ts'
import { paint, print, printJson } from '../terminal.ts'

export async function printTrace(account: string, options: GlobalOptions & { json?: boolean }): Promise<void> {
  await withDeps(options, async deps => {
    const startedAt = Date.now()
    let printed = Promise.resolve()
    const traced = (line: TraceLine): void => {
      const ms = line.at.getTime() - startedAt
      printed = printed.then(() => (options.json ? printJson([{ ...line, ms }]) : print(toText(line, ms))))
    }
    const { failure } = await traceAccount.run({ ...deps, traced }, commandActor(), { account })
    await printed
    if (failure !== null) throw failure
  })
}

/** `  0.042 C: 3 STATUS INBOX (MESSAGES)`, in seconds since the beginning. */
function toText({ from, line }: TraceLine, ms: number): string {
  const mark = from === 'client' ? paint('cyan', 'C:') : paint('dim', 'S:')
  return `${(ms / 1000).toFixed(3).padStart(7)} ${mark} ${line}`
}
