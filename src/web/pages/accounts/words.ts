// PURE. What is said of accounts on pages: states, and why something failed. Hints are written for people at a terminal; here the options
// of commands become the names of fields, and commands that a page can do become what is on it.
import type { AccountState } from '../../../store/accounts/accounts.ts'
import type { Tone } from '../../layout/parts.ts'

export const stateTones: Readonly<Record<AccountState, Tone>> = {
  active: 'good',
  failing: 'bad',
  waiting: 'warn',
  paused: 'plain',
}

/** What a state means. */
export const stateWords: Readonly<Record<AccountState, string>> = {
  active: 'receiving mail',
  failing: 'not receiving mail; it retries automatically',
  waiting: 'not receiving mail until the problem is fixed',
  paused: 'paused by an admin',
}

/** `45 s`, `12 min`, `3 h` or `2 days`. */
export function duration(seconds: number): string {
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`
  return `${Math.floor(seconds / 86_400)} days`
}

/** Fits `account 17: `, which stands before a reason, and the step in brackets behind it. */
const frame: readonly (readonly [RegExp, string])[] = [
  [/^account \d+: /, ''],
  [/^(login refused for account \d+): /, ''],
  [/ \((?:login|[A-Z]{3,9})\)(?=: |$)/, ''],
]

const fields: readonly (readonly [RegExp, string])[] = [
  [/set it again with `letterlock account set \S+ --(?:ask-password|password-stdin)`/g, 'type it again under “Edit”'],
  [/with `letterlock account set \S+ --(?:ask-password|password-stdin)`/g, 'under “Edit”'],
  [/`letterlock account set \S+ --(?:ask-password|password-stdin)`/g, '“Edit”'],
  [/`letterlock account test \S+`/g, '“Test”'],
  [/`letterlock account poll \S+`/g, '“Poll now”'],
  [/`letterlock account resume \S+` first/g, '“Resume” first'],
  [/`letterlock account list` shows all/g, 'the list shows all'],
  [/`letterlock encryption status`/g, 'Server > Encryption'],
  [/change it with “Edit”|change it with `letterlock account set \d+`/g, 'change it there'],
  [
    /run the command on the server as a user who may read (\S+?)(?:, or with `letterlock-admin`)?;/g,
    'put the key file back where it belongs, $1;',
  ],
  [/set --host to/g, 'set the host to'],
  [/--username/g, 'the user name'],
  [/use --security tls or starttls/g, 'choose TLS or STARTTLS'],
  [/use --security tls with its port \(993\)/g, 'choose TLS with its port (993)'],
  [/another --security/g, 'another security'],
  [/a longer --every/g, 'a longer interval'],
  [/with --ca FILE/g, 'under “A server of your own”'],
  [/--after move:MAILBOX/g, 'where mail is moved to'],
  [/--port and --security/g, 'port and security'],
  [/--host and --port/g, 'host and port'],
  [/--host/g, 'the host'],
  [/--port/g, 'the port'],
  [/--security/g, 'the security'],
]

/** A reason or a hint for people at a page. Commands that are left stand between backticks, with the account's id. */
export function pageWords(text: string, accountId?: number): string {
  const bare = frame.reduce((words, [from, to]) => words.replace(from, to), text)
  const said = fields.reduce((words, [from, to]) => words.replace(from, to), bare)
  const named = accountId === undefined ? said : said.replace(/(`letterlock [^`]*)\bID\b/g, `$1${accountId}`)
  return `${named.charAt(0).toUpperCase()}${named.slice(1)}${/[.!?]$/.test(named) ? '' : '.'}`
}
