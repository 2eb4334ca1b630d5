// `letterlock account pause | resume | poll | remove`.
import { CommandError } from '../../errors/errors.ts'
import { makeDue, removeAccount, updateEnabled } from '../../store/accounts/account-changes.ts'
import { getAccount } from '../../store/accounts/accounts.ts'
import { insertAudit } from '../../store/people/audit.ts'
import { actor } from '../actor.ts'
import { type GlobalOptions, withDatabase, withRedis } from '../connect.ts'
import { confirm, print } from '../terminal.ts'

export async function pauseAccount(which: string, options: GlobalOptions): Promise<void> {
  await switchAccount(which, options, false)
}

export async function resumeAccount(which: string, options: GlobalOptions): Promise<void> {
  await switchAccount(which, options, true)
}

async function switchAccount(which: string, options: GlobalOptions, enabled: boolean): Promise<void> {
  await withDatabase(options, async db => {
    const account = await getAccount(db, which)
    await updateEnabled(db, account.id, enabled)
    const action = enabled ? 'account.resume' : 'account.pause'
    await insertAudit(db, { actor: actor(), action, accountId: account.id })
    await print(`account ${account.id} is ${enabled ? 'polled again' : 'paused'}`)
  })
}

export async function pollNow(which: string, options: GlobalOptions): Promise<void> {
  await withDatabase(options, async (db, config) => {
    const account = await getAccount(db, which)
    if (!account.enabled)
      throw new CommandError(`account ${account.id} is paused`, `\`letterlock account resume ${account.id}\` first`)
    const { owner, dueInSeconds } = await makeDue(db, account.id)
    if (owner === null) return await print(`no daemon has account ${account.id} yet; it is polled once one does`)
    if (dueInSeconds > 0)
      return await print(
        `the login of account ${account.id} was refused a moment ago; it is polled in ${dueInSeconds} s`,
      )
    await withRedis(config, async redis => {
      if (redis === undefined)
        return await print(`Redis cannot be reached; account ${account.id} is polled at its next slot`)
      const { requestPoll } = await import('../../schedule/queue.ts')
      await requestPoll(redis, config.redis.prefix, owner, account.id)
      await print(`account ${account.id} is polled now`)
    })
  })
}

export async function deleteAccount(which: string, options: GlobalOptions & { yes?: boolean }): Promise<void> {
  await withDatabase(options, async db => {
    const account = await getAccount(db, which)
    await confirm(`Remove account ${account.id} (${account.address}) and its password? Its tickets stay.`, options)
    await removeAccount(db, account.id)
    await insertAudit(db, { actor: actor(), action: 'account.remove', accountId: account.id })
    await print(`account ${account.id} removed; its tickets and mails stay`)
  })
}
