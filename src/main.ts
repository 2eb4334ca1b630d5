#!/usr/bin/env node
// The process: arguments → the daemon or one command of cli/. Commands load what they need when they run, so that --help is quick.
import { Argument, Command, CommanderError, type OptionValues } from 'commander'
import { reportError } from './cli/terminal.ts'
import { version } from './version.ts'

const program = new Command('letterlock')
  .description('Brings a helpdesk’s ticket mail in over IMAP and keeps the keys to its mailboxes locked.')
  .version(version)
  .option('--config FILE', 'the configuration file (default: $LETTERLOCK_CONFIG, /etc/letterlock/letterlock.toml)')
  .showSuggestionAfterError()
  .showHelpAfterError('(letterlock --help shows what there is)')
  .exitOverride()
  .addHelpText(
    'after',
    `
Examples:
  letterlock run                          the daemon, as systemd starts it
  letterlock migrate                      brings the database's schema up to date
  letterlock account add support@example.com --host imap.example.com
  letterlock ticket list
  letterlock doctor                       looks at everything and says what to do`,
  )

/** Options of the command and of the program. */
function given(command: Command): OptionValues {
  return command.optsWithGlobals()
}

/** The same for lists, which have a length. */
function withLimit(command: Command): OptionValues & { limit: string } {
  return { limit: '100', ...given(command) }
}

program
  .command('run')
  .description('runs the daemon until SIGTERM or Ctrl-C')
  .option('--demo', 'also starts a private mail server with three sample mailboxes')
  .action(async (options: { demo?: boolean }, command: Command) => {
    const { loadConfig } = await import('./cli/connect.ts')
    const config = loadConfig(given(command))
    const { runDaemon } = await import('./daemon.ts')
    await runDaemon(config, { demo: options.demo === true })
  })

program
  .command('migrate')
  .description('brings the schema up to date')
  .option('--status', 'only shows what is applied')
  .action(async (_, command: Command) => {
    const { migrateSchema } = await import('./cli/migrate.ts')
    await migrateSchema(given(command))
  })

const account = program.command('account').description('mailboxes that tickets come from')
const accounts = () => import('./cli/accounts.ts')

function addSettings(command: Command): Command {
  return command
    .option('--host HOST', 'the IMAP server')
    .option('--port N', 'default: 993 with tls, else 143')
    .option('--security KIND', 'tls, starttls or cleartext (default: tls)')
    .option('--username NAME', 'default: the address')
    .option('--mailbox NAME', 'what to read; may be given several times (default: INBOX)', collect)
    .option('--every TIME', 'from poll to poll, as 60s or 5m (default: 60s)')
    .option(
      '--after WHAT',
      'what happens to a mail on the server once it is ours: keep, seen, move:MAILBOX or delete (default: keep)',
    )
    .option('--ca FILE', 'CA certificates of a server of your own (PEM)')
    .option('--oauth PROVIDER', 'not available yet')
    .option('--password-stdin', 'reads the password from standard input')
    .option('--password-file FILE', 'reads the password from the first line of a file')
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value]
}

addSettings(account.command('add').argument('<address>', 'the address that customers write to'))
  .description('adds an account; asks for its password')
  .option('--start WHAT', 'what of the mail already there becomes tickets: all, new or a day as 2026-11-24')
  .addHelpText(
    'after',
    `
Examples:
  letterlock account add support@example.com --host imap.example.com
  letterlock account add sales@example.com --host mail.example.com --security starttls --start new --after move:Done
  printf %s "$PASSWORD" | letterlock account add a@example.com --host imap.example.com --password-stdin`,
  )
  .action(async (address: string, _, command: Command) => (await accounts()).addAccount(address, given(command)))

account
  .command('list')
  .description('all accounts with their state')
  .option('--json', 'one object a line')
  .action(async (_, command: Command) => (await accounts()).listAccounts(given(command)))

account
  .command('show')
  .argument('<account>', 'id or address')
  .description('everything about one account, but for its password')
  .option('--json', 'as an object')
  .action(async (which: string, _, command: Command) => (await accounts()).showAccount(which, given(command)))

account
  .command('test')
  .argument('<account>', 'id or address')
  .description('connects, logs in and counts')
  .action(async (which: string, _, command: Command) => (await accounts()).testAccount(which, given(command)))

addSettings(account.command('set').argument('<account>', 'id or address'))
  .description('changes an account; a new server or user name needs the password again')
  .addHelpText(
    'after',
    `
Examples:
  letterlock account set 3 --every 5m
  printf %s "$PASSWORD" | letterlock account set 3 --password-stdin`,
  )
  .action(async (which: string, _, command: Command) => (await accounts()).setAccount(which, given(command)))

account
  .command('pause')
  .argument('<account>', 'id or address')
  .description('stops polling it')
  .action(async (which: string, _, command: Command) => (await accounts()).pauseAccount(which, given(command)))

account
  .command('resume')
  .argument('<account>', 'id or address')
  .description('polls it again')
  .action(async (which: string, _, command: Command) => (await accounts()).resumeAccount(which, given(command)))

account
  .command('poll')
  .argument('<account>', 'id or address')
  .description('polls it now')
  .action(async (which: string, _, command: Command) => (await accounts()).pollNow(which, given(command)))

account
  .command('remove')
  .argument('<account>', 'id or address')
  .description('removes it and its password; its tickets stay')
  .option('--yes', 'does not ask')
  .action(async (which: string, _, command: Command) => (await accounts()).deleteAccount(which, given(command)))

account
  .command('import')
  .argument('<file>', 'CSV with a header line')
  .description('adds many accounts, all or none')
  .addHelpText(
    'after',
    `
Columns: address, password, host (these must be there), port, security, username, mailboxes (separated by |), every, start,
after, ca. Protect the file: it holds passwords; delete it afterwards.

Example:
  address,host,password
  support@example.com,imap.example.com,"a password, with a comma"`,
  )
  .action(async (file: string, _, command: Command) => (await accounts()).importAccounts(file, given(command)))

const ticket = program.command('ticket').description('reading tickets without a browser')

ticket
  .command('list')
  .description('the newest tickets')
  .option('--json', 'one object a line')
  .option('--account ADDRESS', 'of one account')
  .option('--status STATUS', 'open or closed')
  .option('--limit N', 'how many', '100')
  .action(async (_, command: Command) => (await import('./cli/tickets.ts')).listTickets(withLimit(command)))

ticket
  .command('show')
  .argument('<ticket>', 'id or LL-…')
  .description('one ticket with its messages')
  .option('--json', 'as an object')
  .option('--raw', 'writes an original mail, byte for byte')
  .option('--message N', 'which message --raw writes (default: the first)')
  .option('--attachment N', 'writes the attachment with this number, byte for byte')
  .addHelpText(
    'after',
    `
Examples:
  letterlock ticket show LL-7K3F-Q2MD
  letterlock ticket show 12 --attachment 1 > invoice.pdf
  letterlock ticket show 12 --raw --message 2 > reply.eml`,
  )
  .action(async (which: string, _, command: Command) =>
    (await import('./cli/tickets.ts')).showTicket(which, given(command)),
  )

const source = program.command('source').description('every mail ever taken in, and its end')
const sources = () => import('./cli/sources.ts')

function addFilter(command: Command): Command {
  return command
    .option('--account ADDRESS', 'of one account')
    .option('--since TIME', 'received at or after')
    .option('--until TIME', 'received before')
}

addFilter(source.command('list'))
  .description('the newest mails')
  .option('--json', 'one object a line')
  .option('--result RESULT', 'created, appended, ignored, duplicate or quarantined')
  .option('--limit N', 'how many', '100')
  .action(async (_, command: Command) => (await sources()).listSources(withLimit(command)))

source
  .command('show')
  .argument('<id>')
  .description('one mail: where it came from, how it ended, where it is kept')
  .option('--json', 'as an object')
  .action(async (id: string, _, command: Command) => (await sources()).showSource(id, given(command)))

addFilter(source.command('export').argument('<dir>'))
  .description('writes each original as DIR/<sha256>.eml')
  .action(async (directory: string, _, command: Command) => (await sources()).exportSources(directory, given(command)))

source
  .command('recover')
  .description('takes in mails that are kept but have no row, after a crash or a restored database')
  .action(async (_, command: Command) => (await sources()).recoverMails(given(command)))

const quarantine = program.command('quarantine').description('mails that could not become a ticket')

addFilter(quarantine.command('list'))
  .description('the newest of them')
  .option('--json', 'one object a line')
  .option('--limit N', 'how many', '100')
  .action(async (_, command: Command) =>
    (await sources()).listSources({ ...withLimit(command), result: 'quarantined' }),
  )

quarantine
  .command('show')
  .argument('<id>')
  .description('one of them')
  .option('--json', 'as an object')
  .action(async (id: string, _, command: Command) => (await sources()).showSource(id, given(command), 'quarantined'))

quarantine
  .command('retry')
  .argument('<id>')
  .description('tries again to make a ticket of it')
  .action(async (id: string, _, command: Command) => (await sources()).retryMail(id, given(command)))

quarantine
  .command('export')
  .argument('<id>')
  .description('writes what is kept of it to standard output')
  .action(async (id: string, _, command: Command) => (await sources()).exportQuarantined(id, given(command)))

program
  .command('parse')
  .argument('<file...>', 'raw mails')
  .description('what the parser makes of raw mails; needs no database')
  .option('--json', 'one object a line')
  .action(async (files: string[], options: { json?: boolean }) => {
    const { parseFiles } = await import('./cli/parse.ts')
    process.exitCode = await parseFiles(files, { json: options.json === true }, process.stdout)
  })

program
  .command('doctor')
  .description('looks at everything that the daemon needs, and says what to do')
  .option('--json', 'one object a line')
  .action(async (_, command: Command) => {
    const { runDoctor } = await import('./cli/doctor.ts')
    process.exitCode = await runDoctor(given(command))
  })

program
  .command('completion')
  .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
  .description('prints a script for the shell: letterlock completion bash > /etc/bash_completion.d/letterlock')
  .action(async (shell: string) => {
    const { completionScript } = await import('./cli/completion.ts')
    process.stdout.write(completionScript(program, shell))
  })

// A reader that has seen enough (| head) is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = error instanceof CommanderError ? (error.exitCode === 0 ? 0 : 2) : reportError(error)
}
