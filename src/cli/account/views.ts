// `letterlock account list` and `account show`.
import { visible } from '../../foreign-text.ts'
import {
  type AccountDetail,
  type AccountState,
  type AccountView,
  findAccounts,
  getAccount,
} from '../../store/accounts/accounts.ts'
import { type GlobalOptions, withDatabase } from '../connect.ts'
import { paint, print, printJson, printTable, type Style, time } from '../terminal.ts'

const colours: Record<AccountState, Style> = { active: 'green', failing: 'red', waiting: 'yellow', paused: 'dim' }

export async function listAccounts(options: GlobalOptions & { json?: boolean }): Promise<void> {
  await withDatabase(options, async db => {
    const accounts = await findAccounts(db)
    if (options.json) return await printJson(accounts)
    if (accounts.length === 0) return await print('no accounts yet: letterlock account add ADDRESS --host HOST')
    const isAnyProven = accounts.some(({ canary }) => canary !== undefined)
    await printTable(
      [
        'ID',
        'ADDRESS',
        'SERVER',
        'STATE',
        'LAST SUCCESS',
        'BEHIND',
        ...(isAnyProven ? ['LAST PROVEN'] : []),
        'WHAT TO DO',
      ],
      accounts.map(account => [
        String(account.id),
        account.address,
        `${account.host}:${account.port}`,
        account.state,
        time(account.lastSuccessAt),
        account.behindSeconds === 0 ? '-' : duration(account.behindSeconds),
        ...(isAnyProven ? [provenOf(account)] : []),
        account.canary?.isLate
          ? lateCanary
          : account.state === 'active'
            ? ''
            : [account.code, account.hint].filter(Boolean).join(': '),
      ]),
      (cell, column) => (column === 3 ? colours[cell as AccountState] : undefined),
    )
  })
}

const lateCanary = 'its canary did not come: mail may not be received; docs/canary.md says what to look at'

/** When a canary last came. */
function provenOf({ canary }: AccountView): string {
  if (canary === undefined) return '-'
  return `${canary.provenAt === null ? 'never' : time(canary.provenAt)}${canary.isLate ? ' (late)' : ''}`
}

function canaryFacts(account: AccountView): [string, string][] {
  const { canary } = account
  if (canary === undefined) return [['canary', 'off']]
  const took = canary.seconds === null ? '' : `, received after ${canary.seconds} s`
  return [
    ['canary', `every ${duration(canary.everySeconds)}${took}`],
    ['last proven', provenOf(account)],
    ...(canary.isLate ? ([['what to do', lateCanary]] as [string, string][]) : []),
  ]
}

function signInOf({ oauth, hasPassword }: AccountDetail): [string, string][] {
  if (oauth === null) return [['password', hasPassword ? 'stored' : 'none']]
  return [
    [
      'signs in',
      `OAuth 2 at ${oauth.issuer}, client ${oauth.clientId}${oauth.hasClientSecret ? ' with a secret' : ''}`,
    ],
    ['refresh token', oauth.hasRefreshToken ? 'stored' : 'none'],
    ['scope', oauth.scope],
  ]
}

/** `45 s`, `12 min`, `3 h` or `2 days`. */
export function duration(seconds: number): string {
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`
  return `${Math.floor(seconds / 86_400)} days`
}

export async function showAccount(which: string, options: GlobalOptions & { json?: boolean }): Promise<void> {
  await withDatabase(options, async db => {
    const account = await getAccount(db, which)
    if (options.json) return await printJson([account])
    for (const [name, value] of factsOf(account)) await print(`${paint('bold', name.padEnd(14))} ${visible(value)}`)
  })
}

function factsOf(account: AccountDetail): [string, string][] {
  const boxes = account.mailboxes.map(
    box => `${box.name}${box.enabled ? '' : ' (not polled)'} up to UID ${box.lastUid}`,
  )
  const next =
    account.state === 'paused' ? '-' : account.nextAttemptAt === null ? 'at once' : time(account.nextAttemptAt)
  return [
    ['account', `${account.id}`],
    ['address', account.address],
    ['server', `${account.host}:${account.port}, ${account.security}${account.ownCa ? ', own CA' : ''}`],
    ['user name', account.username],
    ...signInOf(account),
    ['mailboxes', boxes.join(', ') || 'INBOX'],
    ['every', `${account.everySeconds} s`],
    ['push', account.push ? 'on' : 'off'],
    ...canaryFacts(account),
    ['start', account.startFrom],
    ['after', account.afterIngest],
    ['trusts', trustOf(account)],
    ['state', account.state],
    ...(account.code === null ? [] : ([['code', account.code]] as [string, string][])),
    ...(account.hint === null ? [] : ([['what to do', account.hint]] as [string, string][])),
    ['failures', String(account.failures)],
    ['last success', time(account.lastSuccessAt)],
    ['last attempt', time(account.lastAttemptAt)],
    ['next attempt', next],
    ['behind', account.behindSeconds === 0 ? '-' : duration(account.behindSeconds)],
  ]
}

/** Mail servers whose word on senders is believed. */
function trustOf({ id, authservIds, proposedServers }: AccountDetail): string {
  if (proposedServers.length > 0) {
    const names = proposedServers.map(name => name || "''")
    return `no mail server about senders yet; to trust ${names.join(', ')}: letterlock account trust ${id} ${names.join(' ')}`
  }
  if (authservIds === null || authservIds.length === 0) return 'no mail server about senders (--authserv-id)'
  return authservIds.map(name => name || "'' (without a name)").join(', ')
}
