import { pauseAccount, pollAccount, removeAccount, resumeAccount } from '../../src/operations/accounts.ts'
import { traceAccount } from '../../src/operations/trace-account.ts'
import type { Row, Scene } from './scene.ts'

const oneAccount = async ({ addAccount }: Scene): Promise<object> => ({ account: await addAccount() })

export const accountRows: readonly Row[] = [
  {
    operation: pauseAccount,
    command: { name: 'account pause', fields: { account: '<account>' } },
    web: { route: 'POST /accounts/:id/pause' },
    input: oneAccount,
  },
  {
    operation: resumeAccount,
    command: { name: 'account resume', fields: { account: '<account>' } },
    web: { route: 'POST /accounts/:id/resume' },
    input: oneAccount,
  },
  {
    operation: pollAccount,
    command: { name: 'account poll', fields: { account: '<account>' } },
    web: { route: 'POST /accounts/:id/poll' },
    input: oneAccount,
  },
  {
    operation: removeAccount,
    command: { name: 'account remove', fields: { account: '<account>' } },
    web: { none: 'it cannot be taken back, so it is left to those who have the server' },
    input: oneAccount,
  },
  {
    operation: traceAccount,
    command: { name: 'account trace', fields: { account: '<account>' } },
    web: { none: 'it is a listing for a terminal; the test of an account on its page says which step failed' },
    input: oneAccount,
  },
]
