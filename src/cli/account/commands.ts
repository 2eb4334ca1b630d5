// `letterlock account …`: options and help.
import type { Command } from 'commander'
import { meanings } from '../../operations/account-meanings.ts'
import { commandContext } from '../command-context.ts'
import { examples } from '../terminal.ts'

const load = () => import('./add-and-set.ts')
const loadImport = () => import('./import.ts')
const loadSwitches = () => import('./switches.ts')
const loadTrace = () => import('./trace.ts')
const loadViews = () => import('./views.ts')

export function addAccountCommands(account: Command): void {
  addAdd(account)
  addDiscover(account)
  addViews(account)
  addCoverage(account)
  addBackfill(account)
  addTrust(account)
  addSet(account)
  addSwitches(account)
  addRemove(account)
  addImport(account)
}

function addSettings(command: Command): Command {
  return command
    .option('--host <host>', meanings.host)
    .option('--port <n>', meanings.port)
    .option('--security <kind>', meanings.security)
    .option('--username <name>', meanings.username)
    .option('--mailbox <name>', meanings.mailboxes, collect)
    .option('--every <time>', meanings.every)
    .option('--push <on|off>', meanings.push)
    .option('--canary <time>', meanings.canary)
    .option('--after <what>', meanings.after)
    .option('--ca <file>', meanings.ca)
    .option('--authserv-id <name>', meanings.authservIds, collect)
    .option(
      '--oauth <provider>',
      'sign in with OAuth 2 instead of a password: google, microsoft or the URL of an issuer',
    )
    .option('--client-id <id>', 'with --oauth: the id of the client that you registered at the provider')
    .option('--client-secret-file <file>', 'with --oauth: the file with the secret of the client, if it has one')
    .option(
      '--client-auth <how>',
      'with --oauth: how to send the secret, post or basic (default: as the provider says)',
    )
    .option('--scope <scope>', 'with --oauth: the scope to ask for (default: known for google and microsoft)')
    .option('--redirect-uri <url>', 'with --oauth: the redirect URL of the client (default: http://localhost/)')
    .option(
      '--refresh-token-stdin',
      'with --oauth: read a refresh token from standard input instead of asking a person to sign in',
    )
    .option('--password-stdin', 'read the password from standard input')
    .option('--password-file <file>', 'read the password from the first line of a file')
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value]
}

function addAdd(account: Command): void {
  addSettings(account.command('add').argument('<address>', meanings.address))
    .description('add an account; asks for its password')
    .option('--start <what>', meanings.start)
    .option('--yes', 'without --host: send the password to the server that is found without asking')
    .addHelpText(
      'after',
      `${examples(
        'letterlock account add support@example.com    finds the server, shows it and asks',
        'letterlock account add support@example.com --host imap.example.com',
        'letterlock account add sales@example.com --host mail.example.com --security starttls --start new --after move:Done',
        'letterlock account add support@example.com --oauth microsoft --client-id 2f6c…    (docs/oauth.md)',
        'printf %s "$PASSWORD" | letterlock account add a@example.com --host imap.example.com --password-stdin',
      )}\n
Without --host, the mail server is found by the address (\`letterlock account discover\`). A terminal shows it and asks before the password is sent
there; a script passes --yes. The account is saved once the server lets it in.
An address that you removed before comes back as it was: reading continues where it stopped.`,
    )
    .action(async (address: string, _, command: Command) =>
      (await load()).addAccount(address, command.optsWithGlobals()),
    )
}

function addDiscover(account: Command): void {
  account
    .command('discover')
    .argument('<address>', meanings.address)
    .description('find the mail server of an address, by DNS and autoconfig; no password is sent')
    .option('--json', 'one object a server, the best one first')
    .addHelpText(
      'after',
      examples(
        'letterlock account discover support@example.com',
        'letterlock account discover support@example.com --json | head -1 | jq -r .host',
      ),
    )
    .action(async (address: string, _, command: Command) => {
      const { printDiscovery } = await import('./discover.ts')
      await printDiscovery(address, command.optsWithGlobals())
    })
}

function addViews(account: Command): void {
  account
    .command('list')
    .description('list all accounts with their state')
    .option('--json', 'print one JSON object a line')
    .addHelpText(
      'after',
      examples(
        'letterlock account list',
        'letterlock account list --json | jq -r \'select(.state != "active") | .address\'',
      ),
    )
    .action(async (_, command: Command) => (await loadViews()).listAccounts(command.optsWithGlobals()))
  account
    .command('show')
    .argument('<account>', meanings.account)
    .description('show everything about one account except its password')
    .option('--json', 'print a JSON object')
    .addHelpText('after', examples('letterlock account show support@example.com'))
    .action(async (which: string, _, command: Command) =>
      (await loadViews()).showAccount(which, command.optsWithGlobals()),
    )
  account
    .command('test')
    .argument('<account>', meanings.account)
    .description('connect, log in and count the messages')
    .addHelpText('after', examples('letterlock account test support@example.com'))
    .action(async (which: string, _, command: Command) => (await load()).testAccount(which, command.optsWithGlobals()))
  account
    .command('trace')
    .argument('<account>', 'id or address')
    .description('log in as a poll does and show commands and answers, without passwords, tokens or mail text')
    .option('--json', 'print one JSON object a line')
    .addHelpText('after', examples('letterlock account trace support@example.com', 'letterlock account trace 3 --json'))
    .action(async (which: string, _, command: Command) =>
      (await loadTrace()).printTrace(which, command.optsWithGlobals()),
    )
}

function addCoverage(account: Command): void {
  account
    .command('coverage')
    .argument('[account]', 'id or address (default: all accounts that are polled)')
    .description('compare the server with what was received, and fetch what is missing')
    .option('--json', 'print one JSON object a mailbox')
    .addHelpText(
      'after',
      examples('letterlock account coverage', 'letterlock account coverage support@example.com --json | jq .uncovered'),
    )
    .action(async (which: string | undefined, _, command: Command) => {
      const { printCoverage } = await import('./coverage.ts')
      commandContext().exitCode = await printCoverage(which, command.optsWithGlobals())
    })
}

function addBackfill(account: Command): void {
  account
    .command('backfill')
    .argument('<account>', meanings.account)
    .description('fetch older mail that was there before the account started')
    .requiredOption('--since <date>', 'fetch mail received on or after this day (UTC), for example 2026-01-31')
    .option('--json', 'print a JSON object')
    .addHelpText('after', examples('letterlock account backfill support@example.com --since 2026-01-01'))
    .action(async (which: string, _, command: Command) => {
      const { backfill } = await import('./coverage.ts')
      await backfill(which, command.optsWithGlobals())
    })
}

function addSet(account: Command): void {
  addSettings(account.command('set').argument('<account>', meanings.account))
    .description('change an account; a new server or user name needs the password again')
    .option('--no-ca', 'use the system’s CA certificates again')
    .option('--no-authserv-id', 'trust no mail server about senders')
    .option('--ask-password', 'ask for a new password, and say where it will be sent')
    .option('--yes', 'accept a destination that was changed in the database, without asking')
    .addHelpText(
      'after',
      examples(
        'letterlock account set 3 --every 5m',
        'letterlock account set 3 --canary 10m',
        'letterlock account set 3 --ask-password',
        'letterlock account set 3 --oauth google    sign in again',
        'letterlock account set 3 --host imap2.example.com --password-file /run/secrets/imap',
      ),
    )
    .action(async (which: string, _, command: Command) => (await load()).setAccount(which, command.optsWithGlobals()))
}

function addTrust(account: Command): void {
  account
    .command('trust')
    .argument('<account>', meanings.account)
    .argument('<name...>', "a mail server that `account show` proposes; '' for one without a name")
    .description('trust mail servers that `account show` proposes to say who a sender is')
    .addHelpText('after', examples('letterlock account trust support@example.com mx.example.com'))
    .action(async (which: string, names: string[], _, command: Command) =>
      (await loadSwitches()).trustServers(which, names, command.optsWithGlobals()),
    )
}

function addSwitches(account: Command): void {
  account
    .command('pause')
    .argument('<account>', meanings.account)
    .description('stop polling an account')
    .addHelpText('after', examples('letterlock account pause support@example.com'))
    .action(async (which: string, _, command: Command) =>
      (await loadSwitches()).pauseAccount(which, command.optsWithGlobals()),
    )
  account
    .command('resume')
    .argument('<account>', meanings.account)
    .description('poll a paused account again')
    .addHelpText('after', examples('letterlock account resume support@example.com'))
    .action(async (which: string, _, command: Command) =>
      (await loadSwitches()).resumeAccount(which, command.optsWithGlobals()),
    )
  account
    .command('poll')
    .argument('<account>', meanings.account)
    .description('poll an account now')
    .addHelpText('after', examples('letterlock account poll support@example.com'))
    .action(async (which: string, _, command: Command) =>
      (await loadSwitches()).pollNow(which, command.optsWithGlobals()),
    )
}

function addRemove(account: Command): void {
  account
    .command('remove')
    .argument('<account>', meanings.account)
    .description('remove an account and its password; its tickets and messages stay')
    .option('--yes', 'do not ask')
    .addHelpText('after', examples('letterlock account remove 3', 'letterlock account remove 3 --yes'))
    .action(async (which: string, _, command: Command) =>
      (await loadSwitches()).deleteAccount(which, command.optsWithGlobals()),
    )
}

function addImport(account: Command): void {
  account
    .command('import')
    .argument('<file>', 'CSV with a header line')
    .description('add many accounts, all or none')
    .addHelpText(
      'after',
      `
Columns, in any order:
  address        the address that customers write to
  host           the IMAP server
  password       taken as it stands; or
  password_file  a file whose first line is the password (relative to the CSV file's folder)
  port, security, username, every, start, after, ca    as the options of \`account add\`
  mailboxes      separated by |
What is left out or blank has its default. The file holds passwords: protect it, and remove it afterwards.
${examples(
  'letterlock account import accounts.csv',
  '',
  'address,host,mailboxes,password',
  'support@example.com,imap.example.com,INBOX|Spam,"a password, with a comma"',
)}`,
    )
    .action(async (file: string, _, command: Command) =>
      (await loadImport()).importAccounts(file, command.optsWithGlobals()),
    )
}
