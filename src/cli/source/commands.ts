// `letterlock source …` and `letterlock quarantine …`: options and help.
import type { Command } from 'commander'
import { commandContext } from '../command-context.ts'
import { examples } from '../terminal.ts'

const load = () => import('./source.ts')

function addFilter(command: Command): Command {
  return command
    .option('--account <address>', 'only of this account')
    .option('--since <time>', 'received at or after this time, for example 2026-11-24 or 2026-11-24T10:00:00Z')
    .option('--until <time>', 'received before this time')
}

export function addSourceCommands(source: Command): void {
  addFilter(source.command('list'))
    .description('list the newest messages')
    .option('--json', 'print one JSON object a line')
    .option('--result <result>', 'created, appended, ignored, duplicate or quarantined')
    .option('--limit <n>', 'the maximum number to list', '100')
    .addHelpText(
      'after',
      examples('letterlock source list --result ignored', 'letterlock source list --account a@example.com --json'),
    )
    .action(async (_, command: Command) => (await load()).listSources(command.optsWithGlobals()))
  source
    .command('show')
    .argument('<id>')
    .description('show one message: where it came from, its outcome, where it is stored')
    .option('--json', 'print a JSON object')
    .addHelpText('after', examples('letterlock source show 4711'))
    .action(async (id: string, _, command: Command) => (await load()).showSource(id, command.optsWithGlobals()))
  addFilter(source.command('export').argument('<dir>', 'the directory to write to; it is created if needed'))
    .description('write each original as DIR/<sha256>.eml')
    .addHelpText(
      'after',
      examples(
        'letterlock source export /backup/mail',
        'letterlock source export out --account a@example.com --since 2026-11-01 --until 2026-12-01',
      ),
    )
    .action(async (directory: string, _, command: Command) => {
      const { exportSources } = await import('./export.ts')
      commandContext().exitCode = await exportSources(directory, command.optsWithGlobals())
    })
  source
    .command('recover')
    .description('ingest stored messages that have no row, after a crash or a restored database')
    .addHelpText('after', examples('letterlock source recover'))
    .action(async (_, command: Command) => (await load()).recoverMails(command.optsWithGlobals()))
  source
    .command('prune')
    .description('remove raw batches whose messages are all stored elsewhere; the daemon does this every night')
    .addHelpText('after', examples('letterlock source prune'))
    .action(async (_, command: Command) => (await load()).pruneRaw(command.optsWithGlobals()))
}

export function addQuarantineCommands(quarantine: Command): void {
  addFilter(quarantine.command('list'))
    .description('list the newest messages in quarantine')
    .option('--json', 'print one JSON object a line')
    .option('--limit <n>', 'the maximum number to list', '100')
    .addHelpText('after', examples('letterlock quarantine list', 'letterlock quarantine list --json | jq .reason'))
    .action(async (_, command: Command) => (await load()).listQuarantined(command.optsWithGlobals()))
  quarantine
    .command('show')
    .argument('<id>')
    .description('show one message in quarantine')
    .option('--json', 'print a JSON object')
    .addHelpText('after', examples('letterlock quarantine show 4711'))
    .action(async (id: string, _, command: Command) => (await load()).showOneQuarantined(id, command.optsWithGlobals()))
  quarantine
    .command('retry')
    .argument('[ids...]')
    .description('try again to make tickets of messages')
    .option('--all', 'all messages in quarantine')
    .option('--reason <reason>', 'all messages with this reason, for example too_large')
    .addHelpText(
      'after',
      examples('letterlock quarantine retry 4711 4712', 'letterlock quarantine retry --reason too_large'),
    )
    .action(async (ids: string[], _, command: Command) => {
      commandContext().exitCode = await (await load()).retryMails(ids, command.optsWithGlobals())
    })
  quarantine
    .command('export')
    .argument('<id>')
    .description('write the stored bytes of a message to standard output')
    .addHelpText('after', examples('letterlock quarantine export 4711 > odd.eml'))
    .action(async (id: string, _, command: Command) => (await load()).exportQuarantined(id, command.optsWithGlobals()))
}
