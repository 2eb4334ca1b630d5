// `letterlock backup` and `letterlock restore`: options and help.
import type { Command } from 'commander'
import { commandContext } from '../command-context.ts'
import { examples } from '../terminal.ts'

export function addBackupCommands(program: Command): void {
  program
    .command('backup')
    .argument('<dir>', 'the directory that holds the backups')
    .description('back up the database and new raw mail while the daemon runs; never the key')
    .option('--verify', 'check a backup instead of making one: all hashes, the whole dump, and every mail in it')
    .option('--backup <id>', 'with --verify: the backup to check (default: the newest)')
    .option('--json', 'print a JSON object')
    .addHelpText(
      'after',
      `
The key is not part of it: copy the key file to another place, and prove the copy with \`letterlock encryption backup --verify FILE\`.
${examples('letterlock backup /var/backups/letterlock', 'letterlock backup --verify /var/backups/letterlock')}`,
    )
    .action(async (directory: string, _, command: Command) => {
      const { backUp, verify } = await import('./backup.ts')
      const options = command.optsWithGlobals()
      commandContext().exitCode = await (options.verify === true ? verify : backUp)(directory, options)
    })
  program
    .command('restore')
    .argument('<dir>', 'the directory that holds the backups')
    .description('restore a backup into an empty database and an empty raw store')
    .option('--check', 'only say what would be done, and whether this installation fits')
    .option('--backup <id>', 'the backup to restore (default: the newest)')
    .option('--paused', 'pause all accounts, to try a restore without reading mail')
    .option('--json', 'print one JSON object a line')
    .addHelpText(
      'after',
      examples('letterlock restore --check /var/backups/letterlock', 'letterlock restore /var/backups/letterlock'),
    )
    .action(async (directory: string, _, command: Command) => {
      const { restore } = await import('./restore.ts')
      commandContext().exitCode = await restore(directory, command.optsWithGlobals())
    })
}
