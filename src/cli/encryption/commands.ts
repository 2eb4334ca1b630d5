// `letterlock encryption …`: options and help.
import type { Command } from 'commander'
import { commandContext } from '../command-context.ts'
import { examples } from '../terminal.ts'

const load = () => import('./encryption.ts')

export function addEncryptionCommands(encryption: Command): void {
  addLooks(encryption)
  addSwitches(encryption)
  addBackup(encryption)
  addRepairs(encryption)
}

function addLooks(encryption: Command): void {
  encryption
    .command('status')
    .description('show the state of encryption, and what to do')
    .option('--json', 'print a JSON object')
    .addHelpText('after', examples('letterlock encryption status', 'letterlock encryption status --json | jq .state'))
    .action(async (_, command: Command) => (await load()).showStatus(command.optsWithGlobals()))
  encryption
    .command('verify')
    .description('open every sealed password, and name the accounts whose password does not open (exit code 1)')
    .option('--json', 'print a JSON object')
    .addHelpText('after', examples('letterlock encryption verify'))
    .action(async (_, command: Command) => {
      commandContext().exitCode = await (await load()).verify(command.optsWithGlobals())
    })
  encryption
    .command('audit')
    .description('show where plaintext copies of passwords may remain, and how to remove them')
    .option('--scrub', 'rebuild the table and overwrite the logs of the database, as far as the database user may')
    .option('--dry-run', 'only say what --scrub would do')
    .option('--yes', 'do not ask before --scrub')
    .option('--json', 'print a JSON object')
    .addHelpText('after', examples('letterlock encryption audit', 'letterlock encryption audit --scrub'))
    .action(async (_, command: Command) => (await import('./audit.ts')).auditResidue(command.optsWithGlobals()))
}

function addSwitches(encryption: Command): void {
  encryption
    .command('enable')
    .description('create a key file and seal every password')
    .option('--i-accept-key-loss', 'you accept that without the key file the sealed passwords are lost')
    .option('--i-have-a-key-backup', 'you have prepared a secure backup of the key file')
    .option('--json', 'print the final state as a JSON object')
    .addHelpText(
      'after',
      `
A terminal asks for both acknowledgements. If you put a key file in place by hand, you need neither:
  (umask 077; head -c 32 /dev/urandom > encryption-key.bin)    in the data directory
${examples('letterlock encryption enable', 'letterlock encryption enable --i-accept-key-loss --i-have-a-key-backup')}`,
    )
    .action(async (_, command: Command) => (await load()).enable(command.optsWithGlobals()))
  encryption
    .command('rotate')
    .description('create a new key, reseal every password under it and retire the old key')
    .option('--yes', 'do not ask')
    .option('--dry-run', 'only say what would be done')
    .option('--json', 'print the final state as a JSON object')
    .addHelpText('after', examples('letterlock encryption rotate'))
    .action(async (_, command: Command) => (await load()).rotate(command.optsWithGlobals()))
  encryption
    .command('disable')
    .description('turn every password back into plaintext; needs a proof that you can write files on the server')
    .option('--yes', 'do not ask')
    .option('--dry-run', 'only say what would be done')
    .option('--json', 'print the final state as a JSON object')
    .addHelpText('after', examples('letterlock encryption disable', 'letterlock encryption disable --yes'))
    .action(async (_, command: Command) => (await load()).disable(command.optsWithGlobals()))
}

function addBackup(encryption: Command): void {
  encryption
    .command('backup')
    .description('prove that a file is a copy of the key (`letterlock backup` backs up the mail)')
    .requiredOption('--verify <file>', 'the copy')
    .option('--json', 'print a JSON object')
    .addHelpText('after', examples('letterlock encryption backup --verify /media/usb/encryption-key.bin'))
    .action(async (_, command: Command) => (await load()).verifyBackup(command.optsWithGlobals()))
}

function addRepairs(encryption: Command): void {
  encryption
    .command('recover')
    .description(
      'after the key is lost for good: list the accounts to re-enter; with --old-key-id, continue with a new key',
    )
    .option('--old-key-id <id>', 'the id of the lost key, as `encryption status` shows it')
    .option('--yes', 'do not ask')
    .option('--json', 'print a JSON object')
    .addHelpText(
      'after',
      examples('letterlock encryption recover', 'letterlock encryption recover --old-key-id 1c24c9422600865d'),
    )
    .action(async (_, command: Command) => (await import('./repair.ts')).recoverKey(command.optsWithGlobals()))
  encryption
    .command('confirm-state')
    .description(
      'resolve key states in the database that this host does not believe: correct them, or with --database accept them',
    )
    .option('--database', 'accept what the database says: you restored an older backup and want to use its keys again')
    .option('--yes', 'do not ask')
    .option('--dry-run', 'only say what would be done')
    .option('--json', 'print a JSON object')
    .addHelpText(
      'after',
      examples('letterlock encryption confirm-state', 'letterlock encryption confirm-state --database'),
    )
    .action(async (_, command: Command) => (await import('./repair.ts')).confirmKeyStates(command.optsWithGlobals()))
  encryption
    .command('accept-destination')
    .argument('<account>', 'id or address')
    .description('allow a sealed password to be sent to the server and user name that its account has now')
    .option('--yes', 'do not ask')
    .option('--json', 'print a JSON object')
    .addHelpText('after', examples('letterlock encryption accept-destination 7'))
    .action(async (which: string, _, command: Command) =>
      (await import('./repair.ts')).acceptNewDestination(which, command.optsWithGlobals()),
    )
}
