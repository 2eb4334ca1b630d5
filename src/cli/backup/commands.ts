// `letterlock backup` and `letterlock restore`: options and help.
import type { Command } from 'commander'
import { commandContext } from '../command-context.ts'
import { examples } from '../terminal.ts'

export function addBackupCommands(program: Command): void {
  program
    .command('backup')
    .argument('<dir>', 'the directory of the backups')
    .description('backs up the database and the raw mail that is new, while the daemon works; never the key')
    .option('--verify', 'instead checks a backup: all hashes, the whole dump, and every mail that it names')
    .option('--backup <id>', 'with --verify: this one instead of the newest')
    .option('--json', 'as an object')
    .addHelpText(
      'after',
      `
The key is not in it: copy the key file apart, and prove the copy with \`letterlock encryption backup --verify FILE\`.
${examples('letterlock backup /var/backups/letterlock', 'letterlock backup --verify /var/backups/letterlock')}`,
    )
    .action(async (directory: string, _, command: Command) => {
      const { backUp, verify } = await import('./backup.ts')
      const options = command.optsWithGlobals()
      commandContext().exitCode = await (options.verify === true ? verify : backUp)(directory, options)
    })
  program
    .command('restore')
    .argument('<dir>', 'the directory of the backups')
    .description('puts a backup into an empty database and its raw mail into the raw store')
    .option('--check', 'only says what would be done, and whether this installation fits')
    .option('--backup <id>', 'this one instead of the newest')
    .option('--paused', 'pauses all accounts, to try a restore without reading mail')
    .option('--json', 'the same, one object a line')
    .addHelpText(
      'after',
      examples('letterlock restore --check /var/backups/letterlock', 'letterlock restore /var/backups/letterlock'),
    )
    .action(async (directory: string, _, command: Command) => {
      const { restore } = await import('./restore.ts')
      commandContext().exitCode = await restore(directory, command.optsWithGlobals())
    })
}
