// Every operation there is. The table test walks this list.
import type { z } from 'zod'
import { pauseAccount, pollAccount, removeAccount, resumeAccount } from './accounts.ts'
import type { Deps } from './deps.ts'
import type { Operation } from './operation.ts'
import { traceAccount } from './trace-account.ts'

export type AnyOperation = Operation<z.ZodType, Deps, unknown>

export const operations: readonly AnyOperation[] = [
  pauseAccount,
  resumeAccount,
  pollAccount,
  removeAccount,
  traceAccount,
]
