// `letterlock account pause | resume | trust | poll | remove`.
import {
  type PollRequested,
  pauseAccount as pause,
  pollAccount as poll,
  removeAccount as remove,
  resumeAccount as resume,
} from '../../operations/manage-accounts.ts'
import { trustServers as trust } from '../../operations/trust-servers.ts'
import { getAccount } from '../../store/accounts/accounts.ts'
import { commandActor } from '../actor.ts'
import { type GlobalOptions, withDeps } from '../connect.ts'
import { confirm, print } from '../terminal.ts'

export async function pauseAccount(account: string, options: GlobalOptions): Promise<void> {
  const { id } = await withDeps(options, deps => pause.run(deps, commandActor(), { account }))
  await print(`account ${id} is paused`)
}

export async function resumeAccount(account: string, options: GlobalOptions): Promise<void> {
  const { id } = await withDeps(options, deps => resume.run(deps, commandActor(), { account }))
  await print(`account ${id} is polled again`)
}

export async function trustServers(account: string, servers: string[], options: GlobalOptions): Promise<void> {
  const { id } = await withDeps(options, deps => trust.run(deps, commandActor(), { account, servers }))
  const names = servers.map(name => name || "'' (without a name)").join(', ')
  await print(`account ${id} believes ${names} about senders`)
}

export async function pollNow(account: string, options: GlobalOptions): Promise<void> {
  await print(inWords(await withDeps(options, deps => poll.run(deps, commandActor(), { account }))))
}

function inWords(asked: PollRequested): string {
  const { id } = asked
  switch (asked.when) {
    case 'now':
      return `account ${id} is polled now`
    case 'later':
      return `Redis cannot be reached; account ${id} is polled at its next slot`
    case 'resting':
      return `the login of account ${id} was refused a moment ago; it is polled in ${asked.seconds} s`
    case 'unowned':
      return `no daemon has account ${id} yet; it is polled once one does`
  }
}

export async function deleteAccount(which: string, options: GlobalOptions & { yes?: boolean }): Promise<void> {
  await withDeps(options, async deps => {
    const { id, address } = await getAccount(deps.db, which)
    await confirm(`Remove account ${id} (${address}) and its password? Its tickets stay.`, options)
    await remove.run(deps, commandActor(), { account: id })
    await print(`account ${id} removed; its tickets and mails stay`)
  })
}
