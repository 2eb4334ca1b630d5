// Accounts: what can be asked for of one that is there.
import type { Redis } from 'ioredis'
import { z } from 'zod'
import { OperationError } from '../errors/errors.ts'
import { makeDue, removeAccount as removeRow, updateEnabled } from '../store/accounts/account-changes.ts'
import { type AccountDetail, getAccount } from '../store/accounts/accounts.ts'
import { isRefusedLogin } from '../store/accounts/refused-login.ts'
import { inTransaction } from '../store/db/database.ts'
import { whichAccount } from './account-input.ts'
import type { Deps } from './deps.ts'
import { type Actor, type Call, defineOperation, mayRun, NotAllowed } from './operation.ts'

const oneAccount = z.strictObject({ account: whichAccount })

export const pauseAccount = defineOperation({
  name: 'account.pause',
  who: 'admin',
  summary: 'stop polling an account',
  input: oneAccount,
  work: (deps: Pick<Deps, 'db'>, call) => setEnabled(deps, call, false),
})

export const resumeAccount = defineOperation({
  name: 'account.resume',
  who: 'admin',
  summary: 'poll a paused account again',
  input: oneAccount,
  work: (deps: Pick<Deps, 'db'>, call) => setEnabled(deps, call, true),
})

async function setEnabled(
  { db }: Pick<Deps, 'db'>,
  { input, audit }: Call<{ account: string }>,
  enabled: boolean,
): Promise<{ id: number }> {
  return await inTransaction(db, async trx => {
    const account = await getAccount(trx, input.account)
    await updateEnabled(trx, account.id, enabled)
    await audit(trx, { accountId: account.id })
    return { id: account.id }
  })
}

/**
 * When it is polled: `now`; `later`: at its next slot, since Redis cannot be reached; `resting`: in so many seconds, since its login was refused a
 * moment ago; `unowned`: once a daemon has it.
 */
export type PollRequested = { id: number } & (
  | { when: 'now' | 'later' | 'unowned' }
  | { when: 'resting'; seconds: number }
)

export const pollAccount = defineOperation({
  name: 'account.poll',
  who: 'agent',
  summary: 'poll an account now',
  input: oneAccount,
  async work({ db, config, withRedis }: Pick<Deps, 'db' | 'config' | 'withRedis'>, { input, actor, audit }) {
    const { id, owner, dueInSeconds } = await inTransaction(db, async trx => {
      const account = await getAccount(trx, input.account)
      refuseToPoll(account, actor)
      const due = await makeDue(trx, account.id)
      await audit(trx, { accountId: account.id })
      return { id: account.id, ...due }
    })
    if (owner === null) return { id, when: 'unowned' } satisfies PollRequested
    if (dueInSeconds > 0) return { id, when: 'resting', seconds: dueInSeconds } satisfies PollRequested
    const isAsked = await withRedis(redis => ask(redis, config.redis.prefix, owner, id))
    return { id, when: isAsked ? 'now' : 'later' } satisfies PollRequested
  },
})

function refuseToPoll(account: AccountDetail, actor: Actor): void {
  if (!account.enabled) throw new OperationError('account.paused', { account: account.id })
  if (mayPoll(account, actor)) return
  throw new NotAllowed('the login of this account was refused: only an admin may have it polled until that is mended')
}

/** A server that is asked again and again with a refused password locks the user out: an agent must not bring that about. */
export function mayPoll({ code }: Pick<AccountDetail, 'code'>, actor: Actor): boolean {
  return mayRun(actor, 'admin') || !isRefusedLogin(code)
}

/** False where Redis cannot be reached: the row says that the account is due, and its next slot polls it. */
async function ask(redis: Redis | undefined, prefix: string, owner: string, accountId: number): Promise<boolean> {
  if (redis === undefined) return false
  // Loaded only now: a command that needs no queue starts faster without it.
  const { requestPoll } = await import('../schedule/queue.ts')
  return await requestPoll(redis, prefix, owner, accountId).then(
    () => true,
    () => false,
  )
}

export const removeAccount = defineOperation({
  name: 'account.remove',
  who: 'admin',
  summary: 'remove an account and its password; its tickets and messages stay',
  input: oneAccount,
  async work({ db }: Pick<Deps, 'db'>, { input, audit }) {
    return await inTransaction(db, async trx => {
      const { id, address } = await getAccount(trx, input.account)
      await removeRow(trx, id)
      await audit(trx, { accountId: id })
      return { id, address }
    })
  },
})
