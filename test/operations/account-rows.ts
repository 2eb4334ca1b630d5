import { addAccount, importAccounts } from '../../src/operations/add-account.ts'
import { backfillAccount } from '../../src/operations/backfill.ts'
import { changeAccount } from '../../src/operations/change-account.ts'
import { coverAccounts } from '../../src/operations/coverage.ts'
import { discoverServer } from '../../src/operations/discover-server.ts'
import { pauseAccount, pollAccount, removeAccount, resumeAccount } from '../../src/operations/manage-accounts.ts'
import { testAccount } from '../../src/operations/test-account.ts'
import { traceAccount } from '../../src/operations/trace-account.ts'
import { trustServers } from '../../src/operations/trust-servers.ts'
import type { Row, Scene } from './scene.ts'

const oneAccount = async ({ addAccount }: Scene): Promise<object> => ({ account: await addAccount() })

const settings = {
  host: '--host',
  port: '--port',
  security: '--security',
  username: '--username',
  mailboxes: '--mailbox',
  every: '--every',
  push: '--push',
  canary: '--canary',
  after: '--after',
  ca: '--ca',
  authservIds: '--authserv-id',
  password: '--password-stdin',
}

let added = 0
const newAccount = () => ({ address: `new-${++added}@example.com`, host: 'imap.invalid', password: 'of the table' })

export const accountRows: readonly Row[] = [
  {
    operation: addAccount,
    command: {
      name: 'account add',
      fields: { ...settings, address: '<address>', start: '--start', oauth: '--oauth' },
    },
    web: { route: 'POST /accounts/new' },
    input: newAccount,
  },
  {
    operation: changeAccount,
    command: {
      name: 'account set',
      fields: { ...settings, account: '<account>', oauth: '--oauth', confirm: '--yes' },
    },
    web: { route: 'POST /accounts/:id/edit' },
    input: async scene => ({ ...(await oneAccount(scene)), every: '5m' }),
  },
  {
    operation: testAccount,
    command: {
      name: 'account test',
      fields: {
        account: '<account>',
        ...Object.fromEntries(
          [...Object.keys(settings), 'address', 'confirm'].map(name => [name, 'a command tests what is stored']),
        ),
      },
    },
    web: { route: 'POST /accounts/:id/test' },
    input: oneAccount,
  },
  {
    operation: importAccounts,
    command: { name: 'account import', fields: { accounts: '<file>' } },
    web: { none: 'a file of passwords is not sent through a browser: it is read on the server and removed there' },
    input: () => ({ accounts: [newAccount(), newAccount()] }),
    audits: ['account.import', 'account.import'],
  },
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
    operation: discoverServer,
    command: { name: 'account discover', fields: { address: '<address>' } },
    web: { route: 'POST /accounts/new' },
    input: () => ({ address: 'somebody@gmail.com' }),
  },
  {
    operation: traceAccount,
    command: { name: 'account trace', fields: { account: '<account>' } },
    web: { none: 'it is a listing for a terminal; the test of an account on its page says which step failed' },
    input: oneAccount,
  },
  {
    operation: coverAccounts,
    command: { name: 'account coverage', fields: { account: '<account>' } },
    web: { none: 'the page of an account shows what the daily comparison found; a new one may take half an hour' },
    input: oneAccount,
  },
  {
    operation: backfillAccount,
    command: { name: 'account backfill', fields: { account: '<account>', since: '--since' } },
    web: { none: 'it lists the whole mailbox, which may take half an hour' },
    input: async scene => ({ ...(await oneAccount(scene)), since: '2026-01-31' }),
  },
  {
    operation: trustServers,
    command: { name: 'account trust', fields: { account: '<account>', servers: '<name>' } },
    web: { route: 'POST /accounts/:id/trust' },
    async input(scene) {
      return { account: await scene.addAccount({ host: 'imap.gmail.com' }), servers: ['mx.google.com'] }
    },
  },
]
