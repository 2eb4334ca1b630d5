// The commands, their options and their help. Each loads its module only when it runs.
import { Argument, Command, Option } from 'commander'
import { CommandError } from '../errors/errors.ts'
import { version } from '../version.ts'
import { addAccountCommands } from './account/commands.ts'
import { addBackupCommands } from './backup/commands.ts'
import { commandContext } from './command-context.ts'
import { addEncryptionCommands } from './encryption/commands.ts'
import { addRuleCommands } from './rule/commands.ts'
import { addQuarantineCommands, addSourceCommands } from './source/commands.ts'
import { examples } from './terminal.ts'
import { addTicketCommands } from './ticket/commands.ts'
import { addUserCommands } from './user/commands.ts'

export function createProgram(): Command {
  const program = new Command('letterlock')
    .description('Brings a helpdesk’s ticket mail in over IMAP and keeps the keys to its mailboxes locked.')
    .version(version)
    .option('--config <file>', 'the configuration file (default: $LETTERLOCK_CONFIG, /etc/letterlock/letterlock.toml)')
    .showSuggestionAfterError()
    .showHelpAfterError('hint: --help shows what there is')
    .configureOutput({
      writeOut: text => void commandContext().stdout.write(text),
      writeErr: text => void commandContext().stderr.write(text),
      outputError: (text, write) => write(withoutArguments(text)),
    })
    .exitOverride()
    .addHelpText(
      'after',
      `
Examples:
  letterlock setup                        from the installed package to a running service
  letterlock run                          run the daemon, as systemd does
  letterlock check                        check the configuration
  letterlock migrate                      bring the database schema up to date
  letterlock account add support@example.com --host imap.example.com
  letterlock ticket list
  letterlock encryption status            see whether passwords are sealed, and what to do
  letterlock backup /backup               back up database and raw mail; back up the key separately
  letterlock doctor                       check everything and say what to do

Exit codes: 0 success; 1 the request failed; 2 wrong usage, configuration or schema; 75 database or Redis not reachable.`,
    )
  addService(program)
  addAccountCommands(program.command('account').description('manage the mailboxes that tickets come from'))
  addEncryptionCommands(program.command('encryption').description('manage keys and sealed passwords'))
  addTicketCommands(program.command('ticket').description('read tickets without a browser'))
  addSourceCommands(program.command('source').description('list, export and recover received messages'))
  addQuarantineCommands(
    program.command('quarantine').description('read and retry messages that could not become a ticket'),
  )
  addRuleCommands(
    program.command('rule').description('manage rules that drop, hold or tag mail before it becomes a ticket'),
  )
  addUserCommands(program.command('user').description('manage the people who sign in to the web interface'))
  addBackupCommands(program)
  addTools(program)
  return program
}

/** What was typed by mistake may be a password: it is not repeated. */
function withoutArguments(text: string): string {
  return text
    .replace(/(too many arguments.* but got \d+).*/s, '$1\n')
    .replace(/(unknown option '[^'=]*)=[^\n]*'/, "$1'")
}

function addService(program: Command): void {
  program
    .command('run')
    .description('run the daemon until SIGTERM or Ctrl-C')
    .option('--demo', 'also start a private mail server with three sample mailboxes')
    .addHelpText('after', examples('letterlock run', 'letterlock run --config /etc/letterlock/letterlock.toml'))
    .action(async (options: { demo?: boolean }, command: Command) => {
      const { loadConfig } = await import('./connect.ts')
      const reread = () => loadConfig(command.optsWithGlobals())
      const { runDaemon } = await import('../daemon.ts')
      await runDaemon(reread(), { demo: options.demo === true, reread })
    })
  program
    .command('check')
    .description('check the configuration, or with --monitoring the state of the running daemon')
    .option('--json', 'print the result as one JSON object')
    .option(
      '--monitoring',
      'act as a Nagios or Icinga plugin: one line; exit code 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN',
    )
    .option('--url <url>', 'with --monitoring: the address of the daemon (default: web.listen)')
    .option('--textfile <file>', 'with --monitoring: also write the metrics to this file, for node_exporter')
    .addHelpText(
      'after',
      examples(
        'letterlock check',
        'letterlock check --config new.toml',
        'letterlock check --monitoring',
        'letterlock check --monitoring --textfile /var/lib/prometheus/node-exporter/letterlock.prom',
      ),
    )
    .action(async (options: { monitoring?: boolean; url?: string; textfile?: string }, command: Command) => {
      if (options.monitoring === true) {
        const { runPlugin } = await import('./monitoring/plugin.ts')
        commandContext().exitCode = await runPlugin(command.optsWithGlobals())
        return
      }
      if (options.url !== undefined || options.textfile !== undefined)
        throw new CommandError('--url and --textfile belong to --monitoring', 'letterlock check --monitoring …', 2)
      const { checkConfiguration } = await import('./check.ts')
      await checkConfiguration(command.optsWithGlobals())
    })
  program
    .command('setup')
    .description('create the database, write the settings, check everything and start the service')
    .option(
      '--database <url>',
      'for example mysql://letterlock@db.example.com/letterlock (default: the server on this host)',
    )
    .option(
      '--database-password-file <file>',
      'the password of an existing database user (default: create user and password)',
    )
    .option('--existing-database', 'use a database and user that exist already; only ask for the password')
    .option(
      '--admin <url>',
      'the administrator that creates the database and its user (default: root over the local socket)',
    )
    .option('--admin-password-file <file>', 'the password of the administrator (default: ask for it)')
    .option('--redis <url>', 'Redis or Valkey (default: redis://127.0.0.1:6379/0)')
    .option('--redis-password-file <file>', 'the password of Redis')
    .option('--no-service', 'do not enable and start the service')
    .addHelpText(
      'after',
      `
On a terminal it asks for what you do not give. You can run it again: it keeps what is there already.
${examples(
  'letterlock setup',
  'letterlock setup --database mysql://letterlock@db.example.com/letterlock --admin mysql://root@db.example.com/ \\',
  '  --admin-password-file /root/db-password --redis rediss://redis.example.com:6379/0',
)}`,
    )
    .action(async (_, command: Command) => {
      const { setUp } = await import('./setup/setup.ts')
      commandContext().exitCode = await setUp(command.optsWithGlobals())
    })
  program
    .command('migrate')
    .description('bring the database schema up to date')
    .option('--status', 'only show which migrations are applied')
    .option('--json', 'print one JSON object a line')
    .option(
      '--fits <version>',
      'only check whether a program that needs this schema version can work (exit code 2 if not)',
    )
    .addHelpText('after', examples('letterlock migrate', 'letterlock migrate --status', 'letterlock migrate --fits 9'))
    .action(async (_, command: Command) => {
      const { migrateSchema } = await import('./migrate.ts')
      await migrateSchema(command.optsWithGlobals())
    })
}

function addTools(program: Command): void {
  program
    .command('parse')
    .argument('<file...>', 'raw mails')
    .description('parse raw mails and print the result; needs no database')
    .option('--json', 'print one JSON object a line, in the order given')
    .option(
      '--authserv-id <name>',
      "a mail server whose Authentication-Results you trust; repeatable; '' for a field without a name, * for any",
      (name: string, before: string[] = []) => [...before, name],
    )
    .addHelpText(
      'after',
      examples(
        'letterlock parse mail.eml',
        'letterlock parse --json *.eml | jq .subject',
        'letterlock parse --json --authserv-id mx.google.com mail.eml | jq .authentication',
      ),
    )
    .action(async (files: string[], options: { json?: boolean; authservId?: string[] }) => {
      const { parseFiles } = await import('./parse.ts')
      const context = commandContext()
      context.exitCode = await parseFiles(
        files,
        { json: options.json === true, ...(options.authservId && { authservIds: options.authservId }) },
        context.stdout,
      )
    })
  program
    .command('doctor')
    .description('check everything that the daemon needs, and say what to do')
    .option('--json', 'print one JSON object a line')
    .option('--strict', 'exit with 1 for notes, too')
    .option('--all', 'compare all raw mail with its rows, not only for half a minute')
    .addHelpText('after', examples('letterlock doctor', 'letterlock doctor --json | jq \'select(.level == "fault")\''))
    .action(async (_, command: Command) => {
      const { runDoctor } = await import('./doctor/doctor.ts')
      commandContext().exitCode = await runDoctor(command.optsWithGlobals())
    })
  program
    .command('support-bundle')
    .argument('[file]', 'the file to write (default: letterlock-support-DAY.json)')
    .description(
      'collect what somebody who helps you needs, without secrets, names or mail text; shows it before writing',
    )
    .option('--yes', 'write it without showing it and without asking')
    .addHelpText('after', examples('letterlock support-bundle', 'letterlock support-bundle bundle.json --yes'))
    .action(async (file: string | undefined, _, command: Command) => {
      const { writeBundle } = await import('./support/bundle.ts')
      await writeBundle(file, command.optsWithGlobals())
    })
  program
    .command('completion')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .description('print a script that completes commands, options, accounts and tickets')
    .addOption(
      new Option('--words <list>', 'print the words of this list, as the script asks for them').choices([
        'accounts',
        'tickets',
      ]),
    )
    .addHelpText(
      'after',
      examples(
        'letterlock completion bash > /etc/bash_completion.d/letterlock',
        'source <(letterlock completion zsh)    in ~/.zshrc',
        'letterlock completion fish > ~/.config/fish/completions/letterlock.fish',
      ),
    )
    .action(async (shell: 'bash' | 'zsh' | 'fish', { words }: { words?: 'accounts' | 'tickets' }, command: Command) => {
      const { completionScript, printWords } = await import('./completion.ts')
      if (words !== undefined) return await printWords(words, command.optsWithGlobals())
      commandContext().stdout.write(completionScript(program, shell))
    })
}
